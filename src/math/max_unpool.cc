// The reference of max_unpool.
// SPDX-License-Identifier: Apache-2.0
#include "math/conv_checks.h"
#include "math/pool.h"

namespace rekindle::ops {

namespace {

/// The shape that the indices count in: N, C, spatial….
Result<Shape> pooled_from(const MaxUnpool& op, const TensorType& x) {
  RK_CHECK(check_spatial_rank(op.name, x));
  const size_t rank = size_t(x.rank()) - 2;
  if (op.kernel.size() != rank)
    return op_error(op.name, "the kernel has " + std::to_string(op.kernel.size()) + " sizes, expected " +
                                 std::to_string(rank));
  RK_TRY(const Window window, make_window({op.name, op.strides, {}, op.pads}, to_shape(op.kernel)));
  Shape shape{x.shape[0], x.shape[size_t(channel_axis(op.layout, x.rank()))]};
  const Shape spatial = spatial_dims(x, op.layout);
  for (size_t i = 0; i < rank; ++i) {
    const Dim size = (spatial[i] - 1) * window.strides[i] + op.kernel[i] - window.begin[i] - window.end[i];
    if (auto known = size.as_int(); known && *known < 0)
      return op_error(op.name, "spatial axis " + std::to_string(i) + " would have size " +
                                   std::to_string(*known) + ", expected at least 0");
    shape.push_back(size);
  }
  return shape;
}

}  // namespace

Result<Types> MaxUnpool::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 3));
  RK_CHECK(check_present(name, in, 2));
  RK_CHECK(check_dtype(name, in[0], Domain::floating));
  if (in[1].dtype != DType::i64 || in[1].rank() != in[0].rank())
    return op_error(name, "the indices are " + in[1].to_string() + ", expected i64 of the shape " +
                              to_string(in[0].shape));
  for (size_t i = 0; i < in[0].shape.size(); ++i)
    RK_CHECK(check_equal_dims(name, "dim " + std::to_string(i) + " of the indices", in[1].shape[i],
                              in[0].shape[i]));
  RK_TRY(Shape shape, pooled_from(*this, in[0]));
  if (has_input(in, 2)) {
    if (in[2].dtype != DType::i64)
      return op_error(name, "the output shape is " + in[2].to_string() + ", expected i64");
    RK_TRY(const int64_t length, list_length(name, in[2], "output shape"));
    if (length != in[0].rank())
      return op_error(name, "the output shape has " + std::to_string(length) + " dims, expected " +
                                std::to_string(in[0].rank()));
    shape.clear();  // each its own: one unknown repeated would say that the sizes are equal
    while (int64_t(shape.size()) < length) shape.push_back(Dim::unknown());
  }
  return Types{{in[0].dtype, with_layout(layout, shape)}};
}

Result<Tensors> MaxUnpool::evaluate(std::span<const Tensor> in) const {
  if (layout == Layout::nhwc) {
    RK_TRY(const Types checked, infer_tensors(*this, in));
    Tensors args(in.begin(), in.end());
    RK_TRY(args[1], to_nchw(in[1]));
    return in_nchw(*this, args);
  }
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Shape counted_in, pooled_from(*this, in[0].type()));
  RK_TRY(const Dims inner, concrete(name, counted_in, "output size"));
  Dims outer = inner;
  if (has_input(in, 2)) {
    RK_TRY(outer, to_int64s(in[2]));
    for (size_t i = 0; i < outer.size(); ++i)
      if (outer[i] < inner[i])
        return op_error(
            name, "the output shape is " + to_string(outer) + ", expected at least " + to_string(inner));
  }
  RK_TRY(Tensor y, make_tensor(name, in[0].dtype(), outer));
  RK_TRY(const int64_t count, checked_count(inner));
  const Dims steps = contiguous_strides(outer);
  const int64_t* indices = in[1].data<int64_t>();
  for (int64_t i = 0; i < in[0].count(); ++i)
    if (indices[i] < 0 || indices[i] >= count)
      return op_error(name, "index " + std::to_string(indices[i]) + " is outside the " +
                                std::to_string(count) + " elements of " + to_string(inner));
  visit_dtype(in[0].dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (int64_t i = 0; i < in[0].count(); ++i) {
      int64_t left = indices[i], at = 0;
      for (size_t d = inner.size(); d-- > 0; left /= inner[d]) at += left % inner[d] * steps[d];
      y.data<T>()[at] = in[0].data<T>()[i];
    }
  });
  return Tensors{std::move(y)};
}

}  // namespace rekindle::ops
