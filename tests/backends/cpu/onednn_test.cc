// cpu.onednn against the reference, at the level this process runs oneDNN at (onednn_levels_test.py caps it).
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/onednn.h"

#include <cmath>
#include <cstdlib>

#include "backends/cpu/conv_cases.h"
#include "backends/cpu/onednn_slices.h"
#include "math/matmul.h"

namespace rekindle::cpu {
namespace {

/// Packs the weights as a build would, and runs the kernel.
struct OnednnRun {
  OnednnParams params;
  std::vector<TestArg> inputs;  // x, the plain weights, bias, operands
  int pack_threads = 2;
  std::string implementation;

  Status run(TestArg output, int threads) {
    if (params.packed) RK_CHECK(pack(output));
    return launch("cpu.onednn", to_bytes(params), detect_isa(), inputs, {std::move(output)}, threads, 2);
  }

 private:
  Status pack(const TestArg& output) {
    if (!params.weights_format.empty()) return {};
    std::vector<ArgShape> in, out{output.shape()};
    for (const TestArg& a : inputs) in.push_back(a.shape());
    RK_TRY(const OnednnProblem problem, onednn_problem(params, {in, out, {}, {}, 1, {}}));
    RK_TRY(const auto primitive, OnednnPrimitive::make(problem, pack_threads));
    implementation = primitive->implementation();
    params.weights_format = primitive->weights_format();
    params.isa = onednn_isa();
    RK_TRY(Tensor packed, primitive->pack(inputs[1].tensor));
    inputs[1] = TestArg::weight(packed);
    return {};
  }
};

OnednnRun conv_run(const ConvCase& c, const ConvData& data, bool has_bias, bool bf16 = false) {
  OnednnRun run;
  run.params.window = c.window();
  run.params.group = c.group, run.params.in_channels = c.c, run.params.out_channels = c.o;
  run.params.packed = true, run.params.has_bias = has_bias, run.params.bf16 = bf16;
  run.inputs = {data.x, data.w};
  if (has_bias) run.inputs.emplace_back(data.bias);
  return run;
}

const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> list = {
      // n  h  w  c  o  kernel   strides dilations  begin   end   group
      {1, 7, 7, 64, 64, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},
      {2, 9, 11, 20, 33, {1, 1}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 1},
      {1, 14, 13, 16, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {2, 15, 15, 17, 65, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 1},
      {1, 12, 12, 9, 10, {3, 3}, {1, 1}, {2, 3}, {2, 3}, {2, 3}, 1},
      {1, 20, 21, 3, 32, {7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}, 1},
      {1, 8, 8, 1, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {1, 8, 8, 32, 48, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 4},
      {1, 3, 3, 600, 40, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {3, 1, 37, 10, 12, {5}, {2}, {1}, {2}, {2}, 1},
      {0, 5, 5, 8, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {1, 14, 14, 96, 96, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 96},  // depthwise from here
      {2, 15, 13, 33, 33, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 33},
      {1, 20, 30, 17, 17, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}, 17},
  };
  return list;
}

/// onednn_levels_test.py runs these tests at every level, in processes of their own.
TEST(Onednn, RunsAtTheLevelAskedFor) {
  const char* const wanted = std::getenv("RK_ONEDNN_LEVEL");
  EXPECT_EQ(enum_name(onednn_isa()), wanted ? std::string_view(wanted) : enum_name(detect_isa()));
}

TEST(Onednn, ConvolutionsMatchTheReference) {
  for (const ConvCase& c : conv_cases()) {
    for (const bool has_bias : {false, true}) {
      const ConvData data(c, has_bias);
      for (const int threads : {1, 2, 3, 7}) {
        OnednnRun run = conv_run(c, data, has_bias);
        Tensor y(DType::f32, data.expected.dims());
        const Status status = run.run(y, threads);
        ASSERT_TRUE(status.ok()) << c.text() << ": " << status.to_string();
        EXPECT_TRUE(near(y, data.expected, c.tolerance(), 2e-5))
            << c.text() << " threads " << threads << " by " << run.implementation;
      }
    }
  }
}

TEST(Onednn, Bf16ConvolutionsAreNear) {
  if (!onednn_has_bf16()) GTEST_SKIP() << "this machine multiplies no bf16";
  for (const ConvCase& c : conv_cases()) {
    const ConvData data(c, true);
    OnednnRun run = conv_run(c, data, true, true);
    Tensor y(DType::f32, data.expected.dims());
    const Status status = run.run(y, 2);
    ASSERT_TRUE(status.ok()) << c.text() << ": " << status.to_string();
    // Operands keep 8 bits: each product is off by up to 2^-8, in random directions.
    const double products = double(count_of(c.weights())) / double(c.o);
    EXPECT_TRUE(near(y, data.expected, std::ldexp(1.0, -8) * (1 + std::sqrt(products)), 1e-2))
        << c.text() << " by " << run.implementation;
  }
}

/// hard_swish(conv + bias) * gate + residual, from and into wider tensors.
TEST(Onednn, ViewsAndTails) {
  for (const ConvCase& c : conv_cases()) {
    if (c.n != 1 || c.c > 100) continue;
    const ConvData data(c, true);
    const Dims& out = data.expected.dims();
    Tensor wide_x(DType::f32, widened(data.x.dims(), 5)), wide_y(DType::f32, widened(out, 7));
    copy_channels(data.x, wide_x, 2);
    Dims gate_dims(out.size(), 1);
    gate_dims.back() = out.back();
    const Tensor gate = random_tensor(gate_dims, 21), residual = random_tensor(out, 22);
    OnednnRun run = conv_run(c, data, true);
    run.params.tail = {3, {{"hard_swish", "", {0}}, {"mul", "", {3, 1}}, {"add", "", {2, 4}}}, {5}};
    run.inputs[0] = TestArg(wide_x).view(data.x.dims(), contiguous_strides(wide_x.dims()), 2);
    run.inputs.emplace_back(gate), run.inputs.emplace_back(residual);
    const Status status = run.run(TestArg(wide_y).view(out, contiguous_strides(wide_y.dims()), 4), 2);
    ASSERT_TRUE(status.ok()) << c.text() << ": " << status.to_string();
    const int64_t o = out.back();
    for (int64_t i = 0; i < data.expected.count(); ++i) {
      const double v = data.expected.as_double(i);
      const double expected =
          v * std::clamp(v / 6 + 0.5, 0.0, 1.0) * gate.as_double(i % o) + residual.as_double(i);
      ASSERT_NEAR(wide_y.as_double(i / o * (o + 7) + 4 + i % o), expected, 5e-5) << c.text() << " at " << i;
    }
    for (int64_t pixel = 0; pixel < data.expected.count() / o; ++pixel)
      for (const int64_t outside : {0, 3, int(o) + 4, int(o) + 6})
        ASSERT_EQ(wide_y.as_double(pixel * (o + 7) + outside), 0) << c.text();
  }
}

/// Every step that a tail may have, against its own formula.
TEST(Onednn, StepsHaveOurFormulas) {
  const ConvCase c{1, 6, 6, 8, 16, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1};
  const ConvData data(c, true);
  const std::pair<const char*, std::string> steps[] = {
      {"relu", ""},
      {"sigmoid", ""},
      {"silu", ""},
      {"hard_swish", ""},
      {"tanh", ""},
      {"mish", ""},
      {"leaky_relu", to_bytes(ops::LeakyRelu{0.3f})},
      {"elu", to_bytes(ops::Elu{0.7f})},
      {"quick_gelu", to_bytes(ops::QuickGelu{1.3f})},
      {"hard_sigmoid", to_bytes(ops::HardSigmoid{0.3f, 0.4f})},
      {"gelu", to_bytes(ops::Gelu{ops::GeluForm::none})},
      {"gelu", to_bytes(ops::Gelu{ops::GeluForm::tanh})},
      {"clip", to_bytes(ops::Clip{-0.25f, 0.5f})},
      {"clip", to_bytes(ops::Clip{0.1f})}};
  for (const auto& [op, bytes] : steps) {
    OnednnRun run = conv_run(c, data, true);
    run.params.tail = {1, {{op, bytes, {0}}}, {1}};
    Tensor y(DType::f32, data.expected.dims()), expected(DType::f32, data.expected.dims());
    const Status status = run.run(y, 1);
    ASSERT_TRUE(status.ok()) << op << ": " << status.to_string();
    const Status own =
        launch("cpu.pointwise", to_bytes(run.params.tail), Isa::baseline, {data.expected}, {expected});
    ASSERT_TRUE(own.ok()) << own.to_string();
    EXPECT_TRUE(near(y, expected, 5e-6, 2e-5)) << op;
  }
}

TEST(Onednn, ResidualBeforeRelu) {
  const ConvCase c{1, 14, 14, 320, 80, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
  const ConvData data(c, true);
  const Tensor residual = random_tensor(data.expected.dims(), 5);
  OnednnRun run = conv_run(c, data, true);
  run.params.tail = {2, {{"add", "", {0, 1}}, {"relu", "", {2}}}, {3}};
  run.inputs.emplace_back(residual);
  Tensor y(DType::f32, data.expected.dims()), expected = data.expected.clone();
  for (int64_t i = 0; i < expected.count(); ++i)
    expected.data<float>()[i] = std::max(0.0f, expected.data<float>()[i] + residual.data<float>()[i]);
  const Status status = run.run(y, 2);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(near(y, expected, c.tolerance(), 2e-5));
}

/// Weights packed for one size and one number of threads serve others.
TEST(Onednn, OtherSizesThanPackedFor) {
  const ConvCase small{1, 4, 4, 64, 48, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
  const ConvData at_build(small, true);
  OnednnRun run = conv_run(small, at_build, true);
  run.pack_threads = 1;
  ASSERT_TRUE(run.run(Tensor(DType::f32, at_build.expected.dims()), 1).ok());
  for (const int64_t size : {1, 31, 60}) {
    ConvCase c = small;
    c.n = 2, c.h = size, c.w = size + 3;
    const ConvData data(c, true);
    run.inputs[0] = TestArg(data.x);
    Tensor y(DType::f32, data.expected.dims());
    const Status status = run.run(y, 2);
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_TRUE(near(y, data.expected, c.tolerance(), 2e-5)) << c.text();
  }
}

TEST(Onednn, TransposedConvolutionsMatchTheReference) {
  for (const TransposedCase& c : transposed_cases()) {
    const TransposedData data(c);
    OnednnRun run;
    run.params.kind = OnednnKind::conv_transpose;
    run.params.window = c.window();
    run.params.group = c.group, run.params.in_channels = c.w[0], run.params.out_channels = c.w[1] * c.group;
    run.params.packed = run.params.has_bias = true;
    run.inputs = {data.x, data.w, data.bias};
    for (const int threads : {1, 2, 3, 7}) {
      OnednnRun again = run;
      Tensor y(DType::f32, data.expected.dims());
      const Status status = again.run(y, threads);
      ASSERT_TRUE(status.ok()) << c.text() << ": " << status.to_string();
      EXPECT_TRUE(near(y, data.expected, 5e-5, 2e-5)) << c.text();
    }
  }
}

/// Slices cover the result once, and none is empty.
TEST(Onednn, SlicesCoverTheResult) {
  for (const int64_t batch : {1, 2, 3, 63})
    for (const int64_t rows : {1, 2, 7, 56})
      for (const int threads : {1, 2, 3, 8, 64}) {
        OnednnProblem p;
        p.batch = batch, p.in_channels = 5, p.out_channels = 11;
        p.y = {rows, rows, 3, 1, 1, 1, 1}, p.x = {9, 9, 3, 1, 1, 1, 1};
        for (const int kernel : {1, 3}) {
          if (kernel == 1) p.y = {rows, rows, 1, 1, 1, 0, 0}, p.x = {9, 9, 1, 1, 1, 0, 0};
          const auto slices = onednn_slices(p, threads);
          EXPECT_LE(slices.size(), size_t(std::max<int64_t>(4 * threads, batch)));
          int64_t next = 0;
          for (const OnednnSlice& s : slices) {
            EXPECT_EQ(s.result, next) << batch << " " << rows << " " << threads;
            const int64_t count = s.problem.batch * s.problem.y.out * s.problem.x.out * 11;
            EXPECT_GT(count, 0);
            next += count;
          }
          EXPECT_EQ(next, batch * rows * 9 * 11);
        }
        OnednnProblem product;
        product.kind = OnednnKind::matmul;
        product.batch = batch, product.rows = rows, product.in_channels = 5, product.out_channels = 11;
        for (const bool batched : {false, true}) {
          product.batched_weights = batched;
          int64_t next = 0;
          for (const OnednnSlice& s : onednn_slices(product, threads)) {
            EXPECT_EQ(s.result, next);
            EXPECT_EQ(s.weights % (5 * 11), 0);
            next += s.problem.batch * s.problem.rows * 11;
          }
          EXPECT_EQ(next, batch * rows * 11);
        }
      }
}

struct ProductCase {
  Dims a, b;
  bool transpose_a, transpose_b, packed;
};
const ProductCase kProducts[] = {{{1, 768}, {768, 100}, false, false, true},
                                 {{37, 65}, {65, 33}, false, false, true},
                                 {{2, 7, 31}, {31, 17}, false, false, true},
                                 {{128, 96}, {80, 96}, false, true, true},
                                 {{96, 40}, {96, 24}, true, false, true},
                                 {{3, 5, 31}, {3, 31, 17}, false, false, false},
                                 {{2, 3, 9, 16}, {2, 3, 16, 9}, false, false, false},
                                 {{2, 2, 9, 16}, {2, 2, 11, 16}, false, true, false},
                                 {{4, 16, 9}, {4, 16, 12}, true, false, false},
                                 {{1, 1, 1}, {1, 1, 1}, false, false, false}};

TEST(Onednn, ProductsMatchTheReference) {
  for (const ProductCase& c : kProducts) {
    for (const bool bf16 : {false, true}) {
      if (bf16 && !onednn_has_bf16()) continue;
      const Tensor a = random_tensor(c.a, 1), b = random_tensor(c.b, 2);
      const auto expected = ops::Matmul{c.transpose_a, c.transpose_b}.evaluate(std::vector<Tensor>{a, b});
      ASSERT_TRUE(expected.ok()) << expected.status().to_string();
      OnednnRun run;
      run.params.kind = OnednnKind::matmul;
      run.params.bf16 = bf16, run.params.packed = c.packed;
      run.params.transpose_a = c.transpose_a, run.params.transpose_b = c.transpose_b;
      if (c.packed) {
        run.params.in_channels = c.b[c.transpose_b ? 1 : 0];
        run.params.out_channels = c.b[c.transpose_b ? 0 : 1];
      }
      run.inputs = {a, b};
      for (const int threads : {1, 2, 3, 7}) {
        Tensor y(DType::f32, (*expected)[0].dims());
        OnednnRun again = run;
        const Status status = again.run(y, threads);
        ASSERT_TRUE(status.ok()) << to_string(c.a) << to_string(c.b) << ": " << status.to_string();
        const double k = double(c.a[c.a.size() - (c.transpose_a ? 2 : 1)]);
        EXPECT_TRUE(near(y, (*expected)[0], (bf16 ? std::ldexp(1.0, -8) : 2e-6) * (1 + std::sqrt(k)), 1e-2))
            << to_string(c.a) << to_string(c.b) << (bf16 ? " bf16" : "");
      }
    }
  }
}

TEST(Onednn, RefusesWhatDoesNotFit) {
  const ConvCase c{1, 8, 8, 4, 6, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
  const ConvData data(c, false);
  OnednnRun good = conv_run(c, data, false);
  ASSERT_TRUE(good.run(Tensor(DType::f32, data.expected.dims()), 1).ok());
  const auto message = [&](const OnednnParams& params, const Tensor& x, const Tensor& w) {
    return launch("cpu.onednn", to_bytes(params), detect_isa(), {x, TestArg::weight(w)},
                  {Tensor(DType::f32, data.expected.dims())}, 1)
        .message();
  };
  const Tensor packed = good.inputs[1].tensor;
  EXPECT_EQ(message(good.params, data.x, packed), "");
  EXPECT_EQ(message(good.params, random_tensor({1, 8, 8, 5}, 1), packed),
            "onednn: 5 to 6 channels, expected 4 to 6");
  EXPECT_NE(message(good.params, data.x, random_tensor({3}, 1)), "");
  OnednnParams bad = good.params;
  bad.weights_format = "nonsense";
  EXPECT_EQ(message(bad, data.x, packed),
            "oneDNN " + onednn_version() + " knows no weight format 'nonsense'");
  bad = good.params, bad.group = 3;
  EXPECT_EQ(message(bad, data.x, packed), "onednn: 4 to 6 channels in 3 groups");
  bad = good.params, bad.tail = {1, {{"erf", "", {0}}}, {1}};
  EXPECT_EQ(message(bad, data.x, packed), "oneDNN has no step for erf");
  if (detect_isa() > Isa::baseline) {
    const auto device = open_cpu(Isa::baseline);
    bad = good.params, bad.isa = Isa::avx2;
    const auto loaded = device->load(KernelImage{"cpu.onednn", {}, to_bytes(bad), 0, 0}, {});
    EXPECT_EQ(loaded.status().message(), "the weights are packed for avx2, oneDNN may use baseline here");
  }
}

}  // namespace
}  // namespace rekindle::cpu
