// Spelling one ONNX op as a composition of several: the first error ends it and is what result() returns, so
// that a chain of ops reads like its formula.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <utility>

#include "math/elementwise.h"
#include "math/gather.h"
#include "math/movement.h"
#include "math/reduce.h"
#include "onnx/converter.h"

namespace rekindle::onnx {

class Composition {
 public:
  explicit Composition(Builder& build) : build_(build) {}

  /// One op; none once something went wrong.
  ValueId operator()(Op op, Values inputs) {
    return take(status_.ok() ? build_.add(std::move(op), std::move(inputs)) : Result<ValueId>(status_));
  }
  /// All outputs of an op that has `count`.
  Values all(Op op, Values inputs, size_t count) {
    Result<Values> made =
        status_.ok() ? build_.add_all(std::move(op), std::move(inputs)) : Result<Values>(status_);
    if (made.ok()) return *std::move(made);
    fail(made.status());
    return Values(count, ValueId::none);
  }
  void fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }
  ValueId take(Result<ValueId> made) {
    if (made.ok()) return *made;
    fail(made.status());
    return ValueId::none;
  }
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }

  Builder& build() { return build_; }
  TensorType type(ValueId v) const { return build_.type(v); }
  DType dtype(ValueId v) const { return type(v).dtype; }
  int rank(ValueId v) const { return type(v).rank(); }
  /// A dim counted from the front, or with -1 from the back; 0 after an error.
  Dim dim(ValueId v, int64_t axis) const {
    const Shape shape = type(v).shape;
    const int64_t at = axis < 0 ? axis + int64_t(shape.size()) : axis;
    return at >= 0 && at < int64_t(shape.size()) ? shape[size_t(at)] : Dim(0);
  }

  ValueId add(ValueId a, ValueId b) { return (*this)(ops::Add{}, {a, b}); }
  ValueId sub(ValueId a, ValueId b) { return (*this)(ops::Sub{}, {a, b}); }
  ValueId mul(ValueId a, ValueId b) { return (*this)(ops::Mul{}, {a, b}); }
  ValueId div(ValueId a, ValueId b) { return (*this)(ops::Div{}, {a, b}); }
  ValueId where(ValueId condition, ValueId yes, ValueId no) {
    return (*this)(ops::Where{}, {condition, yes, no});
  }
  ValueId equal(ValueId a, ValueId b) { return (*this)(ops::Equal{}, {a, b}); }
  ValueId cast(ValueId x, DType to) { return status_.ok() ? take(build_.cast(x, to)) : ValueId::none; }
  ValueId reshape(ValueId x, Shape shape) {
    return status_.ok() ? take(build_.reshape(x, std::move(shape))) : ValueId::none;
  }
  ValueId transpose(ValueId x, std::vector<int64_t> perm) {
    return status_.ok() ? take(build_.transpose(x, std::move(perm))) : ValueId::none;
  }
  ValueId expand(ValueId x, Shape shape) { return (*this)(ops::Expand{.shape = std::move(shape)}, {x}); }
  ValueId concat(Values parts, int64_t axis) {
    return parts.size() == 1 ? parts[0] : (*this)(ops::Concat{.axis = axis}, std::move(parts));
  }
  ValueId slice(ValueId x, int64_t axis, Dim start, Dim end) {
    return (*this)(
        ops::Slice{.axes = {axis}, .starts = {std::move(start)}, .ends = {std::move(end)}, .steps = {1}},
        {x});
  }
  ValueId gather(ValueId x, ValueId indices, int64_t axis = 0) {
    return (*this)(ops::Gather{.axis = axis}, {x, indices});
  }
  ValueId reduce(ops::ReduceOp op, ValueId x, std::vector<int64_t> axes = {}, bool keepdims = false) {
    return (*this)(ops::Reduce{.op = op, .axes = std::move(axes), .keepdims = keepdims}, {x});
  }
  /// A scalar constant of a type, and one of x's element type.
  ValueId number(DType t, double value) {
    Result<Tensor> made = Tensor::make(t, {});
    if (!made.ok()) return fail(made.status()), ValueId::none;
    made->set_double(0, value);
    return build_.constant(*std::move(made));
  }
  ValueId like(ValueId x, double value) { return number(dtype(x), value); }
  /// Constant integers, as a list.
  ValueId list(const std::vector<int64_t>& values) {
    return build_.constant(Tensor::of<int64_t>({int64_t(values.size())}, values));
  }
  /// A size as an i64 scalar.
  ValueId size(const Dim& d) { return status_.ok() ? take(build_.dims_value({d}, true)) : ValueId::none; }
  /// 0, 1, … count - 1 (i64).
  ValueId range(const Dim& count);

  Result<Values> result(Values outputs) const {
    if (!status_.ok()) return status_;
    return outputs;
  }

 private:
  Builder& build_;
  Status status_;
};

/// RotaryEmbedding, of ai.onnx and of com.microsoft; x is [B, S, heads*D] or [B, heads, S, D].
struct Rotary {
  int64_t heads = 0, dim = 0;  // a dim of 0: all features
  bool interleaved = false;
};
Result<Values> rotary_embedding(Builder& build, ValueId x, ValueId cosines, ValueId sines, ValueId positions,
                                const Rotary& r);
/// The training forms of BatchNormalization and Dropout.
Result<Values> convert_training_batch_norm(NodeReader& node, Builder& build, float epsilon, float momentum);
Result<Values> convert_training_dropout(NodeReader& node, Builder& build);

}  // namespace rekindle::onnx
