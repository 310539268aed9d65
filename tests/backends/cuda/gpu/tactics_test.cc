// Every tactic on the device against the reference, compiled for this GPU and, as PTX, for those that are not
// here.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/gpu/gpu.h"
#include "compiler/region_bench.h"
#include "math/conv.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "math/norm.h"
#include "math/reduce.h"
#include "math/resize.h"
#include "math/softmax.h"

namespace rekindle {
namespace {

TensorType f32(Shape shape) { return {DType::f32, std::move(shape)}; }

/// Builds a region; inputs from `first_constant` on are weights.
struct Maker {
  Region region;
  std::vector<ValueId> inputs;
  explicit Maker(const std::vector<TensorType>& types, size_t first_constant = 99) {
    for (size_t i = 0; i < types.size(); ++i) {
      inputs.push_back(region.body.add_input("x" + std::to_string(i), types[i]));
      std::shared_ptr<const Tensor> constant;
      if (i >= first_constant)
        constant = std::make_shared<const Tensor>(
            test::noise(types[i].dtype, *to_dims(types[i].shape), uint32_t(i) + 5));
      region.constants.push_back(constant);
    }
  }
  ValueId add(Op op, std::vector<ValueId> arguments) {
    auto made = region.body.add1(std::move(op), std::move(arguments));
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
};

Region conv_region(int64_t size, int64_t channels, int64_t filters, int64_t kernel, int64_t group,
                   int64_t stride = 1) {
  const int64_t out = (size + kernel / 2 * 2 - kernel) / stride + 1;
  Maker m({f32({2, size, size, channels}), f32({2, out, out, filters}),
           f32({filters, channels / group, kernel, kernel}), f32({filters})},
          2);
  ops::Conv conv;
  conv.layout = ops::Layout::nhwc;
  conv.group = group;
  conv.strides = {stride, stride};
  conv.pads = std::vector<int64_t>(4, kernel / 2);
  const ValueId y = m.anchor(conv, {m.inputs[0], m.inputs[2], m.inputs[3]});
  return m.finish(m.add(ops::Relu{}, {m.add(ops::Add{}, {y, m.inputs[1]})}));
}

Region gemm_region(int64_t rows, int64_t depth, int64_t columns) {
  Maker m({f32({rows, depth}), f32({depth, columns}), f32({columns})}, 1);
  const ValueId y = m.anchor(ops::Matmul{}, {m.inputs[0], m.inputs[1]});
  return m.finish(m.add(ops::Gelu{}, {m.add(ops::Add{}, {y, m.inputs[2]})}));
}

Region batched_region() {
  Maker m({f32({3, 2, 37, 64}), f32({3, 2, 64, 20})});
  return m.finish(m.anchor(ops::Matmul{}, {m.inputs[0], m.inputs[1]}));
}

Region attention_region() {
  const TensorType head = f32({2, 3, 77, 64});
  Maker m({head, head, head, f32({2, 1, 1, 77})});
  return m.finish(m.anchor(ops::Attention{}, m.inputs));
}

Region layer_norm_region() {
  Maker m({f32({33, 768}), f32({33, 768}), f32({768}), f32({768})}, 2);
  const ValueId sum = m.add(ops::Add{}, {m.inputs[0], m.inputs[1]});
  return m.finish(m.anchor(ops::LayerNorm{}, {sum, m.inputs[2], m.inputs[3]}));
}

Region softmax_region(int64_t columns) {
  Maker m({f32({7, columns})});
  return m.finish(m.anchor(ops::Softmax{}, {m.inputs[0]}));
}

Region mean_region() {
  Maker m({f32({2, 7, 7, 131})});
  return m.finish(m.anchor(ops::Reduce{ops::ReduceOp::mean, {1, 2}, true}, {m.inputs[0]}));
}

Region pool_region() {
  Maker m({f32({2, 23, 23, 17})});
  ops::MaxPool pool;
  pool.kernel = {3, 3};
  pool.strides = {2, 2};
  pool.pads = {1, 1, 1, 1};
  pool.layout = ops::Layout::nhwc;
  return m.finish(m.anchor(pool, {m.inputs[0]}));
}

Region pointwise_region() {
  Maker m({f32({2, 13, 13, 24}), f32({2, 1, 1, 24})});
  return m.finish(m.add(ops::Mul{}, {m.inputs[0], m.add(ops::HardSigmoid{}, {m.inputs[1]})}));
}

Region transpose_region() {
  Maker m({f32({2, 3, 31, 37})});
  return m.finish(m.add(ops::Transpose{{0, 2, 3, 1}}, {m.inputs[0]}));
}

Region gather_region() {
  Maker m({f32({50, 33}), {DType::i64, {2, 9}}});
  return m.finish(m.add(ops::Gather{0}, m.inputs));
}

Region resize_region() {
  Maker m({f32({1, 10, 11, 24})});
  ops::Resize resize;
  resize.axes = {1, 2};
  resize.scales = {2, 2};
  resize.mode = ops::ResizeMode::linear;
  return m.finish(m.add(resize, {m.inputs[0]}));
}

std::vector<std::pair<std::string, Region>> regions() {
  std::vector<std::pair<std::string, Region>> all;
  all.emplace_back("conv 3x3", conv_region(28, 64, 64, 3, 1));
  all.emplace_back("conv 3x3, stride 2", conv_region(29, 32, 48, 3, 1, 2));
  all.emplace_back("conv 1x1", conv_region(14, 96, 136, 1, 1));
  all.emplace_back("conv of few channels", conv_region(32, 3, 32, 7, 1, 2));
  all.emplace_back("conv of odd sizes", conv_region(13, 7, 5, 3, 1));
  all.emplace_back("depthwise", conv_region(28, 96, 96, 3, 96));
  all.emplace_back("depthwise of 5", conv_region(11, 5, 5, 5, 5));
  all.emplace_back("gemm", gemm_region(128, 768, 512));
  all.emplace_back("gemm of one row", gemm_region(1, 1280, 1000));
  all.emplace_back("gemm of primes", gemm_region(37, 131, 61));
  all.emplace_back("batched gemm", batched_region());
  all.emplace_back("attention", attention_region());
  all.emplace_back("layer norm", layer_norm_region());
  all.emplace_back("softmax", softmax_region(1000));
  all.emplace_back("softmax of one", softmax_region(1));
  all.emplace_back("mean", mean_region());
  all.emplace_back("max pool", pool_region());
  all.emplace_back("pointwise", pointwise_region());
  all.emplace_back("transpose", transpose_region());
  all.emplace_back("gather", gather_region());
  all.emplace_back("resize", resize_region());
  return all;
}

class TacticsOnGpu : public test::OnGpu {
 protected:
  /// Runs every configuration of every tactic that takes the region; at least one must.
  void check(const std::string& what, const Region& region, const Target& target, int effort) {
    Tensors inputs;
    for (size_t i = 0; i < region.body.inputs.size(); ++i)
      inputs.push_back(region.constants[i]
                           ? *region.constants[i]
                           : test::noise(region.input_type(i).dtype, *to_dims(region.input_type(i).shape),
                                         uint32_t(i) + 3));
    const auto expected = interpret(region.body, inputs);
    ASSERT_TRUE(expected.ok()) << what << ": " << expected.status().message();
    const auto bench = RegionBench::make(*gpu, region, 1, inputs);
    ASSERT_TRUE(bench.ok()) << what << ": " << bench.status().message();
    int offers = 0;
    for (const Tactic* tactic : cuda::tactics()) {
      const auto space = tactic->offer(region, target);
      if (!space.ok()) continue;
      ++offers;
      for (const Config& config : space->configs(effort)) {
        const std::string name =
            what + ", " + std::string(tactic->name()) + " [" + to_string(config) + "] for " + target.name;
        const auto built = tactic->build(region, config, target);
        ASSERT_TRUE(built.ok()) << name << ": " << built.status().message();
        const auto time = (*bench)->measure(*built, &*expected, 1e-3);
        EXPECT_TRUE(time.ok()) << name << ": " << time.status().message();
        ++kernels;
      }
    }
    EXPECT_GT(offers, 0) << "no tactic takes " << what;
  }
  int kernels = 0;
};

TEST_F(TacticsOnGpu, ThisGpusKernelsAgreeWithTheReference) {
  for (const auto& [what, region] : regions()) check(what, region, native(), 1);
  std::printf("%d kernels\n", kernels);
}

TEST_F(TacticsOnGpu, OlderGpusKernelsAgreeToo) {
  for (const int sm : {61, 70, 75})
    if (sm <= properties.sm)
      for (const auto& [what, region] : regions()) check(what, region, target_of(sm, ":ptx"), 0);
  std::printf("%d kernels\n", kernels);
}

}  // namespace
}  // namespace rekindle
