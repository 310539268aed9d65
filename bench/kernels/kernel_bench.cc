// kernel_bench [gemm|conv|…] [--isa LEVEL] [--threads N] [--filter TEXT]: GFLOP/s of kernels.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernel_bench.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "backends/cpu/isa/kernels.h"
#include "base/parallel.h"

namespace rekindle::bench {

namespace {

[[noreturn]] void give_up(const Status& status) {
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(1);
}
template <class T> T must(Result<T> result) {
  if (!result.ok()) give_up(result.status());
  return *std::move(result);
}
double now(bool own) {
  if (!own) return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

}  // namespace

Case::Case(std::string label, double work, const std::string& kernel, const std::string& params, Isa isa,
           std::vector<Tensor> inputs, std::vector<Tensor> outputs, int threads)
    : label_(std::move(label)),
      work_(work),
      device_(open_cpu(isa)),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)) {
  auto loaded = must(device_->load(KernelImage{kernel, {}, params, 0, 0}, {}));
  std::vector<ArgShape> in_shapes, out_shapes;
  for (Tensor& t : inputs_) in_shapes.push_back({t.dtype(), t.dims(), {}, true}), in_.push_back(t.raw());
  for (Tensor& t : outputs_) out_shapes.push_back({t.dtype(), t.dims(), {}, true}), out_.push_back(t.raw());
  launch_ = must(loaded->prepare({in_shapes, out_shapes, {}, {}, threads, in_}));
  workspace_ = must(device_->allocate(launch_->workspace_bytes()));
  stream_ = must(device_->create_stream());
}

void Case::run() {
  if (Status s = launch_->run(*stream_, in_.data(), out_.data(), workspace_.get()); !s.ok()) give_up(s);
}

double least_seconds(const std::function<void()>& f, int threads, double budget) {
  const bool own = threads == 1;
  f();
  double least = 1e300, spent = 0;
  for (int i = 0; i < 1000 && (i < 5 || spent < budget); ++i) {
    const double start = now(own);
    f();
    const double took = now(own) - start;
    least = std::min(least, took);
    spent += took;
  }
  return least;
}

double peak_flops(Isa isa) {
  // A tile of the widest kind whose operands stay in L1 is as near to the peak as C++ comes.
  const cpu::TileKernels& tiles = cpu::tile_kernels(isa);
  const int vectors = tiles.most_vectors, height = tiles.height[vectors];
  const int64_t k = 64, columns = int64_t(vectors) * tiles.width, runs = 2000;
  std::vector<float> a(size_t(height * k), 1.0f), b(size_t(columns * k), 1.0f), c(size_t(height * columns));
  std::vector<const float*> rows;
  for (int i = 0; i < height; ++i) rows.push_back(a.data() + i * k);
  cpu::TileJob job;
  job.rows = rows.data(), job.k = k, job.b = b.data(), job.b_step = columns, job.c = c.data(),
  job.c_step = columns, job.columns = columns;
  const double seconds = least_seconds(
      [&] {
        for (int64_t i = 0; i < runs; ++i) tiles.run[vectors][height](job);
      },
      1, 0.1);
  return 2.0 * double(runs * height * columns * k) / seconds;
}

void print(Case& c, const Options& options) {
  if (c.label().find(options.filter) == std::string::npos) return;
  const double peak = peak_flops(options.isa) * options.threads;
  const double seconds = least_seconds([&] { c.run(); }, options.threads);
  std::printf("%-44s %9.1f us  %7.1f GFLOP/s  %5.1f %% of %.0f\n", c.label().c_str(), seconds * 1e6,
              c.work() / seconds * 1e-9, 100 * c.work() / seconds / peak, peak * 1e-9);
  std::fflush(stdout);
}

}  // namespace rekindle::bench

int main(int argc, char** argv) {
  using namespace rekindle;
  bench::Options options{detect_isa(), 1, ""};
  std::string what;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const bool has_value = i + 1 < argc;
    if (arg == "--threads" && has_value)
      options.threads = std::max(1, std::atoi(argv[++i]));
    else if (arg == "--filter" && has_value)
      options.filter = argv[++i];
    else if (arg == "--isa" && has_value) {
      ++i;
      for (size_t level = 0; level < kIsaNames.size(); ++level)
        if (kIsaNames[level] == argv[i]) options.isa = std::min(detect_isa(), Isa(level));
    } else
      what = arg;
  }
  set_threads(options.threads);
  const std::pair<const char*, void (*)(const bench::Options&)> parts[] = {{"gemm", bench::bench_gemm},
                                                                           {"conv", bench::bench_conv}};
  for (const auto& [name, part] : parts)
    if (what.empty() || what == name) part(options);
  return 0;
}
