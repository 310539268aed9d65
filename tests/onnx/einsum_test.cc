// Einsum becomes a matrix product where it is one, and computes the same.
// SPDX-License-Identifier: Apache-2.0
#include "math/einsum.h"

#include <gtest/gtest.h>

#include "ir/graph.h"
#include "onnx/import.h"
#include "onnx/model_text.h"

namespace rekindle::onnx {
namespace {

using namespace test;

Tensor numbered(Dims dims) {
  Tensor t(DType::f32, std::move(dims));
  for (int64_t i = 0; i < t.count(); ++i) t.set_double(i, double(i * 37 % 11) - 5);
  return t;
}

struct Case {
  std::string equation;
  Dims a, b;
  bool is_product = true;
};

TEST(Einsum, IsAProductWhereItCanBe) {
  const Case cases[] = {
      {"ij,jk->ik", {3, 4}, {4, 5}},
      {"ij,kj->ik", {3, 4}, {5, 4}},
      {"ji,jk->ki", {4, 3}, {4, 5}},
      {"bij,bjk->bik", {2, 3, 4}, {2, 4, 5}},
      {"bij,bkj", {2, 3, 4}, {2, 5, 4}},
      {"bhid,bhjd->bhij", {2, 3, 4, 5}, {2, 3, 6, 5}},
      {"bihd,bjhd->bhij", {2, 4, 3, 5}, {2, 6, 3, 5}},
      {"bijkl,blkm->mbji", {2, 3, 4, 5, 6}, {2, 6, 5, 7}},
      {"ij,jk->", {3, 4}, {4, 5}, false},
      {"i,i->", {7}, {7}},
      {"ij,j->i", {3, 4}, {4}},
      {"j,ij->i", {4}, {3, 4}},
      {"...ij,...jk->...ik", {2, 2, 3, 4}, {2, 2, 4, 5}},
      {"...ij,...jk->...ik", {2, 1, 3, 4}, {2, 4, 5}, false},
      {"ii,ij->ij", {3, 3}, {3, 4}, false},
      {"ij,kl->ijkl", {2, 3}, {4, 5}, false},
      {"ijk,jl->il", {2, 3, 4}, {3, 5}, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.equation);
    const Tensor a = numbered(c.a), b = numbered(c.b);
    const std::string bytes = model("a: " + a.type().to_string() + "; b: " + b.type().to_string() +
                                    "; y = Einsum(a, b) {equation=\"" + c.equation + "\"}");
    const auto import = import_bytes(as_bytes(bytes), {}, {});
    ASSERT_TRUE(import.ok()) << import.status().message();
    const std::string text = print(import->graph);
    EXPECT_EQ(text.find("einsum(") == std::string::npos, c.is_product) << text;
    const Tensors in{a, b};
    const auto got = interpret(import->graph, in);
    const auto expected = ops::Einsum{c.equation}.evaluate(in);
    ASSERT_TRUE(got.ok()) << got.status().message();
    ASSERT_TRUE(expected.ok()) << expected.status().message();
    ASSERT_EQ((*got)[0].dims(), (*expected)[0].dims());
    for (int64_t i = 0; i < (*got)[0].count(); ++i)
      ASSERT_EQ((*got)[0].as_double(i), (*expected)[0].as_double(i)) << i;
  }
}

}  // namespace
}  // namespace rekindle::onnx
