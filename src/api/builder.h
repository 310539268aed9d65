// The facade's first half: an ONNX model in, an engine's bytes out. The CLI, the C API and Python all build
// through here.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "backends/cuda/compiler.h"
#include "compiler/build.h"
#include "device/device.h"

namespace rekindle {

enum class Precision : uint8_t { fp32, fp16, bf16, int8, best };
inline constexpr std::array kPrecisionNames{std::string_view("fp32"), std::string_view("fp16"),
                                            std::string_view("bf16"), std::string_view("int8"),
                                            std::string_view("best")};
constexpr const auto& enum_names(Precision) { return kPrecisionNames; }

/// The least, usual and largest shape of one input: "--profile in=1x3x32x32:1x3x48x320:8x3x48x1280". Equal
/// dims are fixed.
struct InputProfile {
  Dims min, opt, max;
};

struct BuildOptions {
  std::vector<std::string> targets{"cpu"};
  Precision precision = Precision::fp32;
  /// For int8: samples, or a table that calibrate_model() made of them.
  std::string calibration;
  std::map<std::string, InputProfile> profiles;  // by input name
  int effort = 1;                                // 0 measures nothing … 5 measures everything
  int threads = 0;                               // 0: every core the process may use
  std::string timing_cache;                      // a file, read and written; empty: none
  std::string kernel_cache;  // a folder of compiled CUDA kernels, read and written; empty: none
  int64_t workspace_bytes = int64_t(1) << 30;
  std::vector<std::string> disabled;  // passes, or tactics ("cpu.onednn"); all: "passes", "kernels"
  int limit = INT_MAX;
  std::string dump_passes;  // a folder
  bool keep_ir = false;
  bool allow_links = false;  // external data behind links
  std::function<void(std::string_view phase, int done, int total)> progress;
};

struct BuildReport {
  std::string model_name, producer;
  int onnx_nodes = 0;
  std::vector<std::string> notes;                               // what import found worth saying
  std::vector<std::pair<std::string, CompileReport>> variants;  // by target
  /// Of builds below FP32: for each output the largest difference from the model in FP32 on made-up inputs,
  /// of the output's largest magnitude.
  std::vector<std::pair<std::string, double>> precision_errors;
  int quantized_layers = 0, float_layers = 0;  // of INT8 builds: convolutions and products
  double seconds = 0;
};
struct BuiltEngine {
  std::string bytes;
  BuildReport report;
};

/// Whether the file begins as engine files do; anything else is taken for a model. An error when it cannot be
/// read.
Result<bool> is_engine_file(const std::filesystem::path& path);
/// `model` is an ONNX file, or an engine that holds its graph (then for other targets).
Result<BuiltEngine> build_engine(const std::filesystem::path& model, const BuildOptions& options);
/// External data are looked for in `folder`.
Result<BuiltEngine> build_engine(std::span<const std::byte> model, const std::filesystem::path& folder,
                                 const BuildOptions& options);

/// The emulator of CUDA kernels, which only the project's own programs have: they name it when they start.
/// `device` opens for engines of emulator targets, `compiler` makes their kernels and outlives all builds.
void use_emulator(std::shared_ptr<Device> device, const cuda::KernelCompiler& compiler);
/// Every device of this build, for loading engines.
OpenDevice open_devices();
/// The device and tactics of a target.
Result<Backend> backend_for(const Target& target);
/// Compiled kernels are looked for and kept in the folder for the life of what is returned, which then says
/// through `notes` what was wrong with its files.
Result<std::shared_ptr<void>> use_kernel_cache(const std::string& folder, std::vector<std::string>& notes);
/// parse_target() with what it leaves open asked of this machine: "cuda" becomes the GPU that is here.
Result<Target> resolve_target(const std::string& name);
/// The graph of a model, its symbols fixed or bounded as the profiles say.
struct PreparedModel {
  Graph graph;
  Profile profile;
  EngineMeta meta;
  int node_count = 0;
  std::vector<std::string> notes;
};
Result<PreparedModel> prepare_model(const std::filesystem::path& model, const BuildOptions& options);

}  // namespace rekindle
