// Ops that pick or place elements by index or by value.
// SPDX-License-Identifier: Apache-2.0
#include "math/cast.h"
#include "math/movement.h"
#include "math/selection.h"
#include "onnx/converter.h"
#include "onnx/dims.h"

namespace rekindle::onnx {

Result<Values> convert_gather(NodeReader& node, Builder& build) {
  return build.finish(ops::Gather{.axis = node.integer("axis", 0)}, {node.input(0), node.input(1)});
}

Result<Values> convert_gather_elements(NodeReader& node, Builder& build) {
  return build.finish(ops::GatherElements{.axis = node.integer("axis", 0)}, {node.input(0), node.input(1)});
}

Result<Values> convert_gather_nd(NodeReader& node, Builder& build) {
  return build.finish(ops::GatherNd{.batch_dims = node.integer("batch_dims", 0)},
                      {node.input(0), node.input(1)});
}

namespace {

ops::ScatterReduction reduction_of(NodeReader& node) {
  using enum ops::ScatterReduction;
  return node.choice("reduction", {{"none", none}, {"add", add}, {"mul", mul}, {"max", max}, {"min", min}},
                     none);
}

}  // namespace

Result<Values> convert_scatter_elements(NodeReader& node, Builder& build) {
  ops::ScatterElements op;
  op.axis = node.integer("axis", 0);
  op.reduction = reduction_of(node);
  return build.finish(op, node.inputs_up_to(3));
}

Result<Values> convert_scatter_nd(NodeReader& node, Builder& build) {
  return build.finish(ops::ScatterNd{.reduction = reduction_of(node)}, node.inputs_up_to(3));
}

Result<Values> convert_top_k(NodeReader& node, Builder& build) {
  ops::TopK op;
  op.axis = node.integer("axis", -1);
  op.largest = node.flag("largest", true);
  op.sorted = node.flag("sorted", true);
  const ValueId x = node.input(0);
  if (node.opset() < 10) {
    op.k = node.integer("k", -1);
  } else {
    const auto k = build.dims_of(node.input(1));
    if (!k) return build.finish(op, {x, node.input(1)});
    if (k->size() != 1) return invalid("k has " + std::to_string(k->size()) + " elements, expected 1");
    op.k = (*k)[0];
  }
  if (certain_range(op.k).max < 0) return invalid("k is " + op.k.to_string() + ", expected at least 0");
  return build.finish(op, {x});
}

Result<Values> convert_non_zero(NodeReader& node, Builder& build) {
  return build.finish(ops::NonZero{}, {node.input(0)});
}

Result<Values> convert_compress(NodeReader& node, Builder& build) {
  ops::Compress op;
  if (node.has("axis")) op.axis = node.integer("axis", 0);
  return build.finish(op, {node.input(0), node.input(1)});
}

Result<Values> convert_unique(NodeReader& node, Builder& build) {
  ops::Unique op;
  if (node.has("axis")) op.axis = node.integer("axis", 0);
  op.sorted = node.flag("sorted", true);
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_non_max_suppression(NodeReader& node, Builder& build) {
  return build.finish(ops::NonMaxSuppression{.center_point_box = node.flag("center_point_box", false)},
                      node.inputs_up_to(5));
}

Result<Values> convert_one_hot(NodeReader& node, Builder& build) {
  ops::OneHot op;
  op.axis = node.integer("axis", -1);
  const ValueId indices = node.input(0), depth = node.input(1), values = node.input(2);
  if (auto known = build.dims_of(depth); known && known->size() == 1) {
    op.depth = (*known)[0];
    if (certain_range(op.depth).max < 0)
      return invalid("the depth is " + op.depth.to_string() + ", expected at least 0");
    return build.finish(op, {indices, values});
  }
  if (const Tensor* t = build.constant_of(depth); t && t->count() == 1) {  // depth may be a float
    const double d = t->as_double(0);
    if (!(d >= 0 && d < double(int64_t(1) << 48)))
      return invalid("the depth is " + std::to_string(d) + ", expected 0 to 2^48");
    op.depth = int64_t(d);
    return build.finish(op, {indices, values});
  }
  RK_TRY(const ValueId wide, build.cast(depth, DType::i64));
  return build.finish(op, {indices, values, wide});
}

}  // namespace rekindle::onnx
