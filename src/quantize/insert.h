// Making a floating-point graph quantized: explicit quantize and dequantize nodes around convolutions and
// matrix products.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "ir/graph.h"
#include "quantize/table.h"

namespace rekindle::quantize {

/// A contraction that may be computed in integers.
struct Layer {
  NodeId node = NodeId::none;
  ValueId input = ValueId::none;  // its activations
  int64_t channel_axis = 0;       // of its weights: one scale for each index of it
};
/// Convolutions and matrix products of f32 activations with constant f32 weights, in order. What the graph
/// was rewritten to before decides what is found: batch norms should be folded, siblings merged.
std::vector<Layer> quantizable_layers(const Graph& graph);
/// The values that those layers read, each once, in order: what calibration has to observe.
std::vector<ValueId> values_to_observe(const std::vector<Layer>& layers);

struct InsertOptions {
  /// Largest magnitude of a weight: 127, or 63 where the target's multiply-add of bytes saturates 16-bit sums
  /// (x86 before VNNI).
  int weight_limit = 127;
};
struct QuantizedLayer {
  std::string name;         // of the layer's result
  std::string input;        // of what it reads
  double weight_error = 0;  // root mean square of the weights' rounding, of the weights' own
};
/// Activations become u8 with a zero point (scale = (high - low) / 255), weights i8 without one, a scale for
/// each output channel (largest magnitude / weight_limit). A layer whose input has no line in the table stays
/// as it is.
Result<std::vector<QuantizedLayer>> insert_quantization(Graph& graph, const CalibrationTable& table,
                                                        const InsertOptions& options);

}  // namespace rekindle::quantize
