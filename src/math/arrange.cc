// tile, reverse_sequence, trilu.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/element_copy.h"
#include "math/movement.h"
#include "math/op_checks.h"

namespace rekindle::ops {

Result<Types> Tile::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, 1));
  TensorType out = in[0];
  const bool at_run_time = has_input(in, 1);
  size_t count = repeats.size();
  if (at_run_time) {
    RK_TRY(const int64_t length, list_length(name, in[1], "repeat list"));
    count = size_t(length);
  }
  if (count != out.shape.size())
    return op_error(name, std::to_string(count) + " repeats are given for rank " +
                              std::to_string(out.rank()) + ", expected one an axis");
  for (size_t i = 0; i < count; ++i) {
    if (!at_run_time && repeats[i].as_int().value_or(0) < 0)
      return op_error(name, "axis " + std::to_string(i) + " is repeated " + repeats[i].to_string() +
                                " times, expected at least 0");
    out.shape[i] = at_run_time ? Dim::unknown() : out.shape[i] * repeats[i];
  }
  return Types{std::move(out)};
}

Result<Tensors> Tile::evaluate(std::span<const Tensor> in) const {
  Tile known = *this;
  if (has_input(in, 1)) {
    RK_TRY(const Types types, infer_tensors(*this, in));
    RK_TRY(const auto values, to_int64s(in[1]));
    known.repeats = to_shape(values);
  }
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(known, in.first(1)));
  RK_TRY(const Dims times, concrete(name, known.repeats, "repeats"));
  // Each axis as two, (repeat, element), where the repeat does not move in x.
  const Dims strides = contiguous_strides(x.dims()), to_strides = contiguous_strides(out.dims());
  ElementMap from, to;
  Dims dims;
  for (size_t i = 0; i < times.size(); ++i) {
    dims.insert(dims.end(), {times[i], x.dims()[i]});
    from.strides.insert(from.strides.end(), {0, strides[i]});
    to.strides.insert(to.strides.end(), {out.count() == 0 ? 0 : to_strides[i] * x.dims()[i], to_strides[i]});
  }
  if (out.count() > 0) copy_elements(x, std::move(from), out, std::move(to), std::move(dims));
  return Tensors{std::move(out)};
}

Result<Types> ReverseSequence::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_present(name, in, 2));
  if (in[0].rank() < 2)
    return op_error(name, "input 0 is " + in[0].to_string() + ", expected rank 2 or more");
  if (std::min(batch_axis, time_axis) != 0 || std::max(batch_axis, time_axis) != 1)
    return op_error(name, "the batch axis is " + std::to_string(batch_axis) + " and the time axis " +
                              std::to_string(time_axis) + ", expected 0 and 1 or 1 and 0");
  RK_CHECK(check_indices(name, in[1], "lengths"));
  if (in[1].rank() != 1) return op_error(name, "the lengths are " + in[1].to_string() + ", expected rank 1");
  RK_CHECK(check_equal_dims(name, "the number of lengths", in[1].shape[0], in[0].shape[size_t(batch_axis)]));
  return Types{in[0]};
}

Result<Tensors> ReverseSequence::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(*this, in));
  RK_TRY(const auto lengths, to_int64s(in[1]));
  const Dims strides = contiguous_strides(x.dims());
  const int64_t steps = x.dims()[size_t(time_axis)];
  const int64_t batch_stride = strides[size_t(batch_axis)], time_stride = strides[size_t(time_axis)];
  const int64_t inner = count_of(Dims(x.dims().begin() + 2, x.dims().end()));
  const ElementCopier copier(x, out);
  for (size_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] < 0 || lengths[b] > steps)
      return op_error(name, "length " + std::to_string(b) + " is " + std::to_string(lengths[b]) +
                                ", outside the " + std::to_string(steps) + " steps of the time axis");
    for (int64_t t = 0; t < steps; ++t) {
      const int64_t from = t < lengths[b] ? lengths[b] - 1 - t : t, start = int64_t(b) * batch_stride;
      copier.run(start + from * time_stride, start + t * time_stride, inner);
    }
  }
  return Tensors{std::move(out)};
}

Result<Types> Trilu::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, 1));
  if (in[0].rank() < 2)
    return op_error(name, "input 0 is " + in[0].to_string() + ", expected rank 2 or more");
  if (has_input(in, 1)) {
    RK_CHECK(check_indices(name, in[1], "diagonals"));
    RK_CHECK(check_scalar(name, in[1], "diagonal"));
  }
  return Types{in[0]};
}

Result<Tensors> Trilu::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(*this, in));
  copy_elements(x, contiguous_map(x.dims()), out, contiguous_map(x.dims()), x.dims());
  int64_t k = 0;
  if (has_input(in, 1)) {
    if (in[1].count() != 1)
      return op_error(name, "the diagonal has " + std::to_string(in[1].count()) + " elements, expected 1");
    k = std::clamp<int64_t>(in[1].as_int64(0), -(int64_t(1) << 50), int64_t(1) << 50);
  }
  const Tensor zero = zero_element(x.dtype());
  const ElementCopier copier(zero, out);
  const int64_t rows = x.dims()[size_t(x.rank() - 2)], columns = x.dims()[size_t(x.rank() - 1)];
  const int64_t matrices = x.count() == 0 ? 0 : x.count() / (rows * columns);
  for (int64_t line = 0; line < matrices * rows; ++line) {
    const int64_t row = line % rows;
    const int64_t begin = upper ? 0 : std::clamp<int64_t>(row + k + 1, 0, columns);
    const int64_t end = upper ? std::clamp<int64_t>(row + k, 0, columns) : columns;
    copier.fill(0, line * columns + begin, end - begin);
  }
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
