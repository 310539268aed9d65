// Shape arithmetic as exporters write it ends up as dims; and whatever is claimed to be known is what running
// gives.
// SPDX-License-Identifier: Apache-2.0
#include "ops/symbolic_value.h"

#include <gtest/gtest.h>

#include "math/cast.h"
#include "math/elementwise.h"
#include "math/movement.h"
#include "math/reduce.h"
#include "math/selection.h"

namespace rekindle::ops {
namespace {

/// A little graph: each value has a type, a content when it is known, and what it is for one choice of sizes.
class Chain {
 public:
  struct Value {
    TensorType type;
    std::optional<SymbolicValue> content;
    Tensor concrete;
  };
  explicit Chain(Bindings sizes) : sizes_(std::move(sizes)) {
    for (const auto& [symbol, size] : sizes_) dims_.emplace(symbol, size);
  }

  Value shape_of(std::string_view type) { return add(ShapeValue{parse_type(type)->shape}, {}); }
  static Value constant(Tensor t) { return {t.type(), symbolic_constant(t), t}; }
  static Value i64(std::vector<int64_t> v) { return constant(Tensor::of<int64_t>({int64_t(v.size())}, v)); }
  static Value scalar(int64_t v) { return constant(Tensor::scalar(v)); }
  static Value f32(float v) { return constant(Tensor::scalar(v)); }
  /// Something that only running tells.
  static Value run_time(Tensor t) { return {t.type(), std::nullopt, t}; }

  Value add(const Op& op, const std::vector<Value>& inputs, size_t output = 0) {
    Types types;
    Tensors tensors;
    std::vector<std::optional<SymbolicValue>> contents;
    for (const Value& v : inputs)
      types.push_back(v.type), tensors.push_back(v.concrete), contents.push_back(v.content);
    auto inferred = op.infer(types);
    auto made = op.substitute(dims_).evaluate(tensors);
    if (!inferred.ok() || !made.ok()) {
      ADD_FAILURE() << op.name() << ": " << inferred.status().to_string() << made.status().to_string();
      return {};
    }
    Value v{(*inferred)[output], symbolic_value(op, types, contents, output), (*made)[output]};
    if (v.content) check(op, v);
    return v;
  }
  Value cast(const Value& x, DType to) { return add(Cast{to}, {x}); }

