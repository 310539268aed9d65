// fold-batch-norm: y = contraction(x)·s + t with constant per-channel s and t moves s into the weights and t
// into the bias. Batch norms, and multiplications and additions by constants, are all of that form. A batch
// norm with no contraction before it becomes a multiplication and an addition.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>

#include "ir/patch.h"
#include "math/conv.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/norm.h"
#include "passes/passes.h"

namespace rekindle::passes {

namespace {

/// y = x·scale + shift along one axis; an empty vector means ones or zeros.
struct Affine {
  std::vector<double> scale, shift;
  ValueId input = ValueId::none;
};

/// The channels of the contraction's output: which axis, how many, and where they lie in the weight.
struct Channels {
  size_t axis = 0, weight_axis = 0;
  int64_t count = 0, groups = 1;
};

/// A constant that varies along `axis` of the output alone, one number a channel.
std::optional<std::vector<double>> per_channel(const Graph& graph, ValueId v, const Shape& out,
                                               const Channels& channels) {
  const Tensor* c = graph.constant(v);
  if (!c || !is_float(c->dtype()) || size_t(c->rank()) > out.size()) return std::nullopt;
  const size_t lead = out.size() - size_t(c->rank());
  for (size_t i = 0; i < c->dims().size(); ++i)
    if (c->dims()[i] != 1 && (lead + i != channels.axis || c->dims()[i] != channels.count))
      return std::nullopt;
  std::vector<double> values(size_t(channels.count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = c->as_double(c->count() == 1 ? 0 : int64_t(i));
  return values;
}

std::optional<Channels> channels_of(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 2) return std::nullopt;
  const Tensor* w = graph.constant(node.inputs[1]);
  if (!w || w->dtype() != DType::f32) return std::nullopt;
  const size_t rank = graph[node.outputs[0]].type.shape.size();
  if (const auto* conv = node.op.as<ops::Conv>())
    return Channels{conv->layout == ops::Layout::nchw ? 1 : rank - 1, 0, w->dims()[0], 1};
  if (const auto* conv = node.op.as<ops::ConvTranspose>())
    return Channels{conv->layout == ops::Layout::nchw ? 1 : rank - 1, 1, w->dims()[1] * conv->group,
                    conv->group};
  if (const auto* matmul = node.op.as<ops::Matmul>(); matmul && w->rank() == 2 && rank >= 1)
    return Channels{rank - 1, matmul->transpose_b ? size_t(0) : size_t(1),
                    w->dims()[matmul->transpose_b ? 0 : 1], 1};
  return std::nullopt;
}

std::optional<Affine> batch_norm_affine(const Graph& graph, const Node& node) {
  const auto* norm = node.op.as<ops::BatchNorm>();
  if (!norm) return std::nullopt;
  const Tensor *gamma = graph.constant(node.inputs[1]), *beta = graph.constant(node.inputs[2]),
               *mean = graph.constant(node.inputs[3]), *variance = graph.constant(node.inputs[4]);
  if (!gamma || !beta || !mean || !variance) return std::nullopt;
  Affine affine;
  affine.input = node.inputs[0];
  for (int64_t i = 0; i < gamma->count(); ++i) {
    const double scale = gamma->as_double(i) / std::sqrt(variance->as_double(i) + double(norm->epsilon));
    affine.scale.push_back(scale);
    affine.shift.push_back(beta->as_double(i) - mean->as_double(i) * scale);
  }
  return affine;
}

/// The node as a per-channel affine map of its variable input, when it is one.
std::optional<Affine> affine_of(const Graph& graph, const Node& node, const Channels& channels) {
  if (auto affine = batch_norm_affine(graph, node)) return affine;
  if (node.inputs.size() != 2) return std::nullopt;
  const Shape& out = graph[node.outputs[0]].type.shape;
  for (int side = 0; side < 2; ++side) {
    const ValueId x = node.inputs[size_t(side)];
    if (graph.constant(x) || graph[x].type.shape != out) continue;
    const auto c = per_channel(graph, node.inputs[size_t(1 - side)], out, channels);
    if (!c) continue;
    Affine affine;
    affine.input = x;
    const auto map = [&](auto f) {
      std::vector<double> values;
      for (double v : *c) values.push_back(f(v));
      return values;
    };
    if (node.op.is<ops::Mul>()) return affine.scale = *c, affine;
    if (node.op.is<ops::Add>()) return affine.shift = *c, affine;
    if (node.op.is<ops::Sub>() && side == 0) return affine.shift = map([](double v) { return -v; }), affine;
    if (node.op.is<ops::Div>() && side == 0)
      return affine.scale = map([](double v) { return 1 / v; }), affine;
  }
  return std::nullopt;
}

/// The weight with every element of output channel o multiplied by scale[o].
Tensor scaled_weight(const Tensor& w, const Channels& channels, const std::vector<double>& scale) {
  Tensor out = w.clone();
  const Dims strides = contiguous_strides(w.dims());
  const int64_t stride = strides[channels.weight_axis], size = w.dims()[channels.weight_axis];
  const int64_t outer = strides[0] * w.dims()[0];
  float* p = out.data<float>();
  for (int64_t i = 0; i < outer; ++i) {
    int64_t channel = i / stride % size;
    // A transposed convolution numbers its output channels group by group, and groups lie along the input
    // channels.
    if (channels.groups > 1) channel += i / strides[0] / (w.dims()[0] / channels.groups) * size;
    p[i] = float(double(p[i]) * scale[size_t(channel)]);
  }
  return out;
}

Tensor bias_of(const Tensor* old, const Affine& affine, int64_t count) {
  Tensor bias(DType::f32, {count});
  for (int64_t i = 0; i < count; ++i) {
    double b = old ? old->as_double(old->count() == 1 ? 0 : i) : 0;
    if (!affine.scale.empty()) b *= affine.scale[size_t(i)];
    if (!affine.shift.empty()) b += affine.shift[size_t(i)];
    bias.data<float>()[i] = float(b);
  }
  return bias;
}

/// Folds `node` into the contraction that makes its input; false when it has none, or one with other readers.
Result<bool> fold_into_weights(Graph& graph, NodeId id) {
  const Node& node = graph[id];
  for (ValueId in : node.inputs) {
    if (in == ValueId::none) continue;
    const Node* before = graph.producer(in);
    if (!before || graph.use_count(in) != 1) continue;
    const auto channels = channels_of(graph, *before);
    if (!channels) continue;
    const auto affine = affine_of(graph, node, *channels);
    if (!affine || affine->input != in) continue;
    const bool is_conv = !before->op.is<ops::Matmul>();
    if (!is_conv && affine->scale.empty())
      return false;  // an addition after a matmul stays: it fuses as it is
    const bool has_bias = before->inputs.size() > 2 && before->inputs[2] != ValueId::none;
    const Tensor* bias = has_bias ? graph.constant(before->inputs[2]) : nullptr;
    if (has_bias && !bias) return false;
    Patch patch(graph);
    std::vector<ValueId> inputs{before->inputs[0], before->inputs[1]};
    if (!affine->scale.empty())
      inputs[1] =
          patch.add_constant(scaled_weight(*graph.constant(before->inputs[1]), *channels, affine->scale));
    if (is_conv) inputs.push_back(patch.add_constant(bias_of(bias, *affine, channels->count)));
    RK_TRY(ValueId now, patch.add1(before->op, inputs));
    if (!is_conv && !affine->shift.empty()) {
      RK_TRY(now, patch.add1(ops::Add{}, {now, patch.add_constant(bias_of(nullptr, {{}, affine->shift, {}},
                                                                          channels->count))}));
    }
    patch.replace(node.outputs[0], now);
    RK_CHECK(graph.apply(patch));
    return true;
  }
  return false;
}

/// A batch norm that nothing takes in: x·s + t with constants shaped to broadcast along axis 1.
Result<bool> spell_out(Graph& graph, NodeId id) {
  const Node& node = graph[id];
  const auto affine = batch_norm_affine(graph, node);
  const TensorType& type = graph[node.outputs[0]].type;
  if (!affine || type.dtype != DType::f32) return false;
  Dims shape(size_t(std::max(type.rank() - 1, 1)), 1);
  shape[0] = int64_t(affine->scale.size());
  Tensor scale(DType::f32, shape), shift(DType::f32, shape);
  for (int64_t i = 0; i < shape[0]; ++i) {
    scale.data<float>()[i] = float(affine->scale[size_t(i)]);
    shift.data<float>()[i] = float(affine->shift[size_t(i)]);
  }
  Patch patch(graph);
  RK_TRY(ValueId product, patch.add1(ops::Mul{}, {affine->input, patch.add_constant(scale)}));
  RK_TRY(ValueId sum, patch.add1(ops::Add{}, {product, patch.add_constant(shift)}));
  patch.replace(node.outputs[0], sum);
  RK_CHECK(graph.apply(patch));
  return true;
}

}  // namespace

Result<int> fold_batch_norm(Graph& graph, PassContext& context) {
  int changes = 0;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    if (context.budget <= 0) break;
    RK_TRY(bool folded, fold_into_weights(graph, n));
    if (!folded && graph.is_live(n) && graph[n].op.is<ops::BatchNorm>()) {
      RK_TRY(folded, spell_out(graph, n));
    }
    if (folded) ++changes, context.take_budget();
  }
  return changes;
}

}  // namespace rekindle::passes
