// What the emulator does for tensor cores, halves, asynchronous copies and dynamic shared memory.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backends/emulator/emulated.h"
#include "tensor/half.h"

namespace rekindle {
namespace {

std::vector<float> noise(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(n);
  for (float& v : values) v = float(int(random() % 33) - 16) / 8;
  return values;
}

/// A[m, k] times B[n, k] transposed, small numbers that FP16, BF16 and TF32 hold exactly.
struct Product {
  int m, k;
  std::vector<float> a, b;
  Product(int rows, int depth)
      : m(rows), k(depth), a(noise(size_t(rows * depth), 1)), b(noise(size_t(8 * depth), 2)) {}
  float at(int row, int column) const {
    float sum = 0;
    for (int i = 0; i < k; ++i) sum += a[size_t(row * k + i)] * b[size_t(column * k + i)];
    return sum;
  }
};

/// `element` is the emulator's type, with e elements a word; `pack` makes a word of e floats at p.
void expect_product(const Product& p, const std::string& element, int e, const std::string& pack) {
  EmulatedLaunch launch;
  const std::string m = std::to_string(p.m), k = std::to_string(p.k), per = std::to_string(e);
  launch.source = "__device__ unsigned pack(const float* p) { " + pack + " }\n" +
                  "extern \"C\" __global__ void k(const float* a, const float* b, float* c) {\n"
                  "  const int g = threadIdx.x / 4, t = threadIdx.x % 4; unsigned left[8], right[4]; float "
                  "sums[4] = {};\n"
                  "  constexpr int groups = " +
                  k + " / (4 * " + per + "), rows = " + m +
                  " / 8;\n"
                  "  for (int i = 0; i < groups; ++i) {\n"
                  "    for (int r = 0; r < rows; ++r) left[i * rows + r] = pack(a + (g + r * 8) * " +
                  k + " + (i * 4 + t) * " + per +
                  ");\n"
                  "    right[i] = pack(b + g * " +
                  k + " + (i * 4 + t) * " + per +
                  "); }\n"
                  "  rk_emulator_mma<" +
                  element + ">(\"mma\", sums, left, right, " + m + ", " + k +
                  ");\n"
                  "  for (int r = 0; r < rows; ++r) for (int h = 0; h < 2; ++h) c[(g + r * 8) * 8 + t * 2 + "
                  "h] = sums[r * 2 + h]; }\n";
  launch.inputs = {p.a, p.b};
  launch.outputs = {std::vector<float>(size_t(p.m) * 8)};
  const Status done = launch.run();
  ASSERT_TRUE(done.ok()) << done.message();
  for (int i = 0; i < p.m; ++i)
    for (int j = 0; j < 8; ++j) EXPECT_EQ(launch.outputs[0][size_t(i * 8 + j)], p.at(i, j)) << i << " " << j;
}

TEST(TensorCores, Products) {
  const std::string halves =
      "return unsigned(rk_emulator_to_half(p[0])) | unsigned(rk_emulator_to_half(p[1])) << 16;";
  expect_product(Product(16, 16), "RkEmulatorHalf", 2, halves);
  expect_product(Product(16, 8), "RkEmulatorHalf", 2, halves);
  expect_product(Product(16, 16), "RkEmulatorBf16", 2,
                 "return unsigned(rk_emulator_to_bf16(p[0])) | unsigned(rk_emulator_to_bf16(p[1])) << 16;");
  expect_product(Product(16, 8), "RkEmulatorTf32", 1, "return __float_as_uint(p[0]);");
}

TEST(TensorCores, ProductsOfBytes) {
  for (const auto& [rows, depth] : {std::pair(8, 16), std::pair(16, 32)}) {
    Product p(rows, depth);
    for (float& v : p.a) v *= 8;
    for (float& v : p.b) v *= 8;
    expect_product(p, "RkEmulatorInt8", 4,
                   "unsigned w = 0; for (int i = 0; i < 4; ++i) w |= unsigned((unsigned char)(signed "
                   "char)p[i]) << 8 * i; return w;");
  }
}

TEST(TensorCores, PartOfAWarpIsAnError) {
  EmulatedLaunch launch;
  launch.source =
      "extern \"C\" __global__ void k(float* y) { unsigned a[4] = {}, b[2] = {}; float c[4] = {};\n"
      "if (threadIdx.x == 3) { y[3] = 0.f; return; } rk_emulator_mma<RkEmulatorHalf>(\"mma\", c, a, b, 16, "
      "16); y[threadIdx.x] = c[0]; }";
  launch.outputs = {std::vector<float>(32)};
  EXPECT_EQ(
      launch.run().message(),
      "kernel k, block (0, 0, 0), thread (0, 0, 0): mma is done by a part of the warp only, expected all 32 "
      "lanes to take part");
}

TEST(TensorCores, MatricesAreLoadedAndTransposed) {
  for (const bool transposed : {false, true}) {
    EmulatedLaunch launch;
    launch.source = transposed ? "#define RK_TRANSPOSED true\n" : "#define RK_TRANSPOSED false\n";
    launch.source +=
        "extern \"C\" __global__ void k(float* y) { __shared__ unsigned short tile[4][8][8];\n"
        "for (int i = threadIdx.x; i < 256; i += 32) tile[0][0][i] = i;\n__syncwarp();\nunsigned to[4];\n"
        "rk_emulator_load_matrices(to, __cvta_generic_to_shared(&tile[0][0][threadIdx.x * 8]), 4, "
        "RK_TRANSPOSED);\n"
        "for (int m = 0; m < 4; ++m) for (int h = 0; h < 2; ++h)\n"
        "  y[m * 64 + threadIdx.x * 2 + h] = to[m] >> 16 * h & 0xffff; }";
    launch.outputs = {std::vector<float>(256)};
    const Status done = launch.run();
    ASSERT_TRUE(done.ok()) << done.message();
    for (int m = 0; m < 4; ++m)
      for (int lane = 0; lane < 32; ++lane)
        for (int h = 0; h < 2; ++h) {
          const int row = lane / 4, column = lane % 4 * 2 + h;
          EXPECT_EQ(launch.outputs[0][size_t(m * 64 + lane * 2 + h)],
                    float(m * 64 + (transposed ? column * 8 + row : row * 8 + column)));
        }
  }
}

float from_bits(size_t bits) {
  f16_t half;
  half.bits = uint16_t(bits);
  return float(half);
}

TEST(TensorCores, HalvesAreRoundedAsEverywhere) {
  EmulatedLaunch launch;
  launch.source =
      "extern \"C\" __global__ void k(const float* x, float* y, float* z) { for (int i = threadIdx.x; i < "
      "65536; i += 32) {\n"
      "y[i] = rk_emulator_from_half(i); z[i] = float(rk_emulator_to_half(x[i])); } }";
  std::mt19937 random(3);
  std::vector<float> values(65536);
  for (size_t i = 0; i < values.size(); ++i) {
    // Around every half: itself, ties, and what is next to a tie.
    uint32_t bits = 0;
    const float half = from_bits(i);
    std::memcpy(&bits, &half, 4);
    bits += i % 3 == 0 ? 0 : (i % 3 == 1 ? 0x1000u : 0xfffu + random() % 3);
    std::memcpy(&values[i], &bits, 4);
  }
  launch.inputs = {values};
  launch.outputs = {std::vector<float>(65536), std::vector<float>(65536)};
  const Status done = launch.run();
  ASSERT_TRUE(done.ok()) << done.message();
  for (size_t i = 0; i < values.size(); ++i) {
    const float wanted = from_bits(i);
    EXPECT_TRUE(std::isnan(wanted) ? std::isnan(launch.outputs[0][i]) : launch.outputs[0][i] == wanted) << i;
    if (std::isnan(values[i])) continue;
    EXPECT_EQ(launch.outputs[1][i], float(f16_t(values[i]).bits)) << values[i];
  }
}

std::string copying(const std::string& after) {
  EmulatedLaunch launch;
  launch.source =
      "extern \"C\" __global__ void k(const float* x, float* y) { extern __shared__ __align__(16) float "
      "memory[];\n"
      "const int t = threadIdx.x; rk_emulator_start_copy(memory + t * 4, x + t * 4, 16, t < 31 ? 16 : 0); "
      "rk_emulator_end_group();\n" +
      after + "\nfor (int i = 0; i < 4; ++i) y[t * 4 + i] = memory[t * 4 + i]; }";
  launch.inputs = {noise(128, 4)};
  launch.outputs = {std::vector<float>(128)};
  launch.dynamic_shared = 512;
  const Status done = launch.run();
  if (!done.ok()) return done.message();
  for (size_t i = 0; i < 128; ++i)
    if (launch.outputs[0][i] != (i < 124 ? launch.inputs[0][i] : 0.f)) return "another value";
  return "";
}

TEST(AsynchronousCopies, AreThereOnceTheyAreWaitedFor) {
  EXPECT_EQ(copying("rk_emulator_wait_groups(0);"), "");
  EXPECT_EQ(copying("rk_emulator_wait_groups(1);"), "another value");
  EXPECT_EQ(copying(""), "another value");
  // They are the thread's own: what others copied is there after a barrier.
  EXPECT_EQ(
      copying(
          "rk_emulator_wait_groups(0); float s = 0.f; if (t == 31) s = memory[0]; if (s == 77.f) y[0] = s;"),
      "kernel k, block (0, 0, 0), thread (31, 0, 0): reads byte 0 of dynamic shared memory, which thread (0, "
      "0, 0) "
      "writes with no barrier between, expected __syncthreads or, within a warp, __syncwarp");
}

TEST(SharedMemory, PastTheEndOfWhatTheLaunchGives) {
  EmulatedLaunch launch;
  launch.source =
      "extern \"C\" __global__ void k(float* y) { extern __shared__ float memory[]; memory[threadIdx.x + 1] "
      "= 0.f; y[threadIdx.x] = 0.f; }";
  launch.outputs = {std::vector<float>(32)};
  launch.dynamic_shared = 128;
  EXPECT_EQ(
      launch.run().message(),
      "kernel k, block (0, 0, 0), thread (31, 0, 0): writes 4 bytes at byte 128 of dynamic shared memory, "
      "which has 128");
  launch.dynamic_shared = 70000;
  EXPECT_EQ(launch.run().message(), "k has 70000 bytes of shared memory, a block may have 65536 on sm_75");
}

}  // namespace
}  // namespace rekindle
