// The table that the demo ends with: what became of each network, and how long it takes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ocr_demo {

/// One network. Times are in milliseconds.
struct NetworkReport {
  std::string name;
  std::vector<int64_t> shape;  // of the input that was timed
  int onnx_nodes = 0, kernels = 0;
  uint64_t engine_bytes = 0;
  double build_ms = 0;
  double engine_ms = 0;      // median of some runs
  double reference_ms = 0;   // one run of the model's nodes one after the other, each by its reference
  double largest_error = 0;  // of the engine against the reference, by the largest magnitude of the output
};

/// The middle of some times; of an even number the mean of the two in the middle. `times` is not empty.
double median(std::vector<double> times);

/// A line a network under a line of headings, and a note that says how the times were taken.
std::string format_report(const std::vector<NetworkReport>& networks);

}  // namespace ocr_demo
