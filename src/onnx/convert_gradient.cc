// Gradient (ai.onnx.preview.training): derivatives of one value, written as ops of the graph. Only the ops
// between the value and what it is derived by are looked at.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "math/matmul.h"
#include "onnx/compose.h"
#include "onnx/convert_image.h"
#include "onnx/importer.h"

namespace rekindle::onnx {
namespace {

/// A derivative summed over what broadcasting repeated, so that it has the shape of its value.
ValueId as_shape_of(Composition& c, ValueId derivative, ValueId value) {
  const Shape own = c.type(derivative).shape, wanted = c.type(value).shape;
  if (own == wanted || !c.ok()) return derivative;
  std::vector<int64_t> axes;
  for (size_t i = 0; i < own.size(); ++i) {
    const size_t skipped = own.size() - wanted.size();
    if (i < skipped || (wanted[i - skipped].is(1) && !own[i].is(1))) axes.push_back(int64_t(i));
  }
  if (!axes.empty()) derivative = c.reduce(ops::ReduceOp::sum, derivative, axes, true);
  return c.reshape(derivative, wanted);
}

ValueId swapped(Composition& c, ValueId x) {
  std::vector<int64_t> perm;
  for (int64_t i = 0; i < c.rank(x); ++i) perm.push_back(i);
  if (perm.size() >= 2) std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return c.transpose(x, perm);
}

/// What each input of a node gets from the derivative by its output; empty when there is no rule for the op.
Values derivatives_of(Composition& c, const Op& op, const Values& in, ValueId out, ValueId d) {
  const auto negative = [&](ValueId v) { return c(ops::Neg{}, {v}); };
  const auto one = [&] { return c.like(out, 1); };
  if (op.is<ops::Add>()) return {d, d};
  if (op.is<ops::Sub>()) return {d, negative(d)};
  if (op.is<ops::Mul>()) return {c.mul(d, in[1]), c.mul(d, in[0])};
  if (op.is<ops::Div>()) return {c.div(d, in[1]), negative(c.div(c.mul(d, out), in[1]))};
  if (op.is<ops::Neg>()) return {negative(d)};
  if (op.is<ops::Exp>()) return {c.mul(d, out)};
  if (op.is<ops::Log>()) return {c.div(d, in[0])};
  if (op.is<ops::Sqrt>()) return {c.div(d, c.add(out, out))};
  if (op.is<ops::Square>()) return {c.mul(d, c.add(in[0], in[0]))};
  if (op.is<ops::Sin>()) return {c.mul(d, c(ops::Cos{}, {in[0]}))};
  if (op.is<ops::Cos>()) return {negative(c.mul(d, c(ops::Sin{}, {in[0]})))};
  if (op.is<ops::Tanh>()) return {c.mul(d, c.sub(one(), c.mul(out, out)))};
  if (op.is<ops::Sigmoid>()) return {c.mul(d, c.mul(out, c.sub(one(), out)))};
  if (op.is<ops::Relu>()) return {c.where(c(ops::Greater{}, {in[0], c.like(in[0], 0)}), d, c.like(d, 0))};
  if (const auto* m = op.as<ops::Matmul>();
      m && !m->transpose_a && !m->transpose_b && c.rank(in[0]) >= 2 && c.rank(in[1]) >= 2)
    return {c(ops::Matmul{}, {d, swapped(c, in[1])}), c(ops::Matmul{}, {swapped(c, in[0]), d})};
  return {};
}

}  // namespace

Result<Values> convert_gradient(NodeReader& node, Builder& build) {
  const std::vector<std::string> xs = node.texts("xs");
  node.ignore("zs");  // values that stay as they are
  const std::string of = node.text("y", "");
  RK_TRY(const ValueId y, node.importer().value_named(node.scope(), of));
  if (xs.empty() || xs.size() > node.inputs().size())
    return invalid("attribute 'xs' names " + std::to_string(xs.size()) +
                   " values, expected at most as many as inputs");
  Composition c(build);
  const Graph& graph = build.graph();
  std::map<ValueId, ValueId> total;
  total[y] = c.expand(c.like(y, 1), c.type(y).shape);
  const Values stops(node.inputs().begin(), node.inputs().end());
  const std::vector<NodeId> order = graph.order();
  for (size_t i = order.size(); i-- > 0 && c.ok();) {
    const Node at = graph[order[i]];  // the graph grows below
    const auto d = total.find(at.outputs[0]);
    if (d == total.end() || std::find(stops.begin(), stops.end(), at.outputs[0]) != stops.end()) continue;
    const ValueId derivative = d->second;
    const Values parts = derivatives_of(c, at.op, at.inputs, at.outputs[0], derivative);
    if (parts.empty()) return unsupported("there is no derivative of " + std::string(at.op.name()));
    for (size_t k = 0; k < parts.size(); ++k) {
      const ValueId part = as_shape_of(c, parts[k], at.inputs[k]);
      const auto [known, is_first] = total.try_emplace(at.inputs[k], part);
      if (!is_first) known->second = c.add(known->second, part);
    }
  }
  Values outputs;
  for (size_t i = 0; i < xs.size(); ++i) {
    const ValueId x = node.input(i);
    const auto found = total.find(x);
    outputs.push_back(found != total.end() ? found->second : c.expand(c.like(x, 0), c.type(x).shape));
  }
  return c.result(outputs);
}

}  // namespace rekindle::onnx
