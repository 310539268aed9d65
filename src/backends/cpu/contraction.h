// The loops around register tiles: sums of products for any kernel that can point at its rows of A.
// SPDX-License-Identifier: Apache-2.0
//
// One worker's share, rows x panels:
//     for blocks of rows (A's part fits L2)
//       for panels of columns
//         for blocks of k (the panel's part fits L2)
//           for tiles of the rows: one register tile, all of the k block
// Between k blocks the sums rest in a small buffer; the tail runs on a tile right after its last k.
#pragma once
#include <algorithm>
#include <cstring>

#include "backends/cpu/panels.h"
#include "backends/cpu/tail.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

/// Sizes that do not depend on the data: K = taps * channels, read as `taps` runs of `channels` floats a row.
struct Contraction {
  const TileKernels* tiles = nullptr;
  Panels panels;
  int64_t taps = 1, channels = 0;
  int64_t tap_block = 1, channel_block = 0;  // one k block: several taps whole, or a part of one
  int64_t tile_height = 1, block_rows = 1;

  static Contraction plan(int64_t columns, int64_t taps, int64_t channels, Isa isa);
  int64_t depth() const { return taps * channels; }
  bool has_k_blocks() const { return tap_block < taps || channel_block < channels; }
  int64_t tile_floats() const { return tile_height * panels.vectors_of(0) * panels.width; }
  int64_t block_tiles() const { return (block_rows + tile_height - 1) / tile_height; }

  // A worker's memory, in bytes: pointers, sums between k blocks, one tile, the tail's scratch.
  int64_t pointer_bytes() const {
    return padded(block_tiles() * tile_height * taps * int64_t(sizeof(float*)));
  }
  int64_t sums_bytes() const {
    return has_k_blocks() ? padded(block_rows * panels.vectors_of(0) * panels.width * int64_t(sizeof(float)))
                          : 0;
  }
  int64_t worker_bytes(const Tail& tail) const {
    return pointer_bytes() + sums_bytes() +
           padded((tile_floats() + tail.scratch_floats()) * int64_t(sizeof(float)));
  }
  static int64_t padded(int64_t bytes) { return (bytes + 127) / 128 * 128; }
};

/// B, packed in panels, or lying as it is with whole vectors in every panel.
struct RightSide {
  const float* data = nullptr;
  bool packed = true;
  int64_t row_step = 0;  // when not packed
  const float* panel(const Contraction& c, int64_t p) const {
    return data + (packed ? c.depth() : 1) * c.panels.first_column(p);
  }
  int64_t step(const Contraction& c, int64_t p) const { return packed ? c.panels.floats_of(p) : row_step; }
};

/// A rectangle of the result: rows of one position of the outer loops, panels of columns.
struct Share {
  int64_t first_row = 0, last_row = 0, first_panel = 0, last_panel = 0;
};

/// How `workers` split tiles of rows and panels; chosen so that the largest share is least, then the traffic.
struct Grid {
  int rows = 1, columns = 1;
  static Grid choose(int64_t tiles, const Contraction& c, int workers);
};
/// As many workers as the work deserves: a share below a few microseconds is not worth waking a thread.
int contraction_workers(double multiply_adds, int threads);

/// Calls body(worker, outer, share) for every part of outer positions first … last-1 with m rows each, all
/// workers at once.
template <class F>
void run_grid(const Grid& grid, const Contraction& c, int64_t m, int64_t first, int64_t last, F&& body) {
  const int64_t tiles = (m + c.tile_height - 1) / c.tile_height, all = tiles * (last - first);
  run_workers(grid.rows * grid.columns, [&](int worker) {
    const int64_t row = worker / grid.columns, column = worker % grid.columns;
    const int64_t begin = all * row / grid.rows, end = all * (row + 1) / grid.rows;
    Share share;
    share.first_panel = c.panels.count * column / grid.columns;
    share.last_panel = c.panels.count * (column + 1) / grid.columns;
    for (int64_t t = begin; t < end;) {
      const int64_t outer = t / tiles, from = t - outer * tiles, to = std::min(tiles, from + end - t);
      share.first_row = m * from / tiles;
      share.last_row = m * to / tiles;
      body(worker, first + outer, share);
      t += to - from;
    }
  });
}

/// One share on its way: what the tiles of a block have in common.
class ShareLoop {
 public:
  ShareLoop(const Contraction& c, const RightSide& b, const float* bias, const Tail& tail,
            const Tail::Frame& frame, const Share& share, void* memory);

  /// fill(row, height, to) writes the addresses of A's rows: to[t * height + i] for tap t and row + i.
  template <class Fill> void run(Fill&& fill) {
    const int64_t most = c_.block_tiles();
    for (int64_t first = 0; first < tiles_; first += most) {
      const int64_t last = std::min(tiles_, first + most);
      for (int64_t t = first; t < last; ++t)
        fill(tile_row(t), tile_row(t + 1) - tile_row(t),
             pointers_ + (tile_row(t) - tile_row(first)) * c_.taps);
      for (int64_t p = share_.first_panel; p < share_.last_panel; ++p) run_panel(p, first, last);
    }
  }

 private:
  /// Even tiles: none is left with a single row.
  int64_t tile_row(int64_t t) const {
    return share_.first_row + (share_.last_row - share_.first_row) * t / tiles_;
  }
  void run_panel(int64_t panel, int64_t first_tile, int64_t last_tile);
  void run_tiles(TileJob& job, int64_t panel, int64_t tap, bool is_first, bool is_last, int64_t first_tile,
                 int64_t last_tile);

  const Contraction& c_;
  const RightSide& b_;
  const float* bias_;
  const Tail& tail_;
  const Tail::Frame& frame_;
  Share share_;
  int64_t tiles_;
  const float** pointers_;
  float *sums_, *tile_, *scratch_;
};

}  // namespace rekindle::cpu
