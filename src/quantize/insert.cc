// Quantize and dequantize nodes, scales and integer weights.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/insert.h"

#include <algorithm>
#include <cmath>

#include "ir/patch.h"
#include "math/conv.h"
#include "math/matmul.h"
#include "math/quantize.h"

namespace rekindle::quantize {

namespace {

bool is_f32(const Graph& graph, ValueId v) { return v != ValueId::none && graph[v].type.dtype == DType::f32; }

/// The axis of the weights that counts output channels; nothing where the node is no layer.
std::optional<int64_t> channel_axis(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 2 || !is_f32(graph, node.inputs[0]) || graph.constant(node.inputs[0]))
    return std::nullopt;
  const Tensor* weight = graph.constant(node.inputs[1]);
  if (!weight || weight->dtype() != DType::f32 || weight->count() == 0) return std::nullopt;
  if (node.op.is<ops::Conv>()) return 0;
  const auto* matmul = node.op.as<ops::Matmul>();
  if (matmul && !matmul->transpose_a && weight->rank() == 2) return matmul->transpose_b ? 0 : 1;
  return std::nullopt;
}

struct QuantizedWeights {
  Tensor values, scales;
  double error = 0;
};

/// Index of an element along `axis`, walking a dense tensor.
QuantizedWeights quantize_weights(const Tensor& weight, int64_t axis, int limit) {
  const Dims& dims = weight.dims();
  const int64_t channels = dims[size_t(axis)];
  int64_t inner = 1;
  for (size_t i = size_t(axis) + 1; i < dims.size(); ++i) inner *= dims[i];
  const float* const from = weight.data<float>();
  QuantizedWeights made{Tensor(DType::i8, dims), Tensor(DType::f32, {channels}), 0};
  float* const scales = made.scales.data<float>();
  for (int64_t i = 0; i < weight.count(); ++i) {
    float& largest = scales[i / inner % channels];
    largest = std::max(largest, std::fabs(from[i]));
  }
  for (int64_t c = 0; c < channels; ++c) scales[c] = scales[c] > 0 ? scales[c] / float(limit) : 1.0f;
  double difference = 0, power = 0;
  for (int64_t i = 0; i < weight.count(); ++i) {
    const float scale = scales[i / inner % channels];
    const float q = std::clamp(std::nearbyint(from[i] / scale), float(-limit), float(limit));
    made.values.data<int8_t>()[i] = int8_t(q);
    const double off = double(q) * double(scale) - double(from[i]);
    difference += off * off;
    power += double(from[i]) * double(from[i]);
  }
  made.error = power > 0 ? std::sqrt(difference / power) : 0;
  return made;
}

/// scale and zero point of u8 over an interval; the zero point is exact, so that zeros are.
std::pair<Tensor, Tensor> unsigned_parameters(const Interval& interval) {
  const float scale = float((double(interval.high) - double(interval.low)) / 255);
  const double zero = std::clamp(std::nearbyint(-double(interval.low) / double(scale)), 0.0, 255.0);
  return {Tensor::scalar(scale), Tensor::scalar(uint8_t(zero))};
}

}  // namespace

std::vector<Layer> quantizable_layers(const Graph& graph) {
  std::vector<Layer> layers;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n))
    if (const auto axis = channel_axis(graph, graph[n])) layers.push_back({n, graph[n].inputs[0], *axis});
  return layers;
}

std::vector<ValueId> values_to_observe(const std::vector<Layer>& layers) {
  std::vector<ValueId> values;
  for (const Layer& layer : layers)
    if (std::find(values.begin(), values.end(), layer.input) == values.end()) values.push_back(layer.input);
  return values;
}

Result<std::vector<QuantizedLayer>> insert_quantization(Graph& graph, const CalibrationTable& table,
                                                        const InsertOptions& options) {
  std::vector<QuantizedLayer> done;
  for (const Layer& layer : quantizable_layers(graph)) {
    const auto entry = table.values.find(graph[layer.input].name);
    if (entry == table.values.end()) continue;
    const Node& node = graph[layer.node];
    Patch patch(graph);
    auto [scale, zero] = unsigned_parameters(entry->second.interval);
    const ValueId s = patch.add_constant(std::move(scale)), z = patch.add_constant(std::move(zero));
    RK_TRY(const ValueId x, patch.add1(ops::QuantizeLinear{.axis = 0, .to = DType::u8}, {layer.input, s, z}));
    RK_TRY(const ValueId back, patch.add1(ops::DequantizeLinear{.axis = 0}, {x, s, z}));
    QuantizedWeights weights =
        quantize_weights(*graph.constant(node.inputs[1]), layer.channel_axis, options.weight_limit);
    const ValueId w = patch.add_constant(std::move(weights.values)),
                  ws = patch.add_constant(std::move(weights.scales));
    RK_TRY(const ValueId wide, patch.add1(ops::DequantizeLinear{.axis = layer.channel_axis}, {w, ws}));
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = back, inputs[1] = wide;
    RK_TRY(const ValueId y, patch.add1(node.op, inputs));
    done.push_back({graph[node.outputs[0]].name, graph[layer.input].name, weights.error});
    patch.replace(node.outputs[0], y);
    RK_CHECK(graph.apply(patch));
  }
  return done;
}

}  // namespace rekindle::quantize
