// Regions taken apart around their anchor, and the times that decide it.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/split_region.h"

#include "compiler/compiled_text.h"
#include "ops/region.h"

namespace rekindle {
namespace {

/// The region that fusion makes of a graph, with a constant weight and bias.
Region region_of_text(const std::string& text) {
  Graph graph = *parse(text, ops::table());
  PassContext context;
  EXPECT_TRUE(find_pass("fuse")->run(graph, context).ok());
  EXPECT_EQ(graph.node_count(), 1U);
  return *region_of(graph, graph.first(), {});
}

test::Labels labels_of_parts(const Region& region) {
  const auto parts = split_region(region);
  EXPECT_TRUE(parts.ok()) << parts.status().to_string();
  test::Labels labels;
  if (!parts.ok() || !*parts) return labels;
  EXPECT_TRUE((*parts)->verify().ok());
  for (NodeId n = (*parts)->first(); n != NodeId::none; n = (*parts)->next(n))
    labels.push_back(region_of(**parts, n, {})->label());
  return labels;
}

constexpr const char* kMatmul = R"(
graph @main (%x: f32[7, 3], %r: f32[7, 2]) {
  %w = const f32[3, 2] {1, 2, 3, 4, 5, 6}
  %b = const f32[2] {0.5, -1}
  %m = matmul(%x, %w)
  %a = add(%m, %b)
  %s = silu(%a)
  %y = add(%s, %r)
  return %y
})";

TEST(SplitRegion, TheBiasStaysWithTheProduct) {
  EXPECT_EQ(labels_of_parts(region_of_text(kMatmul)), (test::Labels{"matmul + add", "silu + add"}));
}

TEST(SplitRegion, HeadAndTailOfANorm) {
  EXPECT_EQ(labels_of_parts(region_of_text(R"(
graph @main (%x: f32[7, 4], %r: f32[7, 4]) {
  %e = exp(%x)
  %a = add(%e, %r)
  %n = softmax(%a)
  %y = mul(%n, %r)
  return %y
})")),
            (test::Labels{"exp + add", "softmax", "mul"}));
}

TEST(SplitRegion, NothingIsLeftOfAProductWithItsBias) {
  EXPECT_EQ(labels_of_parts(region_of_text(R"(
graph @main (%x: f32[7, 3]) {
  %w = const f32[3, 2] {1, 2, 3, 4, 5, 6}
  %b = const f32[2] {0.5, -1}
  %m = matmul(%x, %w)
  %y = add(%m, %b)
  return %y
})")),
            test::Labels{});
  EXPECT_EQ(labels_of_parts(region_of_text(R"(
graph @main (%x: f32[7]) {
  %e = exp(%x)
  %y = relu(%e)
  return %y
})")),
            test::Labels{});
}

TEST(SplitRegion, TimesOfTheWholeAndItsParts) {
  const Region region = region_of_text(kMatmul);
  const Target target = *parse_target("cpu");
  TimingCache cache;
  Tuner tuner(open_cpu(target.isa), cpu::tactics(), target, {.effort = 1}, cache);
  const auto parts = split_region(region);
  ASSERT_TRUE(parts.ok() && *parts);
  const auto times = time_split(region, **parts, tuner);
  ASSERT_TRUE(times.ok()) << times.status().to_string();
  EXPECT_GT(times->whole, 0);
  EXPECT_GT(times->parts, 0);
  // From the same measurements comes the same decision.
  const auto again = time_split(region, **parts, tuner);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->whole, times->whole);
  EXPECT_EQ(again->parts, times->parts);
  EXPECT_TRUE((SplitTimes{100, 89}).is_faster_apart());
  EXPECT_FALSE((SplitTimes{100, 91}).is_faster_apart());
}

TEST(SplitRegion, WhatIsApartGivesTheSame) {
  // At effort 1 the times of this machine decide; the result must not depend on it.
  const Graph graph = *parse(kMatmul, ops::table());
  CompileOptions options;
  options.target = *parse_target("cpu");
  options.effort = 1;
  const auto compiled = compile(graph, {open_cpu(options.target.isa), cpu::tactics()}, options);
  ASSERT_TRUE(compiled.ok()) << compiled.status().to_string();
  test::expect_same_results(graph, *compiled, {});
}

}  // namespace
}  // namespace rekindle
