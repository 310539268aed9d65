// The list of tiles and a first order of them.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/tile.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace rekindle::cuda {

namespace {

// No spills on sm_61 to sm_90, at least two warps a scheduler.
constexpr std::array kTiles{
    SimtTile{128, 128, 8, 8, 8, 2}, SimtTile{128, 64, 8, 8, 8, 3}, SimtTile{64, 128, 8, 8, 8, 3},
    SimtTile{64, 64, 8, 8, 8, 4},   SimtTile{64, 64, 16, 4, 4, 2}, SimtTile{128, 32, 16, 8, 4, 3},
    SimtTile{32, 128, 16, 4, 8, 3}, SimtTile{32, 64, 16, 4, 4, 4}, SimtTile{64, 32, 16, 4, 4, 4},
    SimtTile{32, 32, 8, 4, 4, 8},
};

/// Waves of blocks times the work of one, with what short tiles lose to loads: only the order matters.
double cost(const SimtTile& tile, double rows, double columns, double units) {
  const double blocks = std::ceil(rows / double(tile.m)) * std::ceil(columns / double(tile.n));
  const double resident = units * tile.min_blocks;
  const double waves = std::ceil(blocks / resident);
  const double work = double(tile.m * tile.n) * tile.min_blocks;
  const double loads = 1.0 + 24.0 * (1.0 / double(tile.m) + 1.0 / double(tile.n));
  // A last wave that leaves multiprocessors idle still runs faster than a full one.
  const double fill = std::min(1.0, blocks / (waves * resident));
  return waves * work * loads * (0.35 + 0.65 * std::max(fill, 0.2));
}

}  // namespace

const SimtTile& simt_tile(int64_t number) { return kTiles[size_t(number)]; }

Space simt_space(const Dim& rows, const Dim& columns, const Bindings& sizes, const Target& target) {
  int64_t m = 1, n = 1;
  rows.try_eval(sizes, m);
  columns.try_eval(sizes, n);
  std::vector<int64_t> order(kTiles.size());
  std::iota(order.begin(), order.end(), 0);
  const double units = std::max(target.units, 1);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return cost(kTiles[size_t(a)], double(m), double(n), units) <
           cost(kTiles[size_t(b)], double(m), double(n), units);
  });
  return Space().axis("tile", order);
}

void write_simt(KernelWriter& writer, const SimtTile& tile) {
  writer.define("RK_BM", tile.m);
  writer.define("RK_BN", tile.n);
  writer.define("RK_BK", tile.k);
  writer.define("RK_TM", tile.thread_m);
  writer.define("RK_TN", tile.thread_n);
  writer.include("gemm_simt.cuh");
}

}  // namespace rekindle::cuda
