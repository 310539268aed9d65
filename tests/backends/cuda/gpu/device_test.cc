// What the device interface promises, on a real GPU: copies, fills, streams, timers, recordings, errors.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstring>
#include <thread>

#include "backends/cuda/code.h"
#include "backends/cuda/gpu/gpu.h"
#include "backends/cuda/tactics/code_cache.h"

namespace rekindle {
namespace {

using testing::HasSubstr;

/// y[i] = 2 * x[i] + added, compiled for the GPU that is here.
class Kernels : public test::OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    if (IsSkipped()) return;
    const auto nvrtc = cuda::Nvrtc::load();
    ASSERT_TRUE(nvrtc.ok()) << nvrtc.status().message();
    const auto compiled = cuda::CodeCache::of_process().compile(
        **nvrtc,
        "extern \"C\" __global__ void twice(const float* x, float* y, int n, int added) {\n"
        "  const int i = blockIdx.x * 256 + threadIdx.x;\n  if (i < n) y[i] = 2 * x[i] + added;\n}\n",
        "twice", properties.sm, cuda::CodeKind::cubin);
    ASSERT_TRUE(compiled.ok()) << compiled.status().message();
    cuda::LaunchParams params;
    params.block = {256};
    image.name = "twice";
    image.params = to_bytes(params);
    cuda::CodeBundle bundle;
    bundle.images = {compiled->image};
    code = to_bytes(bundle);
    const auto loaded = gpu->load(image, std::as_bytes(std::span(code)));
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    kernel = *loaded;
  }
  std::unique_ptr<Launch> launch(int64_t n, int64_t added) const {
    const ArgShape shape{DType::f32, {n}, {}, true};
    const std::vector<int64_t> grid{(n + 255) / 256}, scalars{n, added};
    LaunchShapes shapes;
    shapes.inputs = shapes.outputs = std::span(&shape, 1);
    shapes.grid = grid, shapes.scalars = scalars;
    return *kernel->prepare(shapes);
  }
  KernelImage image;
  std::string code;
  std::shared_ptr<const Kernel> kernel;
};

using Gpu = test::OnGpu;

TEST_F(Gpu, CopiesComeBack) {
  const auto stream = *gpu->create_stream();
  for (const int64_t bytes : {0, 1, 7, 4096, 1 << 20, (8 << 20) + 3}) {
    std::vector<uint8_t> sent(size_t(bytes) + 1), got(size_t(bytes) + 1, 9);
    for (size_t i = 0; i < sent.size(); ++i) sent[i] = uint8_t(i * 31);
    const auto a = *gpu->allocate(bytes), b = *gpu->allocate(bytes);
    ASSERT_TRUE(gpu->copy_in(*stream, a.get(), sent.data(), bytes).ok());
    ASSERT_TRUE(gpu->copy_within(*stream, b.get(), a.get(), bytes).ok());
    ASSERT_TRUE(gpu->copy_out(*stream, got.data(), b.get(), bytes).ok());
    ASSERT_TRUE(stream->synchronize().ok());
    EXPECT_EQ(std::memcmp(sent.data(), got.data(), size_t(bytes)), 0) << bytes;
    EXPECT_EQ(got[size_t(bytes)], 9);
  }
}

TEST_F(Gpu, FillsAndStagingMemory) {
  const auto stream = *gpu->create_stream();
  const auto staging = gpu->allocate_staging(1 << 16);
  ASSERT_TRUE(staging.ok()) << staging.status().message();
  const auto memory = *gpu->allocate(1 << 16);
  ASSERT_TRUE(gpu->fill(*stream, memory.get(), 0x5A, 1 << 16).ok());
  ASSERT_TRUE(gpu->copy_out(*stream, staging->get(), memory.get(), 1 << 16).ok());
  ASSERT_TRUE(stream->synchronize().ok());
  const auto* bytes = static_cast<const uint8_t*>(staging->get());
  EXPECT_TRUE(std::all_of(bytes, bytes + (1 << 16), [](uint8_t b) { return b == 0x5A; }));
}

TEST_F(Gpu, NoMemoryIsAnErrorThatSaysHowMuchWasNeeded) {
  const int64_t wanted = properties.memory_bytes * 4;
  const auto memory = gpu->allocate(wanted);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), Code::out_of_memory);
  EXPECT_THAT(memory.status().message(), HasSubstr("cannot allocate " + std::to_string(wanted) + " bytes"));
  EXPECT_THAT(memory.status().message(), HasSubstr("are free"));
  EXPECT_FALSE(gpu->allocate(-1).ok());
  EXPECT_TRUE(gpu->allocate(1 << 20).ok());  // it goes on
}

TEST_F(Gpu, AGpuThatIsNotThereIsNamed) {
  const auto device = open_cuda(999);
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.status().code(), Code::not_found);
  EXPECT_THAT(device.status().message(), HasSubstr("there is no GPU number 999, this machine has"));
}

TEST_F(Gpu, SaysWhatItIs) {
  EXPECT_EQ(gpu->name(), "cuda");
  EXPECT_FALSE(gpu->is_host());
  EXPECT_EQ(gpu->hardware(), properties.name);
  EXPECT_GT(properties.multiprocessors, 0);
  EXPECT_GE(properties.sm, 50);
}

