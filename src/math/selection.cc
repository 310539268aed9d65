// top_k, non_zero, compress.
// SPDX-License-Identifier: Apache-2.0
#include "math/selection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "math/axis_loops.h"
#include "math/element_copy.h"
#include "math/op_checks.h"

namespace rekindle::ops {

namespace {

/// What elements are compared as: halves as float, everything else as itself.
template <class T> auto comparable(T value) {
  if constexpr (std::is_same_v<T, f16_t> || std::is_same_v<T, bf16_t>)
    return float(value);
  else
    return value;
}

/// NaN is larger than every number, so that this is an order.
template <class T> bool is_greater(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(a)) return !std::isnan(b);
  return a > b;
}

template <class T>
void top_k_of_lines(const Tensor& x, int axis, int64_t k, bool largest, Tensor& values, Tensor& indices) {
  using V = decltype(comparable(T{}));
  const ElementCopier copier(x, values);
  const int64_t n = x.dims()[size_t(axis)];
  std::vector<V> line(static_cast<size_t>(n));
  std::vector<int64_t> order(static_cast<size_t>(n));
  const auto before = [&](int64_t a, int64_t b) {
    const V first = line[size_t(a)], second = line[size_t(b)];
    if (largest ? is_greater(first, second) : is_greater(second, first)) return true;
    if (largest ? is_greater(second, first) : is_greater(first, second)) return false;
    return a < b;
  };
  for_each_line(x.dims(), axis, [&](int64_t start, int64_t stride, int64_t) {
    for (int64_t i = 0; i < n; ++i) line[size_t(i)] = comparable(x.data<T>()[start + i * stride]);
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
    const int64_t at = start / (stride * n) * stride * k + start % stride;
    for (int64_t i = 0; i < k; ++i) {
      copier.run(start + order[size_t(i)] * stride, at + i * stride, 1);
      indices.data<int64_t>()[at + i * stride] = order[size_t(i)];
    }
  });
}

std::vector<bool> truth_of(const Tensor& x) {
  std::vector<bool> truth(size_t(x.count()));
  const bool known = visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (size_t i = 0; i < truth.size(); ++i) truth[i] = comparable(x.data<T>()[i]) != comparable(T{});
  });
  if (known) return truth;
  for (size_t i = 0; i < truth.size(); ++i)
    truth[i] = x.dtype() == DType::string ? !x.strings()[i].empty() : x.as_double(int64_t(i)) != 0;
  return truth;
}

}  // namespace

Result<Types> TopK::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, 1));
  RK_CHECK(check_dtype(name, in[0], Domain::numeric));
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  Dim wanted = k;
  if (has_input(in, 1)) {
    RK_CHECK(check_dtype(name, in[1], Domain::integer));
    RK_CHECK(check_scalar(name, in[1], "k"));
    wanted = Dim::unknown();
  } else if (k.as_int().value_or(0) < 0) {
    return op_error(name, "k is " + k.to_string() + ", expected at least 0");
  }
  TensorType values = in[0];
  Dim& dim = values.shape[size_t(along)];
  if (dim.as_int() && wanted.as_int() && *wanted.as_int() > *dim.as_int())
    return op_error(name, "k is " + k.to_string() + ", more than the " + dim.to_string() +
                              " elements of axis " + std::to_string(along));
  dim = wanted;
  return Types{values, {DType::i64, values.shape}};
}

Result<Tensors> TopK::evaluate(std::span<const Tensor> in) const {
  TopK known = *this;
  const Tensor& x = in[0];
  if (has_input(in, 1)) {
    RK_TRY(const auto wanted, to_int64s(in[1]));
    if (wanted.size() != 1)
      return op_error(name, "k has " + std::to_string(wanted.size()) + " elements, expected 1");
    known.k = wanted[0];
  }
  RK_TRY(Tensor values, make_output(known, in.first(1)));
  RK_TRY(Tensor indices, make_tensor(name, DType::i64, values.dims()));
  RK_TRY(const int along, normalize_axis(name, axis, x.rank()));
  if (values.count() == 0) return Tensors{std::move(values), std::move(indices)};
  const bool done = visit_dtype(x.dtype(), [&](auto zero) {
    top_k_of_lines<decltype(zero)>(x, along, values.dims()[size_t(along)], largest, values, indices);
  });
  if (!done)
    return Status::error(Code::unsupported, "top_k: elements of " + std::string(to_string(x.dtype())) +
                                                " cannot be compared, expected whole-byte numbers");
  return Tensors{std::move(values), std::move(indices)};
}

Result<Types> NonZero::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  return Types{{DType::i64, {in[0].rank(), Dim::unknown()}}};
}

Result<Tensors> NonZero::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  const std::vector<bool> truth = truth_of(x);
  const int64_t found = std::count(truth.begin(), truth.end(), true);
  RK_TRY(Tensor out, make_tensor(name, DType::i64, {x.rank(), found}));
  const Dims strides = contiguous_strides(x.dims());
  int64_t at = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    if (!truth[i]) continue;
    for (size_t d = 0; d < strides.size(); ++d)
      out.data<int64_t>()[int64_t(d) * found + at] = int64_t(i) / strides[d] % x.dims()[d];
    ++at;
  }
  return Tensors{std::move(out)};
}

Result<Types> Compress::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_present(name, in, 2));
  if (in[1].dtype != DType::boolean || in[1].rank() != 1)
    return op_error(name, "the condition is " + in[1].to_string() + ", expected a list of booleans");
  TensorType out{in[0].dtype, {Dim::unknown()}};
  if (axis) {
    RK_TRY(const int along, normalize_axis(name, *axis, in[0].rank()));
    out.shape = in[0].shape;
    out.shape[size_t(along)] = Dim::unknown();
  }
  return Types{std::move(out)};
}

Result<Tensors> Compress::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  const Tensor x = axis ? in[0] : in[0].reshaped({in[0].count()});
  RK_TRY(const int along, normalize_axis(name, axis.value_or(0), x.rank()));
  const std::vector<bool> truth = truth_of(in[1]);
  const int64_t size = x.dims()[size_t(along)];
  std::vector<int64_t> kept;
  for (size_t i = 0; i < truth.size(); ++i)
    if (truth[i]) kept.push_back(int64_t(i));
  if (!kept.empty() && kept.back() >= size)
    return op_error(name, "condition " + std::to_string(kept.back()) + " is true, outside the " +
                              std::to_string(size) + " elements of axis " + std::to_string(along));
  Dims dims = x.dims();
  dims[size_t(along)] = int64_t(kept.size());
  RK_TRY(Tensor out, make_tensor(name, x.dtype(), std::move(dims)));
  if (out.count() == 0) return Tensors{std::move(out)};
  const int64_t row = contiguous_strides(x.dims())[size_t(along)];
  const ElementCopier copier(x, out);
  int64_t at = 0;
  for (int64_t o = 0; o < x.count() / (size * row); ++o)
    for (const int64_t i : kept) copier.run((o * size + i) * row, at++ * row, row);
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
