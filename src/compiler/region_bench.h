// One region on a device: made-up inputs uploaded once, then kernel after kernel run, checked and timed.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <limits>
#include <memory>
#include <vector>

#include "compiler/tactic.h"
#include "device/device.h"

namespace rekindle {

/// Device memory between two fences, whose bytes nobody may change.
struct FencedBuffer {
  static constexpr int64_t kFence = 256;  // bytes before and after
  std::shared_ptr<void> memory;
  int64_t bytes = 0;
  void* data() const { return static_cast<std::byte*>(memory.get()) + kFence; }
};

class RegionBench {
 public:
  static Result<std::unique_ptr<RegionBench>> make(Device& device, const Region& region, int threads,
                                                   const Tensors& inputs);

  /// What the kernel makes of the inputs. Errors: it cannot be prepared, it writes outside of its outputs.
  Result<Tensors> run(const BuiltKernel& kernel);

  /// Median microseconds, and before its time counts a comparison with `expected` (null: none). Kernels that
  /// are clearly slower than `best` are timed less exactly.
  Result<double> measure(const BuiltKernel& kernel, const Tensors* expected, double tolerance,
                         double best = std::numeric_limits<double>::infinity());

 private:
  /// What one kernel needs beside the region's inputs and outputs.
  struct Prepared {
    std::vector<FencedBuffer> constants;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    FencedBuffer workspace;
    std::unique_ptr<Launch> launch;
  };

  RegionBench(Device& device, const Region& region, int threads)
      : device_(device), region_(region), threads_(threads) {}
  Result<FencedBuffer> allocate(int64_t bytes);
  Status upload(const FencedBuffer& buffer, const Tensor& tensor);
  Status check_fences(const FencedBuffer& buffer, const std::string& what);
  Status prepare_arguments(const BuiltKernel& kernel, Prepared& prepared, std::vector<ArgShape>& shapes,
                           std::vector<const void*>& constants);
  Result<Prepared> prepare(const BuiltKernel& kernel);
  Status launch(Prepared& prepared);
  /// Runs once into poisoned outputs and looks at the fences.
  Status try_once(Prepared& prepared);
  Status compare_output(size_t output, const Tensor& expected, double tolerance);
  Result<double> time_calls(Prepared& prepared);
  Result<double> time_replays(Prepared& prepared, double best);

  Device& device_;
  const Region& region_;
  int threads_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Timer> timer_;
  std::vector<FencedBuffer> inputs_, outputs_;
  std::vector<ArgShape> input_shapes_, output_shapes_;
};

}  // namespace rekindle