TEST_F(Kernels, RunInOrderOnAStream) {
  constexpr int64_t kCount = 1000;
  const auto stream = *gpu->create_stream();
  const auto a = *gpu->allocate(kCount * 4), b = *gpu->allocate(kCount * 4);
  auto values = std::vector<float>(size_t(kCount), 1.0F);
  ASSERT_TRUE(gpu->copy_in(*stream, a.get(), values.data(), kCount * 4).ok());
  const auto step = launch(kCount, 1);
  const void* from = a.get();
  void* to = b.get();
  ASSERT_TRUE(step->run(*stream, &from, &to, nullptr).ok());
  from = b.get(), to = a.get();
  ASSERT_TRUE(step->run(*stream, &from, &to, nullptr).ok());
  ASSERT_TRUE(gpu->copy_out(*stream, values.data(), a.get(), kCount * 4).ok());
  ASSERT_TRUE(stream->synchronize().ok());
  EXPECT_EQ(values.front(), 7.0F);
  EXPECT_EQ(values.back(), 7.0F);
}

TEST_F(Kernels, ARecordingDoesTheSame) {
  constexpr int64_t kCount = 513;
  const auto stream = *gpu->create_stream();
  std::vector<std::shared_ptr<void>> memory;
  for (int i = 0; i < 3; ++i) memory.push_back(*gpu->allocate(kCount * 4));
  const auto first = launch(kCount, 1), second = launch(kCount, 10), nothing = launch(0, 0);
  const auto recording = *gpu->record();
  ASSERT_NE(recording, nullptr);
  const auto add = [&](Launch& step, size_t in, size_t out, std::vector<uint32_t> after) {
    const void* from = memory[in].get();
    void* to = memory[out].get();
    EXPECT_TRUE(recording->add(step, &from, &to, nullptr, after).ok());
  };
  add(*first, 0, 1, {});
  add(*nothing, 0, 1, {0});
  add(*second, 1, 2, {1});
  ASSERT_TRUE(recording->finish().ok());
  const auto result = [&](size_t input) {
    auto values = std::vector<float>(size_t(kCount), float(input));
    EXPECT_TRUE(gpu->copy_in(*stream, memory[0].get(), values.data(), kCount * 4).ok());
    const Status replayed = recording->replay(*stream);
    EXPECT_TRUE(replayed.ok()) << replayed.message();
    EXPECT_TRUE(gpu->copy_out(*stream, values.data(), memory[2].get(), kCount * 4).ok());
    EXPECT_TRUE(stream->synchronize().ok());
    return values;
  };
  EXPECT_EQ(result(1).back(), 2 * 3 + 10);
  EXPECT_EQ(result(5).back(), 2 * 11 + 10);
  // The last launch reads somewhere else from now on.
  const auto other = *gpu->allocate(kCount * 4);
  ASSERT_TRUE(gpu->fill(*stream, other.get(), 0, kCount * 4).ok());
  const void* from = other.get();
  void* to = memory[2].get();
  ASSERT_TRUE(recording->replace(2, &from, &to, nullptr).ok());
  EXPECT_EQ(result(5).back(), 10);
  EXPECT_FALSE(recording->add(*first, &from, &to, nullptr, {}).ok());
}

TEST_F(Kernels, TimersSeeLongerWorkAsLonger) {
  constexpr int64_t kCount = 1 << 24;
  const auto stream = *gpu->create_stream();
  const auto memory = *gpu->allocate(kCount * 4);
  const auto step = launch(kCount, 0);
  const void* from = memory.get();
  void* to = memory.get();
  const auto timer = *gpu->create_timer();
  const auto time = [&](int runs) {
    EXPECT_TRUE(timer->start(*stream).ok());
    for (int i = 0; i < runs; ++i) EXPECT_TRUE(step->run(*stream, &from, &to, nullptr).ok());
    EXPECT_TRUE(timer->stop(*stream).ok());
    return *timer->microseconds();
  };
  time(3);
  const double once = time(1), often = time(50);
  EXPECT_GT(once, 0);
  EXPECT_GT(often, 20 * once);
}

TEST_F(Kernels, CodeForAnotherGpuIsRefusedByName) {
  cuda::CodeBundle bundle;
  bundle.images = {{cuda::CodeKind::cubin, 61, "nothing that runs"}};
  const std::string old = to_bytes(bundle);
  const auto loaded = gpu->load(image, std::as_bytes(std::span(old)));
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.status().code(), Code::unsupported);
  EXPECT_THAT(loaded.status().message(), HasSubstr("the engine has no code of twice for " + properties.name));
}

TEST_F(Kernels, DamagedCodeIsAnError) {
  cuda::CodeBundle bundle;
  bundle.images = {{cuda::CodeKind::ptx, 61, ".version 6.0\n.target sm_61\nnonsense\n"}};
  const std::string damaged = to_bytes(bundle);
  const auto loaded = gpu->load(image, std::as_bytes(std::span(damaged)));
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.status().message(), HasSubstr("loading twice for sm_61"));
}

TEST_F(Kernels, EightThreadsUseTheDeviceAtATime) {
  constexpr int64_t kCount = 4096;
  std::vector<std::thread> threads;
  std::vector<int> wrong(8, 0);
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      const auto stream = *gpu->create_stream();
      const auto in = *gpu->allocate(kCount * 4), out = *gpu->allocate(kCount * 4);
      const auto step = launch(kCount, int64_t(t));
      const void* from = in.get();
      void* to = out.get();
      for (int round = 0; round < 50; ++round) {
        auto values = std::vector<float>(size_t(kCount), float(round));
        bool ok = gpu->copy_in(*stream, in.get(), values.data(), kCount * 4).ok() &&
                  step->run(*stream, &from, &to, nullptr).ok() &&
                  gpu->copy_out(*stream, values.data(), out.get(), kCount * 4).ok() &&
                  stream->synchronize().ok();
        for (const float v : values) ok = ok && v == float(2 * round) + float(t);
        wrong[t] += ok ? 0 : 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

}  // namespace
}  // namespace rekindle
