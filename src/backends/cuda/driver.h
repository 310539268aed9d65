// The CUDA driver, found with dlopen: the only declarations of it in the project, so that nothing of a
// toolkit is needed to build or to run.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace rekindle::cuda {

using DeviceNumber = int;
using Address = unsigned long long;  // of device memory; the same bits as a pointer
using ContextHandle = struct ContextOfDriver*;
using StreamHandle = struct StreamOfDriver*;
using EventHandle = struct EventOfDriver*;
using ModuleHandle = struct ModuleOfDriver*;
using FunctionHandle = struct FunctionOfDriver*;
using GraphHandle = struct GraphOfDriver*;
using GraphExecHandle = struct GraphExecOfDriver*;
using NodeHandle = struct GraphNodeOfDriver*;

// Structs of the driver's ABI, in their first version, which is what driver.def asks for.
struct KernelNode {
  FunctionHandle function = nullptr;
  unsigned grid_x = 1, grid_y = 1, grid_z = 1, block_x = 1, block_y = 1, block_z = 1, shared_bytes = 0;
  void** arguments = nullptr;
  void** extra = nullptr;
};
struct FillNode {
  Address to = 0;
  size_t pitch = 0;
  unsigned value = 0, element_bytes = 1;
  size_t width = 0, height = 1;
};

// Numbers of the driver's ABI (CUDA driver API reference, "Data types").
inline constexpr int kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100, kNoBinaryForDevice = 209,
                     kInvalidPtx = 218, kUnsupportedPtx = 222;
inline constexpr unsigned kStreamNonBlocking = 1;
enum DeviceAttribute {
  kMaxSharedPerBlock = 8,
  kClockKilohertz = 13,
  kMultiprocessors = 16,
  kMemoryClockKilohertz = 36,
  kMemoryBusBits = 37,
  kL2Bytes = 38,
  kMajor = 75,
  kMinor = 76,
  kMaxSharedOptIn = 97,
};
enum FunctionAttribute { kStaticShared = 1, kLocalBytes = 3, kRegisters = 4, kMaxDynamicShared = 8 };
enum JitOption { kInfoLog = 3, kInfoLogBytes = 4, kErrorLog = 5, kErrorLogBytes = 6 };

struct Driver {
#define RK_DRIVER(member, symbol, version, arguments) int(*member) arguments = nullptr;
#include "backends/cuda/driver.def"
#undef RK_DRIVER
  int version = 0;  // 12040 is 12.4
};

/// The process's driver, loaded and initialised on the first call. Errors: there is none (what to install),
/// it is too old (which version is needed), it failed to start.
Result<const Driver*> driver();

/// An error for a driver's code other than kSuccess: "what: CUDA_ERROR_..., the driver's sentence".
Status driver_status(const Driver& driver, int code, const std::string& what);

}  // namespace rekindle::cuda

/// Returns the error of a driver call that failed; `what` is evaluated only then.
#define RK_DRIVER_CHECK(driver, call, what)                                       \
  do {                                                                            \
    if (const int rk_code = (driver).call; rk_code != ::rekindle::cuda::kSuccess) \
      return ::rekindle::cuda::driver_status((driver), rk_code, (what));          \
  } while (false)
