// The tiles of the FP32 product on plain cores: how a block's work is cut, and which cuts fit a problem.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/writer.h"

namespace rekindle::cuda {

struct SimtTile {
  int64_t m, n, k, thread_m, thread_n;
  int min_blocks;  // a multiprocessor, which caps the registers
  int64_t threads() const { return m / thread_m * (n / thread_n); }
};

/// The space: one axis, the number of a tile, best guess for the problem first.
Space simt_space(const Dim& rows, const Dim& columns, const Bindings& sizes, const Target& target);
const SimtTile& simt_tile(int64_t number);
/// `work` with the tile and splits of a config filled in, predicted; 0 when the target has no description.
Result<Prediction> predict_tile(SimtWork work, const Config& config, const Target& target,
                                const BuiltKernel* built);
/// Defines RK_BM and the others, and includes the kernel.
void write_simt(KernelWriter& writer, const SimtTile& tile);

/// A constant [K, N] matrix given element by element as rows of a multiple of 4 floats, filled with zeros.
template <class At> Result<Tensor> pack_columns(int64_t k, int64_t n, At&& at) {
  const int64_t stride = (n + 3) / 4 * 4;
  RK_TRY(Tensor packed, Tensor::make(DType::f32, {k, stride}));
  float* to = packed.template data<float>();
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < stride; ++j) to[i * stride + j] = j < n ? at(i, j) : 0.0f;
  return packed;
}

}  // namespace rekindle::cuda
