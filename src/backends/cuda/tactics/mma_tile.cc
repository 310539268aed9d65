// The list of tiles and a first order of them.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/mma_tile.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace rekindle::cuda {

namespace {

constexpr std::array kTiles{
    MmaTile{128, 128, 32, 2, 4, 1, 60}, MmaTile{128, 256, 32, 2, 4, 1, 75},
    MmaTile{256, 128, 32, 4, 2, 1, 75}, MmaTile{128, 64, 64, 2, 2, 2, 70},
    MmaTile{64, 128, 64, 2, 2, 2, 70},  MmaTile{64, 64, 64, 2, 2, 3, 60},
    MmaTile{64, 32, 64, 2, 2, 4, 60},   MmaTile{32, 64, 64, 2, 2, 4, 60},
    MmaTile{32, 32, 64, 2, 2, 4, 60},   MmaTile{16, 64, 64, 1, 4, 4, 60},
    MmaTile{128, 32, 64, 4, 1, 3, 60},  MmaTile{32, 128, 64, 1, 4, 3, 70},
    MmaTile{128, 128, 64, 2, 4, 1, 70}, MmaTile{128, 256, 64, 2, 4, 1, 80},
};
constexpr size_t kMatricesOnly = 13;  // tiles from here on leave no registers to gather patches
constexpr std::array<int64_t, 4> kSplits{1, 2, 4, 8};

/// What a block may have, in bytes, when it asks.
int64_t most_shared(int sm) {
  if (sm >= 90) return 227 * 1024;
  if (sm == 86 || sm == 89) return 99 * 1024;
  if (sm >= 80) return 163 * 1024;
  if (sm >= 75) return 64 * 1024;
  return sm >= 70 ? 96 * 1024 : 48 * 1024;
}

/// Products of one multiprocessor and clock, as far as this kernel gets.
double rate_of(int sm) { return sm == 80 || sm >= 90 ? 280 : sm >= 70 ? 140 : 20; }

/// Clocks by waves of blocks, slices of K and what a slice waits for: only the order matters. The constants
/// come from measuring every tile on ResNet-50's convolutions, BERT's products and 4096 x 4096 x 4096 on an
/// H200 (the sweep of bench/gpu/mma.py): the first choice takes 1.05 times the best one's time there, 1.25 at
/// worst.
double cost(const MmaTile& tile, double rows, double columns, double items, double depth, double splits,
            const Target& target) {
  const double units = std::max(target.units, 1), m = double(tile.m), n = double(tile.n), k = double(tile.k);
  const double blocks = std::ceil(rows / m) * std::ceil(columns / n) * items * splits;
  const double shared = double(tile.shared_bytes(target.sm >= 80 ? 4 : 2, 1));
  const double fitting = std::floor(double(most_shared(target.sm)) / shared);
  const double most = std::max(1.0, std::min(double(tile.min_blocks), fitting));
  const double fill = std::min(blocks / units, most), resident = std::max(fill, 1.0);
  const double slices = std::ceil(depth / splits / k);
  // Warps read fragments of shared memory, the fewer the larger their part of the tile is.
  const double fragments = k / 16 * double(tile.warps_m * tile.warps_n) *
                           (m / double(tile.warps_m) + n / double(tile.warps_n)) / 4;
  const double multiply = m * n * k / rate_of(target.sm) + 0.22 * fragments;
  const double bytes = (m + n) * k * 2;
  const double slice =
      std::max({25 + 0.86 * k, resident * std::max(multiply, bytes / 140), fill * bytes / 38});
  const double join = splits > 1 ? 1240 + m * n / 8 : 0;
  return std::ceil(blocks / (units * most)) * (slices * slice + 900 + m * n / 296) + join;
}

}  // namespace

int64_t MmaTile::shared_bytes(int64_t stages, int64_t splits) const {
  const int64_t slices = stages * (m + n) * k * 2;
  const int64_t sums = splits > 1 ? m * (n + 8) * 4 : warps_m * warps_n * 16 * (n / warps_n + 8) * 4;
  return std::max(slices, sums);
}

const MmaTile& mma_tile(int64_t number) { return kTiles[size_t(number)]; }

Result<Space> mma_space(const MmaProblem& problem, const Bindings& sizes, const Target& target) {
  int64_t m = 1, n = 1, items = 1, k = 1;
  problem.rows.try_eval(sizes, m);
  problem.columns.try_eval(sizes, n);
  problem.items.try_eval(sizes, items);
  problem.depth.try_eval(sizes, k);
  const auto costs = [&](int64_t tile, int64_t splits) {
    return cost(mma_tile(tile), double(m), double(n), double(items), double(k), double(splits), target);
  };
  const bool may_split = target.sm >= 90 && target.device == "cuda";  // clusters are not emulated
  std::vector<int64_t> tiles(problem.gathers ? kMatricesOnly : kTiles.size()), splits{1};
  if (may_split) splits.assign(kSplits.begin(), kSplits.end());
  std::iota(tiles.begin(), tiles.end(), 0);
  std::erase_if(tiles, [&](int64_t tile) { return mma_tile(tile).least_sm > target.sm; });
  const auto best = [&](int64_t tile) {
    double least = costs(tile, 1);
    for (int64_t s : splits) least = std::min(least, costs(tile, s));
    return least;
  };
  std::stable_sort(tiles.begin(), tiles.end(), [&](int64_t a, int64_t b) { return best(a) < best(b); });
  std::stable_sort(splits.begin(), splits.end(),
                   [&](int64_t a, int64_t b) { return costs(tiles[0], a) < costs(tiles[0], b); });
  Space space;
  space.axis("tile", tiles);
  space.axis("stages", target.sm >= 80 ? std::vector<int64_t>{4, 3, 2} : std::vector<int64_t>{2});
  space.axis("splits", splits);
  space.require("a block's memory fits", [sm = target.sm](const Config& c) {
    const MmaTile& tile = mma_tile(c[0].second);
    return tile.shared_bytes(c[1].second, c[2].second) <= most_shared(sm);
  });
  space.require("a part of K has at least two slices", [k](const Config& c) {
    return c[2].second == 1 || k >= 2 * c[2].second * mma_tile(c[0].second).k;
  });
  return space;
}

void write_mma(KernelWriter& writer, const Config& config, bool b_by_columns) {
  const MmaTile& tile = mma_tile(config[0].second);
  writer.define("RK_BM", tile.m);
  writer.define("RK_BN", tile.n);
  writer.define("RK_BK", tile.k);
  writer.define("RK_WARPS_M", tile.warps_m);
  writer.define("RK_WARPS_N", tile.warps_n);
  writer.define("RK_STAGES", config[1].second);
  writer.define("RK_SPLITS", config[2].second);
  writer.define("RK_GROUP", tile.m * tile.n >= 128 * 128 ? 8 : 1);
  writer.define("RK_B_BY_COLUMNS", b_by_columns ? 1 : 0);
  writer.include("copy_async.cuh");
  writer.include("mma.cuh");
  writer.include("cluster.cuh");
  writer.include("gemm_mma.cuh");
  writer.shared_memory(tile.shared_bytes(config[1].second, config[2].second));
  writer.cluster(int(config[2].second));
}

std::vector<Dim> mma_grid(const MmaProblem& problem, const Config& config) {
  const MmaTile& tile = mma_tile(config[0].second);
  return {ceil_div(problem.columns, Dim(tile.n)), ceil_div(problem.rows, Dim(tile.m)),
          problem.items * Dim(config[2].second)};
}

}  // namespace rekindle::cuda
