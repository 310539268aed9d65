// einsum: known answers, random equations against a loop over every index, and equations that mean nothing.
// SPDX-License-Identifier: Apache-2.0
#include "math/einsum.h"

#include <map>
#include <random>

#include "math/einsum_equation.h"
#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

/// The definition: for every value of every label, the product of the inputs' elements is added to its output
/// element.
Tensor brute_force(const std::string& equation, const Tensors& in) {
  std::vector<int> ranks;
  for (const Tensor& t : in) ranks.push_back(t.rank());
  const EinsumLabels labels = *parse_einsum(equation, ranks);
  std::map<int, int64_t> sizes, index;
  for (size_t i = 0; i < in.size(); ++i)
    for (size_t d = 0; d < in[i].dims().size(); ++d) {
      int64_t& size = sizes.emplace(labels.inputs[i][d], 1).first->second;
      if (in[i].dims()[d] != 1) size = in[i].dims()[d];
    }
  Dims out_dims;
  for (const int label : labels.output) out_dims.push_back(sizes[label]);
  Tensor out(DType::f64, out_dims);
  int64_t total = 1;
  for (const auto& [label, size] : sizes) total *= size, index[label] = 0;
  const auto position = [&](const std::vector<int>& names, const Dims& dims) {
    int64_t at = 0;
    for (size_t d = 0; d < dims.size(); ++d) at = at * dims[d] + (dims[d] == 1 ? 0 : index[names[d]]);
    return at;
  };
  for (int64_t step = 0; step < total; ++step) {
    double product = 1;
    for (size_t i = 0; i < in.size(); ++i)
      product *= in[i].as_double(position(labels.inputs[i], in[i].dims()));
    out.data<double>()[position(labels.output, out_dims)] += product;
    for (auto& [label, i] : index) {
      if (++i < sizes[label]) break;
      i = 0;
    }
  }
  return out;
}

void expect_definition(const std::string& equation, const std::vector<Dims>& dims) {
  Tensors in;
  for (size_t i = 0; i < dims.size(); ++i) {
    in.emplace_back(DType::f32, dims[i]);
    for (int64_t j = 0; j < in[i].count(); ++j)
      in[i].data<float>()[j] = float((j * 7 + int64_t(i) * 5) % 11 - 5);
  }
  const Tensor got = run(Einsum{equation}, in), wanted = brute_force(equation, in);
  ASSERT_EQ(got.dims(), wanted.dims()) << equation;
  for (int64_t i = 0; i < got.count(); ++i)
    ASSERT_EQ(got.as_double(i), wanted.as_double(i)) << equation << " element " << i;
}

TEST(Einsum, KnownAnswers) {
  EXPECT_TENSOR(run(Einsum{"ij,jk->ik"}, {counting({2, 2}), counting({2, 2})}),
                Tensor::of<float>({2, 2}, {2, 3, 6, 11}));
  EXPECT_TENSOR(run(Einsum{"ii->i"}, {counting({3, 3})}), Tensor::of<float>({3}, {0, 4, 8}));
  EXPECT_TENSOR(run(Einsum{"ii"}, {counting({3, 3})}), Tensor::scalar(12.f));
  EXPECT_TENSOR(run(Einsum{"ba"}, {counting({2, 3})}),
                Tensor::of<float>({3, 2}, {0, 3, 1, 4, 2, 5}));  // sorted
  EXPECT_TENSOR(run(Einsum{"bA"}, {counting({2, 3})}),
                Tensor::of<float>({3, 2}, {0, 3, 1, 4, 2, 5}));  // capitals first
  EXPECT_TENSOR(run(Einsum{" i j , j -> i "}, {counting({2, 2}), counting({2})}),
                Tensor::of<float>({2}, {1, 3}));
  EXPECT_TENSOR(run(Einsum{"i,i"}, {Tensor::of<int8_t>({2}, {100, 3}), Tensor::of<int8_t>({2}, {3, 1})}),
                Tensor::scalar(int8_t(47)));
  EXPECT_TENSOR(run(Einsum{""}, {counting({}, 5.f)}), Tensor::scalar(5.f));
  EXPECT_TENSOR(run(Einsum{",->"}, {counting({}, 5.f), counting({}, 3.f)}), Tensor::scalar(15.f));
  EXPECT_TENSOR(run(Einsum{"...->..."}, {counting({2, 2})}), counting({2, 2}));
  EXPECT_TENSOR(run(Einsum{"a->a..."}, {counting({2})}), counting({2}));
}

