// How many kernels whole models become: one for each convolution, matmul, attention and norm, and which
// others.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/models.h"

namespace rekindle {
namespace {

using test::Labels;

std::map<std::string, int> count(const Labels& labels) {
  std::map<std::string, int> counts;
  for (const std::string& label : labels) ++counts[label];
  return counts;
}

TEST(Fusion, ResNetIsAKernelForEachConvolution) {
  const Graph graph = test::resnet50();
  const auto compiled = test::compile_for_cpu(graph);
  ASSERT_TRUE(compiled.ok()) << compiled.status().to_string();
  // 53 convolutions with their batch norms, activations and residuals, 2 pools, 1 matmul; the picture comes
  // in nchw and is turned round once.
  EXPECT_EQ(count(test::labels_of(compiled->variant.plan)),
            (std::map<std::string, int>{{"transpose", 1},
                                        {"conv", 4},
                                        {"conv + relu", 33},
                                        {"conv + add + relu", 16},
                                        {"max_pool", 1},
                                        {"reduce", 1},
                                        {"matmul + add", 1}}));
  test::expect_same_results(graph, *compiled, {{"N", 1}});
  test::expect_same_results(graph, *compiled, {{"N", 3}});
}

TEST(Fusion, ALayerOfBertIsSevenKernels) {
  const Graph graph = test::bert({.layers = 2});
  const auto compiled = test::compile_for_cpu(graph);
  ASSERT_TRUE(compiled.ok()) << compiled.status().to_string();
  // The projections of queries, keys and values are one matmul, of which attention reads slices.
  const Labels layer{"matmul + add",        "attention",          "matmul + add + add", "layer_norm",
                     "matmul + add + gelu", "matmul + add + add", "layer_norm"};
  Labels expected = layer;
  expected.insert(expected.end(), layer.begin(), layer.end());
  EXPECT_EQ(test::labels_of(compiled->variant.plan), expected);
  test::expect_same_results(graph, *compiled, {{"N", 1}, {"S", 1}});
  test::expect_same_results(graph, *compiled, {{"N", 2}, {"S", 13}});
}

}  // namespace
}  // namespace rekindle
