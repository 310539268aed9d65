// Built engines while they run: eight threads with one engine get the bits that one thread alone gets, and a
// steady run takes no memory and no lock in any kernel. tests/runtime shows the same of the runtime with
// made-up kernels.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "api/builder.h"
#include "onnx/model_text.h"
#include "runtime/call_watch.h"
#include "runtime/engine.h"

namespace rekindle {
namespace {

/// Convolutions (plain, depthwise, strided), pools, a batch norm, matmuls, normalizations, movement, a branch
/// of shapes.
constexpr const char* kModels[] = {
    "x: f32[N, 4, 12, 12]; w: f32[8, 4, 3, 3]; d: f32[8, 1, 3, 3]; m: f32[8, 10]; c = Conv(x, w) {pads=[1, "
    "1, 1, 1]}; "
    "r = Relu(c); e = Conv(r, d) {group=8, pads=[1, 1, 1, 1], strides=[2, 2]}; s = Sigmoid(e); t = Mul(e, "
    "s); "
    "p = MaxPool(t) {kernel_shape=[2, 2], strides=[2, 2]}; g = GlobalAveragePool(p); f = Flatten(g); q = "
    "MatMul(f, m); "
    "y = Softmax(q)",
    "x: f32[N, 6, 16]; w: f32[16, 16]; b: f32[16]; q = MatMul(x, w); k = Add(q, b); t = Transpose(k) "
    "{perm=[0, 2, 1]}; "
    "a = MatMul(k, t); s = Softmax(a); v = MatMul(s, x); u = Add(v, x); "
    "z = LayerNormalization(u, b) {axis=-1}; o, n = Split(z) {axis=1}; h = Concat(n, o) {axis=2}; y = "
    "Gelu(h)",
    "x: f32[N, 3, 8, 8]; a = i64[1] {1}; m = ReduceMean(x) {axes=[2, 3], keepdims=1}; d = Sub(x, m); e = "
    "Abs(d); "
    "i = i64[3] {2, 0, 1}; g = Gather(e, i) {axis=1}; r = Resize(g, _, z) {mode=\"linear\"}; z = f32[4] {1, "
    "1, 2, 2}; "
    "y = Tanh(r)",
};
/// Inputs but x become constants: kernels for weights that only the run brings are references, which do
/// allocate.
std::string text_of(const char* model) {
  std::string text, rest = model;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find("; "), rest.size());
    std::string statement = rest.substr(0, end);
    rest.erase(0, end + 2);
    const size_t type = statement.find(": f32[");
    if (type != std::string::npos && statement[0] != 'x') {
      int64_t count = 1;
      for (size_t at = type + 5; statement[at] != ']'; at = statement.find_first_of(",]", at + 1))
        count *= std::stoll(statement.substr(at + 1));
      statement.replace(type, 1, " =") += " {";
      for (int64_t i = 0; i < count; ++i)
        statement += (i ? ", " : "") + std::to_string(double(i * 29 % 23) / 16 - 0.5);
      statement += "}";
    }
    text += (text.empty() ? "" : "; ") + statement;
  }
  // Gelu is of opset 20; ReduceMean with axes as an attribute is older than 18
  return (text.find("Gelu") != std::string::npos ? "opset 20; " : "") + text;
}

float value_at(int64_t i, int64_t round) { return float((i * 37 + round * 11) % 64) / 32 - 1; }

Result<std::shared_ptr<const Engine>> engine_of(const char* model) {
  BuildOptions options;
  options.effort = 0, options.threads = 1;
  RK_TRY(BuiltEngine built,
         build_engine(onnx::test::as_bytes(onnx::test::model(text_of(model))), {}, options));
  const auto owner = std::make_shared<const std::string>(std::move(built.bytes));
  RK_TRY(EngineFile file, open_engine_bytes(std::as_bytes(std::span(*owner)), owner));
  LoadOptions load;
  load.open_device = open_devices();
  return Engine::from_file(std::move(file), load);
}

/// Binds made-up inputs; the batch differs from round to round.
Status bind_all(const Engine& engine, Context& context, int64_t round) {
  for (const Binding& b : engine.bindings()) {
    if (!b.is_input) continue;
    Dims dims;
    for (const Dim& d : b.type.shape) dims.push_back(d.as_int().value_or(1 + round % 3));
    Tensor tensor(DType::f32, dims);
    for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = value_at(i, round);
    RK_CHECK(context.bind(b.name, tensor));
  }
  return {};
}

class RunningEngines : public testing::TestWithParam<const char*> {};

TEST_P(RunningEngines, EightThreadsGetTheSameBits) {
  constexpr int kThreads = 8, kRuns = 125;  // a thousand in all
  const auto engine = engine_of(GetParam());
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  const auto run_all = [&](const std::function<bool(int, const Tensor&)>& check) {
    const auto context = (*engine)->create_context({.threads = 1});
    for (int i = 0; context.ok() && i < kRuns; ++i) {
      if (!bind_all(**engine, **context, i).ok() || !(*context)->run().ok()) return false;
      const auto y = (*context)->output("y");
      if (!y.ok() || !check(i, *y)) return false;
    }
    return context.ok();
  };
  std::vector<Tensor> expected;
  ASSERT_TRUE(run_all([&](int, const Tensor& y) {
    expected.push_back(y.clone());
    return true;
  }));
  EXPECT_FALSE(expected[0].same_bits(expected[3]));  // the inputs differ, so equal bits mean something
  std::atomic<int> passed = 0;
  std::vector<std::thread> workers;
  for (int t = 0; t < kThreads; ++t)
    workers.emplace_back([&] {
      passed += run_all([&](int i, const Tensor& y) { return y.same_bits(expected[size_t(i)]); }) ? 1 : 0;
    });
  for (std::thread& w : workers) w.join();
  EXPECT_EQ(passed, kThreads);
}

TEST_P(RunningEngines, ASteadyRunNeitherAllocatesNorLocks) {
  const auto engine = engine_of(GetParam());
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  for (const int threads : {1, 2}) {
    const auto context = (*engine)->create_context({.threads = threads});
    ASSERT_TRUE(context.ok());
    ASSERT_TRUE(bind_all(**engine, **context, 1).ok());
    ASSERT_TRUE((*context)->run().ok() && (*context)->run().ok());
    Status status;
    int calls = 0;
    {
      const test::Watch watch;
      for (int i = 0; i < 5 && status.ok(); ++i) status = (*context)->run();
      calls = watch.calls();
    }
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(calls, 0) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RunningEngines, testing::ValuesIn(kModels),
                         [](const auto& info) { return "Model" + std::to_string(info.index); });

}  // namespace
}  // namespace rekindle
