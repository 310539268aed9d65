// Control flow.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/sequence.h"
#include "onnx/compose.h"
#include "onnx/import_loops.h"
#include "ops/if.h"

namespace rekindle::onnx {

/// A condition that is known makes the branch part of the graph around it; otherwise both become bodies.
Result<Values> convert_if(NodeReader& node, Builder& build) {
  const ValueId condition = node.input(0);
  const GraphProto *then_branch = node.graph("then_branch"), *else_branch = node.graph("else_branch");
  RK_CHECK(node.attribute_error());
  const TensorType& type = build.type(condition);
  if (type.dtype != DType::boolean || (type.count().as_int() && !type.count().is(1)))
    return invalid("the condition is " + type.to_string() + ", expected one boolean");
  if (const auto known = build.condition_of(condition)) {
    RK_TRY(Values values,
           node.importer().inline_branch(node.scope(), node, *known ? *then_branch : *else_branch));
    if (values.size() != node.output_count())
      return invalid("the branch makes " + std::to_string(values.size()) + " values for " +
                     std::to_string(node.output_count()) + " outputs");
    return values;
  }
  RK_TRY(auto bodies, node.importer().import_bodies(node.scope(), node, {"then_branch", "else_branch"}));
  RK_CHECK(node.importer().settle_ranks(node.scope(), node, bodies));
  Values inputs = {condition};
  inputs.insert(inputs.end(), bodies.captures.begin(), bodies.captures.end());
  const ops::If op{.then_branch = bodies.graphs[0], .else_branch = bodies.graphs[1]};
  const bool tensors_only = std::none_of(bodies.outputs.begin(), bodies.outputs.end(),
                                         [](const auto& kind) { return kind.has_value(); });
  auto outputs = tensors_only ? build.finish(op, std::move(inputs)) : build.add_all(op, std::move(inputs));
  if (outputs.ok()) return Importer::gather_outputs(build, *outputs, bodies.outputs);
  // ranks are fixed here; a condition about sizes is often known once the inputs' shapes are
  return unsupported(outputs.status().message() + "; fixed input shapes may decide the condition");
}

Result<Values> convert_loop(NodeReader& node, Builder& build) {
  Importer::LoopParts parts;
  parts.graph = node.graph("body");
  RK_CHECK(node.attribute_error());
  parts.where = node.where() + "body, ";
  parts.trips = node.input(0);
  parts.condition = node.input(1);
  for (size_t i = 2; i < node.inputs().size(); ++i) {
    RK_TRY(auto carried, carried_value(build, node.input(i)));
    parts.carried.push_back(std::move(carried));
  }
  return node.importer().import_loop(node.scope(), node, parts);
}

namespace {

/// An attribute that holds one number for each of `count` values; zeros when it is absent.
Result<std::vector<int64_t>> for_each_value(NodeReader& node, const char* name, size_t count) {
  std::vector<int64_t> list = node.integers(name);
  if (list.empty()) list.assign(count, 0);
  if (list.size() == count) return list;
  return invalid(std::string("attribute '") + name + "' has " + std::to_string(list.size()) +
                 " elements, expected " + std::to_string(count));
}

/// Scan outputs come stacked along the first axis, in the order of the iterations.
ValueId placed(Composition& c, ValueId stacked, int64_t axis, bool reversed) {
  if (reversed)
    stacked = c(ops::Slice{.axes = {0}, .starts = {c.dim(stacked, 0) - Dim(1)}, .ends = {-1}, .steps = {-1}},
                {stacked});
  const int64_t rank = c.rank(stacked), to = axis < 0 ? axis + rank : axis;
  if (to == 0) return stacked;
  if (to < 0 || to >= rank)
    return c.fail(invalid("a scan output has no axis " + std::to_string(axis))), stacked;
  std::vector<int64_t> perm;
  for (int64_t i = 1; i < rank; ++i) perm.push_back(i);
  perm.insert(perm.begin() + to, 0);
  return c.transpose(stacked, perm);
}

}  // namespace

Result<Values> convert_scan(NodeReader& node, Builder& build) {
  Importer::LoopParts parts;
  parts.form = Importer::LoopParts::Form::scan;
  parts.graph = node.graph("body");
  RK_CHECK(node.attribute_error());
  parts.where = node.where() + "body, ";
  const int64_t scanned = node.integer("num_scan_inputs", 0), given = int64_t(node.inputs().size());
  if (scanned < 1 || scanned > given)
    return invalid("attribute 'num_scan_inputs' is " + std::to_string(scanned) + ", expected 1 to " +
                   std::to_string(given));
  const auto states = size_t(given - scanned);
  for (size_t i = 0; i < states; ++i) {
    RK_TRY(auto carried, carried_value(build, node.input(i)));
    parts.carried.push_back(std::move(carried));
  }
  if (parts.graph->inputs.size() != size_t(given) || parts.graph->outputs.size() < states)
    return invalid("the body takes " + std::to_string(parts.graph->inputs.size()) + " values, expected " +
                   std::to_string(given));
  RK_TRY(parts.axes, for_each_value(node, "scan_input_axes", size_t(scanned)));
  RK_TRY(const auto directions, for_each_value(node, "scan_input_directions", size_t(scanned)));
  for (size_t i = 0; i < size_t(scanned); ++i) {
    const ValueId x = node.input(states + i);
    RK_TRY(parts.axes[i], build.axis_of(x, parts.axes[i]));
    parts.reversed.push_back(directions[i] != 0);
    parts.extras.push_back({parts.graph->inputs[states + i].name, x, {}});
    parts.length = build.type(x).shape[size_t(parts.axes[i])];
  }
  RK_TRY(parts.trips, build.dims_value({parts.length}, true));
  RK_TRY(Values outputs, node.importer().import_loop(node.scope(), node, parts));
  RK_TRY(const auto out_axes, for_each_value(node, "scan_output_axes", outputs.size() - states));
  RK_TRY(const auto out_directions, for_each_value(node, "scan_output_directions", outputs.size() - states));
  Composition c(build);
  for (size_t i = states; i < outputs.size(); ++i)
    outputs[i] = placed(c, outputs[i], out_axes[i - states], out_directions[i - states] != 0);
  return c.result(outputs);
}

Result<Values> convert_sequence_map(NodeReader& node, Builder& build) {
  Importer::LoopParts parts;
  parts.form = Importer::LoopParts::Form::map;
  parts.graph = node.graph("body");
  RK_CHECK(node.attribute_error());
  parts.where = node.where() + "body, ";
  if (parts.graph->inputs.size() != node.inputs().size())
    return invalid("the body takes " + std::to_string(parts.graph->inputs.size()) + " values, expected " +
                   std::to_string(node.inputs().size()));
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    Importer::Captured extra{parts.graph->inputs[i].name, node.input(i), {}};
    if (build.sequence_of(extra.value)) {
      RK_TRY(extra.parts, build.parts_of(extra.value));
      if (i == 0) {
        RK_TRY(parts.trips, build.dims_value({build.type(extra.parts[1]).shape[0]}, true));
      }
    }
    parts.extras.push_back(std::move(extra));
  }
  if (parts.trips == ValueId::none) return invalid("input 0 is a tensor, expected a sequence");
  for (const ValueInfoProto& output : parts.graph->outputs) {
    const auto dtype = dtype_from_onnx(output.type.elem_type);
    if (!dtype) return invalid("the body does not declare the element type of its outputs");
    RK_TRY(auto carried, carried_value(build, build.add_sequence({.dtype = *dtype, .items = Values{}})));
    parts.carried.push_back(std::move(carried));
  }
  return node.importer().import_loop(node.scope(), node, parts);
}

}  // namespace rekindle::onnx
