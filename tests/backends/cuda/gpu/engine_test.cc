// Whole engines on a GPU: replays against single steps and the reference, memory and streams of the caller,
// several contexts and engines at a time.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "backends/cuda/driver.h"
#include "backends/cuda/gpu/gpu.h"
#include "math/conv.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "math/softmax.h"

namespace rekindle {
namespace {

using test::noise;

/// Two branches of convolutions that meet, a residual, two outputs.
Graph two_branches() {
  Graph g;
  const auto add = [&](Op op, std::vector<ValueId> inputs) {
    auto made = g.add1(std::move(op), std::move(inputs));
    RK_ASSERT(made.ok(), "the model is wrong");
    return *made;
  };
  const auto weights = [&](Dims dims, uint32_t seed) {
    Tensor w = noise(DType::f32, dims, seed);
    for (int64_t i = 0; i < w.count(); ++i) w.set_double(i, w.as_double(i) / 10);
    return g.add_constant("w", std::move(w));
  };
  const ValueId x = g.add_input("x", {DType::f32, {Dim::symbol("N"), 8, 20, 20}});
  const auto conv = [&](ValueId from, int64_t in, int64_t out, int64_t kernel, uint32_t seed) {
    const int64_t pad = kernel / 2;
    return add(ops::Relu{},
               {add(ops::Conv{.pads = {pad, pad, pad, pad}},
                    {from, weights({out, in, kernel, kernel}, seed), weights({out}, seed + 1)})});
  };
  const ValueId a = conv(x, 8, 16, 3, 1), b = conv(x, 8, 16, 1, 3);
  const ValueId c = conv(a, 16, 16, 3, 5), d = conv(b, 16, 16, 3, 7);
  const ValueId sum = add(ops::Add{}, {c, d});
  const ValueId y = conv(sum, 16, 8, 1, 9);
  g.set_outputs({add(ops::Sigmoid{}, {add(ops::Add{}, {y, x})}), sum});
  return g;
}

class Engines : public test::OnGpu {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    if (IsSkipped()) return;
    graph = two_branches();
    auto made = test::engine_for_gpu(graph, native(), gpu, 0);
    ASSERT_TRUE(made.ok()) << made.status().to_string();
    engine = *made;
    for (const ValueId v : graph.outputs) names.push_back(graph[v].name);
  }
  std::unique_ptr<Context> context(ContextOptions options = {}) const {
    options.threads = 1;
    return *engine->create_context(options);
  }
  void expect_reference(const Context& c, const Tensor& x, const std::string& what) const {
    const auto expected = interpret(graph, std::vector{x});
    ASSERT_TRUE(expected.ok());
    for (size_t i = 0; i < names.size(); ++i) {
      const auto got = c.output(names[i]);
      ASSERT_TRUE(got.ok()) << got.status().to_string();
      EXPECT_LT(test::largest_difference(*got, (*expected)[i]), 1e-4) << what << ", " << names[i];
    }
  }
  static Tensor input(int64_t n, uint32_t seed) { return noise(DType::f32, {n, 8, 20, 20}, seed); }
  Graph graph;
  std::shared_ptr<const Engine> engine;
  std::vector<std::string> names;
};

/// Memory on the GPU with the bytes of a tensor.
std::shared_ptr<void> on_gpu(Device& gpu, const Tensor& tensor) {
  auto memory = *gpu.allocate(tensor.bytes());
  const auto stream = *gpu.create_stream();
  EXPECT_TRUE(gpu.copy_in(*stream, memory.get(), tensor.raw(), tensor.bytes()).ok());
  EXPECT_TRUE(stream->synchronize().ok());
  return memory;
}
Tensor from_gpu(Device& gpu, const void* memory, DType dtype, const Dims& dims) {
  Tensor tensor(dtype, dims);
  const auto stream = *gpu.create_stream();
  EXPECT_TRUE(gpu.copy_out(*stream, tensor.raw(), memory, tensor.bytes()).ok());
  EXPECT_TRUE(stream->synchronize().ok());
  return tensor;
}

TEST_F(Engines, ReplaysEqualSingleStepsAndTheReference) {
  for (const bool overlap : {false, true}) {
    const auto c = context({.overlap = overlap});
    // Shapes come back, which have their records; contents and host memory change each time.
    for (const int64_t n : {1, 1, 1, 3, 3, 1, 3, 2, 1, 3}) {
      const Tensor x = input(n, uint32_t(n) * 7 + 1);
      ASSERT_TRUE(c->bind("x", x).ok());
      const Status run = c->run();
      ASSERT_TRUE(run.ok()) << run.to_string();
      expect_reference(*c, x, "batch " + std::to_string(n));
      const Tensor replayed = c->output(names[0])->clone();
      c->set_profiling(true);  // which runs step by step
      ASSERT_TRUE(c->run().ok());
      c->set_profiling(false);
      EXPECT_TRUE(c->output(names[0])->same_bits(replayed));
    }
  }
}

TEST_F(Engines, MemoryOfTheCallerIsUsedInPlace) {
  const auto c = context();
  const Dims dims{2, 8, 20, 20};
  const Tensor first = input(2, 3), second = input(2, 4);
  const auto a = on_gpu(*gpu, first), b = on_gpu(*gpu, second);
  const auto out = on_gpu(*gpu, Tensor(DType::f32, dims)), other = on_gpu(*gpu, Tensor(DType::f32, dims));
  for (int round = 0; round < 4; ++round)
    for (const auto& [in, to, x] : {std::tuple(a, out, first), std::tuple(b, other, second)}) {
      ASSERT_TRUE(c->bind_device("x", DType::f32, dims, in.get()).ok());
      ASSERT_TRUE(c->bind_device(names[0], DType::f32, dims, to.get()).ok());
      const Status run = c->run();
      ASSERT_TRUE(run.ok()) << run.to_string();
      const auto expected = interpret(graph, std::vector{x});
      EXPECT_LT(test::largest_difference(from_gpu(*gpu, to.get(), DType::f32, dims), (*expected)[0]), 1e-4);
      EXPECT_LT(test::largest_difference(*c->output(names[1]), (*expected)[1]), 1e-4);
    }
}

TEST_F(Engines, AStreamOfTheCallerOrdersTheWork) {
  const auto driver = cuda::driver();
  ASSERT_TRUE(driver.ok());
  cuda::StreamHandle stream = nullptr;
  ASSERT_EQ((*driver)->create_stream(&stream, 0), cuda::kSuccess);
  const auto c = context();
  const Dims dims{1, 8, 20, 20}, sum_dims{1, 16, 20, 20};
  const Tensor x = input(1, 5);
  const auto in = *gpu->allocate(x.bytes());
  const auto y = *gpu->allocate(x.bytes()), sum = *gpu->allocate(2 * x.bytes());
  ASSERT_TRUE(c->bind_device("x", DType::f32, dims, in.get()).ok());
  ASSERT_TRUE(c->bind_device(names[0], DType::f32, dims, y.get()).ok());
  ASSERT_TRUE(c->bind_device(names[1], DType::f32, sum_dims, sum.get()).ok());
  const auto wrapped = *gpu->wrap_stream(stream);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(gpu->fill(*wrapped, in.get(), 0, x.bytes()).ok());
    ASSERT_TRUE(gpu->copy_in(*wrapped, in.get(), x.raw(), x.bytes()).ok());
    const Status enqueued = c->enqueue(stream);
    ASSERT_TRUE(enqueued.ok()) << enqueued.to_string();
  }
  ASSERT_TRUE(wrapped->synchronize().ok());
  const auto expected = interpret(graph, std::vector{x});
  EXPECT_LT(test::largest_difference(from_gpu(*gpu, y.get(), DType::f32, dims), (*expected)[0]), 1e-4);
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  for (int i = 0; i < 200; ++i) {
    const auto begin = Clock::now();
    ASSERT_TRUE(c->enqueue(stream).ok());
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    ASSERT_TRUE(wrapped->synchronize().ok());
  }
  std::sort(times.begin(), times.end());
  std::printf("enqueue: %.1f us (median), %.1f us (90 %%)\n", times[100], times[180]);
  RecordProperty("enqueue_us", int(times[100]));
  EXPECT_LT(times[100], 50);  // the aim is 10; other work on the machine is not an error here
  (*driver)->destroy_stream(stream);
}

