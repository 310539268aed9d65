// Index maps around attention as strides: every element is where the references of the maps put it.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/attention_views.h"

#include <gtest/gtest.h>

#include "math/matmul.h"
#include "ops/table.h"

namespace rekindle::cuda {
namespace {

constexpr std::string_view kHeads = R"(
graph @main (%x: f32[2, 5, 36]) {
  %qs = slice(%x) {axes=[2], starts=[0], ends=[12], steps=[1]}
  %ks = slice(%x) {axes=[-1], starts=[12], ends=[24], steps=[1]}
  %vs = slice(%x) {axes=[2], starts=[24], ends=[36]}
  %qr = reshape(%qs) {shape=[2, 5, 3, 4]}
  %kr = reshape(%ks) {shape=[2, 5, 3, 4]}
  %vr = reshape(%vs) {shape=[2, 5, 3, 4]}
  %q = transpose(%qr) {perm=[0, 2, 1, 3]}
  %k = transpose(%kr) {perm=[0, 2, 1, 3]}
  %v = transpose(%vr) {perm=[0, 2, 1, 3]}
  %a = attention(%q, %k, %v)
  %t = transpose(%a) {perm=[0, 2, 1, 3]}
  %y = reshape(%t) {shape=[2, 5, 12]}
  return %y
})";

Region region_of_text(std::string_view text) {
  auto graph = parse(text, ops::table());
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  Region region;
  region.body = *std::move(graph);
  region.constants.resize(region.body.inputs.size());
  for (NodeId n = region.body.first(); n != NodeId::none; n = region.body.next(n))
    if (region.body[n].op.is<ops::Attention>()) region.anchor = n;
  return region;
}

Tensor counting(const Shape& shape) {
  Tensor t(DType::f32, *to_dims(shape));
  for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = float(i);
  return t;
}

/// Where element i of the value lies in its tensor.
int64_t place_of(const MappedValue& value, int64_t i) {
  int64_t at = *value.offset.as_int();
  for (size_t d = value.shape.size(); d-- > 0;) {
    const int64_t size = *value.shape[d].as_int();
    at += i % size * *value.strides[d].as_int();
    i /= size;
  }
  return at;
}

TEST(AttentionViews, FollowTheMaps) {
  const Region region = region_of_text(kHeads);
  const auto values = mapped_values(region);
  ASSERT_TRUE(values.ok()) << values.status().to_string();
  ASSERT_EQ(values->size(), 4u);
  Tensors seen(4);
  const Node& anchor = *region.anchor_node();
  const Tensor x = counting(region.input_type(0).shape);
  const auto ran = interpret(region.body, std::vector<Tensor>{x}, [&](ValueId v, const Tensor& t) {
    for (size_t i = 0; i < 3; ++i)
      if (v == anchor.inputs[i]) seen[i] = t;
    if (v == anchor.outputs[0]) seen[3] = t;
    return Status();
  });
  ASSERT_TRUE(ran.ok()) << ran.status().to_string();
  for (size_t i = 0; i < 3; ++i)
    for (int64_t e = 0; e < seen[i].count(); ++e)
      ASSERT_EQ(seen[i].data<float>()[e], float(place_of((*values)[i], e))) << i << ", element " << e;
  const Tensor& y = (*ran)[0];
  for (int64_t e = 0; e < seen[3].count(); ++e)
    ASSERT_EQ(seen[3].data<float>()[e], y.data<float>()[place_of((*values)[3], e)]) << "element " << e;
  EXPECT_EQ(*(*values)[0].row_step().as_int(), 36);
  EXPECT_TRUE((*values)[1].is_aligned(4));
  EXPECT_FALSE((*values)[1].is_aligned(8));
}

TEST(AttentionViews, RefuseWhatNeedsACopy) {
  const Region swapped = region_of_text(R"(
graph @main (%x: f32[2, 4, 5], %k: f32[2, 5, 4], %v: f32[2, 5, 4]) {
  %q = transpose(%x) {perm=[0, 2, 1]}
  %y = attention(%q, %k, %v)
  return %y
})");
  const auto values = mapped_values(swapped);
  ASSERT_FALSE(values.ok());
  EXPECT_EQ(values.status().message(), "the elements of a row do not lie side by side");
}

}  // namespace
}  // namespace rekindle::cuda
