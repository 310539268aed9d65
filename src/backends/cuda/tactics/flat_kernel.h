// A kernel whose threads take `width` neighbouring elements of output 0 each, in order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "backends/cuda/tactics/writer.h"

namespace rekindle::cuda {

struct FlatKernel {
  KernelWriter writer;
  int width = 1;

  /// Declares `e`, the first element of the thread; threads past the end return.
  void begin(const Region& region, int64_t threads) {
    writer.body("  const int e = (blockIdx.x * " + std::to_string(threads) + " + threadIdx.x) * " +
                std::to_string(width) + ";\n  if (e >= " + writer.dim(region.output_type(0).count()) +
                ") return;\n");
  }
  Result<BuiltKernel> finish(const std::string& name, const Region& region, int64_t threads,
                             const Target& target) {
    return writer.finish(name, {uint32_t(threads)},
                         {ceil_div(region.output_type(0).count(), Dim(threads * width))}, target);
  }
};

}  // namespace rekindle::cuda
