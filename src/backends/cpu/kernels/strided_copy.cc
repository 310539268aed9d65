// Strided copies: merged loops, elements as wide as runs allow, blocks where rows become columns.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/strided_copy.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

#include "backends/cpu/workers.h"

namespace rekindle::cpu {

namespace {

constexpr int64_t kByteGrain = 65536;  // the least bytes worth a thread

struct Sixteen {
  uint64_t low, high;
};

template <class T> T load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <class T> void store(char* p, T value) { std::memcpy(p, &value, sizeof value); }

/// Four rows of four 4-byte elements become columns. Steps are in bytes.
void transpose_4x4(const char* from, int64_t from_step, char* to, int64_t to_step) {
  __m128 a = _mm_loadu_ps(reinterpret_cast<const float*>(from));
  __m128 b = _mm_loadu_ps(reinterpret_cast<const float*>(from + from_step));
  __m128 c = _mm_loadu_ps(reinterpret_cast<const float*>(from + 2 * from_step));
  __m128 d = _mm_loadu_ps(reinterpret_cast<const float*>(from + 3 * from_step));
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(reinterpret_cast<float*>(to), a);
  _mm_storeu_ps(reinterpret_cast<float*>(to + to_step), b);
  _mm_storeu_ps(reinterpret_cast<float*>(to + 2 * to_step), c);
  _mm_storeu_ps(reinterpret_cast<float*>(to + 3 * to_step), d);
}

}  // namespace

template <class T> struct RowCopies {
  using Rows = StridedCopy::Rows;
  static constexpr int64_t kSize = int64_t(sizeof(T));

  static void whole(const Rows& s, const char* from, char* to, int64_t count) {
    for (int64_t r = 0; r < count; ++r)
      std::memcpy(to + r * s.to_row_step * kSize, from + r * s.from_row_step * kSize, size_t(s.n * kSize));
  }
  static void fill(const Rows& s, const char* from, char* to, int64_t count) {
    for (int64_t r = 0; r < count; ++r) {
      const T value = load<T>(from + r * s.from_row_step * kSize);
      char* const row = to + r * s.to_row_step * kSize;
      for (int64_t i = 0; i < s.n; ++i) store(row + i * kSize, value);
    }
  }
  static void any(const Rows& s, const char* from, char* to, int64_t count) {
    for (int64_t r = 0; r < count; ++r) {
      const char* const x = from + r * s.from_row_step * kSize;
      char* const y = to + r * s.to_row_step * kSize;
      for (int64_t i = 0; i < s.n; ++i)
        store(y + i * s.to_step * kSize, load<T>(x + i * s.from_step * kSize));
    }
  }
  /// Elements along a row lie apart in `from`, rows lie side by side there. A few rows at once, so that every
  /// cache line of `from` is read once.
  static void transposed(const Rows& s, const char* from, char* to, int64_t count) {
    constexpr int64_t kRows = 64 / kSize;
    const int64_t from_bytes = s.from_step * kSize, to_bytes = s.to_row_step * kSize;
    for (int64_t r = 0; r < count; r += kRows) {
      const int64_t rows = std::min(kRows, count - r);
      const char* const x = from + r * kSize;
      char* const y = to + r * to_bytes;
      int64_t i = 0;
      if (kSize == 4 && rows == kRows)
        for (; i + 4 <= s.n; i += 4)
          for (int64_t k = 0; k < kRows; k += 4)
            transpose_4x4(x + i * from_bytes + k * kSize, from_bytes, y + k * to_bytes + i * kSize, to_bytes);
      for (; i < s.n; ++i)
        for (int64_t k = 0; k < rows; ++k)
          store(y + k * to_bytes + i * kSize, load<T>(x + i * from_bytes + k * kSize));
    }
  }

  static StridedCopy::CopyRows choose(const Rows& s, bool transposes) {
    if (transposes) return transposed;
    if (s.from_step == 1 && s.to_step == 1) return whole;
    if (s.from_step == 0 && s.to_step == 1) return fill;
    return any;
  }
};

Result<StridedCopy> StridedCopy::make(const Dims& dims, const Dims& from, const Dims& to,
                                      int64_t element_bytes, int threads) {
  StridedCopy copy;
  RK_TRY(copy.nest_, LoopNest::make(dims, {to, from}));
  LoopNest& nest = copy.nest_;
  copy.bytes_ = element_bytes;
  copy.total_ = count_of(dims);
  if (copy.total_ == 0) return copy;
  const auto widens = [&] {  // a short run becomes one wide element
    if (nest.depth() < 2 || nest.strides[0].back() != 1 || nest.strides[1].back() != 1) return false;
    const int64_t n = nest.dims.back(), bytes = n * copy.bytes_;
    if (bytes != 2 && bytes != 4 && bytes != 8 && bytes != 16) return false;
    for (const Dims& strides : nest.strides)
      for (size_t d = 0; d + 1 < strides.size(); ++d)
        if (strides[d] % n != 0) return false;
    return true;
  };
  if (widens()) {
    const int64_t n = nest.dims.back();
    copy.bytes_ *= n, copy.total_ /= n;
    nest.dims.pop_back();
    for (Dims& strides : nest.strides) {
      strides.pop_back();
      for (int64_t& s : strides) s /= n;
    }
  }
  size_t depth = nest.depth();
  bool transposes = false;
  if (depth >= 2 && nest.strides[0].back() == 1 && nest.strides[1].back() != 1 && nest.strides[1].back() != 0)
    for (size_t d = 0; d + 1 < depth && !transposes; ++d)
      if (nest.strides[1][d] == 1 && nest.dims[d] >= 4) {
        transposes = true;  // that loop goes next to the innermost
        std::rotate(nest.dims.begin() + int64_t(d), nest.dims.begin() + int64_t(d) + 1, nest.dims.end() - 1);
        for (Dims& s : nest.strides)
          std::rotate(s.begin() + int64_t(d), s.begin() + int64_t(d) + 1, s.end() - 1);
      }
  if (depth >= 1) {
    copy.rows_.n = nest.dims.back();
    copy.rows_.to_step = nest.strides[0].back(), copy.rows_.from_step = nest.strides[1].back();
  }
  if (depth >= 2) {
    copy.row_count_ = nest.dims[depth - 2];
    copy.rows_.to_row_step = nest.strides[0][depth - 2],
    copy.rows_.from_row_step = nest.strides[1][depth - 2];
  }
  copy.one_row_ = depth <= 1;
  switch (copy.bytes_) {
    case 1:
      copy.copy_ = RowCopies<uint8_t>::choose(copy.rows_, transposes);
      break;
    case 2:
      copy.copy_ = RowCopies<uint16_t>::choose(copy.rows_, transposes);
      break;
    case 4:
      copy.copy_ = RowCopies<uint32_t>::choose(copy.rows_, transposes);
      break;
    case 8:
      copy.copy_ = RowCopies<uint64_t>::choose(copy.rows_, transposes);
      break;
    case 16:
      copy.copy_ = RowCopies<Sixteen>::choose(copy.rows_, transposes);
      break;
    default:
      return Status::error(Code::unsupported, "elements have " + std::to_string(copy.bytes_) +
                                                  " bytes, expected 1, 2, 4, 8 or 16");
  }
  copy.workers_ = worker_count(copy.total_ * copy.bytes_, kByteGrain, threads);
  return copy;
}

void StridedCopy::run(const void* from, void* to) const {
  if (total_ == 0) return;
  const char* const x = static_cast<const char*>(from);
  char* const y = static_cast<char*>(to);
  if (one_row_) {
    share_items(rows_.n, workers_, [&](int, int64_t begin, int64_t end) {
      Rows part = rows_;
      part.n = end - begin;
      copy_(part, x + begin * rows_.from_step * bytes_, y + begin * rows_.to_step * bytes_, 1);
    });
    return;
  }
  const size_t outer = nest_.depth() - 2;
  share_items(nest_.iterations(outer) * row_count_, workers_, [&](int, int64_t begin, int64_t end) {
    LoopPosition at(nest_, outer, begin / row_count_);
    for (int64_t row = begin; row < end; at.next()) {
      const int64_t first = row % row_count_, rows = std::min(row_count_ - first, end - row);
      copy_(rows_, x + (at.offset(1) + first * rows_.from_row_step) * bytes_,
            y + (at.offset(0) + first * rows_.to_row_step) * bytes_, rows);
      row += rows;
    }
  });
}

}  // namespace rekindle::cpu
