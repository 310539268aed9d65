// Normalizations.
// SPDX-License-Identifier: Apache-2.0
#include "math/elementwise.h"
#include "math/movement.h"
#include "math/norm.h"
#include "math/reduce.h"
#include "onnx/compose.h"

namespace rekindle::onnx {
namespace {

Status only_first_output(const NodeReader& node, const char* why) {
  for (size_t i = 1; i < node.output_count(); ++i)
    if (node.has_output(i)) return unsupported("output " + std::to_string(i) + " is used; " + why);
  return {};
}

}  // namespace

Result<Values> convert_batch_norm(NodeReader& node, Builder& build) {
  for (const char* hint : {"consumed_inputs", "is_test"}) node.ignore(hint);
  const float epsilon = node.real("epsilon", 1e-5f), momentum = node.real("momentum", 0.9f);
  bool trains = node.flag("training_mode", false);
  for (size_t i = 1; i < node.output_count(); ++i)
    trains = trains || (node.opset() < 14 && node.has_output(i));
  if (trains) return convert_training_batch_norm(node, build, epsilon, momentum);
  RK_CHECK(only_first_output(node, "batch statistics exist only in training"));
  if (!node.flag("spatial", true))
    return unsupported("spatial is 0 (statistics for each element), expected 1");
  return build.finish(ops::BatchNorm{.epsilon = epsilon}, node.inputs_up_to(5));
}

Result<Values> convert_instance_norm(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  return build.finish(ops::InstanceNorm{.epsilon = node.real("epsilon", 1e-5f)}, node.inputs_up_to(3));
}

namespace {

/// Mean and 1/sqrt(variance + epsilon) over the axes from `axis` on, as LayerNormalization's second and third
/// outputs.
Result<std::pair<ValueId, ValueId>> statistics(Builder& build, ValueId x, int64_t axis, float epsilon) {
  const DType dtype = build.type(x).dtype;
  if (dtype == DType::f16 || dtype == DType::bf16) {
    RK_TRY(x, build.cast(x, DType::f32));
  }
  std::vector<int64_t> axes;
  for (int64_t i = axis; i < build.rank(x); ++i) axes.push_back(i);
  const ops::Reduce average{.op = ops::ReduceOp::mean, .axes = axes, .keepdims = true};
  RK_TRY(const ValueId mean, build.add(average, {x}));
  RK_TRY(const ValueId centred, build.add(ops::Sub{}, {x, mean}));
  RK_TRY(const ValueId squares, build.add(ops::Square{}, {centred}));
  RK_TRY(ValueId deviation, build.add(average, {squares}));
  RK_TRY(const ValueId small, build.scalar_like(deviation, epsilon));
  RK_TRY(deviation, build.add(ops::Add{}, {deviation, small}));
  RK_TRY(deviation, build.add(ops::Sqrt{}, {deviation}));
  RK_TRY(const ValueId inverse, build.add(ops::Reciprocal{}, {deviation}));
  return std::pair(mean, inverse);
}

Result<float> read_epsilon(NodeReader& node) {
  const int64_t stash = node.integer("stash_type", 1);
  if (stash != 1)
    return unsupported("attribute 'stash_type' is " + std::to_string(stash) +
                       ", expected 1 (statistics in f32)");
  return node.real("epsilon", 1e-5f);
}

}  // namespace

Result<Values> convert_layer_norm(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  RK_TRY(const int64_t axis, build.axis_of(x, node.integer("axis", -1)));
  RK_TRY(const float epsilon, read_epsilon(node));
  RK_TRY(Values outputs,
         build.finish(ops::LayerNorm{.axis = axis, .epsilon = epsilon}, node.inputs_up_to(3)));
  if (!node.has_output(1) && !node.has_output(2)) return outputs;
  RK_TRY(const auto extra, statistics(build, x, axis, epsilon));
  return Values{outputs[0], extra.first, extra.second};
}

Result<Values> convert_rms_norm(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  RK_TRY(const int64_t axis, build.axis_of(x, node.integer("axis", -1)));
  RK_TRY(const float epsilon, read_epsilon(node));
  RK_CHECK(only_first_output(node, "the inverse deviation is not supported"));
  return build.finish(ops::RmsNorm{.axis = axis, .epsilon = epsilon}, node.inputs_up_to(2));
}

/// com.microsoft: normalises input + skip [+ bias]; the sum may be an output too.
Result<Values> convert_skip_layer_norm(NodeReader& node, Builder& build) {
  const bool simplified = node.op_type() == "SkipSimplifiedLayerNormalization";
  const float epsilon = node.real("epsilon", 1e-12f);
  if (node.has_output(1) || node.has_output(2))
    return unsupported("the mean or inverse deviation is used, which is not supported");
  RK_TRY(ValueId sum, build.add(ops::Add{}, {node.input(0), node.input(1)}));
  const size_t bias = simplified ? 3 : 4;
  if (node.has_input(bias)) {
    RK_TRY(sum, build.add(ops::Add{}, {sum, node.input(bias)}));
  }
  Values outputs;
  if (simplified) {
    RK_TRY(outputs, build.finish(ops::RmsNorm{.axis = -1, .epsilon = epsilon}, {sum, node.input(2)}));
  } else {
    Values inputs = {sum, node.input(2)};
    if (node.has_input(3)) inputs.push_back(node.input(3));
    RK_TRY(outputs, build.finish(ops::LayerNorm{.axis = -1, .epsilon = epsilon}, std::move(inputs)));
  }
  return Values{outputs[0], ValueId::none, ValueId::none, sum};
}

namespace {

/// One scale a group, as opset 18 has them, repeated for each channel.
Result<ValueId> repeat_for_channels(Builder& build, ValueId scale, int64_t groups, const Dim& channels) {
  const Dim each = floor_div(channels, groups);
  RK_TRY(const ValueId column, build.reshape(scale, {groups, 1}));
  RK_TRY(const ValueId wide, build.add(ops::Expand{.shape = {groups, each}}, {column}));
  return build.reshape(wide, {channels});
}

}  // namespace

Result<Values> convert_group_norm(NodeReader& node, Builder& build) {
  const TensorType x = build.type(node.input(0));
  if (x.rank() < 2) return invalid("the input is " + x.to_string() + ", expected a rank of at least 2");
  const int64_t groups = node.integer("num_groups", 0);
  const Dim& channels = x.shape[1];
  if (groups < 1 || (channels.as_int() && *channels.as_int() % groups != 0))
    return invalid("attribute 'num_groups' is " + std::to_string(groups) + ", expected a divisor of " +
                   channels.to_string());
  RK_TRY(const float epsilon, read_epsilon(node));
  ValueId scale = node.input(1), bias = node.input(2);
  if (node.opset() < 21) {
    for (ValueId* v : {&scale, &bias}) {
      if (build.rank(*v) != 1 || (build.type(*v).shape[0].as_int() && !build.type(*v).shape[0].is(groups)))
        return invalid("scale or bias is " + build.type(*v).to_string() +
                       ", expected one element for each of the " + std::to_string(groups) + " groups");
      RK_TRY(*v, repeat_for_channels(build, *v, groups, channels));
    }
  }
  return build.finish(ops::GroupNorm{.groups = groups, .epsilon = epsilon}, {node.input(0), scale, bias});
}

Result<Values> convert_lp_normalization(NodeReader& node, Builder& build) {
  return build.finish(ops::LpNormalize{.axis = node.integer("axis", -1), .p = node.integer("p", 2)},
                      {node.input(0)});
}

Result<Values> convert_mean_variance_normalization(NodeReader& node, Builder& build) {
  return build.finish(ops::MeanVarianceNormalize{.axes = node.integers("axes", {0, 2, 3})}, {node.input(0)});
}

Result<Values> convert_lrn(NodeReader& node, Builder& build) {
  ops::Lrn op;
  op.size = node.integer("size", 0);
  op.alpha = node.real("alpha", op.alpha);
  op.beta = node.real("beta", op.beta);
  op.bias = node.real("bias", op.bias);
  return build.finish(op, {node.input(0)});
}

}  // namespace rekindle::onnx
