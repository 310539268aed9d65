// Reductions, softmax and its relatives, cumulative sums.
// SPDX-License-Identifier: Apache-2.0
#include "math/cumulative.h"
#include "math/elementwise.h"
#include "math/movement.h"
#include "math/reduce.h"
#include "math/softmax.h"
#include "onnx/converter.h"
#include "onnx/dims.h"

namespace rekindle::onnx {
namespace {

Result<ops::ReduceOp> reduce_op(std::string_view op_type) {
  using enum ops::ReduceOp;
  constexpr std::pair<std::string_view, ops::ReduceOp> kOps[] = {{"ReduceSum", sum},
                                                                 {"ReduceMean", mean},
                                                                 {"ReduceMax", max},
                                                                 {"ReduceMin", min},
                                                                 {"ReduceProd", prod},
                                                                 {"ReduceL1", l1},
                                                                 {"ReduceL2", l2},
                                                                 {"ReduceLogSum", log_sum},
                                                                 {"ReduceLogSumExp", log_sum_exp},
                                                                 {"ReduceSumSquare", sum_square}};
  for (const auto& [name, op] : kOps)
    if (name == op_type) return op;
  return Status::error(Code::internal, std::string(op_type) + " is no reduction");
}

}  // namespace

Result<Values> convert_reduce(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  ops::Reduce op;
  RK_TRY(op.op, reduce_op(node.op_type()));
  op.keepdims = node.flag("keepdims", true);
  const bool axes_are_input = node.opset() >= (node.op_type() == "ReduceSum" ? 13 : 18);
  if (!axes_are_input) {
    op.axes = node.integers("axes");
    return build.finish(std::move(op), {x});
  }
  const bool noop = node.flag("noop_with_empty_axes", false);
  if (node.has_input(1)) {
    const auto axes = build.integers_of(node.input(1));
    if (!axes) {
      const Shape& shape = build.type(node.input(1)).shape;
      const bool is_empty = !shape.empty() && shape[0].is(0);
      if (!is_empty && noop && !(shape.size() == 1 && shape[0].as_int()))
        return unsupported(
            "whether there are any axes is only known by running, and noop_with_empty_axes is set");
      if (!is_empty) return build.finish(std::move(op), {x, node.input(1)});
    } else {
      op.axes = *axes;
    }
  }
  if (!op.axes.empty() || !noop) return build.finish(std::move(op), {x});
  // every element is a set of its own: what is not folding still happens, as in ReduceL1 or ReduceSumSquare
  Shape wider = build.type(x).shape;
  wider.push_back(1);
  RK_TRY(const ValueId single, build.reshape(x, std::move(wider)));
  op.axes = {-1};
  op.keepdims = false;
  return build.finish(std::move(op), {single});
}

Result<Values> convert_arg_reduce(NodeReader& node, Builder& build) {
  ops::ArgReduce op;
  op.op = node.op_type() == "ArgMax" ? ops::ArgReduceOp::max : ops::ArgReduceOp::min;
  op.axis = node.integer("axis", 0);
  op.keepdims = node.flag("keepdims", true);
  op.select_last = node.flag("select_last_index", false);
  return build.finish(op, {node.input(0)});
}

namespace {

/// Hardmax along the last axis of x: 1 at the first largest element.
Result<ValueId> hardmax(Builder& build, ValueId x) {
  const TensorType type = build.type(x);
  RK_TRY(const ValueId index,
         build.add(ops::ArgReduce{.op = ops::ArgReduceOp::max, .axis = -1, .keepdims = false}, {x}));
  RK_TRY(Tensor values, Tensor::make(type.dtype, {2}));
  values.set_double(1, 1);
  return build.add(ops::OneHot{.axis = -1, .depth = type.shape.back()},
                   {index, build.constant(std::move(values))});
}

Result<ValueId> normalize_last(NodeReader& node, Builder& build, ValueId x) {
  if (node.op_type() == "Hardmax") return hardmax(build, x);
  if (node.op_type() == "LogSoftmax") return build.add(ops::LogSoftmax{.axis = -1}, {x});
  return build.add(ops::Softmax{.axis = -1}, {x});
}

}  // namespace

Result<Values> convert_softmax(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const bool flattens = node.opset() < 13;
  const int rank = build.rank(x);
  RK_TRY(const int64_t axis, build.axis_of(x, node.integer("axis", flattens ? 1 : -1)));
  const Shape shape = build.type(x).shape;
  if (flattens && axis + 1 != rank) {  // over all dims from `axis` on, taken as one
    RK_TRY(ValueId y, build.reshape(x, {product(shape, 0, size_t(axis)), product(shape, size_t(axis))}));
    RK_TRY(y, normalize_last(node, build, y));
    return build.finish(ops::Reshape{.shape = shape}, {y});
  }
  if (node.op_type() == "Softmax") return build.finish(ops::Softmax{.axis = axis}, {x});
  if (node.op_type() == "LogSoftmax") return build.finish(ops::LogSoftmax{.axis = axis}, {x});
  std::vector<int64_t> perm;  // swaps the axis with the last: its own inverse
  for (int i = 0; i < rank; ++i) perm.push_back(i == axis ? rank - 1 : i + 1 == rank ? axis : i);
  if (axis + 1 == rank) return one(hardmax(build, x));
  RK_TRY(ValueId y, build.transpose(x, perm));
  RK_TRY(y, hardmax(build, y));
  return build.finish(ops::Transpose{.perm = perm}, {y});
}

/// An axis that only running tells: the results along all of them, of which one is taken.
Result<Values> convert_cumulative(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  ops::Cumulative op;
  op.op = node.op_type() == "CumProd" ? ops::CumulativeOp::prod : ops::CumulativeOp::sum;
  op.exclusive = node.flag("exclusive", false);
  op.reverse = node.flag("reverse", false);
  if (const auto axis = build.integers_of(node.input(1)); axis && axis->size() == 1) {
    op.axis = (*axis)[0];
    return build.finish(op, {x});
  }
  if (!build.type(node.input(1)).count().is(1) || build.rank(x) == 0 || build.rank(x) > 8)
    return unsupported("the axis is " + build.type(node.input(1)).to_string() +
                       " and only known by running, expected one constant");
  Shape wider = build.type(x).shape;
  wider.insert(wider.begin(), 1);
  Values all;
  for (op.axis = 0; op.axis < build.rank(x); ++op.axis) {
    RK_TRY(const ValueId y, build.add(op, {x}));
    RK_TRY(all.emplace_back(), build.reshape(y, wider));
  }
  RK_TRY(const ValueId stacked, build.add(ops::Concat{.axis = 0}, all));
  RK_TRY(const ValueId axis, build.reshape(node.input(1), {}));
  return build.finish(ops::Gather{.axis = 0}, {stacked, axis});
}

namespace {

Result<std::vector<int64_t>> spatial_axes(Builder& build, ValueId x) {
  if (build.rank(x) < 2)
    return invalid("the input is " + build.type(x).to_string() + ", expected a rank of at least 2");
  std::vector<int64_t> axes;
  for (int i = 2; i < build.rank(x); ++i) axes.push_back(i);
  return axes;
}

}  // namespace

Result<Values> convert_global_pool(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  RK_TRY(std::vector<int64_t> axes, spatial_axes(build, x));
  if (axes.empty()) return Values{x};  // empty axes would mean all
  ops::Reduce op{.op = ops::ReduceOp::mean, .axes = std::move(axes), .keepdims = true};
  if (node.op_type() == "GlobalMaxPool") op.op = ops::ReduceOp::max;
  if (node.op_type() != "GlobalLpPool") return build.finish(std::move(op), {x});
  const auto p = node.opset() < 2 ? double(node.real("p", 2)) : double(node.integer("p", 2));
  if (p == 1 || p == 2) {
    op.op = p == 1 ? ops::ReduceOp::l1 : ops::ReduceOp::l2;
    return build.finish(std::move(op), {x});
  }
  if (!(p > 0)) return invalid("attribute 'p' is " + std::to_string(p) + ", expected more than 0");
  op.op = ops::ReduceOp::sum;
  RK_TRY(ValueId y, build.add(ops::Abs{}, {x}));
  RK_TRY(const ValueId power, build.scalar_like(x, p));
  RK_TRY(y, build.add(ops::Pow{}, {y, power}));
  RK_TRY(y, build.add(std::move(op), {y}));
  RK_TRY(const ValueId root, build.scalar_like(x, 1 / p));
  return build.finish(ops::Pow{}, {y, root});
}

}  // namespace rekindle::onnx
