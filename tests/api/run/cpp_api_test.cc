// rekindle.hpp with exceptions.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/run/relu_bytes.h"
#include "rekindle/rekindle.hpp"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

rekindle::Engine relu_engine() {
  const std::string bytes = relu_engine_bytes();
  return rekindle::Engine::load_bytes(bytes.data(), bytes.size());
}

TEST(CppApi, LoadsBindsAndRuns) {
  const rekindle::Engine engine = relu_engine();
  EXPECT_EQ(engine.target(), "cpu:baseline");
  const auto bindings = engine.bindings();
  ASSERT_EQ(bindings.size(), 2U);
  EXPECT_EQ(bindings[0].type, "f32[N, 3]");
  EXPECT_THAT(bindings[0].dims, ElementsAre(-1, 3));
  EXPECT_THAT(bindings[0].opt, ElementsAre(2, 3));
  EXPECT_FALSE(bindings[1].is_input);
  EXPECT_THAT(engine.describe(), HasSubstr("cpu.reference(x)"));

  rekindle::Context context = engine.create_context({1});
  const std::vector<float> x{-1, 2, 3};
  context.bind("x", rekindle::Tensor::view(x.data(), {1, 3}));
  EXPECT_THAT(context.output_shape("y"), ElementsAre(1, 3));
  context.set_profiling(true);
  context.run();
  const rekindle::Tensor y = context.output("y");
  EXPECT_THAT(y.shape(), ElementsAre(1, 3));
  ASSERT_NE(y.data<float>(), nullptr);
  EXPECT_EQ(y.data<int32_t>(), nullptr);
  EXPECT_THAT(std::vector<float>(y.data<float>(), y.data<float>() + y.count()), ElementsAre(0, 2, 3));
  ASSERT_EQ(context.step_times().size(), 1U);
  EXPECT_EQ(context.step_times()[0].kernel, "cpu.reference");
}

TEST(CppApi, OutputsBecomeInputs) {
  const rekindle::Engine engine = relu_engine();
  rekindle::Context first = engine.create_context({1}), second = engine.create_context({1});
  const std::vector<float> x{-1, 2, 3};
  first.bind("x", rekindle::Tensor::view(x.data(), {1, 3}));
  first.run();
  second.bind("x", first.output("y"));  // the tensor itself is gone after this line, its memory is not
  second.run();
  EXPECT_EQ(second.output("y").data<float>()[2], 3);
}

TEST(CppApi, ThrowsErrors) {
  try {
    rekindle::Engine::load("/nowhere/x.engine");
    FAIL();
  } catch (const rekindle::Error& error) {
    EXPECT_EQ(error.code(), REKINDLE_NOT_FOUND);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/x.engine"));
    EXPECT_THAT(error.details(), HasSubstr(".cc:"));
  }
  rekindle::Context context = relu_engine().create_context({1});
  EXPECT_THROW(context.run(), rekindle::Error);
  const std::vector<double> wrong{1, 2, 3};
  EXPECT_THROW(context.bind("x", rekindle::Tensor::view(wrong.data(), {1, 3})), rekindle::Error);
  EXPECT_THROW(context.output_string("y", 0), rekindle::Error);
}

TEST(CppApi, KnowsElementTypes) {
  bool b = true;
  std::complex<float> c;
  uint16_t u = 0;
  EXPECT_EQ(rekindle::Tensor::view(&b, {}).type().code, kDLBool);
  EXPECT_EQ(rekindle::Tensor::view(&c, {}).type().bits, 64);
  EXPECT_EQ(rekindle::Tensor::view(&u, {}).type().code, kDLUInt);
  EXPECT_EQ(rekindle::Tensor::view(static_cast<void*>(&u), {1}, {kDLBfloat, 16, 1}).type().code, kDLBfloat);
  EXPECT_EQ(rekindle::version(), "0.1.0");
}

}  // namespace