TEST(Einsum, Definition) {
  expect_definition("bij,bjk->bik", {{3, 2, 5}, {3, 5, 4}});
  expect_definition("bhqd,bhkd->bhqk", {{2, 3, 5, 4}, {2, 3, 7, 4}});
  expect_definition("...ij,...jk->...ik", {{2, 1, 3, 4}, {5, 4, 2}});
  expect_definition("...ij,...jk", {{2, 1, 3, 4}, {5, 4, 2}});
  expect_definition("i...,...j->...ji", {{3, 2}, {4, 1, 5}});
  expect_definition("ij,jk,kl->il", {{2, 3}, {3, 4}, {4, 5}});
  expect_definition("ij,jk,kl,lm->im", {{2, 3}, {3, 4}, {4, 2}, {2, 3}});
  expect_definition("ab,cd->", {{2, 3}, {4, 5}});
  expect_definition("ab,cd->cb", {{2, 3}, {4, 5}});
  expect_definition("iij,jk->ik", {{3, 3, 2}, {2, 4}});
  expect_definition("iji,jj->j", {{3, 2, 3}, {2, 2}});
  expect_definition("ij,jk->ik", {{2, 1}, {3, 4}});  // 1 broadcasts
  expect_definition("ij,ij,ij->ij", {{2, 3}, {1, 3}, {2, 1}});
  expect_definition("ij,jk->ik", {{2, 0}, {0, 4}});
  expect_definition("ij,jk->ik", {{0, 3}, {3, 4}});
  expect_definition("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a->a", std::vector<Dims>(18, Dims{1}));
  expect_definition("bqnh,bknh,bkm->bnqm", {{2, 3, 2, 4}, {2, 5, 2, 4}, {2, 5, 3}});
}

TEST(Einsum, RandomEquations) {
  std::mt19937 random(7);
  const auto below = [&](int n) { return int(random() % unsigned(n)); };
  for (int trial = 0; trial < 300; ++trial) {
    const int operands = 1 + below(4);
    const int64_t sizes[] = {2, 3, 1, 4, 2};
    std::string equation;
    std::vector<Dims> dims;
    std::vector<int> used;
    for (int i = 0; i < operands; ++i) {
      if (i > 0) equation += ',';
      const int rank = below(4);
      dims.emplace_back();
      for (int d = 0; d < rank; ++d) {
        const int letter = below(5);
        equation += char('a' + letter);
        dims.back().push_back(sizes[letter]);
        used.push_back(letter);
      }
    }
    if (below(3) != 0) {
      equation += "->";
      std::shuffle(used.begin(), used.end(), random);
      std::string out;
      for (const int letter : used)
        if (out.find(char('a' + letter)) == std::string::npos && below(2)) out += char('a' + letter);
      equation += out;
    }
    expect_definition(equation, dims);
  }
}

TEST(Einsum, HalvesAndTypes) {
  Tensor x(DType::f16, {1, 1000}), y(DType::f16, {1000, 1});
  for (int i = 0; i < 1000; ++i) x.set_double(i, 1), y.set_double(i, 1);
  EXPECT_EQ(run(Einsum{"ij,jk->ik"}, {x, y}).as_double(0), 1000);
  EXPECT_EQ(inferred(Einsum{"bij,bjk->bik"}, {type("f32[N, 2, K]"), type("f32[N, K, 7]")}), "f32[N, 2, 7]");
  EXPECT_EQ(inferred(Einsum{"...j,j->..."}, {type("f32[N, M, 4]"), type("f32[4]")}), "f32[N, M]");
}

