// INT8 for a model in floating point: samples run through it, ranges observed, quantize nodes put in.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "api/builder.h"
#include "quantize/calibrate.h"
#include "quantize/insert.h"

namespace rekindle {

/// Runs the samples at `path` (a folder of .npy and .npz files, or one of them) through the model on the CPU
/// in FP32. Errors: what reading samples and calibrate() refuse, and a model without a convolution or product
/// to quantize.
Result<quantize::Calibration> calibrate_model(const PreparedModel& model, const std::string& path,
                                              const quantize::CalibrationOptions& options, int threads);

/// The model with integer convolutions and products for `target`, as far as the table goes. Errors: a table
/// that has none of the model's values.
Result<Graph> quantized_graph(const PreparedModel& model, const quantize::CalibrationTable& table,
                              const Target& target, std::vector<quantize::QuantizedLayer>* layers = nullptr);

}  // namespace rekindle
