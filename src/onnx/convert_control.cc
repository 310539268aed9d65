// Control flow.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/converter.h"
#include "onnx/importer.h"
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
  auto outputs = build.finish(ops::If{.then_branch = bodies.graphs[0], .else_branch = bodies.graphs[1]},
                              std::move(inputs));
  if (outputs.ok()) return outputs;
  // ranks are fixed here; a condition about sizes is often known once the inputs' shapes are
  return unsupported(outputs.status().message() + "; fixed input shapes may decide the condition");
}

}  // namespace rekindle::onnx
