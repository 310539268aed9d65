// The tiles of the FP32 product on plain cores: how a block's work is cut, which cuts fit a problem, and the
// parts of the kernel that every such product has.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/writer.h"

namespace rekindle::cuda {

struct SimtTile {
  int64_t m, n, k, thread_m, thread_n;
  int min_blocks;  // a multiprocessor, which caps the registers
  int stages;      // slices of K in shared memory
  int64_t threads() const { return m / thread_m * (n / thread_n); }
};

/// C[rows, columns] += A[rows, depth] B[depth, columns], `batch` times.
struct SimtProblem {
  Dim rows, columns, depth, batch = 1;
};

/// The space: the number of a tile and in how many parts K is cut, best guess for the problem first.
Space simt_space(const SimtProblem& problem, const Bindings& sizes, const Target& target);
/// What a configuration of that space says, for the target's architecture.
struct SimtConfig {
  SimtTile tile;
  bool keeps_order = false;  // of multiplications, see nvrtc.h
  int64_t splits = 1;
};
SimtConfig simt_config(const Config& config, const Target& target);
/// `work` with the tile and splits of a config filled in, predicted; 0 when the target has no description.
Result<Prediction> predict_tile(SimtWork work, const Config& config, const Target& target,
                                const BuiltKernel* built);

/// Defines RK_BM and the others, includes the kernel, and declares `part` and `item` (of the batch).
void write_simt(KernelWriter& writer, const SimtProblem& problem, const SimtConfig& config);
/// The call, after `rows`, `columns` and `epilogue` were declared.
void call_simt(KernelWriter& writer, const SimtProblem& problem, const std::string& first_row,
               const std::string& first_column);
Result<BuiltKernel> finish_simt(KernelWriter& writer, const std::string& name, const SimtProblem& problem,
                                const SimtConfig& config, const Target& target);

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
