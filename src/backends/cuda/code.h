// A compiled kernel as it travels in an engine: machine code for one architecture, PTX for later ones, or
// code for the emulator.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/encode.h"

namespace rekindle::cuda {

enum class CodeKind : uint8_t { cubin, ptx, emulated };
inline constexpr std::array kCodeKindNames{std::string_view("cubin"), std::string_view("ptx"),
                                           std::string_view("emulated")};
constexpr const auto& enum_names(CodeKind) { return kCodeKindNames; }

/// Machine code runs on GPUs of its major version and at least its minor one, PTX on all from `sm` on. What
/// is emulated is a shared object of the host that behaves as the kernel does on `sm`; no GPU runs it.
struct CodeImage {
  CodeKind kind = CodeKind::cubin;
  uint32_t sm = 0;  // compute capability times 10
  std::string bytes;
  static constexpr auto fields =
      rekindle::fields("kind", &CodeImage::kind, "sm", &CodeImage::sm, "bytes", &CodeImage::bytes);
};

/// What the KRNL section holds for a kernel, in the order of preference.
struct CodeBundle {
  std::vector<CodeImage> images;
  static constexpr auto fields = rekindle::fields("images", &CodeBundle::images);
};

/// How a kernel is launched: KernelImage::params of the CUDA backend. Its arguments are the addresses of the
/// step's inputs, of its outputs, of the workspace and of the counters (when there are any), then the scalars
/// as 32-bit integers.
struct LaunchParams {
  std::vector<uint32_t> block;          // threads along x, y, z; 1 to 3 numbers
  uint32_t shared_bytes = 0;            // dynamic shared memory
  bool has_workspace = false;           // then scalars[0] is its size in bytes, and no argument
  uint32_t zeroed_workspace_bytes = 0;  // how much of its start is set to 0 before each launch
  bool has_counters =
      false;  // then the next scalar is how many 32-bit numbers: 0 at first, and after each run
  bool has_row_step = false;  // then the last argument is the distance between rows of output 0, in elements
  bool has_runs = false;  // then the last two are the length of output 0's runs and the distance between them
  // What the assembler said, for reports; 0 where the driver assembles.
  uint32_t registers = 0, spill_bytes = 0, static_shared_bytes = 0;
  static constexpr auto fields = rekindle::fields(
      "block", &LaunchParams::block, "shared_bytes", &LaunchParams::shared_bytes, "has_workspace",
      &LaunchParams::has_workspace, "zeroed_workspace_bytes", &LaunchParams::zeroed_workspace_bytes,
      "has_counters", &LaunchParams::has_counters, "has_row_step", &LaunchParams::has_row_step, "has_runs",
      &LaunchParams::has_runs, "registers", &LaunchParams::registers, "spill_bytes",
      &LaunchParams::spill_bytes, "static_shared_bytes", &LaunchParams::static_shared_bytes);
};

}  // namespace rekindle::cuda
