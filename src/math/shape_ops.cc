// reshape, transpose, expand, concat.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "math/element_copy.h"
#include "math/movement.h"
#include "math/op_checks.h"

namespace rekindle::ops {

namespace {

Status check_sizes(std::string_view op, const Shape& shape) {
  for (const Dim& d : shape)
    if (d.as_int().value_or(0) < 0)
      return op_error(
          op, "shape " + to_string(shape) + " has the dim " + d.to_string() + ", expected at least 0");
  return {};
}

Status count_mismatch(const Shape& from, const Shape& to) {
  return op_error("reshape", to_string(from) + " cannot become " + to_string(to) + ": " +
                                 TensorType{DType::f32, from}.count().to_string() + " elements against " +
                                 TensorType{DType::f32, to}.count().to_string());
}

/// What a run-time shape asks for: -1 is what is left, 0 copies a dim of x.
Result<Dims> resolve_shape(const Dims& from, Dims wanted, bool allow_zero) {
  const std::string text = "the shape " + to_string(wanted);
  size_t open = wanted.size();
  bool has_zero = false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == -1) {
      if (open != wanted.size()) return op_error("reshape", text + " holds -1 twice, expected at most one");
      open = i;
    } else if (wanted[i] < -1) {
      return op_error("reshape", text + " holds " + std::to_string(wanted[i]) + ", expected -1 or more");
    } else if (wanted[i] == 0) {
      has_zero = true;
      if (allow_zero) continue;
      if (i >= from.size())
        return op_error("reshape", text + " copies dim " + std::to_string(i) + " of " + to_string(from) +
                                       ", which has none there");
      wanted[i] = from[i];
    }
  }
  if (open == wanted.size()) return wanted;
  if (has_zero && allow_zero)
    return op_error("reshape", text + " holds both 0 and -1 with allow_zero, expected one of them");
  wanted[open] = 1;
  auto others = checked_count(wanted);
  if (!others.ok()) return op_error("reshape", others.status().message());
  const int64_t count = count_of(from);
  if (*others == 0 || count % *others != 0)
    return op_error("reshape", text + " cannot hold the " + std::to_string(count) + " elements of " +
                                   to_string(from) + ": they do not divide by " + std::to_string(*others));
  wanted[open] = count / *others;
  return wanted;
}

Result<std::vector<size_t>> permutation(const std::vector<int64_t>& perm, int rank) {
  std::vector<size_t> order(static_cast<size_t>(rank));
  if (perm.empty()) {
    for (size_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
    return order;
  }
  const std::string text = "perm " + to_string(Dims(perm));
  if (perm.size() != order.size())
    return op_error("transpose", text + " has " + std::to_string(perm.size()) +
                                     " entries, expected the rank " + std::to_string(rank));
  std::vector<bool> seen(order.size());
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] < 0 || perm[i] >= rank)
      return op_error("transpose", text + " has the axis " + std::to_string(perm[i]) + ", outside rank " +
                                       std::to_string(rank));
    if (seen[size_t(perm[i])])
      return op_error("transpose",
                      text + " has the axis " + std::to_string(perm[i]) + " twice, expected each axis once");
    seen[size_t(perm[i])] = true;
    order[i] = size_t(perm[i]);
  }
  return order;
}

}  // namespace

Result<Types> Reshape::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, 1));
  TensorType out{in[0].dtype, shape};
  if (has_input(in, 1)) {
    RK_TRY(const int64_t rank, list_length(name, in[1], "shape"));
    out.shape.clear();
    for (int64_t i = 0; i < rank; ++i) out.shape.push_back(Dim::unknown());
    return Types{std::move(out)};
  }
  RK_CHECK(check_sizes(name, shape));
  const auto had = in[0].count().as_int(), has = out.count().as_int();
  if (had && has && *had != *has) return count_mismatch(in[0].shape, shape);
  return Types{std::move(out)};
}

Result<Tensors> Reshape::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  Dims dims;
  if (has_input(in, 1)) {
    RK_TRY(Dims wanted, to_int64s(in[1]));
    RK_TRY(dims, resolve_shape(in[0].dims(), std::move(wanted), allow_zero));
  } else {
    RK_TRY(dims, concrete(name, shape, "shape"));
  }
  auto count = checked_count(dims);
  if (!count.ok()) return op_error(name, count.status().message());
  if (*count != in[0].count()) return count_mismatch(to_shape(in[0].dims()), to_shape(dims));
  return Tensors{in[0].reshaped(std::move(dims))};
}

