// One ONNX node as its converter sees it: inputs as IR values, typed attributes with defaults, and a memory
// of what was read, so that an attribute nobody looked at is an error and not a silent difference.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/graph.h"
#include "onnx/model.h"
#include "onnx/tensor_data.h"

namespace rekindle::onnx {

class Importer;
struct Scope;
using Values = std::vector<ValueId>;
/// The attributes a function was called with, for the ref_attr_name of its nodes.
using AttributeBindings = std::map<std::string_view, const AttributeProto*, std::less<>>;

class NodeReader {
 public:
  /// `used`: which outputs something reads.
  NodeReader(const NodeProto& proto, int opset, Values inputs, std::vector<bool> used,
             const AttributeBindings* bindings, TensorLoader& tensors)
      : proto_(proto),
        opset_(opset),
        inputs_(std::move(inputs)),
        used_(std::move(used)),
        bindings_(bindings),
        tensors_(tensors),
        was_read_(proto.attributes.size()) {}

  std::string_view op_type() const { return proto_.op_type; }
  int opset() const { return opset_; }
  const NodeProto& proto() const { return proto_; }

  /// none when absent; asking past the last input is fine.
  ValueId input(size_t i) const { return i < inputs_.size() ? inputs_[i] : ValueId::none; }
  bool has_input(size_t i) const { return input(i) != ValueId::none; }
  const Values& inputs() const { return inputs_; }
  /// Without trailing absent ones.
  Values inputs_up_to(size_t count) const;
  size_t output_count() const { return proto_.outputs.size(); }
  bool has_output(size_t i) const { return i < used_.size() && used_[i]; }  // and something reads it

  // The value of an attribute, or `otherwise` when it is absent. One of another type is remembered as the
  // node's error.
  bool has(std::string_view name);
  int64_t integer(std::string_view name, int64_t otherwise);
  bool flag(std::string_view name, bool otherwise);  // an integer that must be 0 or 1
  float real(std::string_view name, float otherwise);
  std::string text(std::string_view name, std::string_view otherwise);
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> otherwise = {});
  std::vector<float> reals(std::string_view name, std::vector<float> otherwise = {});
  std::vector<std::string> texts(std::string_view name);
  Result<Tensor> tensor(std::string_view name);  // must be there
  Result<Tensor> sparse_tensor(std::string_view name);
  const TypeProto* type(std::string_view name);    // null, and the node's error, when it is not there
  const GraphProto* graph(std::string_view name);  // null, and the node's error, when it is not there
  /// A text that names one of the choices: choice("mode", {{"nearest", Mode::nearest}, …}, Mode::nearest).
  template <class E>
  E choice(std::string_view name, std::initializer_list<std::pair<std::string_view, E>> choices,
           E otherwise) {
    if (!has(name)) return otherwise;
    const std::string word = text(name, {});
    std::string known;
    for (const auto& [text, value] : choices) {
      if (text == word) return value;
      known += (known.empty() ? "" : ", ") + std::string(text);
    }
    fail(unknown_choice(name, word, known));
    return otherwise;
  }
  /// An attribute that changes nothing here (hints of old opsets).
  void ignore(std::string_view name) { (void)find(name); }

  void fail(std::string message);  // the first is kept
  Status attribute_error() const { return error_; }
  /// An error with the names of the attributes that nobody read.
  Status finish() const;
  /// Something that the user should know but that is no error.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  std::vector<std::string>& notes() { return notes_; }

  /// For ops with graphs in their attributes.
  void set_importer(Importer& importer, Scope& scope, std::string where) {
    importer_ = &importer, scope_ = &scope, where_ = std::move(where);
  }
  Importer& importer() { return *importer_; }
  Scope& scope() { return *scope_; }
  const std::string& where() const { return where_; }  // "node 3 'cond' (If, opset 17), "

 private:
  const AttributeProto* find(std::string_view name);
  template <class T> const T* value_of(std::string_view name, AttributeType type);
  static std::string unknown_choice(std::string_view name, std::string_view word, const std::string& known);

  const NodeProto& proto_;
  int opset_;
  Values inputs_;
  std::vector<bool> used_;
  const AttributeBindings* bindings_;
  TensorLoader& tensors_;
  std::vector<bool> was_read_;
  Status error_;
  std::vector<std::string> notes_;
  Importer* importer_ = nullptr;
  Scope* scope_ = nullptr;
  std::string where_;
};

}  // namespace rekindle::onnx
