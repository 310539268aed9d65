// The list of tiles, and what each would take.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/tile.h"

#include <array>
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

}  // namespace

const SimtTile& simt_tile(int64_t number) { return kTiles[size_t(number)]; }

Space simt_space(const Dim&, const Dim&, const Bindings&, const Target&) {
  std::vector<int64_t> all(kTiles.size());
  std::iota(all.begin(), all.end(), 0);
  return Space().axis("tile", all);
}

Result<Prediction> predict_tile(SimtWork work, const Config& config, const Target& target,
                                const BuiltKernel* built) {
  if (!target.gpu) return Prediction();
  RK_CHECK(check_spills(built, target));
  const SimtTile& tile = simt_tile(axis_of(config, "tile", 0));
  work.m = tile.m;
  work.n = tile.n;
  work.k = tile.k;
  work.thread_m = tile.thread_m;
  work.thread_n = tile.thread_n;
  work.splits = double(axis_of(config, "splits", 1));
  BlockResources block;
  block.threads = tile.threads();
  block.registers = estimated_simt_registers(work, tile.min_blocks);
  block.shared_bytes = 2 * tile.k * (tile.m + 4 + tile.n) * 4;
  return predict_simt(*target.gpu, work, resources_of(block, built));
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