Result<Types> Transpose::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  RK_TRY(const auto order, permutation(perm, in[0].rank()));
  TensorType out{in[0].dtype, {}};
  for (const size_t axis : order) out.shape.push_back(in[0].shape[axis]);
  return Types{std::move(out)};
}

Result<Tensors> Transpose::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensor out, make_output(*this, in));
  RK_TRY(const auto order, permutation(perm, in[0].rank()));
  const Dims strides = contiguous_strides(in[0].dims());
  ElementMap from;
  for (const size_t axis : order) from.strides.push_back(strides[axis]);
  copy_elements(in[0], std::move(from), out, contiguous_map(out.dims()), out.dims());
  return Tensors{std::move(out)};
}

Result<Types> Expand::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, 1));
  TensorType out{in[0].dtype, {}};
  if (!has_input(in, 1)) {
    RK_CHECK(check_sizes(name, shape));
    auto both = broadcast_shapes(in[0].shape, shape);
    if (!both.ok()) return op_error(name, both.status().message());
    out.shape = *std::move(both);
    return Types{std::move(out)};
  }
  RK_TRY(const int64_t length, list_length(name, in[1], "shape"));
  const Shape& x = in[0].shape;
  const size_t rank = std::max(x.size(), size_t(length));
  for (size_t i = 0; i < rank; ++i) {
    // A size other than 1 stays, whatever the shape turns out to be; so does a dim that the shape does not
    // reach.
    const size_t from_end = rank - i;
    const bool own = from_end <= x.size(), given = int64_t(from_end) <= length;
    const Dim d = own ? x[x.size() - from_end] : Dim(1);
    out.shape.push_back(own && (!given || (d.as_int() && !d.is(1))) ? d : Dim::unknown());
  }
  return Types{std::move(out)};
}

Result<Tensors> Expand::evaluate(std::span<const Tensor> in) const {
  Expand known = *this;
  if (has_input(in, 1)) {
    RK_TRY(const Types types, infer_tensors(*this, in));
    RK_TRY(const Dims wanted, to_int64s(in[1]));
    known.shape = to_shape(wanted);
  }
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(known, in.first(1)));
  const Dims strides = contiguous_strides(x.dims());
  ElementMap from{0, Dims(size_t(out.rank()), 0)};
  const size_t added = size_t(out.rank() - x.rank());
  for (size_t i = 0; i < strides.size(); ++i)
    if (x.dims()[i] != 1) from.strides[added + i] = strides[i];
  copy_elements(x, std::move(from), out, contiguous_map(out.dims()), out.dims());
  return Tensors{std::move(out)};
}

Result<Types> Concat::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, SIZE_MAX));
  RK_CHECK(check_present(name, in, in.size()));
  TensorType out = in[0];
  RK_TRY(const int along, normalize_axis(name, axis, out.rank()));
  for (size_t i = 1; i < in.size(); ++i) {
    const std::string which = "input " + std::to_string(i);
    if (in[i].dtype != out.dtype || in[i].rank() != out.rank())
      return op_error(name, which + " is " + in[i].to_string() + ", expected " +
                                std::string(to_string(out.dtype)) + " of rank " + std::to_string(out.rank()) +
                                " like input 0");
    for (int d = 0; d < out.rank(); ++d) {
      Dim& dim = out.shape[size_t(d)];
      const Dim& other = in[i].shape[size_t(d)];
      if (d == along) {
        dim = dim + other;
        continue;
      }
      RK_CHECK(check_equal_dims(name, "dim " + std::to_string(d) + " of " + which, other, dim));
      dim = known_dim(dim, other);
    }
  }
  return Types{std::move(out)};
}

Result<Tensors> Concat::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensor out, make_output(*this, in));
  RK_TRY(const int along, normalize_axis(name, axis, out.rank()));
  ElementMap to = contiguous_map(out.dims());
  for (const Tensor& x : in) {
    copy_elements(x, contiguous_map(x.dims()), out, to, x.dims());
    to.start += x.dims()[size_t(along)] * to.strides[size_t(along)];
  }
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
