// Lays the table out.
// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <algorithm>
#include <cstdio>

namespace ocr_demo {
namespace {

std::string text_of(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t side : shape) text += (text.empty() ? "" : "x") + std::to_string(side);
  return text;
}

/// Three digits, whatever the size: a second decimal of 1700 ms would say what nobody measured.
std::string text_of(double milliseconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f ms",
                milliseconds < 10    ? 2
                : milliseconds < 100 ? 1
                                     : 0,
                milliseconds);
  return text;
}

}  // namespace

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const size_t half = times.size() / 2;
  return times.size() % 2 == 1 ? times[half] : (times[half - 1] + times[half]) / 2;
}

std::string format_report(const std::vector<NetworkReport>& networks) {
  char line[256];
  std::snprintf(line, sizeof line, "%-12s %10s %7s %9s %10s  %-14s %9s %10s %8s %9s\n", "", "ONNX nodes",
                "kernels", "engine", "build", "input", "latency", "reference", "speed-up", "error");
  std::string text = line;
  for (const NetworkReport& n : networks) {
    std::snprintf(line, sizeof line, "%-12s %10d %7d %6.1f MB %10s  %-14s %9s %10s %7.1fx %9.1e\n",
                  n.name.c_str(), n.onnx_nodes, n.kernels, double(n.engine_bytes) / 1e6,
                  text_of(n.build_ms).c_str(), text_of(n.shape).c_str(), text_of(n.engine_ms).c_str(),
                  text_of(n.reference_ms).c_str(), n.reference_ms / n.engine_ms, n.largest_error);
    text += line;
  }
  return text +
         "latency: the engine, median of its runs on this input from the picture; reference: the model's "
         "nodes one by\n"
         "one, unfused, each by its reference kernel, one run; error: largest difference by the largest "
         "value\n";
}

}  // namespace ocr_demo
