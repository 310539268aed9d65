// Passes over the branches of an if.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/graph.h"
#include "ops/table.h"
#include "passes/pass.h"

namespace rekindle {
namespace {

constexpr const char* kGraph = R"(graph @main (%c: boolean[], %x: f32[1, 3, 8, 8]) {
  %y = if(%c, %x) {then_branch=graph @then (%a: f32[1, 3, 8, 8]) {
    %one = const f32[] {1}
    %two = const f32[] {2}
    %sum = add(%one, %two)
    %p = mul(%a, %sum)
    %q = relu(%p)
    return %q
  }, else_branch=graph @else (%b: f32[1, 3, 8, 8]) {
    %t = transpose(%b) {perm=[0, 2, 3, 1]}
    %r = relu(%t)
    %u = transpose(%r) {perm=[0, 3, 1, 2]}
    return %u
  }}
  return %y
}
)";

TEST(Passes, BranchesAreOptimizedToo) {
  auto graph = parse(kGraph, ops::table());
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  PassContext context;
  const Status status = run_passes(*graph, context, standard_pipeline());
  ASSERT_TRUE(status.ok()) << status.message();
  const std::string text = print(*graph);
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("transpose")));  // they cancelled
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("add(")));       // it was folded
  EXPECT_THAT(text, testing::HasSubstr("%y = if("));                 // the output kept its name
}

TEST(Passes, SwitchedOffPassesAreOffInBranches) {
  auto graph = parse(kGraph, ops::table());
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  PassContext context;
  RunOptions options;
  for (const Pass& pass : standard_pipeline()) options.disabled.emplace_back(pass.name);
  ASSERT_TRUE(run_passes(*graph, context, standard_pipeline(), options).ok());
  EXPECT_THAT(print(*graph), testing::HasSubstr("transpose"));
}

}  // namespace
}  // namespace rekindle
