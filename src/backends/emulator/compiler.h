// Kernels compiled by the host's C++ compiler for the emulator.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cuda/compiler.h"

namespace rekindle::emulator {

/// Compiles to a shared object with c++ (g++ or clang++, found through PATH), as C++17 with what the CUDA
/// language adds before it. Errors: no compiler, the kernel does not compile (with the log), more static
/// shared memory than a block may have. Results are kept for the life of the process.
const cuda::KernelCompiler& host_compiler();

}  // namespace rekindle::emulator
