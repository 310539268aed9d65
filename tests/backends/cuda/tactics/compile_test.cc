// Every kernel compiles for every architecture, without spills and with enough warps to hide latency.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "backends/cuda/tactics/nvrtc.h"
#include "backends/cuda/tactics/table.h"
#include "math/cast.h"
#include "math/conv.h"
#include "math/copy.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "math/norm.h"
#include "math/reduce.h"
#include "math/resize.h"
#include "math/softmax.h"

namespace rekindle::cuda {
namespace {

constexpr int kArchitectures[] = {61, 70, 72, 75, 80, 86, 89, 90};

TensorType f32(Shape shape) { return {DType::f32, std::move(shape)}; }
TensorType f16(Shape shape) { return {DType::f16, std::move(shape)}; }

/// A region of one anchor and perhaps a tail; inputs from `first_constant` on are weights.
struct Maker {
  Region region;
  std::vector<ValueId> inputs;
  explicit Maker(const std::vector<TensorType>& types, size_t first_constant = 99) {
    for (size_t i = 0; i < types.size(); ++i) {
      inputs.push_back(region.body.add_input("x" + std::to_string(i), types[i]));
      std::shared_ptr<const Tensor> constant;
      if (i >= first_constant)
        constant = std::make_shared<const Tensor>(types[i].dtype, *to_dims(types[i].shape));
      region.constants.push_back(constant);
    }
  }
  ValueId add(Op op, std::vector<ValueId> arguments) {
    auto made = region.body.add1(std::move(op), std::move(arguments), "v" + std::to_string(++count_), "");
    EXPECT_TRUE(made.ok()) << made.status().message();
    return made.ok() ? *made : ValueId::none;
  }
  ValueId anchor(Op op, std::vector<ValueId> arguments) {
    const ValueId v = add(std::move(op), std::move(arguments));
    region.anchor = region.body[v].producer;
    return v;
  }
  Region finish(ValueId v) {
    region.body.set_outputs({v});
    return std::move(region);
  }