 private:
  void check(const Op& op, const Value& v) {
    ASSERT_EQ(int64_t(v.content->size()), v.concrete.count()) << op.name();
    for (size_t i = 0; i < v.content->size(); ++i) {
      const SymbolicNumber& x = (*v.content)[i];
      const auto numerator = x.numerator.eval(sizes_);
      ASSERT_TRUE(numerator.ok()) << op.name();
      if (x.is_whole())
        EXPECT_EQ(double(*numerator), v.concrete.as_double(int64_t(i))) << op.name() << " element " << i;
      else
        EXPECT_FLOAT_EQ(float(*numerator) / float(x.denominator), float(v.concrete.as_double(int64_t(i))))
            << op.name();
    }
  }
  Bindings sizes_;
  DimMap dims_;
};
using Value = Chain::Value;

std::string text(const Value& v) {
  if (!v.content) return "?";
  std::string result;
  for (const SymbolicNumber& x : *v.content)
    result += (result.empty() ? "" : ", ") +
              (x.is_whole() ? x.numerator.to_string()
                            : "(" + x.numerator.to_string() + ")/" + std::to_string(x.denominator));
  return result;
}

class SymbolicValueTest : public testing::TestWithParam<int64_t> {
 protected:
  int64_t n = GetParam();
  Chain c{{{"N", 1 + n % 3}, {"H", 20 + n * 7}, {"W", 33 + n * 5}}};
  Value shape = c.shape_of("f32[N, 3, H, W]");
  Value dim(int64_t axis) { return c.add(Gather{0}, {shape, Chain::scalar(axis)}); }
  Value list(const Value& x) { return c.add(Reshape{{1}}, {x}); }
};
INSTANTIATE_TEST_SUITE_P(Sizes, SymbolicValueTest, testing::Range(int64_t(0), int64_t(12)));

TEST_P(SymbolicValueTest, PyTorchViewAndFlatten) {
  const Value out = c.add(Concat{0}, {list(dim(0)), list(c.add(Mul{}, {dim(2), dim(-1)})), Chain::i64({-1})});
  EXPECT_EQ(text(out), "N, H*W, -1");
  EXPECT_EQ(text(c.add(Reduce{ReduceOp::prod, {}, false}, {shape})), "3*H*N*W");
  EXPECT_EQ(text(c.add(Slice{{0}, {3}, {0}, {-1}}, {shape})), "W, H, 3");
}

// expand(-1, …) becomes Where(Equal(shape, ConstantOfShape * -1), ones, shape).
TEST_P(SymbolicValueTest, PyTorchExpand) {
  const Value ones = c.add(Expand{{3}}, {Chain::scalar(1)});
  const Value minus = c.add(Mul{}, {ones, Chain::scalar(-1)});
  const Value wanted = c.add(Concat{0}, {list(dim(0)), Chain::i64({-1, 5})});
  const Value keeps = c.add(Equal{}, {wanted, minus});
  EXPECT_EQ(text(keeps), "0, 1, 0");
  EXPECT_EQ(text(c.add(Where{}, {keeps, ones, wanted})), "N, 1, 5");
}

// F.pad: pads as (begin, end) pairs from the last axis, turned round through a matrix.
TEST_P(SymbolicValueTest, PyTorchPad) {
  const Value missing = c.add(Mod{}, {c.add(Neg{}, {dim(2)}), Chain::scalar(32)});
  const Value flat = c.add(Concat{0}, {Chain::i64({1, 2, 0}), list(missing), Chain::i64({0, 0, 0, 0})});
  const Value pairs = c.add(Reshape{{4, 2}}, {flat});
  const Value turned = c.add(Slice{{0}, {3}, {-1}, {-1}}, {pairs});
  const Value pads = c.cast(c.add(Reshape{{8}}, {c.add(Transpose{{1, 0}}, {turned})}), DType::i64);
  EXPECT_EQ(text(pads), "0, 0, 0, 1, 0, 0, mod(-H, 32), 2");
}

TEST_P(SymbolicValueTest, InterpolateByScale) {
  const Value size = c.cast(c.add(Slice{{0}, {2}, {4}, {}}, {shape}), DType::f32);
  const auto scaled = [&](float by) {
    return c.cast(c.add(Floor{}, {c.add(Mul{}, {size, Chain::f32(by)})}), DType::i64);
  };
  EXPECT_EQ(text(c.add(Concat{0}, {c.add(Slice{{0}, {0}, {2}, {}}, {shape}), scaled(2)})), "N, 3, 2*H, 2*W");
  EXPECT_EQ(text(scaled(0.5f)), "floor(H/2), floor(W/2)");
  EXPECT_EQ(text(scaled(1.5f)), "H + floor(H/2), W + floor(W/2)");
  EXPECT_EQ(text(scaled(0.3f)), "?");  // 0.3 is no short float: the product would round
  EXPECT_EQ(text(c.cast(c.add(Mul{}, {size, Chain::f32(0.25f)}), DType::i32)), "floor(H/4), floor(W/4)");
  EXPECT_EQ(text(c.add(Mul{}, {size, Chain::f32(0.25f)})), "(H)/4, (W)/4");
}

// Sizes made multiples of 32, as detectors want them.
TEST_P(SymbolicValueTest, RoundUpTo) {
  const Value h = c.cast(dim(2), DType::f32);
  const Value parts = c.add(Ceil{}, {c.add(Div{}, {h, Chain::f32(32)})});
  EXPECT_EQ(text(c.cast(c.add(Mul{}, {parts, Chain::f32(32)}), DType::i64)), "32*floor((H + 31)/32)");
  const Value whole = c.add(Div{}, {c.add(Add{}, {dim(2), Chain::scalar(31)}), Chain::scalar(32)});
  EXPECT_EQ(text(c.add(Mul{}, {whole, Chain::scalar(32)})), "32*floor((H + 31)/32)");
  EXPECT_EQ(text(c.add(Sub{}, {Chain::scalar(32), c.add(Mod{}, {dim(2), Chain::scalar(32)})})),
            "-mod(H, 32) + 32");
}

TEST_P(SymbolicValueTest, DivisionRoundsOnce) {
  const Value third = c.add(Div{}, {c.cast(dim(2), DType::f32), Chain::f32(3)});
  EXPECT_EQ(text(c.add(Floor{}, {third})), "floor(H/3)");
  EXPECT_EQ(text(c.add(Ceil{}, {third})), "floor((H + 2)/3)");
  EXPECT_EQ(text(c.add(Round{}, {third})), "floor((H + 1)/3)");
  EXPECT_EQ(text(c.cast(third, DType::i64)), "floor(H/3)");
  EXPECT_EQ(text(c.add(Add{}, {third, Chain::f32(1)})), "?");
  EXPECT_EQ(text(c.add(Mul{}, {third, Chain::f32(3)})), "?");
  EXPECT_EQ(text(c.add(Round{}, {c.add(Mul{}, {c.cast(dim(2), DType::f32), Chain::f32(0.5f)})})),
            "?");  // halves
  EXPECT_EQ(text(c.add(Round{}, {c.cast(dim(2), DType::f32)})), "H");
  EXPECT_EQ(text(c.add(Floor{}, {c.cast(dim(2), DType::f16)})), "?");
}

TEST_P(SymbolicValueTest, IntegerDivision) {
  EXPECT_EQ(text(c.add(Div{}, {dim(3), Chain::scalar(2)})), "floor(W/2)");
  EXPECT_EQ(text(c.add(Div{}, {c.add(Neg{}, {dim(3)}), Chain::scalar(2)})), "-floor(W/2)");  // towards zero
  EXPECT_EQ(text(c.add(Div{}, {dim(3), Chain::scalar(-2)})), "-floor(W/2)");
  EXPECT_EQ(text(c.add(Div{}, {c.add(Mul{}, {dim(2), dim(3)}), dim(3)})), "H");
  EXPECT_EQ(text(c.add(Div{}, {c.add(Sub{}, {dim(3), Chain::scalar(5)}), Chain::scalar(2)})),
            "?");  // either sign
  EXPECT_EQ(text(c.add(Div{}, {dim(3), Chain::scalar(0)})), "?");
  EXPECT_EQ(text(c.add(Mod{true}, {dim(3), Chain::scalar(7)})), "mod(W, 7)");
  EXPECT_EQ(text(c.add(Mod{true}, {c.add(Sub{}, {dim(3), Chain::scalar(40)}), Chain::scalar(7)})), "?");
}

TEST_P(SymbolicValueTest, Decisions) {
  const Value h = dim(2);
  EXPECT_EQ(text(c.add(Equal{}, {h, Chain::scalar(-1)})), "0");
  EXPECT_EQ(text(c.add(Equal{}, {h, h})), "1");
  EXPECT_EQ(text(c.add(Equal{}, {h, Chain::scalar(20)})), "?");
  EXPECT_EQ(text(c.add(Less{}, {h, Chain::scalar(0)})), "0");
  EXPECT_EQ(text(c.add(GreaterOrEqual{}, {h, Chain::scalar(0)})), "1");
  EXPECT_EQ(text(c.add(Greater{}, {h, Chain::scalar(0)})), "?");
  EXPECT_EQ(text(c.add(Less{}, {h, c.add(Add{}, {h, Chain::scalar(1)})})), "1");
  EXPECT_EQ(text(c.add(LessOrEqual{}, {c.add(Add{}, {h, Chain::scalar(1)}), h})), "0");
  const Value no = c.add(Less{}, {h, Chain::scalar(0)});
  EXPECT_EQ(text(c.add(Not{}, {no})), "1");
  EXPECT_EQ(text(c.add(Or{}, {no, c.add(Not{}, {no})})), "1");
  EXPECT_EQ(text(c.add(Where{}, {no, dim(0), dim(3)})), "W");
  const Value unknown = c.add(Equal{}, {h, Chain::scalar(20)});
  EXPECT_EQ(text(c.add(Where{}, {unknown, h, h})), "H");
  EXPECT_EQ(text(c.add(Where{}, {unknown, h, dim(3)})), "?");
  EXPECT_EQ(text(c.cast(no, DType::i64)), "0");
  EXPECT_EQ(text(c.cast(c.add(Add{}, {h, Chain::scalar(1)}), DType::boolean)), "1");
}

TEST_P(SymbolicValueTest, ExtremesAndRanges) {
  const Value h = dim(2);
  EXPECT_EQ(text(c.add(Max{}, {h, Chain::scalar(0)})), "H");
  EXPECT_EQ(text(c.add(Min{}, {h, Chain::scalar(100)})), "min(100, H)");
  EXPECT_EQ(text(c.add(Clip{2, 64}, {c.cast(h, DType::f32)})), "min(64, max(2, H))");
  EXPECT_EQ(text(c.add(Relu{}, {c.add(Sub{}, {h, Chain::scalar(30)})})), "max(0, H - 30)");
  EXPECT_EQ(text(c.add(Abs{}, {c.add(Neg{}, {h})})), "H");
  EXPECT_EQ(text(c.add(Reduce{ReduceOp::sum, {0}, true}, {shape})), "H + N + W + 3");
  EXPECT_EQ(text(c.add(Range{}, {Chain::scalar(0), Chain::scalar(7), Chain::scalar(3)})), "0, 3, 6");
  EXPECT_EQ(text(c.add(Range{}, {h, c.add(Add{}, {h, Chain::scalar(3)}), Chain::scalar(1)})),
            "H, H + 1, H + 2");
  EXPECT_EQ(text(c.add(Range{}, {Chain::scalar(0), h, Chain::scalar(1)})), "?");
  EXPECT_EQ(text(c.add(Tile{{2}}, {list(h)})), "H, H");
  EXPECT_EQ(text(c.add(Pad{{1, 2}}, {list(h)})), "0, H, 0, 0");
  EXPECT_EQ(text(c.add(ScatterElements{0}, {shape, Chain::i64({1}), Chain::i64({9})})), "N, 9, H, W");
  EXPECT_EQ(text(c.add(TopK{0, true, true, 2}, {Chain::i64({4, 9, 6})}, 1)), "1, 2");
}

TEST(SymbolicValue, WhatIsNotKnown) {
  Chain c({{"N", 4}});
  const Value n = c.add(ShapeValue{{Dim::symbol("N")}}, {});
  const Value other = Chain::run_time(Tensor::of<int64_t>({1}, {3}));
  EXPECT_EQ(text(c.add(Add{}, {n, other})), "?");
  EXPECT_EQ(text(c.add(Concat{0}, {n, other})), "?");
  EXPECT_EQ(
      text(c.add(Gather{0}, {c.add(Concat{0}, {n, n}),
                             other.type.rank() == 1 ? Chain::run_time(Tensor::of<int64_t>({1}, {1})) : n})),
      "?");
  EXPECT_EQ(text(c.add(Expand{{65}}, {n})), "?");  // too many to be a shape
  EXPECT_EQ(text(c.add(Exp{}, {c.cast(n, DType::f32)})), "?");
  EXPECT_FALSE(symbolic_constant(Tensor::scalar(INFINITY)));
  EXPECT_FALSE(symbolic_constant(Tensor(DType::i64, {65})));
  // Nothing is run whose size is not known to be small.
  const std::vector<std::optional<SymbolicValue>> contents{SymbolicValue{{1, 1}},
                                                           SymbolicValue{{int64_t(1) << 40, 1}}};
  EXPECT_FALSE(symbolic_value(Expand{}, Types{*parse_type("i64[1]"), *parse_type("i64[1]")}, contents));
  EXPECT_FALSE(
      symbolic_value(Expand{{int64_t(1) << 40}}, Types{*parse_type("i64[1]")}, std::span(contents).first(1)));
  EXPECT_FALSE(
      symbolic_value(ShapeValue{{Dim::unknown()}}, {}, std::span<const std::optional<SymbolicValue>>{}));
}

TEST(SymbolicValue, IntegersAlone) {
  const std::vector<std::optional<std::vector<Dim>>> contents{std::vector<Dim>{Dim::symbol("N")},
                                                              std::vector<Dim>{2}};
  const Types types{*parse_type("i64[1]"), *parse_type("i64[1]")};
  EXPECT_EQ(symbolic_value(Mul{}, types, contents), (std::vector<Dim>{Dim::symbol("N") * 2}));
  const std::vector<std::optional<std::vector<Dim>>> unknown{std::nullopt, std::vector<Dim>{2}};
  EXPECT_EQ(symbolic_value(Mul{}, types, unknown), std::nullopt);
  // Constants behave as their element type does.
  const std::vector<std::optional<std::vector<Dim>>> bytes{std::vector<Dim>{250}, std::vector<Dim>{10}};
  EXPECT_EQ(symbolic_value(Add{}, Types{*parse_type("u8[1]"), *parse_type("u8[1]")}, bytes),
            (std::vector<Dim>{4}));
}

}  // namespace
}  // namespace rekindle::ops