TEST(Einsum, Refuses) {
  const auto refusal = [](const std::string& equation, std::vector<std::string> types) {
    Types in;
    for (const auto& t : types) in.push_back(type(t));
    return infer_error(Einsum{equation}, in);
  };
  EXPECT_EQ(
      refusal("i1->i", {"f32[2]"}),
      "einsum: the equation \"i1->i\" has '1' at column 2, expected letters, ',', \"...\" or one \"->\"");
  EXPECT_EQ(
      refusal("i->i->i", {"f32[2]"}),
      "einsum: the equation \"i->i->i\" has '-' at column 5, expected letters, ',', \"...\" or one \"->\"");
  EXPECT_EQ(
      refusal("i->i,i", {"f32[2]"}),
      "einsum: the equation \"i->i,i\" has ',' at column 5, expected letters, ',', \"...\" or one \"->\"");
  EXPECT_EQ(
      refusal("i..->i", {"f32[2]"}),
      "einsum: the equation \"i..->i\" has '.' at column 2, expected letters, ',', \"...\" or one \"->\"");
  EXPECT_EQ(refusal("i-", {"f32[2]"}),
            "einsum: the equation \"i-\" has '-' at column 2, expected letters, ',', \"...\" or one \"->\"");
  EXPECT_EQ(refusal("......", {"f32[2]"}),
            "einsum: the equation \"......\" has two ellipses in one term, the second at column 4");
  EXPECT_EQ(refusal("ij,jk->ik", {"f32[2, 2]"}),
            "einsum: the equation \"ij,jk->ik\" has 2 terms for 1 inputs, expected one each");
  EXPECT_EQ(refusal("ij->i", {"f32[2]"}),
            "einsum: the equation \"ij->i\" has 2 letters in term 0, but input 0 has rank 1");
  EXPECT_EQ(refusal("...ij->i", {"f32[2]"}),
            "einsum: the equation \"...ij->i\" has 2 letters in term 0, but input 0 has rank 1");
  EXPECT_EQ(refusal("i->j", {"f32[2]"}),
            "einsum: the equation \"i->j\" has the letter j in the output alone");
  EXPECT_EQ(refusal("i->ii", {"f32[2]"}),
            "einsum: the equation \"i->ii\" has the letter i twice in the output");
  EXPECT_EQ(refusal("...i->i", {"f32[2, 3]"}),
            "einsum: the equation \"...i->i\" has an ellipsis in a term but none in the output, expected it "
            "in both");
  EXPECT_EQ(refusal("ij,jk", {"f32[2, 3]", "f32[4, 5]"}), "einsum: j of input 1 is 4, expected 3");
  EXPECT_EQ(refusal("ii", {"f32[2, 3]"}), "einsum: the repeated letter i of input 0 is 3, expected 2");
  EXPECT_EQ(refusal("...,...->...", {"f32[2]", "f32[3]"}),
            "einsum: ellipsis dim -1 of input 1 is 3, expected 2");
  EXPECT_EQ(refusal("i,i", {"f32[2]", "f64[2]"}), "einsum: input 1 is f64, expected f32 like input 0");
  EXPECT_EQ(refusal(std::string("i\0->i", 5), {"f32[2]"}).substr(0, 21), "einsum: the equation ");
  EXPECT_EQ(refusal("", {"f32[2]"}),
            "einsum: the equation \"\" has 0 letters in term 0, but input 0 has rank 1");
  const Tensor big(DType::f32, {1 << 20});
  EXPECT_EQ(error_of(Einsum{"a,b,c->abc"}, {big, big, big}),
            "einsum: shape [1048576, 1048576, 1048576] is too large, expected fewer than 2^48 elements");
}

}  // namespace
}  // namespace rekindle::ops
