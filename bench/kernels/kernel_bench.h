// Timing CPU kernels one by one against the machine's multiply-add peak.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "backends/cpu/device.h"
#include "tensor/tensor.h"

namespace rekindle::bench {

/// One kernel ready to be run again and again.
class Case {
 public:
  /// `work` is what one run does, in FLOP. Ends the program on errors: this is a benchmark.
  Case(std::string label, double work, const std::string& kernel, const std::string& params, Isa isa,
       std::vector<Tensor> inputs, std::vector<Tensor> outputs, int threads);
  void run();
  const std::string& label() const { return label_; }
  double work() const { return work_; }

 private:
  std::string label_;
  double work_;
  std::shared_ptr<Device> device_;
  std::vector<Tensor> inputs_, outputs_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
  std::shared_ptr<void> workspace_;
  std::unique_ptr<Launch> launch_;
  std::unique_ptr<Stream> stream_;
};

/// Seconds of `f`, the least of some repetitions within about `budget` seconds. With one thread the time is
/// the thread's own processor time, so that other programs disturb less.
double least_seconds(const std::function<void()>& f, int threads, double budget = 0.3);
/// FLOP/s of independent multiply-adds on one core at this level, measured now.
double peak_flops(Isa isa);

struct Options {
  Isa isa;
  int threads;
  std::string filter;
};
void print(Case& c, const Options& options);

void bench_gemm(const Options&);
void bench_conv(const Options&);

}  // namespace rekindle::bench
