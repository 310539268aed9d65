// What turns the source of a kernel into code: NVRTC for GPUs, the host's compiler for the emulator.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "backends/cuda/code.h"
#include "base/result.h"

namespace rekindle::cuda {

/// What the assembler says of a kernel on the architecture it was compiled for.
struct AssemblerReport {
  int registers = 0;
  int spill_bytes = 0;   // stores and loads together
  int shared_bytes = 0;  // static
};

struct CompiledCode {
  CodeImage image;
  AssemblerReport report;  // cubins; of emulated code the shared memory alone
};

/// Thread-safe.
class KernelCompiler {
 public:
  virtual ~KernelCompiler() = default;
  /// A program of one file and no headers, whose kernel is `name`. The error holds the compiler's log.
  virtual Result<CompiledCode> compile(const std::string& source, const std::string& name, int sm,
                                       CodeKind kind) const = 0;
};

/// The compiler of `emulated` code, which only the project's own programs have: they name it before their
/// first build. Null until then.
void set_emulated_compiler(const KernelCompiler* compiler);
const KernelCompiler* emulated_compiler();

}  // namespace rekindle::cuda
