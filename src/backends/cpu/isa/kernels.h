// What each instruction-set level provides: tables of functions on plain pointers, filled by the files of
// this folder.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/target.h"

namespace rekindle::cpu {

inline constexpr int kDTypeCount = int(kDTypeNames.size());

/// out[i] = formula(in[0][i], in[1][i], …). `out` may be one of the inputs.
using RowKernel = void (*)(const void* op, const float* const* in, float* out, int64_t n);
/// A formula on rows. Where a variant is named for an operand, in[that] is one float that stands for the
/// whole row.
struct RowKernels {
  RowKernel plain = nullptr;  // null: the formula has no float form (bit operations)
  RowKernel scalar_first = nullptr, scalar_second = nullptr;  // two-operand formulas only
};
/// n elements, `stride` elements apart, as floats; null for types a program cannot read.
using Widen = void (*)(const void* from, int64_t stride, float* to, int64_t n);
/// Floats stored as another type by the rules of Cast; null for types a program cannot write.
using Narrow = void (*)(const float* from, void* to, int64_t stride, int64_t n);

/// Operands of the fused rows below.
struct AddClip {
  float low, high;
};
struct ProgramKernels {
  const RowKernels* formulas = nullptr;  // in the order of math/elementwise.def
  RowKernels add_clip;  // min(max(a + b, low), high): residual and bias additions before an activation
  RowKernel multiply_add = nullptr;  // a * b + c
  Widen widen[kDTypeCount] = {};
  Narrow narrow[kDTypeCount] = {};
};

/// What is done with a sum while it is in a register: y = f(clip(x)) * scale + shift, f(x) = x or
/// hard_swish(x).
struct TileEnd {
  bool clips = false, hard_swish = false, is_affine = false;
  float low = 0, high = 0, scale = 1, shift = 0;
};

/// One tile of a contraction: `height` rows by some vectors of columns, kept in registers.
///   c[i][j] = end(start[i][j] + sum over t < taps, p < k of rows[t*height + i][a_offset + p] * b[t*k +
///   p][j] + addend[i][j])
struct TileJob {
  const float* const* rows = nullptr;  // a pointer for each tap and row
  int64_t taps = 1, k = 0, a_offset = 0;
  const float* b = nullptr;
  int64_t b_step = 0;            // floats from one k to the next
  const float* start = nullptr;  // null: zeros. A step of 0 repeats one row: a bias
  int64_t start_step = 0;
  const float* addend = nullptr;  // null: none
  int64_t addend_step = 0;
  float* c = nullptr;
  int64_t c_step = 0;
  int64_t columns = 0;  // of start, addend and c; b has whole vectors
  TileEnd end;
};
using TileKernel = void (*)(const TileJob& job);

inline constexpr int kMostTileVectors = 4, kMostTileHeight = 12;
struct TileKernels {
  int width = 0;                          // floats in a vector
  int most_vectors = 0;                   // columns of the widest tile, in vectors
  int height[kMostTileVectors + 1] = {};  // the tallest tile of each width
  TileKernel run[kMostTileVectors + 1][kMostTileHeight + 1] = {};
};

/// Some pixels of one output row of a depthwise convolution, channels last.
///   out[x][c] = end(bias[c] + sum over ky, kx of in[ky][x*stride + kx*dilation - begin][c] *
///   weights[ky][kx][c] + addend[x][c])
struct DepthwiseJob {
  const float* in = nullptr;             // the row under ky = first_ky, pixel 0
  int64_t in_row_step = 0, in_step = 0;  // to the row under the next ky, to the next pixel; floats
  int64_t in_width = 0;
  int64_t first_ky = 0, last_ky = 0;  // kernel rows inside the image
  int64_t kernel_width = 1, stride = 1, dilation = 1, begin = 0;
  int64_t first_x = 0, last_x = 0;  // output pixels to make
  int64_t channels = 0;
  const float* weights = nullptr;  // [kernel height][kernel width][channels]
  const float* bias = nullptr;     // null: zeros
  const float* addend = nullptr;   // of pixel first_x; null: none
  int64_t addend_step = 0;
  float* out = nullptr;  // pixel first_x
  int64_t out_step = 0;
  TileEnd end;
};
struct DepthwiseKernels {
  void (*run)(const DepthwiseJob& job) = nullptr;
};

/// Two output rows by some pixels of a depthwise convolution with a square window of 3 or 5, stride 1 or 2.
struct DepthwiseBlock {
  /// Addresses of input pixels, channel 0, or of zeros: kernel + stride rows of (pixels - 1) * stride +
  /// kernel.
  /// Inside the image: the first address of each row, and the step to the next pixel.
  const float* const* in = nullptr;
  int64_t in_step = 0;
  int64_t channels = 0;
  const float* weights = nullptr;  // [kernel][kernel][channels]
  const float* bias = nullptr;     // null: zeros
  int rows = 2;                    // 1: only the upper row is stored
  const float* addend[2] = {};     // of the first pixel of each row; null: none
  int64_t addend_step = 0;
  float* out[2] = {};
  int64_t out_step = 0;
  TileEnd end;
};
inline constexpr int kMostBlockPixels = 6;
struct DepthwiseBlockKernels {
  int most_pixels = 0;
  using Run = void (*)(const DepthwiseBlock& job);
  Run run[2][2][kMostBlockPixels + 1] = {};  // [window 5][stride 2][pixels]
  Run inside[2][2] = {};                     // most_pixels of them, none outside the image
};

/// One output pixel of a pool, channels last, from the addresses of the input pixels under its window.
struct PoolKernels {
  void (*max)(const float* const* taps, int64_t count, int64_t channels, float* out) = nullptr;
  /// The sum times `scale`.
  void (*sum)(const float* const* taps, int64_t count, float scale, int64_t channels, float* out) = nullptr;
};

/// Transforms of Winograd convolution, 3 x 3 windows, channels last: tiles of m x m outputs, (m + 2) x (m +
/// 2) inputs.
struct WinogradKernels {
  /// For each of (m+2)^2 transformed elements e: to[e * step + c]; rows[i] + j * pixel_step is input pixel i,
  /// j, and null where the whole row is outside; pixels outside first_x <= j < last_x are zeros.
  void (*input)(int m, const float* const* rows, int64_t pixel_step, int64_t first_x, int64_t last_x,
                int64_t channels, float* to, int64_t step) = nullptr;
  /// The m x m outputs of a tile: out[(i * m + j) * out_step + c] from from[e * step + c], plus bias when
  /// given.
  void (*output)(int m, const float* from, int64_t step, const float* bias, int64_t channels, float* out,
                 int64_t out_step) = nullptr;
};

#define RK_ISA_LEVELS(visit) visit(baseline) visit(avx2) visit(avx512)

#define RK_DECLARE(level)                                 \
  namespace level {                                       \
  const ProgramKernels& program_kernels();                \
  const TileKernels& tile_kernels();                      \
  const DepthwiseKernels& depthwise_kernels();            \
  const DepthwiseBlockKernels& depthwise_block_kernels(); \
  const PoolKernels& pool_kernels();                      \
  const WinogradKernels& winograd_kernels();              \
  }
RK_ISA_LEVELS(RK_DECLARE)
#undef RK_DECLARE

const ProgramKernels& program_kernels(Isa isa);
const TileKernels& tile_kernels(Isa isa);
const DepthwiseKernels& depthwise_kernels(Isa isa);
const DepthwiseBlockKernels& depthwise_block_kernels(Isa isa);
const PoolKernels& pool_kernels(Isa isa);
const WinogradKernels& winograd_kernels(Isa isa);

}  // namespace rekindle::cpu
