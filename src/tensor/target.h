// What we build for, as plain data: one can build for a GPU one does not have.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/fields.h"
#include "base/result.h"

namespace rekindle {

/// CPU instruction-set levels that kernels are compiled for, least first. Each includes the ones before it.
enum class Isa : uint8_t { baseline, avx2, avx512 };
inline constexpr std::array kIsaNames{std::string_view("baseline"), std::string_view("avx2"),
                                      std::string_view("avx512")};
constexpr const auto& enum_names(Isa) { return kIsaNames; }

struct GpuDescription;

struct Target {
  std::string name = "cpu";    // as the user wrote it: "cpu", "cpu:avx2", "cuda:p4"
  std::string device = "cpu";  // which backend: cpu, cuda, emulator
  Isa isa = Isa::baseline;     // cpu only: the highest level kernels may use
  int threads = 1;             // cpu only: what tuning measures with
  int sm = 0;                  // cuda only: compute capability times 10
  int units = 0;               // cores or SMs
  int64_t fast_memory = 0;     // shared memory a block, or L2 a core, in bytes
  /// cuda only: what tactics may know of the GPU; set when `sm` is. No field: engines do not hold it.
  std::shared_ptr<const GpuDescription> gpu = nullptr;
  static constexpr auto fields = rekindle::fields(
      "name", &Target::name, "device", &Target::device, "isa", &Target::isa, "threads", &Target::threads,
      "sm", &Target::sm, "units", &Target::units, "fast_memory", &Target::fast_memory);
};

/// The level this machine can run (CPUID and the operating system's XCR0 both asked).
Isa detect_isa();
/// "cpu" is this machine's level; "cpu:baseline", "cpu:avx2", "cpu:avx512" cap it. "cuda:p4" is a GPU of
/// targets/, "cuda:sm_75" the smallest known one of that architecture, "cuda:path/to/file.json" the one that
/// the file describes; each may end in ":ptx". Errors list what is known.
Result<Target> parse_target(const std::string& name);

}  // namespace rekindle
