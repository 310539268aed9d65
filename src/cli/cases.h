// ONNX test cases: a model and data sets of inputs with the outputs that are expected.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "cli/agreement.h"

namespace rekindle::cli {

/// Every folder below `root` that holds a model.onnx, as paths from it, sorted; `filter` is a part of the
/// path.
Result<std::vector<std::string>> find_cases(const std::string& root, const std::string& filter);

enum class Pipeline : uint8_t {
  reference,  // the imported graph, op by op
  optimized,  // the graph after all passes, op by op
  engine,     // built, loaded and run
};
inline constexpr std::array kPipelineNames{std::string_view("reference"), std::string_view("optimized"),
                                           std::string_view("engine")};
constexpr const auto& enum_names(Pipeline) { return kPipelineNames; }

struct CaseOptions {
  Pipeline pipeline = Pipeline::engine;
  std::string target = "cpu";
  Tolerance tolerance;
  int threads = 1;
};
struct CaseResult {
  std::string status;  // passed, failed, unsupported
  std::string reason;
};
/// Runs one case in this process.
CaseResult run_case(const std::filesystem::path& folder, const CaseOptions& options);

}  // namespace rekindle::cli
