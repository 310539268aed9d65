// Each check of the emulator finds the fault that it is for, in a kernel that commits just that.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <numeric>

#include "backends/emulator/emulated.h"

namespace rekindle {
namespace {

std::vector<float> counting(size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.f);
  return values;
}

/// One input and one output of 64 floats, a block of 64 threads; `body` may use x, y, t and n.
EmulatedLaunch kernel(const std::string& body) {
  EmulatedLaunch launch;
  launch.source =
      "extern \"C\" __global__ void __launch_bounds__(64) k(const float* __restrict__ x, float* __restrict__ "
      "y, int n) {\n"
      "const int t = threadIdx.x;\n" +
      body + "\n}\n";
  launch.inputs = {counting(64)};
  launch.outputs = {std::vector<float>(64)};
  launch.block = {64};
  launch.scalars = {64};
  return launch;
}

std::string fault_of(const std::string& body) { return kernel(body).run().message(); }

TEST(Emulator, RunsAKernel) {
  EmulatedLaunch launch =
      kernel("__shared__ float tile[64]; tile[t] = x[t]; __syncthreads(); y[t] = tile[63 - t] + float(n);");
  const Status done = launch.run();
  ASSERT_TRUE(done.ok()) << done.message();
  for (int i = 0; i < 64; ++i) EXPECT_EQ(launch.outputs[0][size_t(i)], float(63 - i + 64));
}

TEST(Emulator, KnowsTheCoordinatesOfThreadsAndBlocks) {
  EmulatedLaunch launch;
  launch.source =
      "extern \"C\" __global__ void k(float* y) { const int b = (blockIdx.z * gridDim.y + blockIdx.y) * "
      "gridDim.x "
      "+ blockIdx.x, t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;\n"
      "y[b * 24 + t] = threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z + 1000 * blockIdx.y; }";
  launch.block = {4, 3, 2};
  launch.grid = {2, 3, 2};
  launch.outputs = {std::vector<float>(12 * 24)};
  const Status done = launch.run();
  ASSERT_TRUE(done.ok()) << done.message();
  EXPECT_EQ(launch.outputs[0][0], 0.f);
  EXPECT_EQ(launch.outputs[0][23], 123.f);
  EXPECT_EQ(launch.outputs[0][4 * 24 + 6], 2012.f);
}

TEST(Emulator, ARaceBetweenWarps) {
  EXPECT_EQ(fault_of("__shared__ float tile[64]; tile[t] = x[t]; y[t] = tile[63 - t];"),
            "kernel k, block (0, 0, 0), thread (0, 0, 0): reads byte 252 of tile, which nothing has written "
            "in this block");
  EXPECT_EQ(
      fault_of("__shared__ float tile[64]; tile[t] = x[t]; y[t] = t < 32 ? 0.f : tile[63 - t];"),
      "kernel k, block (0, 0, 0), thread (32, 0, 0): reads byte 124 of tile, which thread (31, 0, 0) writes "
      "with no barrier between, expected __syncthreads or, within a warp, __syncwarp");
}

TEST(Emulator, ARaceOfTwoWrites) {
  EXPECT_EQ(
      fault_of("__shared__ float total[1]; total[0] = x[t]; y[t] = 0.f;"),
      "kernel k, block (0, 0, 0), thread (1, 0, 0): writes byte 0 of total, which thread (0, 0, 0) writes "
      "with no barrier between, expected __syncthreads or, within a warp, __syncwarp");
}

TEST(Emulator, ARaceWithAnEarlierRead) {
  const std::string begin =
      "__shared__ float tile[64]; tile[t] = x[t]; __syncthreads(); y[t] = tile[63 - t];";
  EXPECT_EQ(fault_of(begin + "__syncthreads(); tile[t] = 0.f;"), "");
  EXPECT_EQ(
      fault_of(begin + "if (t == 63) tile[t] = 0.f;"),
      "kernel k, block (0, 0, 0), thread (63, 0, 0): writes byte 252 of tile, which thread (0, 0, 0) reads "
      "with no barrier between, expected __syncthreads or, within a warp, __syncwarp");
  EXPECT_NE(fault_of(begin + "if (t == 0) tile[t] = 0.f;"), "");
}

TEST(Emulator, LanesOfAWarpAreOrderedByItsOperations) {
  const std::string begin = "__shared__ float tile[64]; const int w = t / 32 * 32; tile[t] = x[t];";
  EXPECT_EQ(fault_of(begin + "__syncwarp(); y[t] = tile[w + (t + 1) % 32];"), "");
  EXPECT_EQ(
      fault_of(begin + "float a = __shfl_xor_sync(0xffffffffu, x[t], 1); y[t] = a + tile[w + (t + 1) % 32];"),
      "");
  EXPECT_NE(fault_of(begin + "y[t] = tile[w + (t + 31) % 32];"), "");
}

TEST(Emulator, PastTheEndOfSharedMemory) {
  EXPECT_EQ(
      fault_of("__shared__ float a[64]; __shared__ float b[64]; a[t] = 0.f; b[t + 1] = x[t]; y[t] = 0.f;"),
      "kernel k, block (0, 0, 0), thread (63, 0, 0): writes 4 bytes at byte 256 of b, which has 256");
}

TEST(Emulator, PastTheEndOfGlobalMemory) {
  EXPECT_EQ(
      fault_of("y[t] = x[t + 1];"),
      "kernel k, block (0, 0, 0), thread (63, 0, 0): reads 4 bytes at byte 256 of input 0, which has 256");
  EXPECT_EQ(
      fault_of("y[t - 1] = x[t];"),
      "kernel k, block (0, 0, 0), thread (0, 0, 0): writes 4 bytes at byte -4 of output 0, which has 256");
  EXPECT_EQ(
      fault_of("y[t] = *(const float*)(const void*)(long)(t + 16);"),
      "kernel k, block (0, 0, 0), thread (0, 0, 0): reads 4 bytes that belong to no argument of the kernel");
}

TEST(Emulator, InputsAreNotWritten) {
  EXPECT_EQ(fault_of("((float*)x)[t] = 1.f; y[t] = 1.f;"),
            "kernel k, block (0, 0, 0), thread (0, 0, 0): writes 4 bytes of input 0, expected inputs to be "
            "left alone");
}

TEST(Emulator, OutputsAreReadOnlyWhereTheyWereWritten) {
  EXPECT_EQ(
      fault_of("y[t] = y[t] + x[t];"),
      "kernel k, block (0, 0, 0), thread (0, 0, 0): reads byte 0 of output 0, which nothing has written");
}

TEST(Emulator, OutputsAreWrittenWhole) {
  EXPECT_EQ(fault_of("if (t != 17) y[t] = x[t];"), "kernel k: element 17 of output 0 was not written");
}

TEST(Emulator, AnElementIsOfOneBlock) {
  EmulatedLaunch launch = kernel("y[t] = x[t];");
  launch.grid = {2};
  EXPECT_EQ(
      launch.run().message(),
      "kernel k, block (1, 0, 0), thread (0, 0, 0): writes byte 0 of output 0, which block 0 writes too, "
      "expected each element to be of one block");
}

TEST(Emulator, ABarrierThatSomeDoNotReach) {
  EXPECT_EQ(
      fault_of("if (t < 32) __syncthreads();\ny[t] = x[t];"),
      "kernel k, block (0, 0, 0), thread (0, 0, 0): waits at __syncthreads in line 3, thread (32, 0, 0) has "
      "returned, expected all threads of the block to come to the same barrier");
  EXPECT_EQ(fault_of("if (t < 40)\n__syncthreads();\nelse\n__syncthreads();\ny[t] = x[t];"),
            "kernel k, block (0, 0, 0), thread (0, 0, 0): waits at __syncthreads in line 4, thread (40, 0, "
            "0) waits at "
            "that in line 6, expected all threads of the block to come to the same barrier");
}

TEST(Emulator, AWarpOperationThatLanesMiss) {
  EXPECT_EQ(
      fault_of("float a = x[t]; if (t != 5) a = __shfl_xor_sync(0xffffffffu, a, 1); else __syncthreads(); "
               "y[t] = a;"),
      "kernel k, block (0, 0, 0), thread (0, 0, 0): waits in __shfl_xor_sync for lane 5, which waits in "
      "__syncthreads, expected all lanes of the mask to take part");
  EXPECT_EQ(fault_of("if (t == 5) { y[t] = 0.f; return; } y[t] = __shfl_xor_sync(0xffffffffu, x[t], 1);"),
            "kernel k, block (0, 0, 0), thread (4, 0, 0): __shfl_xor_sync takes the value of lane 5, which "
            "is not there");
  EXPECT_EQ(
      fault_of("y[t] = __shfl_sync(0xffffu, x[t], 0);"),
      "kernel k, block (0, 0, 0), thread (16, 0, 0): calls __shfl_sync with a mask without its own lane");
}

TEST(Emulator, ShufflesAndVotes) {
  EmulatedLaunch launch = kernel(
      "float a = __shfl_down_sync(0xffffffffu, x[t], 3) + __shfl_up_sync(0xffffffffu, x[t], 2, 8);\n"
      "a += __shfl_sync(0xffffffffu, x[t], 1, 4) * 1000.f;\n"
      "y[t] = a + (__ballot_sync(0xffffffffu, t % 2) == 0xaaaaaaaau ? 0.5f : 0.f);");
  const Status done = launch.run();
  ASSERT_TRUE(done.ok()) << done.message();
  for (int t = 0; t < 64; ++t) {
    const int down = t % 32 + 3 < 32 ? t + 3 : t, up = t % 8 >= 2 ? t - 2 : t;
    EXPECT_EQ(launch.outputs[0][size_t(t)], float(down + up) + float(t / 4 * 4 + 1) * 1000.f + 0.5f) << t;
  }
}

TEST(Emulator, WorkspaceAndAtomics) {
  EmulatedLaunch launch = kernel("");
  launch.source =
      "extern \"C\" __global__ void k(const float* x, float* y, float* w) {\n"
      "  atomicAdd(w, x[threadIdx.x]); __syncthreads();\n"
      "  if (blockIdx.x == 1) y[threadIdx.x] = atomicAdd(w, 0.f); }";
  launch.grid = {2};
  launch.scalars = {};
  launch.workspace_bytes = 4;
  EXPECT_EQ(launch.run().message(),
            "kernel k, block (0, 0, 0), thread (0, 0, 0): changes byte 0 of the workspace, which nothing has "
            "written");
  launch.zeroed_workspace_bytes = 4;
  const Status done = launch.run();
  ASSERT_TRUE(done.ok()) << done.message();
  EXPECT_EQ(launch.outputs[0][5], 2.f * 63 * 32);
}

TEST(Emulator, AnEndlessLoop) {
  EXPECT_EQ(fault_of("volatile const float* v = x; while (v[0] == 0.f) {} y[t] = 0.f;"),
            "kernel k, block (0, 0, 0), thread (0, 0, 0): does not come to an end");
}

TEST(Emulator, WhatDoesNotCompileComesWithTheLog) {
  const Status failed = kernel("nothing();").run();
  EXPECT_EQ(failed.code(), Code::internal);
  EXPECT_NE(failed.message().find("the kernel k does not compile for the emulator"), std::string::npos);
  EXPECT_NE(failed.message().find("nothing"), std::string::npos);
}

TEST(Emulator, MoreSharedMemoryThanABlockHas) {
  EXPECT_EQ(fault_of("__shared__ float tile[12289]; tile[t] = x[t]; y[t] = tile[t];"),
            "the kernel k has 49156 bytes of static shared memory, a block may have 49152");
}

TEST(Emulator, CodeForGpusIsRefused) {
  cuda::CodeBundle bundle;
  bundle.images.push_back({cuda::CodeKind::cubin, 75, "x"});
  const std::string code = to_bytes(bundle);
  cuda::LaunchParams params;
  params.block = {32};
  KernelImage image;
  image.name = "k";
  image.params = to_bytes(params);
  const auto device = open_emulator();
  ASSERT_TRUE(device.ok());
  EXPECT_EQ((*device)->load(image, std::as_bytes(std::span(code))).status().message(),
            "the engine has no code of k for the emulator");
  bundle.images[0] = {cuda::CodeKind::emulated, 75, "no object"};
  const std::string damaged = to_bytes(bundle);
  EXPECT_EQ((*device)->load(image, std::as_bytes(std::span(damaged))).status().code(), Code::data_loss);
}

}  // namespace
}  // namespace rekindle
