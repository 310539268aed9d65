// NVRTC, NVIDIA's run-time compiler, found with dlopen: the only declarations of it in the project.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <vector>

#include "backends/cuda/compiler.h"
#include "base/result.h"

namespace rekindle::cuda {

/// One process's compiler. Thread-safe.
class Nvrtc final : public KernelCompiler {
 public:
  /// The library at `path`, or where the system, this program's folder or a toolkit has it: 12.x, since 13
  /// refuses every architecture below sm_75. Errors say where it was looked for and what to install.
  static Result<const Nvrtc*> load(const std::string& path = "");

  /// A program of one file and no headers to machine code (cubin) for sm, or to PTX. The error holds the
  /// compiler's log. `#define RK_KEEP_ORDER 1` asks the assembler to leave instructions about where they
  /// stand: it would move them away from others that read the same registers, which costs more than it gains
  /// there.
  Result<CompiledCode> compile(const std::string& source, const std::string& name, int sm,
                               CodeKind kind) const override;
  /// The compiler's options for an architecture, in one line.
  static std::string options_text(int sm, CodeKind kind);
  int version() const { return version_; }  // 12060 is 12.6

 private:
  struct Functions;
  Result<std::string> run(const std::string& source, const std::string& name,
                          std::span<const char* const> options, CodeKind kind, std::string& log) const;
  static Result<Nvrtc> open(const std::string& path);
  const Functions* functions_ = nullptr;
  int version_ = 0;
};

/// Reads what `--ptxas-options=-v` prints.
AssemblerReport read_assembler_log(const std::string& log);

}  // namespace rekindle::cuda
