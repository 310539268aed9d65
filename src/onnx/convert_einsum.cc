// Einsum of two operands as a matrix product, which has fast kernels; others stay as they are.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/einsum.h"
#include "math/einsum_equation.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "onnx/converter.h"

namespace rekindle::onnx {
namespace {

using Labels = std::vector<int>;

bool has(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}
Labels joined(Labels a, const Labels& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// An operand's dims by label.
struct Operand {
  ValueId value;
  Labels labels;
  Shape shape;
  const Dim& dim(int label) const {
    return shape[size_t(std::find(labels.begin(), labels.end(), label) - labels.begin())];
  }
  Dim product(const Labels& of) const {
    Dim p = 1;
    for (const int label : of) p = p * dim(label);
    return p;
  }
};

/// Labels by what a product does with them, in the order of the output; summed ones in that of the left.
struct Roles {
  Labels batch, left, right, summed;
};

/// Nothing when the equation is no matrix product: diagonals, labels summed in one operand alone, sizes that
/// would be broadcast, nothing to sum.
std::optional<Roles> roles_of(const Operand& a, const Operand& b, const Labels& output) {
  for (const Operand* side : {&a, &b})
    for (size_t i = 0; i < side->labels.size(); ++i)
      if (std::find(side->labels.begin() + int64_t(i) + 1, side->labels.end(), side->labels[i]) !=
          side->labels.end())
        return std::nullopt;
  Roles roles;
  for (const int label : output) {
    const bool in_a = has(a.labels, label), in_b = has(b.labels, label);
    if (in_a && in_b && a.dim(label) != b.dim(label)) return std::nullopt;
    (in_a && in_b ? roles.batch : in_a ? roles.left : roles.right).push_back(label);
  }
  for (const int label : a.labels) {
    if (has(output, label)) continue;
    if (!has(b.labels, label) || a.dim(label) != b.dim(label)) return std::nullopt;
    roles.summed.push_back(label);
  }
  for (const int label : b.labels)
    if (!has(output, label) && !has(a.labels, label)) return std::nullopt;
  if (roles.summed.empty()) return std::nullopt;
  return roles;
}

/// The operand with its dims in the order of `labels`.
Result<ValueId> arranged(Builder& build, const Operand& x, const Labels& labels) {
  std::vector<int64_t> perm;
  for (const int label : labels)
    perm.push_back(std::find(x.labels.begin(), x.labels.end(), label) - x.labels.begin());
  if (std::is_sorted(perm.begin(), perm.end())) return x.value;
  return build.transpose(x.value, perm);
}
/// [batch…, rows, columns], the last two each one dim.
Result<ValueId> as_matrices(Builder& build, const Operand& x, const Labels& batch, const Labels& rows,
                            const Labels& columns) {
  RK_TRY(const ValueId in_order, arranged(build, x, joined(joined(batch, rows), columns)));
  if (rows.size() == 1 && columns.size() == 1) return in_order;
  Shape shape;
  for (const int label : batch) shape.push_back(x.dim(label));
  shape.push_back(x.product(rows));
  shape.push_back(x.product(columns));
  return build.reshape(in_order, std::move(shape));
}

Result<Values> product(Builder& build, const Operand& a, const Operand& b, const Roles& roles,
                       const Labels& output) {
  // b is turned by the product itself where its summed dims come last.
  const bool turned = roles.right.empty() || b.labels.back() == roles.summed.back();
  RK_TRY(const ValueId left, as_matrices(build, a, roles.batch, roles.left, roles.summed));
  RK_TRY(const ValueId right, turned ? as_matrices(build, b, roles.batch, roles.right, roles.summed)
                                     : as_matrices(build, b, roles.batch, roles.summed, roles.right));
  Operand made{ValueId::none, joined(joined(roles.batch, roles.left), roles.right), {}};
  for (const int label : made.labels)
    made.shape.push_back(has(a.labels, label) ? a.dim(label) : b.dim(label));
  const bool is_split = roles.left.size() != 1 || roles.right.size() != 1, is_moved = made.labels != output;
  const ops::Matmul op{false, turned};
  if (!is_split && !is_moved) return build.finish(op, {left, right});
  RK_TRY(made.value, build.add(op, {left, right}));
  if (is_split && !is_moved) return build.finish(ops::Reshape{.shape = made.shape}, {made.value});
  if (is_split) {
    RK_TRY(made.value, build.reshape(made.value, made.shape));
  }
  std::vector<int64_t> perm;
  for (const int label : output)
    perm.push_back(std::find(made.labels.begin(), made.labels.end(), label) - made.labels.begin());
  return build.finish(ops::Transpose{perm}, {made.value});
}

}  // namespace

Result<Values> convert_einsum(NodeReader& node, Builder& build) {
  if (!node.has("equation")) return invalid("attribute 'equation' is missing");
  const std::string equation = node.text("equation", "");
  ops::Einsum op{.equation = equation};
  if (node.inputs().size() != 2 || !node.has_input(0) || !node.has_input(1))
    return build.finish(std::move(op), node.inputs());
  const TensorType x = build.type(node.input(0)), y = build.type(node.input(1));
  const auto labels = parse_einsum(equation, {x.rank(), y.rank()});
  if (!labels.ok() || x.dtype != y.dtype || !op.infer(Types{x, y}).ok())
    return build.finish(std::move(op), node.inputs());  // says what is wrong
  const Operand a{node.input(0), labels->inputs[0], x.shape}, b{node.input(1), labels->inputs[1], y.shape};
  if (const auto roles = roles_of(a, b, labels->output)) return product(build, a, b, *roles, labels->output);
  return build.finish(std::move(op), node.inputs());
}

}  // namespace rekindle::onnx