 private:
  int count_ = 0;
};

Region conv_region(int64_t channels, int64_t filters, int64_t kernel, int64_t group,
                   DType dtype = DType::f32) {
  Maker m({{dtype, {1, 28, 28, channels}},
           {dtype, {1, 28, 28, filters}},
           {dtype, {filters, channels / group, kernel, kernel}},
           {dtype, {filters}}},
          2);
  ops::Conv conv;
  conv.layout = ops::Layout::nhwc;
  conv.group = group;
  conv.pads = std::vector<int64_t>(4, kernel / 2);
  const ValueId y = m.anchor(conv, {m.inputs[0], m.inputs[2], m.inputs[3]});
  return m.finish(m.add(ops::Relu{}, {m.add(ops::Add{}, {y, m.inputs[1]})}));
}

/// Of a picture whose size is only known by running.
Region dynamic_conv_region(int64_t channels, int64_t filters, int64_t kernel, int64_t group) {
  Maker m({f32({Dim::symbol("N"), Dim::symbol("H"), Dim::symbol("W"), channels}),
           f32({filters, channels / group, kernel, kernel})},
          1);
  ops::Conv conv;
  conv.layout = ops::Layout::nhwc;
  conv.group = group;
  conv.strides = {2, 2};
  conv.pads = std::vector<int64_t>(4, kernel / 2);
  return m.finish(m.add(ops::Relu{}, {m.anchor(conv, m.inputs)}));
}

Region batched_region(ops::Matmul op, Shape a, Shape b) {
  Maker m({f32(std::move(a)), f32(std::move(b))});
  return m.finish(m.anchor(op, m.inputs));
}

Region gemm_region(Shape rows, int64_t depth, int64_t columns, DType dtype = DType::f32) {
  rows.emplace_back(depth);
  Maker m({{dtype, rows}, {dtype, {depth, columns}}, {dtype, {columns}}}, 1);
  const ValueId y = m.anchor(ops::Matmul{}, {m.inputs[0], m.inputs[1]});
  return m.finish(m.add(ops::Gelu{}, {m.add(ops::Add{}, {y, m.inputs[2]})}));
}

struct Case {
  std::string tactic;
  std::function<Region()> make;
};
std::vector<Case> anchored_cases() {
  return {
      {"cuda.conv", [] { return conv_region(64, 64, 3, 1); }},
      {"cuda.conv", [] { return conv_region(3, 32, 7, 1); }},
      {"cuda.conv", [] { return conv_region(64, 96, 3, 4); }},
      {"cuda.conv", [] { return conv_region(2048, 512, 1, 1); }},
      {"cuda.conv", [] { return dynamic_conv_region(3, 16, 3, 1); }},
      {"cuda.conv", [] { return dynamic_conv_region(64, 128, 3, 1); }},
      {"cuda.depthwise", [] { return dynamic_conv_region(64, 64, 5, 64); }},
      {"cuda.gemm",
       [] {
         return batched_region({false, true}, {2, 12, 128, 64}, {2, 12, 128, 64});
       }},
      {"cuda.gemm",
       [] {
         return batched_region({true, false}, {3, 70, 33}, {3, 70, 30});
       }},
      {"cuda.depthwise", [] { return conv_region(96, 96, 3, 96); }},
      {"cuda.depthwise", [] { return conv_region(5, 5, 5, 5); }},
      {"cuda.gemm", [] { return gemm_region({128}, 768, 3072); }},
      {"cuda.gemm",
       [] {
         return gemm_region({Dim::symbol("N"), 7}, 33, 10);
       }},
      {"cuda.attention",
       [] {
         const TensorType head = f32({1, 12, 128, 64});
         Maker m({head, head, head, f32({1, 1, 1, 128})});
         return m.finish(m.anchor(ops::Attention{}, m.inputs));
       }},
      {"cuda.rows",
       [] {
         Maker m({f32({128, 768}), f32({128, 768}), f32({768}), f32({768})}, 2);
         const ValueId sum = m.add(ops::Add{}, {m.inputs[0], m.inputs[1]});
         return m.finish(m.anchor(ops::LayerNorm{}, {sum, m.inputs[2], m.inputs[3]}));
       }},
      {"cuda.rows",
       [] {
         Maker m({f32({Dim::symbol("N"), 1000})});
         return m.finish(m.anchor(ops::Softmax{}, {m.inputs[0]}));
       }},
      {"cuda.reduce",
       [] {
         Maker m({f32({1, 7, 7, 1280})});
         return m.finish(m.anchor(ops::Reduce{ops::ReduceOp::mean, {1, 2}, true}, {m.inputs[0]}));
       }},
  };
}

std::vector<Case> other_cases() {
  return {
      {"cuda.pool",
       [] {
         Maker m({f32({1, 112, 112, 64})});
         ops::MaxPool pool;
         pool.kernel = {3, 3};
         pool.strides = {2, 2};
         pool.pads = {1, 1, 1, 1};
         pool.layout = ops::Layout::nhwc;
         return m.finish(m.anchor(pool, {m.inputs[0]}));
       }},
      {"cuda.conv_transpose",
       [] {
         Maker m({f32({1, Dim::symbol("H"), 16, 24}), f32({24, 30, 2, 2}), f32({30})}, 1);
         ops::ConvTranspose conv;
         conv.strides = {2, 2};
         conv.layout = ops::Layout::nhwc;
         return m.finish(m.add(ops::Relu{}, {m.anchor(conv, m.inputs)}));
       }},
      {"cuda.max_pool_indices",
       [] {
         Maker m({f32({Dim::symbol("N"), 16, 24, 30})});
         ops::MaxPool pool;
         pool.kernel = pool.strides = {2, 2};
         pool.layout = ops::Layout::nhwc;
         pool.with_indices = true;
         auto made = m.region.body.add(pool, {m.inputs[0]}, {"y", "indices"}, "");
         EXPECT_TRUE(made.ok()) << made.status().message();
         m.region.body.set_outputs(*made);
         return std::move(m.region);
       }},
      {"cuda.max_pool_indices",
       [] {
         Maker m({f32({Dim::symbol("N"), 8, 12, 30}), {DType::i64, {Dim::symbol("N"), 8, 12, 30}}});
         ops::MaxUnpool unpool;
         unpool.kernel = unpool.strides = {2, 2};
         unpool.layout = ops::Layout::nhwc;
         return m.finish(m.add(unpool, m.inputs));
       }},
      {"cuda.copy",
       [] {
         Maker m({{DType::i64, {3, Dim::symbol("N"), 7}}});
         return m.finish(m.add(ops::Copy{}, {m.inputs[0]}));
       }},
  };
}

std::vector<Case> elementwise_cases() {
  return {
      {"cuda.pointwise",
       [] {  // whether the second operand is broadcast is known by running
         Maker m({f32({2, Dim::symbol("S"), 24}), f32({1, min(Dim::symbol("S"), Dim(5)), 24})});
         return m.finish(m.add(ops::Add{}, m.inputs));
       }},
      {"cuda.pointwise",
       [] {
         Maker m({f32({2, 56, 56, 24}), f32({2, 1, 1, 24})});
         return m.finish(m.add(ops::Mul{}, {m.inputs[0], m.add(ops::HardSigmoid{}, {m.inputs[1]})}));
       }},
      {"cuda.movement",
       [] {
         Maker m({f32({1, 3, 224, 224})});
         return m.finish(m.add(ops::Transpose{{0, 2, 3, 1}}, {m.inputs[0]}));
       }},
      {"cuda.gather",
       [] {
         Maker m({f32({30522, 768}), {DType::i64, {1, Dim::symbol("S")}}});
         return m.finish(m.add(ops::Gather{0}, m.inputs));
       }},
      {"cuda.resize",
       [] {
         Maker m({f32({1, 20, 20, 64})});
         ops::Resize resize;
         resize.axes = {1, 2};
         resize.scales = {2, 2};
         resize.mode = ops::ResizeMode::linear;
         return m.finish(m.add(resize, {m.inputs[0]}));
       }},
  };
}

/// The same kinds of region over FP16 values.
std::vector<Case> half_cases() {
  return {
      {"cuda.rows",
       [] {
         Maker m({f16({128, 768}), f16({128, 768}), f16({768}), f16({768})}, 2);
         const ValueId sum = m.add(ops::Add{}, {m.inputs[0], m.inputs[1]});
         return m.finish(m.anchor(ops::LayerNorm{}, {sum, m.inputs[2], m.inputs[3]}));
       }},
      {"cuda.rows",
       [] {
         Maker m({f16({Dim::symbol("N"), 1003})});
         const ValueId y = m.anchor(ops::Softmax{}, {m.inputs[0]});
         return m.finish(m.add(ops::Cast{DType::f32}, {y}));
       }},
      {"cuda.reduce",
       [] {
         Maker m({f16({1, 7, 7, 1280})});
         return m.finish(m.anchor(ops::Reduce{ops::ReduceOp::mean, {1, 2}, true}, {m.inputs[0]}));
       }},
      {"cuda.reduce",
       [] {
         Maker m({f16({64, 1280})});
         return m.finish(m.anchor(ops::Reduce{ops::ReduceOp::max, {1}, true}, {m.inputs[0]}));
       }},
  };
}

std::vector<Case> other_half_cases() {
  return {
      {"cuda.depthwise", [] { return conv_region(96, 96, 3, 96, DType::f16); }},
      {"cuda.attention",
       [] {
         const TensorType head = f16({1, 12, 128, 64});
         Maker m({head, head, head, f32({1, 1, 1, 128})});
         return m.finish(m.anchor(ops::Attention{}, m.inputs));
       }},
      {"cuda.pool",
       [] {
         Maker m({f16({1, 112, 112, 64})});
         ops::MaxPool pool;
         pool.kernel = {3, 3};
         pool.strides = {2, 2};
         pool.layout = ops::Layout::nhwc;
         return m.finish(m.anchor(pool, {m.inputs[0]}));
       }},
      {"cuda.pointwise",
       [] {
         Maker m({f16({2, 56, 56, 24}), f16({2, 1, 1, 24})});
         return m.finish(m.add(ops::Mul{}, {m.inputs[0], m.add(ops::HardSigmoid{}, {m.inputs[1]})}));
       }},
      {"cuda.pointwise",
       [] {
         Maker m({f32({2, 56, 56, 24})});
         return m.finish(m.add(ops::Cast{DType::f16}, {m.add(ops::Clip{-65504, 65504}, {m.inputs[0]})}));
       }},
      {"cuda.movement",
       [] {
         Maker m({f16({1, 12, 128, 64})});
         return m.finish(m.add(ops::Transpose{{0, 2, 1, 3}}, {m.inputs[0]}));
       }},
      {"cuda.gather",
       [] {
         Maker m({f16({30522, 768}), {DType::i64, {1, Dim::symbol("S")}}});
         return m.finish(m.add(ops::Gather{0}, m.inputs));
       }},
      {"cuda.resize",
       [] {
         Maker m({f16({1, 20, 20, 64})});
         ops::Resize resize;
         resize.axes = {1, 2};
         resize.scales = {2, 2};
         resize.mode = ops::ResizeMode::linear;
         return m.finish(m.add(resize, {m.inputs[0]}));
       }},
  };
}

std::vector<Case> cases() {
  std::vector<Case> all = anchored_cases();
  for (Case& c : half_cases()) all.push_back(std::move(c));
  for (Case& c : other_half_cases()) all.push_back(std::move(c));
  for (Case& c : other_cases()) all.push_back(std::move(c));
  for (Case& c : elementwise_cases()) all.push_back(std::move(c));
  return all;
}

Target target_of(int sm) {
  Target target;
  target.name = "cuda:sm_" + std::to_string(sm);
  target.device = "cuda";
  target.sm = sm;
  target.units = 20;
  return target;
}

const Tactic* find_tactic(const std::string& name) {
  for (const Tactic* t : tactics())
    if (t->name() == name) return t;
  return nullptr;
}

/// Resident warps of a multiprocessor, as registers allow; eight are two a scheduler.
int resident_warps(const LaunchParams& params) {
  uint32_t threads = 1;
  for (uint32_t n : params.block) threads *= n;
  const uint32_t warps = (threads + 31) / 32, registers = (params.registers * 32 + 255) / 256 * 256 * warps;
  return int(65536 / std::max(registers, 1u) * warps);
}

/// Products on the tensor cores.
std::vector<Case> mma_cases() {
  return {
      {"cuda.conv_mma", [] { return conv_region(64, 64, 3, 1, DType::f16); }},
      {"cuda.conv_mma", [] { return conv_region(3, 32, 7, 1, DType::f16); }},
      {"cuda.conv_mma", [] { return conv_region(256, 1024, 1, 1, DType::f16); }},
      {"cuda.gemm_mma", [] { return gemm_region({128}, 768, 3072, DType::f16); }},
      {"cuda.gemm_mma", [] { return gemm_region({4096}, 4096, 4096, DType::f16); }},
      {"cuda.gemm_mma",
       [] {
         return gemm_region({Dim::symbol("N"), 7}, 33, 10, DType::f16);
       }},
      {"cuda.gemm_mma",
       [] {
         Maker m({f16({12, 128, 64}), f16({12, 64, 128})});
         return m.finish(m.anchor(ops::Matmul{}, m.inputs));
       }},
  };
}

/// Heads of 64 columns taken out of the product that made q, k and v together.
Case attention_through_maps() {
  return {"cuda.attention_mma", [] {
            Maker m({f16({1, 128, 2304})});
            std::vector<ValueId> heads;
            for (int64_t i = 0; i < 3; ++i) {
              const ValueId part = m.add(ops::Slice{{2}, {i * 768}, {(i + 1) * 768}, {1}}, {m.inputs[0]});
              const ValueId split = m.add(ops::Reshape{{1, 128, 12, 64}}, {part});
              heads.push_back(m.add(ops::Transpose{{0, 2, 1, 3}}, {split}));
            }
            const ValueId y = m.add(ops::Transpose{{0, 2, 1, 3}}, {m.anchor(ops::Attention{}, heads)});
            return m.finish(m.add(ops::Reshape{{1, 128, 768}}, {y}));
          }};
}

Case attention_on_tensor_cores() {
  return {"cuda.attention_mma", [] {
            const TensorType head = f16({1, 12, 128, 64});
            Maker m({head, head, head, f32({1, 1, 1, 128})});
            return m.finish(m.anchor(ops::Attention{}, m.inputs));
          }};
}

void expect_compiles(const Case& c, int sm, int effort) {
  const Tactic* tactic = find_tactic(c.tactic);
  ASSERT_NE(tactic, nullptr) << c.tactic;
  const Region region = c.make();
  const Target target = target_of(sm);
  const auto space = tactic->offer(region, target);
  ASSERT_TRUE(space.ok()) << c.tactic << ": " << space.status().message();
  const auto configs = space->configs(effort);
  ASSERT_FALSE(configs.empty());
  for (const Config& config : configs) {
    const auto built = tactic->build(region, config, target);
    const std::string what = c.tactic + " " + to_string(config) + " sm_" + std::to_string(sm);
    ASSERT_TRUE(built.ok()) << what << ": " << built.status().message();
    const auto params = from_bytes<LaunchParams>(built->image.params);
    ASSERT_TRUE(params.ok());
    EXPECT_EQ(params->spill_bytes, 0u) << what;
    EXPECT_GT(params->registers, 0u) << what;
    EXPECT_GE(resident_warps(*params), 8) << what << " has " << params->registers << " registers";
  }
}

struct Job {
  Case of;
  int sm, effort;
};
/// On every core: compiling takes nearly all of the time.
void expect_all_compile(const std::vector<Job>& jobs) {
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back([&] {
      for (size_t k = next++; k < jobs.size(); k = next++)
        expect_compiles(jobs[k].of, jobs[k].sm, jobs[k].effort);
    });
  for (std::thread& t : threads) t.join();
}

TEST(Kernels, CompileForEveryArchitecture) {
  std::vector<Job> jobs;
  for (const Case& c : cases())
    for (const int sm : kArchitectures) jobs.push_back({c, sm, 0});
  expect_all_compile(jobs);
}

TEST(Kernels, EveryConfigurationCompilesForTheOldest) {
  std::vector<Job> jobs;
  for (const Case& c : cases()) jobs.push_back({c, 61, 1});
  expect_all_compile(jobs);
}

TEST(Kernels, ProductsOnTensorCores) {
  std::vector<Job> jobs;
  for (const int sm : {61, 70, 75, 80, 90})
    for (const size_t both : {4, 0}) jobs.push_back({mma_cases()[both], sm, 1});
  for (const int sm : {75, 80, 86, 90}) jobs.push_back({attention_on_tensor_cores(), sm, 1});
  for (const int sm : {75, 80, 90}) jobs.push_back({attention_through_maps(), sm, 0});
  for (const Case& c : mma_cases())
    for (const int sm : kArchitectures) jobs.push_back({c, sm, 0});
  expect_all_compile(jobs);
}

TEST(Kernels, TheSameRegionMakesTheSameCode) {
  const Region region = conv_region(64, 64, 3, 1);
  const Tactic* tactic = find_tactic("cuda.conv");
  const auto config = tactic->offer(region, target_of(75))->configs(0)[0];
  const auto once = tactic->build(region, config, target_of(75)),
             again = tactic->build(region, config, target_of(75));
  ASSERT_TRUE(once.ok() && again.ok());
  EXPECT_EQ(once->code, again->code);
}

TEST(Kernels, RefusalsSayWhy) {
  Maker m({{DType::i64, {4, 4}}});
  const Region region = m.finish(m.add(ops::Div{}, {m.inputs[0], m.inputs[0]}));
  const auto space = find_tactic("cuda.pointwise")->offer(region, target_of(61));
  ASSERT_FALSE(space.ok());
  EXPECT_EQ(space.status().message(), "div on i64");
  const auto conv = find_tactic("cuda.conv")->offer(region, target_of(61));
  EXPECT_EQ(conv.status().message(), "the region has no contraction or reduction");
}

TEST(Nvrtc, ReadsTheAssemblersReport) {
  const AssemblerReport report = read_assembler_log(
      "ptxas info    : 0 bytes gmem\nptxas info    : Compiling entry function 'k' for 'sm_61'\n"
      "    0 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads\n"
      "ptxas info    : Used 126 registers, 16640 bytes smem, 376 bytes cmem[0]\n");
  EXPECT_EQ(report.registers, 126);
  EXPECT_EQ(report.spill_bytes, 32);
  EXPECT_EQ(report.shared_bytes, 16640);
}

TEST(Nvrtc, AProgramWithAnErrorComesWithTheLog) {
  const auto nvrtc = Nvrtc::load();
  ASSERT_TRUE(nvrtc.ok()) << nvrtc.status().message();
  const auto compiled = (*nvrtc)->compile("__global__ void k() { nothing(); }", "k", 75, CodeKind::cubin);
  ASSERT_FALSE(compiled.ok());
  EXPECT_NE(compiled.status().message().find("nothing"), std::string::npos);
}

}  // namespace
}  // namespace rekindle::cuda
