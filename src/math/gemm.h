// Sums of products, the inside of every contraction's reference: y[m, n] = sum over k of a[m, k] * b[k, n].
// SPDX-License-Identifier: Apache-2.0
//
// A block of y is made from blocks of a and b that callables fill, so that a convolution never stores its
// patches. The inner tile, 4 rows by two or four vectors' worth of columns, keeps its sums in registers on
// every compiler without any instruction set flags; a float sum is at most 128 products long before it is
// added up in double.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "base/parallel.h"
#include "math/compute_type.h"

namespace rekindle {

template <class C> struct Gemm {
  using Sum = std::conditional_t<std::is_floating_point_v<C>, double, C>;
  static constexpr int64_t kRows = 64, kColumns = 256, kDepth = 128;  // the largest block
  static constexpr int64_t kLanes = 16 / sizeof(C);
  static constexpr int64_t kTileRows = 4, kTileColumns = 2 * kLanes;

  /// One block. load_a(m, k, count, to) gives count values of row m of a from column k on; load_b(k, n,
  /// count, to) the same of b; store(m, n, count, sums) takes count values of row m of y.
  template <class LoadA, class LoadB, class Store>
  void run(int64_t m0, int64_t rows, int64_t n0, int64_t columns, int64_t depth, LoadA&& load_a,
           LoadB&& load_b, Store&& store) {
    sums_.assign(size_t(rows * columns), Sum(0));
    const int64_t padded_rows = (rows + kTileRows - 1) / kTileRows * kTileRows;
    for (int64_t k0 = 0; k0 < depth; k0 += kDepth) {
      const int64_t count = std::min(kDepth, depth - k0);
      for (int64_t m = 0; m < rows; ++m) load_a(m0 + m, k0, count, &a_[size_t(m * kDepth)]);
      for (int64_t m = rows; m < padded_rows; ++m) std::fill_n(&a_[size_t(m * kDepth)], count, C(0));
      for (int64_t k = 0; k < count; ++k) {
        load_b(k0 + k, n0, columns, &b_[size_t(k * kStride)]);
        std::fill_n(&b_[size_t(k * kStride + columns)], kTileColumns, C(0));
      }
      for (int64_t n = 0; n < columns; n += kTileColumns)
        for (int64_t m = 0; m < rows; m += kTileRows) add_tile(m, n, count, rows, columns);
    }
    for (int64_t m = 0; m < rows; ++m) store(m0 + m, n0, columns, &sums_[size_t(m * columns)]);
  }

 private:
  // A row of b is followed by a tile of zeros, and rows do not all fall into the same cache sets.
  static constexpr int64_t kStride = kColumns + kTileColumns;
  typedef C Vector __attribute__((vector_size(16), aligned(sizeof(C)), may_alias));

  void add_tile(int64_t m, int64_t n, int64_t depth, int64_t rows, int64_t columns) {
    const C* a0 = &a_[size_t(m * kDepth)];
    const C *a1 = a0 + kDepth, *a2 = a1 + kDepth, *a3 = a2 + kDepth;
    const C* b = &b_[size_t(n)];
    Vector s00{}, s01{}, s10{}, s11{}, s20{}, s21{}, s30{}, s31{};
    for (int64_t k = 0; k < depth; ++k, b += kStride) {
      const Vector b0 = *reinterpret_cast<const Vector*>(b),
                   b1 = *reinterpret_cast<const Vector*>(b + kLanes);
      s00 += a0[k] * b0, s01 += a0[k] * b1;
      s10 += a1[k] * b0, s11 += a1[k] * b1;
      s20 += a2[k] * b0, s21 += a2[k] * b1;
      s30 += a3[k] * b0, s31 += a3[k] * b1;
    }
    const Vector tile[kTileRows][2] = {{s00, s01}, {s10, s11}, {s20, s21}, {s30, s31}};
    const int64_t row_count = std::min(kTileRows, rows - m),
                  column_count = std::min(kTileColumns, columns - n);
    for (int64_t i = 0; i < row_count; ++i) {
      const C* from = reinterpret_cast<const C*>(tile[i]);
      Sum* to = &sums_[size_t((m + i) * columns + n)];
      for (int64_t j = 0; j < column_count; ++j) to[j] += from[j];
    }
  }

  std::vector<C> a_ = std::vector<C>(size_t(kRows * kDepth));
  std::vector<C> b_ = std::vector<C>(size_t(kDepth * kStride));
  std::vector<Sum> sums_;
};

/// Calls visit(scratch, item, m0, rows, n0, columns) for every block of `items` results of m by n, each
/// number of which is a sum of `depth` products, in parallel.
template <class C, class F>
void for_each_block(int64_t items, int64_t m, int64_t n, int64_t depth, F&& visit) {
  const int64_t down = (m + Gemm<C>::kRows - 1) / Gemm<C>::kRows;
  const int64_t across = (n + Gemm<C>::kColumns - 1) / Gemm<C>::kColumns;
  const int64_t work = std::min(m, Gemm<C>::kRows) * std::min(n, Gemm<C>::kColumns) * (depth / 4 + 1);
  parallel_for(items * down * across, grain_of(work), [&](int64_t begin, int64_t end) {
    Gemm<C> scratch;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t m0 = block % down * Gemm<C>::kRows, n0 = block / down % across * Gemm<C>::kColumns;
      visit(scratch, block / (down * across), m0, std::min(Gemm<C>::kRows, m - m0), n0,
            std::min(Gemm<C>::kColumns, n - n0));
    }
  });
}

}  // namespace rekindle
