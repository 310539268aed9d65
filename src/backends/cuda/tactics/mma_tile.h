// The tiles of products over FP16, on tensor cores where there are any: how a block's work is cut, and which
// cuts fit a problem.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cuda/tactics/writer.h"

namespace rekindle::cuda {

struct MmaTile {
  int64_t m, n, k, warps_m, warps_n;
  int min_blocks;  // a multiprocessor, which caps the registers
  int least_sm;    // older ones have too few registers for it
  int64_t threads() const { return warps_m * warps_n * 32; }
  /// Bytes of a block with so many buffers; the sums pass through the same memory at the end.
  int64_t shared_bytes(int64_t stages, int64_t splits) const;
};

/// A product as the choice of a tile sees it.
struct MmaProblem {
  Dim rows, columns, items = 1;
  Dim depth;
  bool gathers = false;  // whether the left side is patches of a picture
};

const MmaTile& mma_tile(int64_t number);
/// The space: {tile, stages, splits}, best guess for the problem first.
Result<Space> mma_space(const MmaProblem& problem, const Bindings& sizes, const Target& target);
/// Defines RK_BM and the others, and includes the kernel. `config` is a point of the space.
void write_mma(KernelWriter& writer, const Config& config, bool b_by_columns);
/// The grid of a point: tiles along x and y, items and parts along z.
std::vector<Dim> mma_grid(const MmaProblem& problem, const Config& config);

/// A constant [K, N] matrix given element by element as N lines of K halves, filled with zeros to eights.
template <class At> Result<Tensor> pack_half_lines(int64_t k, int64_t n, At&& at) {
  const int64_t stride = (k + 7) / 8 * 8;
  RK_TRY(Tensor packed, Tensor::make(DType::f16, {n, stride}));
  f16_t* to = packed.template data<f16_t>();
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < k; ++i) to[j * stride + i] = f16_t(at(i, j));
  return packed;
}

}  // namespace rekindle::cuda
