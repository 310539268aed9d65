// merge-siblings asks for times where there are any, and says why it left siblings apart.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "ops/table.h"
#include "passes/passes.h"

namespace rekindle {
namespace {

constexpr std::string_view kTwoProjections = R"(
graph @main (%x: f32[N, 2], %z: f32[2, 2]) {
  %wa = const f32[2, 2] {1, 2, 3, 4}
  %wb = const f32[2, 3] {1, 2, 3, 4, 5, 6}
  %a = matmul(%x, %wa)
  %b = matmul(%x, %wb)
  %ya = matmul(%a, %z)
  %yb = reduce(%b) {op=sum, axes=[1]}
  return %ya, %yb
})";

/// Runs the pass where a kernel takes 10 us and another `per_column` for each of its columns.
int merges_where(double per_column, std::vector<std::string>& remarks) {
  auto graph = parse(kTwoProjections, ops::table());
  PassContext context;
  context.measure = [&](const Graph& one) -> Result<double> {
    EXPECT_EQ(one.node_count(), 1U);
    const int64_t columns = *one[one.outputs[0]].type.shape.back().as_int();
    return 10 + per_column * double(columns * columns);
  };
  const auto changes = passes::merge_siblings(*graph, context);
  EXPECT_TRUE(changes.ok() && graph->verify().ok());
  remarks = context.remarks;
  return changes.ok() ? *changes : -1;
}

TEST(MergeSiblings, WhereOneKernelIsFaster) {
  std::vector<std::string> remarks;
  EXPECT_EQ(merges_where(0.1, remarks), 1);
  EXPECT_TRUE(remarks.empty());
}

TEST(MergeSiblings, NotWhereItIsSlower) {
  std::vector<std::string> remarks;
  EXPECT_EQ(merges_where(1, remarks), 0);  // 35 us as one, 14 + 19 apart
  ASSERT_EQ(remarks.size(), 1U);
  EXPECT_NE(remarks[0].find("2 like a stay apart: 35"), std::string::npos) << remarks[0];
}

}  // namespace
}  // namespace rekindle
