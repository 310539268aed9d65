// einsum as a sequence of matrix products: diagonals and lonely letters first, then pairs of operands, the
// pair that leaves the least behind before others.
// SPDX-License-Identifier: Apache-2.0
#include "math/einsum.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "math/compute_type.h"
#include "math/einsum_equation.h"
#include "math/element_copy.h"
#include "math/matmul.h"
#include "math/op_checks.h"

namespace rekindle::ops {

namespace {

using Labels = std::vector<int>;
using Sizes = std::map<int, int64_t>;  // the full size of each label

/// A tensor whose dims are named by different labels.
struct Operand {
  Labels labels;
  Tensor tensor;
};

bool has(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

template <class T> std::vector<int> ranks_of(std::span<const T> in) {
  std::vector<int> ranks;
  for (const auto& t : in) ranks.push_back(t.rank());
  return ranks;
}

/// The sizes of all labels by broadcasting; what must be equal but cannot be is an error.
Result<std::map<int, Dim>> label_dims(const EinsumLabels& labels, std::span<const TensorType> in) {
  std::map<int, Dim> dims;
  for (size_t i = 0; i < in.size(); ++i)
    for (size_t d = 0; d < in[i].shape.size(); ++d) {
      const int label = labels.inputs[i][d];
      const Dim& size = in[i].shape[d];
      for (size_t before = 0; before < d; ++before)
        if (labels.inputs[i][before] == label)
          RK_CHECK(check_equal_dims(
              Einsum::name,
              "the repeated letter " + einsum_label_text(label) + " of input " + std::to_string(i), size,
              in[i].shape[before]));
      auto [at, is_new] = dims.emplace(label, size);
      if (is_new) continue;
      if (!at->second.is(1) && !size.is(1))
        RK_CHECK(check_equal_dims(Einsum::name, einsum_label_text(label) + " of input " + std::to_string(i),
                                  size, at->second));
      at->second = broadcast(at->second, size);
    }
  return dims;
}

/// A repeated letter keeps the diagonal.
Result<Operand> take_diagonals(const Labels& labels, const Tensor& x) {
  Operand result;
  ElementMap from;
  Dims dims;
  const Dims strides = contiguous_strides(x.dims());
  for (size_t d = 0; d < labels.size(); ++d) {
    const auto at = std::find(result.labels.begin(), result.labels.end(), labels[d]) - result.labels.begin();
    if (size_t(at) < result.labels.size()) {
      from.strides[size_t(at)] += strides[d];
      continue;
    }
    result.labels.push_back(labels[d]), dims.push_back(x.dims()[d]), from.strides.push_back(strides[d]);
  }
  if (dims.size() == labels.size()) return Operand{labels, x};
  RK_TRY(result.tensor, make_tensor(Einsum::name, x.dtype(), dims));
  copy_elements(x, std::move(from), result.tensor, contiguous_map(dims), dims);
  return result;
}

/// The operand with its dims in the given order, each as large as `sizes` says; labels it lacks are not
/// allowed.
Result<Tensor> arranged(const Operand& x, const Labels& order, const Sizes& sizes) {
  const Dims strides = contiguous_strides(x.tensor.dims());
  ElementMap from;
  Dims dims;
  for (const int label : order) {
    const size_t d = size_t(std::find(x.labels.begin(), x.labels.end(), label) - x.labels.begin());
    dims.push_back(sizes.at(label));
    from.strides.push_back(x.tensor.dims()[d] == 1 ? 0 : strides[d]);
  }
  if (order == x.labels && dims == x.tensor.dims()) return x.tensor;
  RK_TRY(Tensor result, make_tensor(Einsum::name, x.tensor.dtype(), dims));
  copy_elements(x.tensor, std::move(from), result, contiguous_map(dims), dims);
  return result;
}

Sizes own_sizes(const Operand& x) {
  Sizes sizes;
  for (size_t d = 0; d < x.labels.size(); ++d) sizes[x.labels[d]] = x.tensor.dims()[d];
  return sizes;
}

Tensor as_matrices(const Tensor& x, int64_t items, int64_t rows, int64_t columns) {
  return x.reshaped({items, rows, columns});
}

/// Sums over every label that is not kept: the product with a column of ones.
Result<Operand> sum_out(const Operand& x, const Labels& kept) {
  Labels order, summed;
  for (const int label : x.labels) (has(kept, label) ? order : summed).push_back(label);
  if (summed.empty()) return x;
  Labels all = order;
  all.insert(all.end(), summed.begin(), summed.end());
  RK_TRY(const Tensor rows, arranged(x, all, own_sizes(x)));
  const Dims dims(rows.dims().begin(), rows.dims().begin() + ptrdiff_t(order.size()));
  const int64_t depth = count_of(Dims(rows.dims().begin() + ptrdiff_t(order.size()), rows.dims().end()));
  RK_TRY(Tensor ones, make_tensor(Einsum::name, rows.dtype(), {1, depth, 1}));
  for (int64_t i = 0; i < depth; ++i) ones.set_double(i, 1);
  RK_TRY(const Tensors sums,
         Matmul{}.evaluate(std::array{as_matrices(rows, 1, count_of(dims), depth), ones}));
  return Operand{order, sums[0].reshaped(dims)};
}

/// The labels of two operands by what becomes of them in their product.
struct Roles {
  Labels shared, left, right, summed;  // kept in both; kept in one; in both and not kept
};
Roles roles_of(const Labels& a, const Labels& b, const Labels& kept) {
  Roles roles;
  for (const int label : a) {
    if (has(b, label))
      (has(kept, label) ? roles.shared : roles.summed).push_back(label);
    else if (has(kept, label))
      roles.left.push_back(label);
  }
  for (const int label : b)
    if (!has(a, label) && has(kept, label)) roles.right.push_back(label);
  return roles;
}
Labels joined(std::initializer_list<const Labels*> lists) {
  Labels all;
  for (const Labels* list : lists) all.insert(all.end(), list->begin(), list->end());
  return all;
}

/// One product: shared labels number the matrices, `left` the rows, `right` the columns, `summed` is the
/// depth.
Result<Operand> contract(const Operand& a, const Operand& b, const Labels& kept) {
  RK_TRY(const Operand left, sum_out(a, joined({&kept, &b.labels})));
  RK_TRY(const Operand right, sum_out(b, joined({&kept, &a.labels})));
  const Roles roles = roles_of(left.labels, right.labels, kept);
  Sizes sizes = own_sizes(left);
  for (const auto& [label, size] : own_sizes(right)) {
    int64_t& known = sizes.emplace(label, size).first->second;
    if (known == 1) known = size;
  }
  RK_TRY(const Tensor x, arranged(left, joined({&roles.shared, &roles.left, &roles.summed}), sizes));
  RK_TRY(const Tensor y, arranged(right, joined({&roles.shared, &roles.summed, &roles.right}), sizes));
  const auto product = [&](const Labels& labels) {
    int64_t count = 1;
    for (const int label : labels) count *= sizes.at(label);
    return count;
  };
  const int64_t items = product(roles.shared), m = product(roles.left), k = product(roles.summed),
                n = product(roles.right);
  RK_TRY(const Tensors z,
         Matmul{}.evaluate(std::array{as_matrices(x, items, m, k), as_matrices(y, items, k, n)}));
  Operand result{joined({&roles.shared, &roles.left, &roles.right}), {}};
  Dims dims;
  for (const int label : result.labels) dims.push_back(sizes.at(label));
  result.tensor = z[0].reshaped(std::move(dims));
  return result;
}

/// Labels that the output or an operand other than i and j still needs.
Labels needed(const std::vector<Operand>& operands, size_t i, size_t j, const Labels& output) {
  std::set<int> labels(output.begin(), output.end());
  for (size_t k = 0; k < operands.size(); ++k)
    if (k != i && k != j) labels.insert(operands[k].labels.begin(), operands[k].labels.end());
  return Labels(labels.begin(), labels.end());
}

/// The pair whose product is smallest; with very many operands just the first two, which costs no search.
std::pair<size_t, size_t> next_pair(const std::vector<Operand>& operands, const Labels& output,
                                    const Sizes& sizes) {
  constexpr size_t kMostSearched = 16;
  std::pair<size_t, size_t> best{0, 1};
  if (operands.size() > kMostSearched) return best;
  double least = INFINITY;
  for (size_t i = 0; i < operands.size(); ++i)
    for (size_t j = i + 1; j < operands.size(); ++j) {
      const Roles roles = roles_of(operands[i].labels, operands[j].labels, needed(operands, i, j, output));
      double count = 1;
      for (const int label : joined({&roles.shared, &roles.left, &roles.right}))
        count *= double(sizes.at(label));
      if (count < least) least = count, best = {i, j};
    }
  return best;
}

}  // namespace

Result<Types> Einsum::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, SIZE_MAX));
  RK_CHECK(check_present(name, in, in.size()));
  for (size_t i = 0; i < in.size(); ++i) {
    RK_CHECK(check_dtype(name, in[i], Domain::numeric));
    if (in[i].dtype != in[0].dtype)
      return op_error(name, "input " + std::to_string(i) + " is " + std::string(to_string(in[i].dtype)) +
                                ", expected " + std::string(to_string(in[0].dtype)) + " like input 0");
  }
  RK_TRY(const EinsumLabels labels, parse_einsum(equation, ranks_of(in)));
  RK_TRY(const auto dims, label_dims(labels, in));
  TensorType out{in[0].dtype, {}};
  for (const int label : labels.output) out.shape.push_back(dims.at(label));
  return Types{std::move(out)};
}

Result<Tensors> Einsum::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Dims out_dims, concrete(name, types[0]));
  if (const auto count = checked_count(out_dims); !count.ok())
    return op_error(name, count.status().message());
  RK_TRY(const EinsumLabels labels, parse_einsum(equation, ranks_of(in)));
  Types given;
  for (const Tensor& t : in) given.push_back(t.type());
  RK_TRY(const auto dims, label_dims(labels, given));
  Sizes sizes;
  for (const auto& [label, dim] : dims) sizes[label] = dim.as_int().value_or(1);

  std::vector<Operand> operands;
  for (size_t i = 0; i < in.size(); ++i) {
    RK_TRY(const Tensor x, widen(in[i]));
    RK_TRY(Operand operand, take_diagonals(labels.inputs[i], x));
    operands.push_back(std::move(operand));
  }
  while (operands.size() > 1) {
    const auto [i, j] = next_pair(operands, labels.output, sizes);
    RK_TRY(operands[i], contract(operands[i], operands[j], needed(operands, i, j, labels.output)));
    operands.erase(operands.begin() + ptrdiff_t(j));
  }
  RK_TRY(const Operand last, sum_out(operands[0], labels.output));
  RK_TRY(const Tensor y, arranged(last, labels.output, sizes));
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
