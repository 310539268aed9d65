// Text to graphs: recursive descent over the grammar in docs/ir.md. Only nested graphs recurse, 64 deep at
// most. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ir/graph.h"
#include "ir/text_reader.h"

namespace rekindle {

namespace {

constexpr int kMostNesting = 64;

class Parser {
 public:
  explicit Parser(TextReader& in) : in_(in) {}

  Result<Graph> run() {
    if (in_.depth >= kMostNesting)
      return in_.error("graphs are nested more than " + std::to_string(kMostNesting) + " deep");
    ++in_.depth;
    RK_CHECK(in_.expect("graph"));
    if (in_.peek() == '@') {
      RK_TRY(graph_.name, in_.graph_name());
    }
    RK_CHECK(parameters());
    RK_CHECK(in_.expect("{"));
    while (!in_.accept("return")) RK_CHECK(statement());
    RK_CHECK(outputs());
    RK_CHECK(in_.expect("}"));
    --in_.depth;
    return std::move(graph_);
  }

 private:
  Status parameters() {
    RK_CHECK(in_.expect("("));
    for (bool first = true; !in_.accept(")"); first = false) {
      if (!first) RK_CHECK(in_.expect(","));
      RK_TRY(std::string name, new_name());
      RK_CHECK(in_.expect(":"));
      RK_TRY(TensorType type, in_.type());
      graph_.add_input(std::move(name), std::move(type));
    }
    return {};
  }

  Result<std::string> new_name() {
    RK_TRY(std::string name, in_.value_name());
    if (graph_.find(name) != ValueId::none) return in_.error("%" + name + " is defined already");
    return name;
  }

  Result<ValueId> known_value() {
    RK_TRY(const std::string name, in_.value_name());
    const ValueId v = graph_.find(name);
    if (v == ValueId::none) return in_.error("%" + name + " is not defined before it is used");
    return v;
  }

  Status statement() {
    std::vector<std::string> names;
    do {
      RK_TRY(std::string name, new_name());
      if (std::find(names.begin(), names.end(), name) != names.end())
        return in_.error("%" + name + " is defined already");
      names.push_back(std::move(name));
    } while (in_.accept(","));
    RK_CHECK(in_.expect("="));
    if (!in_.accept("const")) return node(std::move(names));
    if (names.size() != 1) return in_.error(std::to_string(names.size()) + " names stand for one constant");
    return constant(std::move(names[0]));
  }

  Status constant(std::string name) {
    if (!in_.accept_number_sign()) {
      Tensor tensor;
      RK_CHECK(parse_value(in_, tensor));
      if (is_absent(tensor)) return in_.error("a constant is none, expected elements");
      graph_.add_constant(std::move(name), std::move(tensor));
      return {};
    }
    RK_TRY(const int64_t number, in_.integer());
    const size_t have = in_.constants() ? in_.constants()->constants.size() : 0;
    if (number < 0 || size_t(number) >= have)
      return in_.error("constant #" + std::to_string(number) + " does not exist, there are " +
                       std::to_string(have));
    const Tensor& tensor = *in_.constants()->constants[size_t(number)];
    if (in_.accept(":")) {
      RK_TRY(const TensorType type, in_.type());
      if (type != tensor.type())
        return in_.error("constant #" + std::to_string(number) + " is " + tensor.type().to_string() +
                         ", but the text says " + type.to_string());
    }
    graph_.add_constant(std::move(name), tensor);
    return {};
  }

  Status node(std::vector<std::string> names) {
    RK_TRY(const std::string op_name, in_.identifier());
    const Op* known = in_.ops().find ? in_.ops().find(op_name) : nullptr;
    if (!known) return in_.error("there is no op '" + op_name.substr(0, 64) + "'");
    RK_CHECK(in_.expect("("));
    std::vector<ValueId> inputs;
    for (bool first = true; !in_.accept(")"); first = false) {
      if (!first) RK_CHECK(in_.expect(","));
      if (in_.accept("_")) {
        inputs.push_back(ValueId::none);
      } else {
        RK_TRY(inputs.emplace_back(), known_value());
      }
    }
    RK_TRY(Op op, known->parse_attributes(in_));
    const size_t count = names.size();
    auto added = graph_.add(std::move(op), std::move(inputs), std::move(names));
    if (!added.ok()) return in_.error(added.status().message());
    if (added->size() != count)
      return in_.error(op_name + " has " + std::to_string(added->size()) + " outputs, but " +
                       std::to_string(count) + " are named");
    if (in_.accept(":")) RK_CHECK(types(*added));
    if (in_.accept("from")) {
      RK_TRY(std::string origin, in_.quoted());
      graph_.set_origin(graph_[added->at(0)].producer, std::move(origin));
    }
    return {};
  }

  Status types(const std::vector<ValueId>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) RK_CHECK(in_.expect(","));
      RK_TRY(const TensorType type, in_.type());
      Status status = graph_.declare_type(values[i], type);
      if (!status.ok()) return in_.error(status.message());
    }
    return {};
  }

  Status outputs() {
    std::vector<ValueId> values;
    while (in_.peek() == '%' || !values.empty()) {
      RK_TRY(const ValueId v, known_value());
      if (std::find(values.begin(), values.end(), v) != values.end())
        return in_.error("%" + graph_[v].name + " is returned twice");
      values.push_back(v);
      if (!in_.accept(",")) break;
    }
    graph_.set_outputs(std::move(values));
    return {};
  }

  TextReader& in_;
  Graph graph_;
};

}  // namespace

Status parse_value(TextReader& in, GraphRef& v) {
  if (in.accept("none")) return v.reset(), Status{};
  RK_TRY(Graph graph, Parser(in).run());
  v = std::make_shared<const Graph>(std::move(graph));
  return {};
}

Result<Graph> parse_graph(TextReader& in) { return Parser(in).run(); }

Result<Graph> parse(std::string_view text, const OpTable& ops, const ConstantTable* constants) {
  TextReader in(text, ops, constants);
  RK_TRY(Graph graph, parse_graph(in));
  if (!in.at_end()) return in.error("text goes on after the graph, expected the end");
  return graph;
}

}  // namespace rekindle
