// Losses: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
// SPDX-License-Identifier: Apache-2.0
#include "math/softmax.h"
#include "onnx/compose.h"

namespace rekindle::onnx {
namespace {

enum class Reduction : uint8_t { none, sum, mean };

struct Loss {
  Reduction reduction = Reduction::mean;
  std::optional<int64_t> ignored;  // the target that counts nothing
};

Loss read_loss(NodeReader& node) {
  Loss loss;
  loss.reduction = node.choice(
      "reduction", {{"none", Reduction::none}, {"sum", Reduction::sum}, {"mean", Reduction::mean}},
      Reduction::mean);
  if (node.has("ignore_index")) loss.ignored = node.integer("ignore_index", 0);
  return loss;
}

/// -log_probs[n, target[n, d…], d…] * weight[target], reduced.
ValueId likelihood_loss(Composition& c, ValueId log_probs, ValueId target, ValueId weight, const Loss& loss) {
  const Shape shape = c.type(target).shape;
  ValueId ignored = ValueId::none;
  if (loss.ignored) {
    ignored = c.equal(target, c.like(target, double(*loss.ignored)));
    target = c.where(ignored, c.like(target, 0), target);
  }
  Shape column = shape;
  column.insert(column.begin() + std::min<size_t>(1, column.size()), Dim(1));
  const ValueId picked = c(ops::GatherElements{.axis = 1}, {log_probs, c.reshape(target, column)});
  ValueId value = c(ops::Neg{}, {c.reshape(picked, shape)}), counted = ValueId::none;
  const ValueId zero = c.like(value, 0);
  if (weight != ValueId::none) {
    counted = c.gather(weight, target);
    value = c.mul(value, counted);
  } else if (loss.ignored) {
    counted = c.expand(c.like(value, 1), shape);
  }
  if (loss.ignored) {
    value = c.where(ignored, zero, value);
    counted = c.where(ignored, zero, counted);
  }
  if (loss.reduction == Reduction::none) return value;
  if (loss.reduction == Reduction::mean && counted == ValueId::none)
    return c.reduce(ops::ReduceOp::mean, value);
  value = c.reduce(ops::ReduceOp::sum, value);
  if (loss.reduction == Reduction::sum) return value;
  return c.div(value, c.reduce(ops::ReduceOp::sum, counted));
}

Status check_loss_inputs(const NodeReader& node, Builder& build) {
  const TensorType x = build.type(node.input(0)), target = build.type(node.input(1));
  if (x.rank() < 2 || target.rank() != x.rank() - 1)
    return invalid("the input is " + x.to_string() + " and the target " + target.to_string() +
                   ", expected [N, C, …] and [N, …]");
  return {};
}

}  // namespace

Result<Values> convert_nll_loss(NodeReader& node, Builder& build) {
  const Loss loss = read_loss(node);
  RK_CHECK(check_loss_inputs(node, build));
  Composition c(build);
  return c.result({likelihood_loss(c, node.input(0), node.input(1), node.input(2), loss)});
}

Result<Values> convert_softmax_cross_entropy_loss(NodeReader& node, Builder& build) {
  const Loss loss = read_loss(node);
  RK_CHECK(check_loss_inputs(node, build));
  Composition c(build);
  const ValueId log_probs = c(ops::LogSoftmax{.axis = 1}, {node.input(0)});
  return c.result({likelihood_loss(c, log_probs, node.input(1), node.input(2), loss), log_probs});
}

}  // namespace rekindle::onnx
