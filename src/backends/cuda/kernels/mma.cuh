// The tensor cores' instructions on FP16 with FP32 sums, by architecture, and how tiles of halves lie in
// shared memory.
// SPDX-License-Identifier: Apache-2.0
//
// A step is 16 x 8 x 16: one m16n8k16 from sm_80 on, two m16n8k8 on sm_75, parts of four m8n8k4 on sm_70
// and 72. With g = lane / 4 and t = lane % 4 a lane has of A rows g and g + 8, of B column g, of C rows g and
// g + 8 and columns 2t and 2t + 1.

RK_DEVICE u32 rk_shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }

#if defined(RK_EMULATOR) && RK_SM >= 75
RK_DEVICE void rk_load_matrices(u32 (&to)[4], u32 address) {
  rk_emulator_load_matrices(to, address, 4, false);
}
RK_DEVICE void rk_load_transposed(u32 (&to)[4], u32 address) {
  rk_emulator_load_matrices(to, address, 4, true);
}
RK_DEVICE void rk_mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  const u32 b[2] = {b0, b1};
#if RK_SM >= 80
  rk_emulator_mma<RkEmulatorHalf>("mma.m16n8k16", c, a, b, 16, 16);
#else
  rk_emulator_mma<RkEmulatorHalf>("mma.m16n8k8", c, a, b, 16, 8);
  rk_emulator_mma<RkEmulatorHalf>("mma.m16n8k8", c, a + 2, b + 1, 16, 8);
#endif
}
#elif defined(RK_EMULATOR) && RK_SM >= 70
template <bool ByColumns>
RK_DEVICE void rk_mma4(float (&low)[4], float (&high)[4], u32 a0, u32 a1, u32 b0, u32 b1) {
  const u32 a[2] = {a0, a1}, b[2] = {b0, b1};
  rk_emulator_mma4(low, high, a, b, ByColumns);
}
#elif RK_SM >= 75
/// Four 8 x 8 matrices of halves; lane i gives the address of row i % 8 of matrix i / 8.
RK_DEVICE void rk_load_matrices(u32 (&to)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}
RK_DEVICE void rk_load_transposed(u32 (&to)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}

RK_DEVICE void rk_mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if RK_SM >= 80
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, "
      "%1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(b0));
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}
#elif RK_SM >= 70
/// 16 x 16 x 4 with m8n8k4, of which a warp runs four at a time: `quad` = lane / 4 % 4 says which quarter of
/// the tile a lane works for. It has the sums of rows lane % 2 + lane / 4 % 2 * 4 + lane / 16 * 8 and 2 more,
/// and of columns (lane & 2) + lane / 8 % 2 * 4 and the next, then the same 8 columns on. Of A it gives 4
/// halves of row lane % 8 + lane / 16 * 8, of B those of column lane % 4 + lane / 8 % 2 * 4 + lane / 16 * 8;
/// where B lies by rows, of row lane % 4 the 4 halves from column lane / 8 % 2 * 4 + lane / 16 * 8 on.
template <bool ByColumns>
RK_DEVICE void rk_mma4(float (&low)[4], float (&high)[4], u32 a0, u32 a1, u32 b0, u32 b1) {
  if (ByColumns)
    asm volatile(
        "mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%0, %1, %2, %3, %4, %5, %6, %7}, {%8, %9}, {%10, "
        "%11}, "
        "{%0, %1, %2, %3, %4, %5, %6, %7};"
        : "+f"(low[0]), "+f"(low[1]), "+f"(low[2]), "+f"(low[3]), "+f"(high[0]), "+f"(high[1]), "+f"(high[2]),
          "+f"(high[3])
        : "r"(a0), "r"(a1), "r"(b0), "r"(b1));
  else
    asm volatile(
        "mma.sync.aligned.m8n8k4.row.row.f32.f16.f16.f32 {%0, %1, %2, %3, %4, %5, %6, %7}, {%8, %9}, {%10, "
        "%11}, "
        "{%0, %1, %2, %3, %4, %5, %6, %7};"
        : "+f"(low[0]), "+f"(low[1]), "+f"(low[2]), "+f"(low[3]), "+f"(high[0]), "+f"(high[1]), "+f"(high[2]),
          "+f"(high[3])
        : "r"(a0), "r"(a1), "r"(b0), "r"(b1));
}
#endif

/// Where a lane's sums lie in a tile of 16 x 8: element 2 * half + c is at this row, and this column + c.
RK_DEVICE int rk_row_of_sum(int half) {
  const int lane = threadIdx.x % 32;
#if RK_SM >= 70 && RK_SM < 75
  return lane % 2 + half * 2 + lane / 4 % 2 * 4 + lane / 16 * 8;
#else
  return lane / 4 + half * 8;
#endif
}
RK_DEVICE int rk_column_of_sum() {
  const int lane = threadIdx.x % 32;
#if RK_SM >= 70 && RK_SM < 75
  return (lane & 2) + lane / 8 % 2 * 4;
#else
  return lane % 4 * 2;
#endif
}

/// Two floats rounded to halves, the first in the low bits.
RK_DEVICE u32 rk_pack_halves(float low, float high) {
#if RK_SM >= 80 && !defined(RK_EMULATOR)
  u32 both;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
#else
  return u32(f16(low).bits) | u32(f16(high).bits) << 16;
#endif
}

/// Bytes from a tile's start to a chunk of 8 halves, for rows of `Chunks` chunks (4, 8 or a multiple of 8).
/// Lines of 128 bytes; which of its eight places a chunk has is turned by the line's number, so that eight
/// rows of one chunk lie in different banks.
template <int Chunks> RK_DEVICE int rk_chunk_offset(int row, int chunk) {
  if (Chunks >= 8) return row * Chunks * 16 + ((chunk & ~7) | ((chunk ^ row) & 7)) * 16;
  constexpr int rows = Chunks >= 8 ? 1 : 8 / Chunks;  // of a line
  const int line = row / rows, place = row % rows * Chunks + chunk;
  return line * 128 + (place ^ (line & 7)) * 16;
}
