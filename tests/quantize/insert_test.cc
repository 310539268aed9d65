// A quantized graph computes what the floating-point one does, up to its integers.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/insert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "math/conv.h"
#include "math/elementwise.h"
#include "math/matmul.h"

namespace rekindle::quantize {
namespace {

Tensor noise(Dims dims, uint32_t seed) {
  Tensor t(DType::f32, std::move(dims));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = normal(random);
  return t;
}

/// conv + relu, conv; then a matmul of another value.
Graph network() {
  Graph g;
  const ValueId x = g.add_input("x", {DType::f32, {1, 3, 8, 8}});
  const ValueId m = g.add_input("m", {DType::f32, {4, 6}});
  const ValueId a =
      *g.add1(ops::Conv{.pads = {1, 1, 1, 1}}, {x, g.add_constant("w1", noise({5, 3, 3, 3}, 1))}, "a");
  const ValueId r = *g.add1(ops::Relu{}, {a}, "r");
  const ValueId b = *g.add1(ops::Conv{}, {r, g.add_constant("w2", noise({2, 5, 1, 1}, 2))}, "b");
  const ValueId p = *g.add1(ops::Matmul{}, {m, g.add_constant("w3", noise({6, 7}, 3))}, "p");
  g.set_outputs({b, p});
  return g;
}

Tensors run(const Graph& g) { return *interpret(g, Tensors{noise({1, 3, 8, 8}, 4), noise({4, 6}, 5)}); }

double error(const Tensor& got, const Tensor& expected) {
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < expected.count(); ++i) {
    largest = std::max(largest, std::fabs(expected.as_double(i)));
    difference = std::max(difference, std::fabs(expected.as_double(i) - got.as_double(i)));
  }
  return difference / largest;
}

TEST(Insert, FindsLayersAndWhatTheyRead) {
  const Graph g = network();
  const auto layers = quantizable_layers(g);
  ASSERT_EQ(layers.size(), 3u);
  std::vector<std::string> names;
  for (ValueId v : values_to_observe(layers)) names.push_back(g[v].name);
  EXPECT_EQ(names, (std::vector<std::string>{"x", "r", "m"}));
  EXPECT_EQ(layers[0].channel_axis, 0);
  EXPECT_EQ(layers[2].channel_axis, 1);
}

TEST(Insert, IntegersAreCloseToTheFloats) {
  Graph g = network();
  const Tensors exact = run(g);
  CalibrationTable table;
  for (const char* name : {"x", "m"}) table.values[name] = {{-4, 4}, Observer::minmax};
  table.values["r"] = {{0, 16}, Observer::minmax};
  const auto done = insert_quantization(g, table, {});
  ASSERT_TRUE(done.ok()) << done.status().message();
  ASSERT_EQ(done->size(), 3u);
  EXPECT_EQ((*done)[0].name, "a");
  EXPECT_GT((*done)[0].weight_error, 1e-4);
  EXPECT_LT((*done)[0].weight_error, 1e-2);
  ASSERT_TRUE(g.verify().ok());
  EXPECT_NE(print(g).find("quantize_linear"), std::string::npos);
  const Tensors got = run(g);
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_LT(error(got[i], exact[i]), 0.03);
    EXPECT_GT(error(got[i], exact[i]), 0);  // something was rounded
  }
}

TEST(Insert, ALineThatIsTakenOutKeepsItsLayersInFloat) {
  Graph g = network();
  CalibrationTable table;
  table.values["r"] = {{0, 16}, Observer::minmax};
  EXPECT_EQ(insert_quantization(g, table, {})->size(), 1u);
  EXPECT_EQ(quantizable_layers(g).size(), 2u);
}

TEST(Insert, WeightsKeepWithinTheLimit) {
  Graph g = network();
  CalibrationTable table;
  table.values["r"] = {{0, 16}, Observer::minmax};
  ASSERT_TRUE(insert_quantization(g, table, {.weight_limit = 63}).ok());
  bool found = false;
  for (size_t v = 0; v < g.value_count(); ++v) {
    const Tensor* c = g.is_live(ValueId(v)) ? g.constant(ValueId(v)) : nullptr;
    if (!c || c->dtype() != DType::i8) continue;
    found = true;
    int largest = 0;
    for (const int8_t q : c->values<int8_t>()) largest = std::max(largest, std::abs(int(q)));
    EXPECT_EQ(largest, 63);
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace rekindle::quantize
