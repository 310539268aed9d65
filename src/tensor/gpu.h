// What a GPU can do, as numbers: enough to choose kernels for one that is not here. The files of targets/
// hold those of known GPUs and are part of the library; users may write their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "base/result.h"

namespace rekindle {

/// Instructions that multiply and add, each with its own rate and, under load, its own clock.
enum class GpuMath : uint8_t { f32, f16, dp4a, mma_f16, mma_i8, wgmma_f16, wgmma_i8 };
inline constexpr std::array kGpuMathNames{std::string_view("f32"),     std::string_view("f16"),
                                          std::string_view("dp4a"),    std::string_view("mma_f16"),
                                          std::string_view("mma_i8"),  std::string_view("wgmma_f16"),
                                          std::string_view("wgmma_i8")};
constexpr const auto& enum_names(GpuMath) { return kGpuMathNames; }

/// How FP32 multiply-adds share a scheduler's issue slots with everything else: beside them (a second
/// instruction a clock), every second clock being free of them, or each taking a slot.
enum class GpuIssue : uint8_t { dual, two_clocks, every_clock };
inline constexpr std::array kGpuIssueNames{std::string_view("dual"), std::string_view("two_clocks"),
                                           std::string_view("every_clock")};
constexpr const auto& enum_names(GpuIssue) { return kGpuIssueNames; }

struct GpuRate {
  double per_clock = 0;  // multiply-adds of a multiprocessor; 0: it has no such instruction
  double ghz = 0;        // held under load, which power may keep far below boost
};

struct GpuDescription {
  std::string name, title;  // "p4", "NVIDIA Tesla P4"
  std::string driver_name;  // a part of what the driver calls it
  int sm = 0;               // compute capability times 10
  int multiprocessors = 0;
  double ghz = 0;  // of work that memory bounds
  GpuIssue issue = GpuIssue::every_clock;
  std::array<GpuRate, kGpuMathNames.size()> math;
  // Of a multiprocessor, where not said otherwise.
  int64_t registers = 0, register_granularity = 0;  // 32-bit; what a warp takes is a multiple
  int64_t shared_bytes = 0, shared_block_bytes = 0, shared_granularity = 0, shared_reserved_bytes = 0;
  int warps = 0, blocks = 0;
  double memory_peak = 0, memory = 0;  // 1e9 bytes a second: on paper, and what a copy reaches
  double memory_latency = 0;           // clocks until a load that misses every cache is there
  int64_t l2_bytes = 0;
  double l2 = 0;         // 1e9 bytes a second
  double launch_us = 0;  // between two kernels that do nothing

  const GpuRate& rate(GpuMath m) const { return math[size_t(m)]; }
  /// Multiply-adds a microsecond of the whole GPU.
  double per_us(GpuMath m) const { return rate(m).per_clock * rate(m).ghz * 1e3 * multiprocessors; }
};

/// Reads a description. Errors name the key, its value and what was expected; keys that it does not know are
/// errors too, so that a misspelled number is not taken for its default.
Result<GpuDescription> parse_gpu(std::string_view json);

/// The descriptions in targets/, by name.
const std::vector<std::shared_ptr<const GpuDescription>>& known_gpus();
/// Null when there is none of the name.
std::shared_ptr<const GpuDescription> find_gpu(std::string_view name);
/// The smallest known GPU of the architecture stands for all of it; null when none is known.
std::shared_ptr<const GpuDescription> gpu_of_architecture(int sm);

/// What a driver says of a GPU.
struct GpuFacts {
  std::string name;
  int sm = 0, multiprocessors = 0;
  int64_t l2_bytes = 0;
  double ghz = 0, memory_peak = 0;  // 0: not said
};
/// The known GPU of that name, else one of its architecture (or of the nearest below) with the driver's
/// numbers in place of its own.
std::shared_ptr<const GpuDescription> describe_gpu(const GpuFacts& facts);

}  // namespace rekindle
