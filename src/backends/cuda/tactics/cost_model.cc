// The formulas of docs/cost-model.md.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/cost_model.h"

#include <algorithm>
#include <cmath>

#include "backends/cuda/code.h"

namespace rekindle::cuda {

namespace {

constexpr double kSchedulers = 4;
constexpr double kIssueEfficiency = 0.93;  // of a scheduler's slots, with enough warps
constexpr double kSoftness = 3;            // of the maximum of what overlaps
constexpr double kBarrier = 120;           // clocks that one block loses at a barrier when it is alone
constexpr double kRamp = 1200;             // clocks from a block's start to its first product, and to its end
constexpr double kOverlap = 0.15;          // of the shorter of arithmetic and memory that shows
constexpr double kSectorBytes = 64, kSectorQueue = 0.5;  // clocks that a load waits behind the others' lines

double soft_max(double a, double b) {
  return std::pow(std::pow(a, kSoftness) + std::pow(b, kSoftness), 1 / kSoftness);
}

Result<int64_t> residents(const GpuDescription& gpu, const BlockResources& block) {
  const int64_t resident = resident_blocks(gpu, block);
  if (resident > 0) return resident;
  return refuse("a block of " + std::to_string(block.threads) + " threads with " +
                std::to_string(int(block.registers)) + " registers each and " +
                std::to_string(block.shared_bytes) + " bytes of shared memory does not fit " + gpu.title);
}

/// Clocks of one multiprocessor: whole waves of `resident` blocks, then what is left spread over all.
template <class Clocks>
double waves(const GpuDescription& gpu, double blocks, int64_t resident, Clocks&& clocks_of_wave) {
  const double wave = double(gpu.multiprocessors) * double(resident);
  const double full = std::floor(blocks / wave), rest = blocks - full * wave;
  double clocks = full > 0 ? full * clocks_of_wave(double(resident)) : 0;
  if (rest > 0) clocks += clocks_of_wave(std::ceil(rest / gpu.multiprocessors));
  return clocks;
}

/// What is common to products: bytes of the tiles through L2, bytes of the operands from memory, the launch.
struct Product {
  double rows, columns, depth, items, splits, tile_m, tile_n, element_bytes, a_bytes, tail_bytes;
  double blocks() const { return std::ceil(rows / tile_m) * std::ceil(columns / tile_n) * items * splits; }
};

Prediction combine(const GpuDescription& gpu, const Product& p, double blocks, double padded_depth,
                   double clocks, double ghz, bool waits) {
  const double result = p.rows * p.columns * p.items;
  const double partials = p.splits > 1 ? 2 * p.splits * result * 4 : 0;  // FP32, written and read again
  const double a = p.a_bytes > 0 ? p.a_bytes : p.rows * p.depth * p.items * p.element_bytes;
  const double memory =
      a + p.columns * p.depth * p.items * p.element_bytes + result * p.element_bytes + p.tail_bytes;
  const double cache = blocks * padded_depth * (p.tile_m + p.tile_n) * p.element_bytes +
                       result * p.element_bytes + p.tail_bytes + partials;
  const double memory_us = memory / (gpu.memory * 1e3), cache_us = cache / (gpu.l2 * 1e3);
  const double compute_us = clocks / (ghz * 1e3), moving_us = std::max(memory_us, cache_us);
  const double work = std::max(compute_us, moving_us) + kOverlap * std::min(compute_us, moving_us);
  Prediction made;
  made.microseconds = gpu.launch_us + work;
  made.bound = work < gpu.launch_us      ? "launch"
               : compute_us >= moving_us ? (waits ? "latency" : "arithmetic")
               : memory_us >= cache_us   ? "memory"
                                         : "cache";
  return made;
}

/// Issue slots of one warp for one slice of the depth. FP32 lanes of half a warp a clock keep their pipe busy
/// for two clocks, in which other instructions issue for nothing.
double issue_slots(GpuIssue issue, double products, double others) {
  if (issue == GpuIssue::dual) return products + 0.25 * others;
  if (issue == GpuIssue::two_clocks) return std::max(2 * products, products + others);
  return products + others;
}

}  // namespace

BlockResources resources_of(const BlockResources& estimate, const BuiltKernel* built) {
  BlockResources made = estimate;
  if (!built) return made;
  const auto params = from_bytes<LaunchParams>(built->image.params);
  if (!params.ok() || params->registers == 0) return made;
  made.registers = params->registers;
  made.shared_bytes = int64_t(params->static_shared_bytes) + params->shared_bytes;
  made.spill_bytes = params->spill_bytes;
  return made;
}

int64_t resident_blocks(const GpuDescription& gpu, const BlockResources& block) {
  const auto up = [](int64_t n, int64_t to) { return (n + to - 1) / to * to; };
  const int64_t warps = (block.threads + 31) / 32;
  const int64_t of_warp =
      up(std::max<int64_t>(int64_t(std::ceil(block.registers)), 1) * 32, gpu.register_granularity);
  // Each scheduler has its own quarter of the registers.
  const int64_t by_registers = gpu.registers / 4 / of_warp * 4 / std::max<int64_t>(warps, 1);
  if (block.shared_bytes > gpu.shared_block_bytes || warps < 1) return 0;
  const int64_t shared = up(block.shared_bytes + gpu.shared_reserved_bytes, gpu.shared_granularity);
  const int64_t by_shared = shared > 0 ? gpu.shared_bytes / shared : gpu.blocks;
  return std::min({int64_t(gpu.blocks), gpu.warps / warps, by_registers, by_shared});
}

Status check_spills(const BuiltKernel* built, const Target& target) {
  if (!built) return {};
  const auto params = from_bytes<LaunchParams>(built->image.params);
  if (!params.ok() || params->spill_bytes == 0) return {};
  return refuse("it spills " + std::to_string(params->spill_bytes) + " bytes of registers on sm_" +
                std::to_string(target.sm));
}

double estimated_simt_registers(const SimtWork& w, int64_t min_blocks) {
  const auto threads = double(w.m / w.thread_m * (w.n / w.thread_n));
  const double sums = double(w.thread_m * w.thread_n), parts = 2 * double(w.thread_m + w.thread_n);
  const double on_the_way = double((w.m + w.n) * w.k) / threads;
  const double wanted = sums + parts + on_the_way + 32;  // and addresses, bounds, counters
  const double cap = std::floor(65536 / (threads * double(std::max<int64_t>(min_blocks, 1))) / 8) * 8;
  return std::min({wanted, cap, 255.0});
}

Result<Prediction> predict_simt(const GpuDescription& gpu, const SimtWork& w, const BlockResources& block) {
  RK_TRY(const int64_t resident, residents(gpu, block));
  const Product p{w.rows,      w.columns,   w.depth,         w.items,   w.splits,
                  double(w.m), double(w.n), w.element_bytes, w.a_bytes, w.tail_bytes};
  const auto threads = double(block.threads), bk = double(w.k);
  const double warps = threads / 32, blocks = p.blocks();
  const double slices = std::ceil(w.depth / (bk * w.splits));
  // Of a thread, for one slice.
  const double products = double(w.thread_m * w.thread_n) * bk;
  const double reads = bk * double(w.thread_m + w.thread_n) / 4;
  const double loads_a = double(w.m) * bk / 4 / threads, loads_b = double(w.n) * bk / 4 / threads;
  const double stores = 4 * loads_a + loads_b;
  const double others =
      reads + w.load_instructions * loads_a + 8 * loads_b + stores + 20 + block.spill_bytes / 4 * 0.1;
  const double slots = issue_slots(gpu.issue, products, others) / kIssueEfficiency;
  // Passes of shared memory: a vector read takes two; columns of A that stand 8 apart share their banks.
  const double passes = 2 * reads + 4 * loads_a * std::max(1.0, bk / 8) + 4 * loads_b;
  bool waits = false;
  const auto wave = [&](double there) {
    const double body = std::max(std::max(1.0, there * warps / kSchedulers) * slots, there * warps * passes);
    const double bytes = double(w.m + w.n) * bk * w.element_bytes;
    const double ahead = w.async_copies ? std::max(1.0, double(w.stages) - 1) : 1;
    const double lines = kSectorQueue * there * bytes / kSectorBytes;
    const double latency = (gpu.memory_latency * (w.scalar_loads ? 1.3 : 1.0) + lines) / ahead;
    waits = latency > body;
    return slices * (soft_max(body, latency) + kBarrier / there) + kRamp * (w.splits > 1 ? 2 : 1);
  };
  const double clocks = waves(gpu, blocks, resident, wave);
  return combine(gpu, p, blocks, slices * bk, clocks, gpu.rate(GpuMath::f32).ghz, waits);
}

Result<Prediction> predict_mma(const GpuDescription& gpu, const MmaWork& w, const BlockResources& block) {
  const GpuRate& rate = gpu.rate(w.math);
  if (rate.per_clock <= 0) return refuse(gpu.title + " has no " + std::string(enum_name(w.math)));
  RK_TRY(const int64_t resident, residents(gpu, block));
  const Product p{w.rows,      w.columns,   w.depth,         w.items,   w.splits,
                  double(w.m), double(w.n), w.element_bytes, w.a_bytes, w.tail_bytes};
  const auto bk = double(w.k);
  const double warps = double(w.m / w.warp_m * (w.n / w.warp_n)), blocks = p.blocks();
  const double slices = std::ceil(w.depth / (bk * w.splits));
  const double products =
      double(w.warp_m * w.warp_n) * bk * kSchedulers / (rate.per_clock * w.rate) / kIssueEfficiency;
  const double tile_bytes = double(w.m + w.n) * bk * w.element_bytes;
  const double passes = double(w.warp_m + w.warp_n) * bk * w.element_bytes / 128 * warps +
                        tile_bytes / 128 * (w.async_copies ? 1 : 2);
  // One warp's instructions of a slice follow each other through the same sums.
  const double chain = bk / double(w.step) * 60 + products;
  bool waits = false;
  const auto wave = [&](double there) {
    const double busy = std::max(1.0, there * warps / kSchedulers) * (products + 20);
    const double body = std::max(std::hypot(busy, there * passes), chain) + 2 * kBarrier / there;
    const double ahead = w.async_copies ? std::max(1.0, double(w.stages) - 1) : 1;
    const double latency =
        (gpu.memory_latency + kSectorQueue * there * tile_bytes / kSectorBytes) / ahead + 100;
    waits = latency > body;
    return slices * soft_max(body, latency) + 1.25 * kRamp * (w.splits > 1 ? 2 : 1);
  };
  const double clocks = waves(gpu, blocks, resident, wave);
  return combine(gpu, p, blocks, slices * bk, clocks, rate.ghz, waits);
}

Result<Prediction> predict_flat(const GpuDescription& gpu, const FlatWork& w, const BlockResources& block) {
  RK_TRY(const int64_t resident, residents(gpu, block));
  const double warps = std::ceil(double(block.threads) / 32);
  const double blocks = std::max(1.0, std::ceil(w.threads / double(block.threads)));
  const double of_one = std::ceil(blocks / gpu.multiprocessors);  // blocks that a multiprocessor gets
  const double there = std::min(double(resident), of_one);
  const double issue_rate = kSchedulers * (gpu.issue == GpuIssue::dual ? 1.2 : 1.0) * 0.8;
  const double issue = of_one * warps * std::max(w.instructions / issue_rate, w.shared_vectors);
  // A thread that is alone issues about every third clock.
  const double chain = w.steps * gpu.memory_latency + w.barriers * kBarrier / 2 + 3 * w.instructions + 800;
  const double waiting = of_one / there * chain;
  const double issue_us = issue / (gpu.ghz * 1e3), waiting_us = waiting / (gpu.ghz * 1e3);
  const double memory_us = w.memory_bytes / (gpu.memory * 1e3), cache_us = w.cache_bytes / (gpu.l2 * 1e3);
  const double moving_us = std::max(memory_us, cache_us);
  const double work = soft_max(soft_max(issue_us, moving_us), waiting_us);
  Prediction made;
  made.microseconds = gpu.launch_us + work;
  made.bound = work < gpu.launch_us                          ? "launch"
               : waiting_us >= std::max(issue_us, moving_us) ? "latency"
               : issue_us >= moving_us                       ? "arithmetic"
               : memory_us >= cache_us                       ? "memory"
                                                             : "cache";
  return made;
}

int64_t axis_of(const Config& config, std::string_view axis, int64_t otherwise) {
  for (const auto& [name, value] : config)
    if (name == axis) return value;
  return otherwise;
}

double size_at(const Region& region, const Dim& dim) {
  int64_t value = 1;
  return dim.try_eval(region.sizes, value) ? double(value) : 1;
}

namespace {

double bytes_at(const Region& region, const TensorType& type) {
  return size_at(region, type.count()) * bits_of(type.dtype) / 8;
}

}  // namespace

double bytes_of_output(const Region& region) { return bytes_at(region, region.output_type(0)); }

double bytes_touched(const Region& region) {
  double bytes = 0;
  for (const ValueId v : region.body.inputs) bytes += bytes_at(region, region.body[v].type);
  for (const ValueId v : region.body.outputs) bytes += bytes_at(region, region.body[v].type);
  return bytes;
}

double tail_bytes(const Region& region, const Node& anchor) {
  double bytes = 0;
  for (const ValueId v : region.body.inputs)
    if (std::find(anchor.inputs.begin(), anchor.inputs.end(), v) == anchor.inputs.end())
      bytes += bytes_at(region, region.body[v].type);
  for (size_t i = 1; i < region.body.outputs.size(); ++i) bytes += bytes_at(region, region.output_type(i));
  return bytes;
}

}  // namespace rekindle::cuda
