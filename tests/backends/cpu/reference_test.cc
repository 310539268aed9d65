// cpu.reference: op structs run by name.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/reference.h"

#include "backends/cpu/kernel_test.h"
#include "math/all.h"

namespace rekindle::cpu {
namespace {

TEST(Reference, RunsAnElementwiseAndAStructuredOp) {
  const Tensor x = Tensor::of<float>({2, 2}, {1, 2, 3, 5});
  Tensor y(DType::f32, {2, 2});
  ASSERT_TRUE(
      launch("cpu.reference", to_bytes(ReferenceParams{"mul", "", false, {}}), Isa::baseline, {x, x}, {y})
          .ok());
  EXPECT_EQ(y.to_string(), "f32[2, 2] {1, 4, 9, 25}");
  ASSERT_TRUE(launch("cpu.reference",
                     to_bytes(ReferenceParams{"softmax", to_bytes(ops::Softmax{0}), false, {}}),
                     Isa::baseline, {x}, {y})
                  .ok());
  EXPECT_NEAR(y.as_double(0) + y.as_double(2), 1, 1e-6);
  EXPECT_NEAR(y.as_double(2) / y.as_double(0), std::exp(2.0), 1e-5);
}

TEST(Reference, KeepsTheOpsOwnChecks) {
  const Tensor x = Tensor::of<float>({2}, {1, 2});
  Tensor y(DType::f32, {2}), wrong(DType::f32, {3});
  EXPECT_EQ(
      launch("cpu.reference", to_bytes(ReferenceParams{"softmax", to_bytes(ops::Softmax{4}), false, {}}),
             Isa::baseline, {x}, {y})
          .message(),
      "softmax: axis 4 is outside rank 1");
  EXPECT_FALSE(
      launch("cpu.reference", to_bytes(ReferenceParams{"mul", "", false, {}}), Isa::baseline, {x, x}, {wrong})
          .ok());
  EXPECT_EQ(
      launch("cpu.reference", to_bytes(ReferenceParams{"no_op", "", false, {}}), Isa::baseline, {x}, {y})
          .message(),
      "'no_op' is not an op with a reference");
}

TEST(Reference, TakesTheValuesOfSymbols) {
  const Tensor x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const std::string params =
      to_bytes(ReferenceParams{"reshape", to_bytes(ops::Reshape{{Dim::symbol("N"), Dim(2)}}), false, {"N"}});
  auto kernel = open_cpu(Isa::baseline)->load(KernelImage{"cpu.reference", "", params, 0, 0}, {});
  ASSERT_TRUE(kernel.ok()) << kernel.status().to_string();
  const Tensor in[] = {x};
  const int64_t three[] = {3};
  auto out = (*kernel)->make_outputs(in, three);
  ASSERT_TRUE(out.ok()) << out.status().to_string();
  EXPECT_EQ((*out)[0].dims(), (Dims{3, 2}));
  EXPECT_FALSE((*kernel)->make_outputs(in, {}).ok());
}

TEST(Reference, MakesOutputsOfUnknownSize) {
  auto device = open_cpu(Isa::baseline);
  auto kernel = device->load(
      KernelImage{"cpu.reference", "", to_bytes(ReferenceParams{"relu", "", true, {}}), 0, 0}, {});
  ASSERT_TRUE(kernel.ok()) << kernel.status().to_string();
  EXPECT_TRUE((*kernel)->makes_outputs());
  const Tensor in[] = {Tensor::of<float>({2}, {-1, 2})};
  auto out = (*kernel)->make_outputs(in, {});
  ASSERT_TRUE(out.ok()) << out.status().to_string();
  EXPECT_EQ((*out)[0].to_string(), "f32[2] {0, 2}");
}

}  // namespace
}  // namespace rekindle::cpu
