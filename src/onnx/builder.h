// Adds IR ops for ONNX nodes: names and origins, constants, and the contents of integer values as far as they
// are known, so that shape arithmetic written as Shape, Gather, Concat ends up as dims in the attributes of
// Reshape and others. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "ops/symbolic_value.h"

namespace rekindle::onnx {

using Values = std::vector<ValueId>;

/// A sequence or an optional: the tensors it is kept in (math/sequence.h), made when something needs them.
struct Sequence {
  bool is_optional = false,
       holds_sequence = false;  // an optional holds one tensor or one sequence, or nothing
  DType dtype = DType::f32;
  std::optional<Shape> element =
      {};  // of every tensor inside, -1 for a dim that is not known; none: not even a rank
  std::optional<Values> items = {};  // the tensors, when they are known one by one
  ValueId data = ValueId::none, shapes = ValueId::none;
  ValueId present = ValueId::none;  // boolean: whether an optional sequence is there
  /// How many tensors stand for it: data, shapes and for an optional sequence whether it is there.
  size_t parts() const { return is_optional && holds_sequence ? 3 : 2; }
};
/// What is known about the shape of a tensor that is of one or the other.
std::optional<Shape> common_shape(const std::optional<Shape>& a, const std::optional<Shape>& b);
/// A shape without symbols, which mean something in their own graph only.
std::optional<Shape> without_symbols(std::optional<Shape> shape);

class Builder {
 public:
  explicit Builder(Graph& graph) : graph_(graph) {}
  Graph& graph() { return graph_; }

  /// What the following ops come from: the node's name, and the names of its outputs.
  void begin_node(std::string origin, std::vector<std::string> output_names);

  /// An op inside a node's conversion.
  Result<ValueId> add(Op op, Values inputs);
  Result<Values> add_all(Op op, Values inputs);  // all its outputs
  /// The op whose outputs are the node's outputs, in order, and are named like them.
  Result<Values> finish(Op op, Values inputs);
  ValueId constant(Tensor value);
  /// The dims as an i64 value: a constant when all are known, a shape_value otherwise.
  Result<ValueId> dims_value(const std::vector<Dim>& dims, bool scalar = false);

  /// A value that stands for a sequence or optional in the importer; no op may have it as an input.
  ValueId add_sequence(Sequence sequence);
  /// Null when v is a tensor.
  const Sequence* sequence_of(ValueId v) const;
  /// Its tensors: data, shapes[, present].
  Result<Values> parts_of(ValueId v);
  /// The sequence that such tensors are.
  ValueId sequence_from(Sequence like, std::span<const ValueId> parts);

  /// By value: adding to the graph moves its values.
  TensorType type(ValueId v) const { return v == ValueId::none ? absent_type() : graph_[v].type; }
  int rank(ValueId v) const { return type(v).rank(); }
  /// The value when it is known, be it a constant of the graph or computed from constants.
  const Tensor* constant_of(ValueId v) const;
  /// The elements of an integer value of rank 0 or 1, symbolically; nullopt when one is only known by
  /// running.
  std::optional<std::vector<Dim>> dims_of(ValueId v) const;
  /// The elements of a constant integer value.
  std::optional<std::vector<int64_t>> integers_of(ValueId v) const;
  /// A boolean whose value is known.
  std::optional<bool> condition_of(ValueId v) const;
  /// What is known of v's elements; set for values that enter from outside the graph.
  std::optional<SymbolicValue> contents_of(ValueId v) const;
  void set_contents(ValueId v, SymbolicValue contents) { contents_[uint32_t(v)] = std::move(contents); }

  // Compositions that several converters use.
  Result<ValueId> reshape(ValueId x, Shape shape);
  Result<ValueId> transpose(ValueId x, std::vector<int64_t> perm);
  Result<ValueId> cast(ValueId x, DType to);             // x itself when it is of that type
  Result<ValueId> scalar_like(ValueId x, double value);  // of x's element type
  /// `normalize_axis` of v's rank, as a number from 0.
  Result<int64_t> axis_of(ValueId v, int64_t axis) const;

 private:
  Result<Values> add_named(Op op, Values inputs, std::vector<std::string> names);
  void remember_contents(const Op& op, const Values& inputs, const Values& outputs);

  Graph& graph_;
  std::string origin_;
  std::vector<std::string> output_names_;
  std::unordered_map<uint32_t, SymbolicValue> contents_;
  std::unordered_map<uint32_t, Sequence> sequences_;
  mutable std::unordered_map<uint32_t, Tensor> known_;  // contents that are all numbers, as tensors
};

}  // namespace rekindle::onnx
