// The engine file: header, checksummed sections, and the plans in them. docs/engine-format.md describes the
// bytes. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace rekindle {

inline constexpr uint16_t kEngineMajor = 1, kEngineMinor = 0;

/// What an engine says about itself; no times, no paths. JSON in the META section.
struct EngineMeta {
  std::string producer;    // "rekindle 0.1.0"
  std::string model_hash;  // of the ONNX bytes
  std::string model_name;
  std::string options;  // the build options that matter, as JSON
};

/// One way to run the model: a target and its plan. An engine has one or more over the same weights.
struct Variant {
  Target target;
  Plan plan;
  static constexpr auto fields = rekindle::fields("target", &Variant::target, "plan", &Variant::plan);
};

/// What build writes. Spans must stay valid until save() returns.
struct EngineContents {
  EngineMeta meta;
  std::vector<Variant> variants;
  std::span<const std::byte> code;     // KRNL
  std::span<const std::byte> weights;  // WGHT: 64-byte aligned tensors, equal ones stored once
  std::string tuning;  // TUNE: JSON, which tactic won each region, its rivals, times and reasons
  std::string ir;      // IR: optional; the graph text, so that another machine can lower it again
};
/// The file's bytes, a pure function of the contents.
Result<std::string> engine_bytes(const EngineContents&);
Status save_engine(const EngineContents&, const std::filesystem::path&);  // atomically

/// A loaded file. Weights and code stay mapped as long as this lives.
struct EngineFile {
  EngineMeta meta;
  std::vector<Variant> variants;
  std::span<const std::byte> code, weights;
  std::string tuning, ir;
  uint64_t content_hash = 0;
  std::shared_ptr<const void> owner;  // the mapping or the bytes
};
struct OpenOptions {
  bool verify_weights = true;  // checksum the weight section too (reads all of it)
};
/// Weights in `bytes` that are not 64-byte aligned are copied. Validates everything before anything is used;
/// a damaged or hostile file is an error, whatever its checksums say.
Result<EngineFile> open_engine(const std::filesystem::path&, const OpenOptions& = {});
Result<EngineFile> open_engine_bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                     const OpenOptions& = {});

}  // namespace rekindle
