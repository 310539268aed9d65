// Walking each tree for each row. Splits and features are compared in the type of x.
// SPDX-License-Identifier: Apache-2.0
#include "math/trees.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"

namespace rekindle::ops {

namespace {

bool passes(const TreeEnsemble& t, size_t node, double x) {
  if (std::isnan(x)) return t.missing[node] != 0;
  const double split = t.split[node];
  switch (t.test[node]) {
    case TreeTest::less_or_equal:
      return x <= split;
    case TreeTest::less:
      return x < split;
    case TreeTest::greater_or_equal:
      return x >= split;
    case TreeTest::greater:
      return x > split;
    case TreeTest::equal:
      return x == split;
    case TreeTest::not_equal:
      return x != split;
    case TreeTest::member: {
      const auto first = t.members.begin() + t.first_member[node],
                 last = t.members.begin() + t.first_member[node + 1];
      return std::find(first, last, x) != last;
    }
  }
  return false;
}

/// The inverse of the normal distribution's integral (Winitzki's approximation, as ONNX's own).
double probit(double x) {
  const double y = 2 * x - 1, sign = y < 0 ? -1 : 1, log = std::log((1 - y) * (1 + y));
  const double v = 2 / (3.14159 * 0.147) + 0.5 * log;
  return 1.41421356 * sign * std::sqrt(-v + std::sqrt(v * v - log / 0.147));
}

void finish_row(TreeEnd end, double* row, int64_t n) {
  if (end == TreeEnd::logistic)
    for (int64_t i = 0; i < n; ++i) row[i] = 1 / (1 + std::exp(-row[i]));
  if (end == TreeEnd::probit)
    for (int64_t i = 0; i < n; ++i) row[i] = probit(row[i]);
  if (end != TreeEnd::softmax && end != TreeEnd::softmax_zero) return;
  const double largest = *std::max_element(row, row + n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (end == TreeEnd::softmax_zero && row[i] == 0) continue;  // what got nothing stays 0
    sum += row[i] = std::exp(row[i] - largest);
  }
  for (int64_t i = 0; i < n && sum > 0; ++i) row[i] /= sum;
}

}  // namespace

Result<Types> TreeEnsemble::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  RK_CHECK(check_dtype(name, in[0], Domain::floating));
  if (in[0].rank() != 2) return op_error(name, "x is " + in[0].to_string() + ", expected [rows, features]");
  const size_t nodes = feature.size(), leaves = leaf_target.size();
  const bool sized = yes.size() == nodes && no.size() == nodes && yes_leaf.size() == nodes &&
                     no_leaf.size() == nodes && missing.size() == nodes && test.size() == nodes &&
                     split.size() == nodes && first_member.size() == nodes + 1 &&
                     leaf_weight.size() == leaves;
  const auto all_within = [](const std::vector<int64_t>& list, size_t most) {
    return std::all_of(list.begin(), list.end(), [&](int64_t v) { return v >= 0 && v < int64_t(most); });
  };
  bool good = sized && targets >= 1 && targets < int64_t(1) << 31 && all_within(roots, nodes) &&
              all_within(leaf_target, size_t(std::max<int64_t>(targets, 0))) &&
              all_within(first_member, members.size() + 1) &&
              std::is_sorted(first_member.begin(), first_member.end());
  for (size_t i = 0; good && i < nodes; ++i)
    good = feature[i] >= 0 && yes[i] >= 0 && no[i] >= 0 && yes[i] < int64_t(yes_leaf[i] ? leaves : nodes) &&
           no[i] < int64_t(no_leaf[i] ? leaves : nodes);
  if (!good) return op_error(name, "its lists do not fit each other");
  return Types{{in[0].dtype, {in[0].shape[0], targets}}};
}

Result<Tensors> TreeEnsemble::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Tensor x, cast(in[0], DType::f64));
  const int64_t rows = x.dims()[0], width = x.dims()[1];
  for (const int64_t f : feature)
    if (f >= width)
      return op_error(name, "feature " + std::to_string(f) + " is outside " + std::to_string(width));
  RK_TRY(Tensor y, make_tensor(name, DType::f64, {rows, targets}));
  bool endless = false;
  for (int64_t r = 0; r < rows; ++r) {
    const double* from = x.data<double>() + r * width;
    double* to = y.data<double>() + r * targets;
    std::vector<bool> touched(static_cast<size_t>(targets), false);
    for (const int64_t root : roots) {
      auto node = size_t(root);
      bool leaf = false;
      for (size_t steps = 0; !leaf && steps <= feature.size(); ++steps) {
        const bool yes_side = passes(*this, node, from[feature[node]]);
        leaf = (yes_side ? yes_leaf : no_leaf)[node] != 0;
        node = size_t((yes_side ? yes : no)[node]);
      }
      endless = endless || !leaf;
      if (!leaf) break;
      const auto target = size_t(leaf_target[node]);
      const double weight = leaf_weight[node];
      if (sum == TreeSum::min || sum == TreeSum::max)
        to[target] = !touched[target]      ? weight
                     : sum == TreeSum::min ? std::min(to[target], weight)
                                           : std::max(to[target], weight);
      else
        to[target] += weight;
      touched[target] = true;
    }
    if (sum == TreeSum::average && !roots.empty())
      for (int64_t i = 0; i < targets; ++i) to[i] /= double(roots.size());
    finish_row(end, to, targets);
  }
  if (endless) return op_error(name, "a tree goes in a circle");
  RK_TRY(Tensor out, cast(y, in[0].dtype()));
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
