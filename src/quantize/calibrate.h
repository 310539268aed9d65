// Calibration: samples run through the model twice, and what was counted becomes a table.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "quantize/samples.h"
#include "quantize/table.h"

namespace rekindle::quantize {

/// Runs the floating-point model on one sample and gives the observed values, in the order of their names.
using RunSample = std::function<Result<Tensors>(const NamedTensors& inputs)>;

struct CalibrationOptions {
  Observer observer = Observer::automatic;
  int64_t least_samples = 8;  // fewer are refused
  std::function<void(std::string_view phase, int64_t done, int64_t total)> progress;
};
struct Calibration {
  CalibrationTable table;
  std::vector<std::string> warnings;  // what looks wrong with the samples
  int64_t samples = 0;
};
/// Memory grows with the number of values, not of samples. The table depends on neither the samples' order
/// nor on how they are batched. Errors: too few samples, a value that is NaN; a value that is always zero is
/// left out with a warning.
Result<Calibration> calibrate(const std::vector<std::string>& values, const SampleSource& samples,
                              const RunSample& run, const CalibrationOptions& options);

}  // namespace rekindle::quantize
