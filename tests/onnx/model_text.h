// Small ONNX models as one line of text, for tests: statements separated by ";".
//   opset 6; x: f32[N, 3]; w = f32[1] {2}; y = Clip(x) {min=0.0}
// Statements are `opset N`, `ir N`, an input `name: type`, an initializer `name = type {values}`, a node
// `a, b = Op(x, _, y) {name=value}` (`domain::Op` for another domain), and `return y`; without it the outputs
// of the last node are returned. Attribute values: 1, 1.0, "text", lists of them, and tensors as in
// initializers. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "ir/attribute_text.h"
#include "onnx/model_writer.h"
#include "ops/table.h"

namespace rekindle::onnx::test {

class ModelText {
 public:
  explicit ModelText(std::string_view text) : in_(text, ops::table(), nullptr) {}
  Result<std::string> bytes() {
    while (!in_.at_end()) {
      RK_CHECK(statement());
      if (!in_.at_end()) RK_CHECK(in_.expect(";"));
    }
    for (const std::string& name : outputs_)
      if (!name.empty()) graph_.output(name);
    std::string domains;
    for (const auto& [word, domain, version] : kDomains) {
      const std::string import = opset_bytes(domain, version);
      domains += "\x42" + std::string(1, char(import.size())) + import;
    }
    return model_bytes(graph_, opset_, domains, ir_);
  }

 private:
  Status statement() {
    RK_TRY(std::string name, word());
    if (name == "opset") {
      RK_TRY(opset_, in_.integer());
      return {};
    }
    if (name == "ir") {
      RK_TRY(ir_, in_.integer());
      return {};
    }
    if (name == "return") {
      outputs_.clear();
      do {
        RK_TRY(outputs_.emplace_back(), word());
      } while (in_.accept(","));
      return {};
    }
    if (in_.accept(":")) {
      std::string type(in_.until(";"));
      graph_.input(name, type == "?" ? std::string() : type);
      return {};
    }
    std::vector<std::string> outputs = {name};
    while (in_.accept(",")) {
      RK_TRY(outputs.emplace_back(), word());
    }
    RK_CHECK(in_.expect("="));
    if (is_literal()) {
      Tensor value;
      RK_CHECK(parse_value(in_, value));
      graph_.initializer(name, value);
      return {};
    }
    return node(std::move(outputs));
  }

  /// `f32[…` starts a literal; nothing else has a bracket there.
  bool is_literal() {
    TextReader ahead = in_;
    auto first = ahead.identifier();
    return first.ok() && dtype_from_name(*first) && ahead.peek() == '[';
  }

  Result<std::string> word() {
    if (in_.peek() == '"') return in_.quoted();
    RK_TRY(std::string w, in_.identifier());
    return w == "_" ? std::string() : w;
  }

  Status node(std::vector<std::string> outputs) {
    RK_TRY(std::string op, word());
    std::string domain;
    if (in_.accept("::")) {
      domain = op;
      for (const auto& [word, full, version] : kDomains)
        if (op == word) domain = full;
      RK_TRY(op, word());
    }
    std::vector<std::string> inputs;
    RK_CHECK(in_.expect("("));
    while (!in_.accept(")")) {
      if (!inputs.empty()) RK_CHECK(in_.expect(","));
      RK_TRY(inputs.emplace_back(), word());
    }
    std::vector<Attr> attributes;
    if (in_.accept("{")) {
      while (!in_.accept("}")) {
        if (!attributes.empty()) RK_CHECK(in_.expect(","));
        RK_TRY(const std::string name, word());
        RK_CHECK(in_.expect("="));
        RK_TRY(attributes.emplace_back(), value(name));
      }
    }
    graph_.node(op, inputs, outputs, attributes, "", domain);
    outputs_ = std::move(outputs);
    return {};
  }

  static bool is_real(std::string_view number) { return number.find_first_of(".einf") != number.npos; }

  Result<Attr> value(const std::string& name) {
    if (in_.peek() == '"') {
      RK_TRY(const std::string text, in_.quoted());
      return attr(name, text.c_str());
    }
    if (is_literal()) {
      Tensor t;
      RK_CHECK(parse_value(in_, t));
      return attr(name, t);
    }
    if (!in_.accept("[")) {
      RK_TRY(const std::string_view number, in_.number_text());
      if (is_real(number)) return attr(name, std::stof(std::string(number)));
      return attr(name, int64_t(std::stoll(std::string(number))));
    }
    std::vector<std::string> texts, numbers;
    bool real = false;
    while (!in_.accept("]")) {
      if (!texts.empty() || !numbers.empty()) RK_CHECK(in_.expect(","));
      if (in_.peek() == '"') {
        RK_TRY(texts.emplace_back(), in_.quoted());
        continue;
      }
      RK_TRY(const std::string_view number, in_.number_text());
      real = real || is_real(number);
      numbers.emplace_back(number);
    }
    if (!texts.empty()) return attr(name, texts);
    std::vector<int64_t> integers;
    std::vector<float> reals;
    for (const std::string& n : numbers)
      real ? reals.push_back(std::stof(n)) : integers.push_back(std::stoll(n));
    return real ? attr(name, reals) : attr(name, integers);
  }

  TextReader in_;
  GraphWriter graph_;
  std::vector<std::string> outputs_;
  int64_t opset_ = 17, ir_ = 8;

  struct Domain {
    const char *word, *name;
    int64_t version;
  };
  static constexpr Domain kDomains[] = {{"microsoft", "com.microsoft", 1},
                                        {"ml", "ai.onnx.ml", 5},
                                        {"preview", "ai.onnx.preview", 1},
                                        {"training", "ai.onnx.preview.training", 1}};
};

inline std::string model(std::string_view text) {
  auto bytes = ModelText(text).bytes();
  EXPECT_TRUE(bytes.ok()) << bytes.status().to_string() << "\n  in: " << text;
  return bytes.ok() ? *bytes : std::string();
}

}  // namespace rekindle::onnx::test