TEST_F(Engines, TwoEnginesAndManyContextsInOneProcess) {
  const auto second = test::engine_for_gpu(graph, target_of(61, ":ptx"), nullptr, 0);
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  const auto a = context(), b = context(), c = *(*second)->create_context({.threads = 1});
  for (int round = 0; round < 3; ++round) {
    for (Context* one : {a.get(), b.get(), c.get()}) {
      const Tensor x = input(1 + round % 2, uint32_t(round) + 11);
      ASSERT_TRUE(one->bind("x", x).ok());
      ASSERT_TRUE(one->run().ok());
      expect_reference(*one, x, "round " + std::to_string(round));
    }
  }
}

TEST_F(Engines, EightThreadsWithAContextEach) {
  std::vector<std::thread> threads;
  std::vector<std::string> failures(8);
  for (size_t t = 0; t < failures.size(); ++t)
    threads.emplace_back([&, t] {
      const auto c = context();
      const Tensor x = input(1 + int64_t(t % 3), uint32_t(t) + 21);
      const auto expected = interpret(graph, std::vector{x});
      Status status = c->bind("x", x);
      for (int round = 0; round < 20 && status.ok(); ++round) {
        status = c->run();
        if (status.ok() && test::largest_difference(*c->output(names[0]), (*expected)[0]) > 1e-4)
          status = Status::error(Code::internal, "round " + std::to_string(round) + " differs");
      }
      if (!status.ok()) failures[t] = status.to_string();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(failures, testing::Each(""));
}

/// Parts of a concatenation along the last dim lie apart in memory, some at addresses that no vector has.
TEST_F(Engines, PartsOfAConcatenationLieApart) {
  Graph g;
  const ValueId a = g.add_input("a", {DType::f32, {6, 8}}), b = g.add_input("b", {DType::f32, {6, 3}});
  const ValueId twice = *g.add1(ops::Add{}, {a, a});
  g.set_outputs({*g.add1(ops::Relu{}, {*g.add1(ops::Concat{1}, {b, twice, b})})});
  const auto made = test::engine_for_gpu(g, native(), gpu, 0);
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  const Tensors inputs{noise(DType::f32, {6, 8}, 41), noise(DType::f32, {6, 3}, 42)};
  const auto c = *(*made)->create_context({.threads = 1});
  ASSERT_TRUE(c->bind("a", inputs[0]).ok());
  ASSERT_TRUE(c->bind("b", inputs[1]).ok());
  const Status run = c->run();
  ASSERT_TRUE(run.ok()) << run.to_string();
  EXPECT_LT(test::largest_difference(*c->output(g[g.outputs[0]].name), (*interpret(g, inputs))[0]), 1e-5);
}

TEST_F(Engines, TuningOnTheDeviceChoosesKernelsThatAgree) {
  const auto tuned = test::engine_for_gpu(graph, native(), gpu, 1, {{"N", {1, 2, 8}}});
  ASSERT_TRUE(tuned.ok()) << tuned.status().to_string();
  for (const Step& step : (*tuned)->plan().steps)
    EXPECT_TRUE(step.kind == StepKind::copy || (*tuned)->plan().devices[step.device] == "cuda") << step.label;
  const auto c = *(*tuned)->create_context({.threads = 1});
  for (const int64_t n : {2, 1, 8}) {
    const Tensor x = input(n, 31);
    ASSERT_TRUE(c->bind("x", x).ok());
    ASSERT_TRUE(c->run().ok());
    expect_reference(*c, x, "tuned, batch " + std::to_string(n));
  }
}

}  // namespace
}  // namespace rekindle
