// Which compiler emulated code comes from.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/compiler.h"

#include <atomic>

namespace rekindle::cuda {

namespace {
std::atomic<const KernelCompiler*> chosen{nullptr};
}  // namespace

void set_emulated_compiler(const KernelCompiler* compiler) { chosen = compiler; }
const KernelCompiler* emulated_compiler() { return chosen; }

}  // namespace rekindle::cuda
