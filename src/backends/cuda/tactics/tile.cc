// The list of tiles, and what each would take.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/tile.h"

#include <array>
#include <numeric>

namespace rekindle::cuda {

namespace {

// No spills on sm_61 to sm_90, at least two warps a scheduler, at most 48 KiB of shared memory.
constexpr std::array kTiles{
    SimtTile{128, 128, 16, 8, 8, 2, 2},  SimtTile{128, 64, 16, 8, 8, 3, 2},
    SimtTile{64, 128, 16, 8, 8, 3, 2},   SimtTile{64, 64, 16, 8, 8, 5, 3},
    SimtTile{64, 64, 16, 4, 4, 3, 3},    SimtTile{128, 32, 16, 8, 4, 4, 3},
    SimtTile{32, 128, 16, 4, 8, 4, 3},   SimtTile{32, 64, 16, 4, 4, 5, 4},
    SimtTile{64, 32, 16, 4, 4, 5, 4},    SimtTile{32, 32, 16, 4, 4, 12, 4},
    SimtTile{128, 256, 8, 8, 16, 1, 3},  SimtTile{64, 64, 16, 4, 8, 4, 4},
    SimtTile{128, 128, 16, 8, 16, 2, 2},
};
constexpr std::array kSplits{int64_t(1), int64_t(2), int64_t(4), int64_t(8), int64_t(16), int64_t(32)};
constexpr int64_t kMostWorkspace = int64_t(256) << 20;

/// Before sm_80 slices pass through registers: two of them, and short ones where a thread has many sums.
SimtTile tile_for(size_t number, const Target& target) {
  SimtTile tile = kTiles[number];
  if (target.sm >= 80) return tile;
  tile.stages = 2;
  if (tile.thread_m * tile.thread_n >= 64) tile.k = 8;
  if (number == 1 || number == 2) tile.min_blocks = 3;
  if (number == 3) tile.min_blocks = 4;
  return tile;
}

struct Sizes {
  double rows, columns, depth, batch;
};

/// Cycles of a multiprocessor, roughly: only the order matters. A block takes a multiply-add a lane and cycle
/// where enough warps share the multiprocessor, every slice has a latency that other warps hide, and parts
/// cost the traffic of their sums.
double cost(const SimtTile& tile, const Sizes& s, double splits, double units) {
  const double blocks =
      std::ceil(s.rows / double(tile.m)) * std::ceil(s.columns / double(tile.n)) * s.batch * splits;
  const double slices = std::ceil(s.depth / double(tile.k) / splits);
  const double warps = double(tile.threads()) / 32;
  const double resident = std::min(double(tile.min_blocks), std::max(1.0, std::ceil(blocks / units)));
  // Issue slots of one slice of one block, over four schedulers: multiply-adds and what goes with them.
  const double sums = double(tile.thread_m * tile.thread_n),
               reads = double(tile.thread_m + tile.thread_n) / 4;
  const double issue = warps / 4 * double(tile.k) * (sums + 3 * reads + 60.0 / double(tile.k));
  const double latency = 1500.0 / double(std::max(1, tile.stages - 1));
  const double slice = std::max(resident * issue, latency + issue);
  const double waves = std::ceil(blocks / (units * resident));
  const double joined = splits == 1 ? 0 : 7000 + splits * double(tile.m * tile.n) * 4 / 20;
  return waves * (slices * slice + 1500 + joined);
}

}  // namespace

SimtConfig simt_config(const Config& config, const Target& target) {
  // From sm_86 on, but for sm_80, a scheduler issues FP32 every cycle, which two reads of registers can feed.
  const SimtTile tile = tile_for(size_t(config[0].second), target);
  return {tile, target.sm >= 86 && tile.thread_m * tile.thread_n >= 64, config[1].second};
}

Result<Prediction> predict_tile(SimtWork work, const Config& config, const Target& target,
                                const BuiltKernel* built) {
  if (!target.gpu) return Prediction();
  RK_CHECK(check_spills(built, target));
  const SimtConfig simt = simt_config(config, target);
  const SimtTile& tile = simt.tile;
  work.m = tile.m;
  work.n = tile.n;
  work.k = tile.k;
  work.thread_m = tile.thread_m;
  work.thread_n = tile.thread_n;
  work.splits = double(simt.splits);
  work.stages = tile.stages;
  work.async_copies = target.sm >= 80;
  BlockResources block;
  block.threads = tile.threads();
  block.registers = estimated_simt_registers(work, tile.min_blocks);
  block.shared_bytes = tile.stages * (tile.m * (tile.k + 4) + tile.k * tile.n) * 4;
  return predict_simt(*target.gpu, work, resources_of(block, built));
}

Space simt_space(const SimtProblem& problem, const Bindings& sizes, const Target& target) {
  int64_t m = 1, n = 1, k = 1, batch = 1;
  problem.rows.try_eval(sizes, m);
  problem.columns.try_eval(sizes, n);
  problem.depth.try_eval(sizes, k);
  problem.batch.try_eval(sizes, batch);
  const Sizes s{double(m), double(n), double(k), double(batch)};
  const double units = std::max(target.units, 1);
  const auto allowed = [=](size_t tile, int64_t splits) {
    const SimtTile t = tile_for(tile, target);
    const int64_t tiles = (m + t.m - 1) / t.m * ((n + t.n - 1) / t.n) * batch;
    return splits == 1 || (k >= splits * t.k * 4 && tiles * t.m * t.n * 4 * splits <= kMostWorkspace &&
                           double(tiles) < units * t.min_blocks);
  };
  // Each axis is ordered by the best that its choices can do; the first point is the best pair.
  std::array<double, kTiles.size()> best_of_tile{};
  std::array<double, kSplits.size()> best_of_split{};
  size_t best_tile = 0, best_split = 0;
  double least = 1e300;
  best_of_split.fill(1e300);
  for (size_t i = 0; i < kTiles.size(); ++i) {
    best_of_tile[i] = 1e300;
    for (size_t j = 0; j < kSplits.size(); ++j) {
      if (!allowed(i, kSplits[j])) continue;
      const double c = cost(tile_for(i, target), s, double(kSplits[j]), units);
      best_of_tile[i] = std::min(best_of_tile[i], c);
      best_of_split[j] = std::min(best_of_split[j], c);
      if (c < least) least = c, best_tile = i, best_split = j;
    }
  }
  best_of_tile[best_tile] = best_of_split[best_split] = 0;
  std::vector<int64_t> tiles(kTiles.size()), order(kSplits.size()), splits;
  std::iota(tiles.begin(), tiles.end(), 0);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(tiles.begin(), tiles.end(),
                   [&](int64_t a, int64_t b) { return best_of_tile[size_t(a)] < best_of_tile[size_t(b)]; });
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return best_of_split[size_t(a)] < best_of_split[size_t(b)]; });
  for (int64_t i : order) splits.push_back(kSplits[size_t(i)]);
  Space space;
  space.axis("tile", tiles).axis("splits", splits);
  space.require("parts of K are long enough and there are few tiles", [allowed](const Config& config) {
    return allowed(size_t(config[0].second), config[1].second);
  });
  return space;
}

