// Op: a value that holds any op struct. Typed access with as<Softmax>(); everything generic goes through this
// interface. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "ir/graph_fwd.h"
#include "math/expr.h"
#include "math/op_struct.h"

namespace rekindle {

class TextReader;                                        // ir/text_reader.h
struct ConstantTable;                                    // ir/graph.h
using DimMap = std::map<std::string, Dim, std::less<>>;  // what stands for each symbol

class Op {
 public:
  template <OpStruct T> Op(T op);  // NOLINT(google-explicit-constructor)
  /// if (const auto* s = node.op.as<ops::Softmax>()) use(s->axis);
  template <OpStruct T> const T* as() const;
  template <OpStruct T> bool is() const { return as<T>() != nullptr; }

  std::string_view name() const;
  OpKind kind() const;
  bool commutes() const;
  size_t arity() const;  // elementwise ops only; 0 for others
  /// "{axis=1}": the fields that differ from their defaults; empty when none does.
  /// Large constants of nested graphs go to `constants` and print as "#k".
  std::string attributes(ConstantTable* constants = nullptr) const;
  /// All fields, encoded; decode_params() reads them back.
  std::string params() const;
  Result<Op> decode_params(std::string_view bytes) const;
  /// An op of the same struct with attributes read from "{axis=1}".
  Result<Op> parse_attributes(TextReader& in) const;
  /// Every field with its default, for `rekindle ops`: "axis=-1".
  std::vector<std::pair<std::string, std::string>> field_texts() const;

  /// The graphs among the fields, in order.
  std::vector<GraphRef> graphs() const;
  /// Symbols in the attributes, without those that a nested graph's own inputs and nodes define.
  void collect_symbols(std::set<std::string, std::less<>>& into) const;
  /// The op with symbols in its attributes, those of nested graphs included, replaced.
  Op substitute(const DimMap& with) const;
  bool shares(const Op& other) const {
    return self_ == other.self_;
  }  // the very same op: a quick way to see "unchanged"

  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
  /// Elementwise ops: the formula as CUDA source.
  Expr expr(std::span<const Expr>) const;
  friend bool operator==(const Op& a, const Op& b) {
    return a.name() == b.name() && a.params() == b.params();
  }

 private:
  struct Concept;
  template <class T> struct Model;
  std::shared_ptr<const Concept> self_;
};

/// Finds ops by name; ops/table.h has the one with every op. The IR itself knows none.
struct OpTable {
  const Op* (*find)(std::string_view name) = nullptr;
};

}  // namespace rekindle

#include "ir/op_model.h"  // IWYU pragma: export
