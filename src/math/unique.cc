// unique: slices are sorted by content, equal ones become groups, and the groups are put in the order asked
// for.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "math/element_copy.h"
#include "math/gather.h"
#include "math/op_checks.h"
#include "math/selection.h"

namespace rekindle::ops {

namespace {

/// Below 0, 0 or above 0. NaN equals NaN and is larger than every number.
template <class T> int compare_elements(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, f16_t> || std::is_same_v<T, bf16_t>) {
    return compare_elements(float(a), float(b));
  } else {
    if constexpr (std::is_floating_point_v<T>)
      if (std::isnan(a) || std::isnan(b)) return int(std::isnan(a)) - int(std::isnan(b));
    return a < b ? -1 : int(b < a);
  }
}

/// Slices are `size` elements each, one after the other.
template <class T> int compare_slices(const T* elements, int64_t size, int64_t a, int64_t b) {
  for (int64_t i = 0; i < size; ++i)
    if (const int c = compare_elements(elements[a * size + i], elements[b * size + i])) return c;
  return 0;
}

struct Groups {
  std::vector<int64_t> first, inverse, counts;
};

template <class T> Groups group(const T* elements, int64_t size, int64_t n, bool sorted) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return compare_slices(elements, size, a, b) < 0; });
  Groups found{{}, std::vector<int64_t>(size_t(n)), {}};
  for (size_t i = 0; i < order.size(); ++i) {  // equal slices lie together, the first of them first
    if (i == 0 || compare_slices(elements, size, order[i - 1], order[i]) != 0)
      found.first.push_back(order[i]), found.counts.push_back(0);
    ++found.counts.back();
    found.inverse[size_t(order[i])] = int64_t(found.first.size()) - 1;
  }
  if (sorted) return found;
  std::vector<int64_t> by_place(found.first.size()), place(found.first.size());
  std::iota(by_place.begin(), by_place.end(), 0);
  std::sort(by_place.begin(), by_place.end(),
            [&](int64_t a, int64_t b) { return found.first[size_t(a)] < found.first[size_t(b)]; });
  Groups moved{{}, {}, {}};
  for (size_t i = 0; i < by_place.size(); ++i) {
    place[size_t(by_place[i])] = int64_t(i);
    moved.first.push_back(found.first[size_t(by_place[i])]);
    moved.counts.push_back(found.counts[size_t(by_place[i])]);
  }
  for (const int64_t g : found.inverse) moved.inverse.push_back(place[size_t(g)]);
  return moved;
}

}  // namespace

Result<Types> Unique::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  const Dim groups = Dim::unknown();
  TensorType values{in[0].dtype, {groups}};
  Dim elements = in[0].count();
  if (axis) {
    RK_TRY(const int along, normalize_axis(name, *axis, in[0].rank()));
    values.shape = in[0].shape;
    elements = values.shape[size_t(along)];
    values.shape[size_t(along)] = groups;
  }
  return Types{std::move(values), {DType::i64, {groups}}, {DType::i64, {elements}}, {DType::i64, {groups}}};
}

Result<Tensors> Unique::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  const Tensor x = axis ? in[0] : in[0].reshaped({in[0].count()});
  RK_TRY(const int along, normalize_axis(name, axis.value_or(0), x.rank()));
  const int64_t n = x.dims()[size_t(along)], size = n == 0 ? 0 : x.count() / n;
  // The axis first: each slice is then one run of elements.
  Dims dims{n};
  ElementMap from{0, {contiguous_strides(x.dims())[size_t(along)]}};
  for (size_t i = 0; i < x.dims().size(); ++i)
    if (int(i) != along) dims.push_back(x.dims()[i]), from.strides.push_back(contiguous_strides(x.dims())[i]);
  RK_TRY(Tensor slices, make_tensor(name, x.dtype(), dims));
  copy_elements(x, std::move(from), slices, contiguous_map(dims), dims);

  Groups groups;
  bool done = visit_dtype(x.dtype(),
                          [&](auto zero) { groups = group(slices.data<decltype(zero)>(), size, n, sorted); });
  if (x.dtype() == DType::string) done = true, groups = group(slices.strings().data(), size, n, sorted);
  if (!done)
    return Status::error(Code::unsupported,
                         "unique: elements of " + std::string(to_string(x.dtype())) +
                             " cannot be compared, expected whole-byte numbers, booleans or strings");
  const auto list = [](const std::vector<int64_t>& v) { return Tensor::of<int64_t>({int64_t(v.size())}, v); };
  Tensor first = list(groups.first);
  RK_TRY(Tensors values, Gather{along}.evaluate(std::array{x, first}));
  return Tensors{std::move(values[0]), std::move(first), list(groups.inverse), list(groups.counts)};
}

}  // namespace rekindle::ops
