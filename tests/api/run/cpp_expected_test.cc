// rekindle.hpp without exceptions: results that say what they are.
// SPDX-License-Identifier: Apache-2.0
#define RK_NO_EXCEPTIONS
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/run/relu_bytes.h"
#include "rekindle/rekindle.hpp"

namespace {

using testing::HasSubstr;

TEST(CppExpected, ValuesOrErrors) {
  const std::string bytes = relu_engine_bytes();
  const auto engine = rekindle::Engine::load_bytes(bytes.data(), bytes.size());
  ASSERT_TRUE(bool(engine));
  auto context = engine->create_context({1});
  ASSERT_TRUE(bool(context));
  const auto too_early = context->run();
  ASSERT_FALSE(bool(too_early));
  EXPECT_STREQ(too_early.error().what(), "input x is not bound");
  EXPECT_EQ(too_early.error().code(), REKINDLE_INVALID_ARGUMENT);
  const std::vector<float> x{-1, 2, 3};
  ASSERT_TRUE(bool(context->bind("x", rekindle::Tensor::view(x.data(), {1, 3}))));
  ASSERT_TRUE(bool(context->run()));
  const auto y = context->output("y");
  ASSERT_TRUE(bool(y));
  EXPECT_EQ((*y).data<float>()[1], 2);
  const auto missing = rekindle::Engine::load("/nowhere/x.engine");
  ASSERT_FALSE(bool(missing));
  EXPECT_EQ(missing.error().code(), REKINDLE_NOT_FOUND);
  EXPECT_THAT(missing.error().details(), HasSubstr(".cc:"));
}

}  // namespace
