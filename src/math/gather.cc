// gather, gather_elements, gather_nd: indices are checked first, then whole rows are copied.
// SPDX-License-Identifier: Apache-2.0
#include "math/gather.h"

#include <algorithm>

#include "math/axis_loops.h"
#include "math/element_copy.h"
#include "math/indices.h"

namespace rekindle::ops {

Result<Types> Gather::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_present(name, in, 2));
  RK_CHECK(check_indices(name, in[1]));
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  TensorType out{in[0].dtype, {}};
  const Shape& x = in[0].shape;
  out.shape.insert(out.shape.end(), x.begin(), x.begin() + along);
  out.shape.insert(out.shape.end(), in[1].shape.begin(), in[1].shape.end());
  out.shape.insert(out.shape.end(), x.begin() + along + 1, x.end());
  return Types{std::move(out)};
}

Result<Tensors> Gather::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(*this, in));
  RK_TRY(const int along, normalize_axis(name, axis, x.rank()));
  const int64_t size = x.dims()[size_t(along)];
  RK_TRY(const auto indices, resolve_indices(name, in[1], along, size));
  if (out.count() == 0) return Tensors{std::move(out)};
  const int64_t row = count_of(Dims(x.dims().begin() + along + 1, x.dims().end()));
  const int64_t outer = count_of(Dims(x.dims().begin(), x.dims().begin() + along));
  const ElementCopier copier(x, out);
  int64_t at = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (const int64_t i : indices) {
      copier.run((o * size + i) * row, at, row);
      at += row;
    }
  return Tensors{std::move(out)};
}

Result<Types> GatherElements::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_present(name, in, 2));
  RK_CHECK(check_indices(name, in[1]));
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  if (in[1].rank() != in[0].rank())
    return op_error(name, "the indices are " + in[1].to_string() + ", expected the rank " +
                              std::to_string(in[0].rank()) + " of input 0");
  for (int d = 0; d < in[0].rank(); ++d) {
    const auto own = in[0].shape[size_t(d)].as_int(), wanted = in[1].shape[size_t(d)].as_int();
    if (d != along && own && wanted && *wanted > *own)
      return op_error(name, "dim " + std::to_string(d) + " of the indices is " + std::to_string(*wanted) +
                                ", expected at most the " + std::to_string(*own) + " of input 0");
  }
  return Types{{in[0].dtype, in[1].shape}};
}

Result<Tensors> GatherElements::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(*this, in));
  RK_TRY(const int along, normalize_axis(name, axis, x.rank()));
  RK_TRY(const auto indices, resolve_indices(name, in[1], along, x.dims()[size_t(along)]));
  const Dims strides = contiguous_strides(x.dims());
  const ElementCopier copier(x, out);
  Dims index(size_t(x.rank()), 0);
  int64_t base = 0;  // the position in x of the current index, its place along the axis left out
  for (size_t i = 0; i < indices.size(); ++i) {
    copier.run(base + indices[i] * strides[size_t(along)], int64_t(i), 1);
    for (size_t d = index.size(); d-- > 0;) {
      const int64_t step = int(d) == along ? 0 : strides[d];
      base += step;
      if (++index[d] < out.dims()[d]) break;
      base -= step * out.dims()[d];
      index[d] = 0;
    }
  }
  return Tensors{std::move(out)};
}

Result<Types> GatherNd::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_present(name, in, 2));
  RK_CHECK(check_indices(name, in[1]));
  const Shape &x = in[0].shape, &indices = in[1].shape;
  if (batch_dims < 0 || batch_dims >= int64_t(std::min(x.size(), indices.size())))
    return op_error(name, "batch_dims is " + std::to_string(batch_dims) + " for inputs of rank " +
                              std::to_string(x.size()) + " and " + std::to_string(indices.size()) +
                              ", expected 0 or more and fewer than both");
  const auto length = indices.back().as_int();
  if (!length)
    return op_error(
        name, "the indices are " + in[1].to_string() + ", expected a last dim that is known before running");
  if (*length < 1 || *length > int64_t(x.size()) - batch_dims)
    return op_error(name, "the last dim of the indices is " + std::to_string(*length) + ", expected 1 to " +
                              std::to_string(int64_t(x.size()) - batch_dims));
  TensorType out{in[0].dtype, Shape(indices.begin(), indices.end() - 1)};
  for (size_t i = 0; i < size_t(batch_dims); ++i) {
    RK_CHECK(check_equal_dims(name, "batch dim " + std::to_string(i) + " of the indices", indices[i], x[i]));
    out.shape[i] = known_dim(indices[i], x[i]);
  }
  out.shape.insert(out.shape.end(), x.begin() + batch_dims + *length, x.end());
  return Types{std::move(out)};
}

Result<Tensors> GatherNd::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(*this, in));
  const size_t batch = size_t(batch_dims);
  RK_TRY(const auto offsets, resolve_tuples(name, in[1], x.dims(), batch));
  if (out.count() == 0) return Tensors{std::move(out)};
  const int64_t row = count_of(Dims(x.dims().begin() + batch_dims + in[1].dims().back(), x.dims().end()));
  const int64_t item = count_of(Dims(x.dims().begin() + batch_dims, x.dims().end()));
  const int64_t items = count_of(Dims(x.dims().begin(), x.dims().begin() + batch_dims));
  const int64_t tuples = int64_t(offsets.size()) / items;  // of one batch item
  const ElementCopier copier(x, out);
  for (size_t t = 0; t < offsets.size(); ++t)
    copier.run(int64_t(t) / tuples * item + offsets[t], int64_t(t) * row, row);
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
