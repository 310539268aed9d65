// What PTX does for tensor cores, halves and asynchronous copies, in plain C++: the bodies of the prelude's
// primitives where RK_EMULATOR is defined.
// SPDX-License-Identifier: Apache-2.0

// ---- FP16 and BF16, rounded to nearest, ties to even
RK_UNCHECKED static inline unsigned short rk_emulator_to_half(float x) {
  const unsigned bits = __float_as_uint(x), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000) return 0x7fff;          // NaN, as cvt gives it
  if (size >= 0x477ff000) return sign | 0x7c00;  // beyond the largest half
  if (size < 0x33000001) return sign;            // below half of the smallest
  const int exponent = int(size >> 23) - 127;
  const unsigned mantissa = (size & 0x7fffff) | 0x800000;
  const int dropped = exponent < -14 ? -exponent - 1 : 13;  // bits that do not fit
  unsigned half = mantissa >> dropped;
  const unsigned rest = mantissa & ((1u << dropped) - 1), tie = 1u << (dropped - 1);
  if (rest > tie || (rest == tie && (half & 1))) ++half;
  if (exponent >= -14) half += unsigned(exponent + 14) << 10;  // the hidden bit counts as one exponent
  return (unsigned short)(sign | half);
}
RK_UNCHECKED static inline float rk_emulator_from_half(unsigned short half) {
  const unsigned sign = unsigned(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3ff;
  if (exponent == 31) return __uint_as_float(sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) {
    const float size = float(mantissa) * (1.f / 16777216.f);
    return sign ? -size : size;
  }
  return __uint_as_float(sign | (exponent + 112) << 23 | mantissa << 13);
}
RK_UNCHECKED static inline unsigned short rk_emulator_to_bf16(float x) {
  const unsigned bits = __float_as_uint(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
RK_UNCHECKED static inline float rk_emulator_from_bf16(unsigned short x) {
  return __uint_as_float(unsigned(x) << 16);
}

// ---- addresses of shared memory as 32-bit numbers: from the table, which stands in the same segment
RK_UNCHECKED static inline unsigned long __cvta_generic_to_shared(const void* at) {
  return (unsigned)((const char*)at - (const char*)&rk_emulator_table);
}
RK_UNCHECKED static inline const char* rk_emulator_at(unsigned shared) {
  return (const char*)&rk_emulator_table + int(shared);
}
RK_UNCHECKED static inline unsigned rk_emulator_load_word(const char* at) {
  rk_emulator_touch(at, 4, rk_emulator_peek);
  return *(const unsigned*)at;
}

// ---- operations of the whole warp: each lane gives what it holds, and works out its part
RK_UNCHECKED static inline void rk_emulator_all(const char* what, const void* mine, unsigned bytes,
                                                void* all) {
  if (rk_emulator_exchange(what, 0xffffffffu, mine, bytes, all) != 0xffffffffu)
    rk_emulator_fail(what, nullptr, 32);
}
/// ldmatrix: `count` (1, 2 or 4) 8 x 8 matrices of 16-bit elements; lane i of the first 8 * count has the
/// address of row i % 8 of matrix i / 8. A lane gets columns 2t and 2t + 1 of row g, or of the transposed.
RK_UNCHECKED __attribute__((noinline)) static void rk_emulator_load_matrices(unsigned* to, unsigned address,
                                                                             int count, bool transposed) {
  unsigned all[32];
  rk_emulator_all("ldmatrix", &address, 4, all);
  const unsigned lane = rk_emulator_lane(), g = lane / 4, t = lane % 4;
  for (int m = 0; m < count; ++m) {
    if (transposed) {
      to[m] = 0;
      for (unsigned i = 0; i < 2; ++i) {
        const char* row = rk_emulator_at(all[m * 8 + t * 2 + i]);
        rk_emulator_aligned(row, 16);
        rk_emulator_touch(row + g * 2, 2, rk_emulator_peek);
        to[m] |= unsigned(*(const unsigned short*)(row + g * 2)) << 16 * i;
      }
    } else {
      const char* row = rk_emulator_at(all[m * 8 + g]);
      rk_emulator_aligned(row, 16);
      to[m] = rk_emulator_load_word(row + t * 4);
    }
  }
}

struct RkEmulatorHalf {
  static constexpr int word = 2;  // elements of 32 bits
  static float take(unsigned bits, int i) { return rk_emulator_from_half((unsigned short)(bits >> 16 * i)); }
};
struct RkEmulatorBf16 {
  static constexpr int word = 2;
  static float take(unsigned bits, int i) { return rk_emulator_from_bf16((unsigned short)(bits >> 16 * i)); }
};
struct RkEmulatorTf32 {
  static constexpr int word = 1;
  static float take(unsigned bits, int) { return __uint_as_float(bits & 0xffffe000); }
};
struct RkEmulatorInt8 {
  static constexpr int word = 4;
  static int take(unsigned bits, int i) { return (signed char)(bits >> 8 * i); }
};
/// mma.sync with row.col operands: C[m, 8] += A[m, k] B[k, 8], where m is 8 or 16. With e elements in a word,
/// a lane has of A, for each group of 4e columns, e neighbours at column e * t of row g and then of row g +
/// 8; of B the same of column g; of C columns 2t and 2t + 1 of rows g and g + 8. Sums are rounded once at the
/// end.
template <class Element, class Sum>
RK_UNCHECKED __attribute__((noinline)) static void rk_emulator_mma(const char* what, Sum* c,
                                                                   const unsigned* a, const unsigned* b,
                                                                   int m, int k) {
  constexpr int e = Element::word;
  const int rows = m / 8, groups = k / (4 * e);
  struct Held {
    unsigned a[8], b[4];
  } mine, all[32];
  for (int i = 0; i < rows * groups; ++i) mine.a[i] = a[i];
  for (int i = 0; i < groups; ++i) mine.b[i] = b[i];
  rk_emulator_all(what, &mine, sizeof mine, all);
  const unsigned lane = rk_emulator_lane();
  for (int r = 0; r < rows; ++r)
    for (int h = 0; h < 2; ++h) {
      const unsigned row = lane / 4, column = lane % 4 * 2 + h;
      double sum = c[r * 2 + h];
      for (int i = 0; i < groups; ++i)
        for (int t = 0; t < 4; ++t)
          for (int j = 0; j < e; ++j)
            sum += double(Element::take(all[row * 4 + t].a[i * rows + r], j)) *
                   double(Element::take(all[column * 4 + t].b[i], j));
      c[r * 2 + h] = Sum(sum);
    }
}

/// mma.m8n8k4 of FP16 with a row-major A: four products of 8 x 8 x 4, each by two quads of lanes 16 apart.
/// The first quad has rows of A and columns of B 0 to 3, the second 4 to 7; where B lies by rows a lane has
/// row lane % 4 and the columns of its quad. Sums i of a lane are of row lane % 2 + (i & 2), 4 more in the
/// second quad, and of column (lane & 2) + (i & 4) + i % 2.
RK_UNCHECKED __attribute__((noinline)) static void rk_emulator_mma4(float* low, float* high,
                                                                    const unsigned* a, const unsigned* b,
                                                                    bool by_columns) {
  struct Held {
    unsigned a[2], b[2];
  } const mine = {{a[0], a[1]}, {b[0], b[1]}};
  Held all[32];
  rk_emulator_all("mma.m8n8k4", &mine, sizeof mine, all);
  const unsigned lane = rk_emulator_lane(), quad = lane % 16 / 4 * 4;
  const auto holder = [&](unsigned line) { return quad + line % 4 + line / 4 * 16; };
  for (unsigned i = 0; i < 8; ++i) {
    float& c = i < 4 ? low[i] : high[i - 4];
    const unsigned row = lane % 2 + (i & 2) + lane / 16 * 4, column = (i & 4) + (lane & 2) + i % 2;
    double sum = c;
    for (unsigned k = 0; k < 4; ++k) {
      const unsigned from = by_columns ? holder(column) : quad + column / 4 * 16 + k,
                     e = by_columns ? k : column % 4;
      sum += double(RkEmulatorHalf::take(all[holder(row)].a[k / 2], k % 2)) *
             double(RkEmulatorHalf::take(all[from].b[e / 2], e % 2));
    }
    c = float(sum);
  }
}

// ---- cp.async: what was started is not there before it is waited for
RK_UNCHECKED __attribute__((noinline)) static void rk_emulator_start_copy(void* to, const void* from,
                                                                          unsigned bytes,
                                                                          unsigned from_bytes) {
  rk_emulator_table.start_copy(rk_emulator_table.run, to, from, bytes, from_bytes);
}
RK_UNCHECKED __attribute__((noinline)) static void rk_emulator_end_group() {
  rk_emulator_table.end_group(rk_emulator_table.run);
}
RK_UNCHECKED __attribute__((noinline)) static void rk_emulator_wait_groups(unsigned most_left) {
  rk_emulator_table.wait_groups(rk_emulator_table.run, most_left);
}
