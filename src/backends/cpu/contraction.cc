// Block sizes, shares of workers, and the loops over k blocks and tiles.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/contraction.h"

namespace rekindle::cpu {

namespace {

constexpr int64_t kPanelFloats = 32768;  // 128 KiB: a k block of a panel, well inside L2
constexpr int64_t kBlockFloats = 65536;  // 256 KiB: a block of A, beside it
constexpr int64_t kMostPointers = 8192;  // 64 KiB of row addresses
constexpr int64_t kMostBlockRows = 512;
constexpr double kLeastShare = 250e3;  // multiply-adds: about 2 microseconds of one core

int64_t ceil_quotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

Contraction Contraction::plan(int64_t columns, int64_t taps, int64_t channels, Isa isa) {
  Contraction c;
  c.tiles = &tile_kernels(isa);
  c.panels = Panels::of(columns, isa);
  c.taps = taps;
  c.channels = channels;
  c.tap_block = taps;
  c.channel_block = std::max<int64_t>(1, channels);
  if (columns == 0) return c;
  c.tile_height = c.tiles->height[c.panels.vectors_of(0)];
  const int64_t most_k = kPanelFloats / c.panels.floats_of(0);
  if (taps * channels > most_k * 3 / 2) {  // a little too long is better than two halves
    if (channels <= most_k) {
      c.tap_block = ceil_quotient(taps, ceil_quotient(taps, most_k / channels));
    } else {
      c.tap_block = 1;
      c.channel_block = ceil_quotient(channels, ceil_quotient(channels, most_k));
    }
  }
  const int64_t k_block = std::max<int64_t>(1, c.tap_block * c.channel_block);
  const int64_t rows = std::min({kMostBlockRows, kBlockFloats / k_block, kMostPointers / taps});
  c.block_rows = std::max<int64_t>(1, rows / c.tile_height) * c.tile_height;
  return c;
}

int contraction_workers(double multiply_adds, int threads) {
  return int(std::clamp(multiply_adds / kLeastShare, 1.0, double(std::max(1, threads))));
}

Grid Grid::choose(int64_t tiles, const Contraction& c, int workers) {
  Grid best;
  double least = 1e300;
  for (int rows = 1; rows <= workers; ++rows) {
    if (workers % rows != 0) continue;
    const int columns = workers / rows;
    if (columns > c.panels.count || rows > tiles) continue;
    const double share_tiles = double(ceil_quotient(tiles, rows));
    const double share_columns =
        double(ceil_quotient(c.panels.count, columns)) * double(c.panels.floats_of(0));
    // Work, and a little for what each worker reads: its rows of A and its columns of B.
    const double cost =
        share_tiles * share_columns + (share_tiles * double(c.tile_height) + share_columns) * 0.5;
    if (cost < least) least = cost, best = {rows, columns};
  }
  return best;
}

ShareLoop::ShareLoop(const Contraction& c, const RightSide& b, const float* bias, const Tail& tail,
                     const Tail::Frame& frame, const Share& share, void* memory)
    : c_(c),
      b_(b),
      bias_(bias),
      tail_(tail),
      frame_(frame),
      share_(share),
      tiles_(std::max<int64_t>(1, ceil_quotient(share.last_row - share.first_row, c.tile_height))),
      pointers_(static_cast<const float**>(memory)),
      sums_(reinterpret_cast<float*>(static_cast<char*>(memory) + c.pointer_bytes())),
      tile_(sums_ + c.sums_bytes() / int64_t(sizeof(float))),
      scratch_(tile_ + c.tile_floats()) {
  // Lanes past the last column are computed too; let them be numbers.
  if (!tail.in_registers()) std::memset(tile_, 0, size_t(c.tile_floats()) * sizeof(float));
}

void ShareLoop::run_panel(int64_t panel, int64_t first_tile, int64_t last_tile) {
  TileJob job;
  const float* const b = b_.panel(c_, panel);
  job.b_step = b_.step(c_, panel);
  for (int64_t tap = 0; tap < c_.taps; tap += c_.tap_block) {
    int64_t channel = 0;
    do {  // once even without channels: the result is then the bias
      job.taps = std::min(c_.tap_block, c_.taps - tap);
      job.k = std::min(c_.channel_block, c_.channels - channel);
      job.a_offset = channel;
      job.b = b + (tap * c_.channels + channel) * job.b_step;
      const bool is_last = tap + job.taps == c_.taps && channel + job.k == c_.channels;
      run_tiles(job, panel, tap, tap + channel == 0, is_last, first_tile, last_tile);
      channel += c_.channel_block;
    } while (channel < c_.channels);
  }
}

void ShareLoop::run_tiles(TileJob& job, int64_t panel, int64_t tap, bool is_first, bool is_last,
                          int64_t first_tile, int64_t last_tile) {
  const int64_t floats = c_.panels.floats_of(panel), column = c_.panels.first_column(panel);
  const int64_t columns = c_.panels.columns_of(panel), block_row = tile_row(first_tile);
  const TileKernel* const kernels = c_.tiles->run[c_.panels.vectors_of(panel)];
  const bool direct = is_last && tail_.in_registers();
  job.columns = is_last || (is_first && bias_) ? columns : floats;
  job.start_step = is_first ? 0 : floats;
  job.c_step = floats;
  job.addend = nullptr;
  job.end = {};
  int64_t row = block_row;
  for (int64_t t = first_tile; t < last_tile; ++t) {
    const int64_t next = tile_row(t + 1), height = next - row;
    job.rows = pointers_ + (row - block_row) * c_.taps + tap * height;
    job.start = is_first ? (bias_ ? bias_ + column : nullptr) : sums_ + (row - block_row) * floats;
    if (direct)
      tail_.set(job, frame_, row, column);
    else
      job.c = is_last ? tile_ : sums_ + (row - block_row) * floats;
    kernels[height](job);
    if (is_last && !direct) tail_.finish(tile_, floats, frame_, row, height, column, columns, scratch_);
    row = next;
  }
}

}  // namespace rekindle::cpu