void write_simt(KernelWriter& writer, const SimtProblem& problem, const SimtConfig& config) {
  const SimtTile& tile = config.tile;
  writer.define("RK_BM", tile.m);
  writer.define("RK_BN", tile.n);
  writer.define("RK_BK", tile.k);
  writer.define("RK_TM", tile.thread_m);
  writer.define("RK_TN", tile.thread_n);
  writer.define("RK_STAGES", tile.stages);
  writer.define("RK_SPLITS", config.splits);
  if (config.keeps_order) writer.define("RK_KEEP_ORDER", 1);
  writer.include("split_k.cuh");
  writer.include("copy_async.cuh");
  writer.include("gemm_simt.cuh");
  if (config.splits > 1) {
    const Dim tiles =
        ceil_div(problem.rows, Dim(tile.m)) * ceil_div(problem.columns, Dim(tile.n)) * problem.batch;
    writer.workspace(tiles * Dim(tile.m * tile.n * 4 * config.splits), tiles);
  } else {
    writer.body("  float* const workspace = nullptr;\n  u32* const counters = nullptr;\n");
  }
  writer.body("  const int part = blockIdx.z % RK_SPLITS, item = blockIdx.z / RK_SPLITS;\n");
}

void call_simt(KernelWriter& writer, const SimtProblem& problem, const std::string& first_row,
               const std::string& first_column) {
  writer.body("  rk_gemm_simt(rows, columns, " + writer.dim(problem.rows) + ", " +
              writer.dim(problem.columns) + ", " + writer.dim(problem.depth) +
              ", part, item, workspace, counters, " + first_row + ", " + first_column + ", epilogue);\n");
}

Result<BuiltKernel> finish_simt(KernelWriter& writer, const std::string& name, const SimtProblem& problem,
                                const SimtConfig& config, const Target& target) {
  const SimtTile& tile = config.tile;
  return writer.finish(name, {uint32_t(tile.threads())},
                       {ceil_div(problem.rows, Dim(tile.m)), ceil_div(problem.columns, Dim(tile.n)),
                        problem.batch * Dim(config.splits)},
                       target, tile.min_blocks);
}

}  // namespace rekindle::cuda
