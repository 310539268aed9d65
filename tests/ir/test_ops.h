// A small table of ops for the IR's tests: elementwise ones from math, and a few made here for what the IR
// has to cope with: several outputs, sizes only known by running, sizes in attributes, nested graphs, every
// type of attribute. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include "ir/subgraph.h"
#include "math/elementwise.h"

namespace rekindle::testing_ops {

/// Indices of the elements that are not 0: i64[?].
struct WhereNonzero {
  static constexpr auto name = "where_nonzero";
  static constexpr auto kind = OpKind::opaque;
  Result<Types> infer(std::span<const TensorType> in) const {
    RK_CHECK(check_arity(name, in.size(), 1, 1));
    if (in[0].rank() != 1) return op_error(name, "rank " + std::to_string(in[0].rank()) + ", expected 1");
    return Types{{DType::i64, {Dim::unknown()}}};
  }
  Result<Tensors> evaluate(std::span<const Tensor> in) const {
    std::vector<int64_t> found;
    for (int64_t i = 0; i < in[0].count(); ++i)
      if (in[0].as_double(i) != 0) found.push_back(i);
    return Tensors{Tensor::of<int64_t>({int64_t(found.size())}, found)};
  }
};

/// The positive elements and where they stand: f32[k], i64[k] with one unknown k.
struct Positive {
  static constexpr auto name = "positive";
  static constexpr auto kind = OpKind::opaque;
  Result<Types> infer(std::span<const TensorType> in) const {
    RK_CHECK(check_arity(name, in.size(), 1, 1));
    const Dim k = Dim::unknown();
    return Types{{in[0].dtype, {k}}, {DType::i64, {k}}};
  }
  Result<Tensors> evaluate(std::span<const Tensor> in) const {
    std::vector<int64_t> found;
    for (int64_t i = 0; i < in[0].count(); ++i)
      if (in[0].as_double(i) > 0) found.push_back(i);
    Tensor values(in[0].dtype(), {int64_t(found.size())});
    for (size_t i = 0; i < found.size(); ++i) values.set_double(int64_t(i), in[0].as_double(found[i]));
    return Tensors{values, Tensor::of<int64_t>({int64_t(found.size())}, found)};
  }
};

/// Two copies of the input, the second negated when asked.
struct Twice {
  bool negate = false;
  static constexpr auto name = "twice";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("negate", &Twice::negate);
  Result<Types> infer(std::span<const TensorType> in) const {
    RK_CHECK(check_arity(name, in.size(), 1, 1));
    return Types{in[0], in[0]};
  }
  Result<Tensors> evaluate(std::span<const Tensor> in) const {
    Tensor second = in[0].clone();
    for (int64_t i = 0; negate && i < second.count(); ++i) second.set_double(i, -second.as_double(i));
    return Tensors{in[0], second};
  }
};

/// The input under another shape, which may speak of symbols; a second input is optional and ignored.
struct Shaped {
  std::vector<Dim> shape;
  static constexpr auto name = "shaped";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("shape", &Shaped::shape);
  Result<Types> infer(std::span<const TensorType> in) const {
    RK_CHECK(check_arity(name, in.size(), 1, 2));
    return Types{{in[0].dtype, shape}};
  }
  Result<Tensors> evaluate(std::span<const Tensor> in) const {
    const auto dims = to_dims(shape);
    if (!dims || count_of(*dims) != in[0].count()) return op_error(name, "cannot become " + to_string(shape));
    return Tensors{in[0].reshaped(*dims)};
  }
};

/// A graph in an op, as region and if have it.
struct Holder {
  GraphRef body;
  static constexpr auto name = "holder";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("body", &Holder::body);
  Result<Types> infer(std::span<const TensorType> in) const {
    if (!body) return op_error(name, "has no body");
    return infer_body(name, *body, in);
  }
  Result<Tensors> evaluate(std::span<const Tensor> in) const { return interpret(*body, in); }
};

enum class Colour : uint8_t { red, green };
inline constexpr std::array kColourNames{std::string_view("red"), std::string_view("green")};
constexpr const auto& enum_names(Colour) { return kColourNames; }

/// One attribute of every type there is.
struct Everything {
  bool flag = false;
  int64_t whole = 0;
  int small = 0;
  float real = 0;
  double wide = 0;
  std::string text;
  Dim dim = 0;
  Colour colour = Colour::red;
  TensorType type{DType::f32, {}};
  std::vector<int64_t> list;
  std::vector<std::string> texts;
  std::vector<std::vector<float>> nested;
  std::optional<int64_t> maybe;
  std::optional<float> maybe_real;
  Tensor tensor;
  GraphRef graph;
  std::vector<GraphRef> graphs;
  static constexpr auto name = "everything";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("flag", &Everything::flag, "whole", &Everything::whole, "small", &Everything::small,
                       "real", &Everything::real, "wide", &Everything::wide, "text", &Everything::text, "dim",
                       &Everything::dim, "colour", &Everything::colour, "type", &Everything::type, "list",
                       &Everything::list, "texts", &Everything::texts, "nested", &Everything::nested, "maybe",
                       &Everything::maybe, "maybe_real", &Everything::maybe_real, "tensor",
                       &Everything::tensor, "graph", &Everything::graph, "graphs", &Everything::graphs);
  Result<Types> infer(std::span<const TensorType> in) const {
    RK_CHECK(check_arity(name, in.size(), 1, 1));
    return Types{in[0]};
  }
  Result<Tensors> evaluate(std::span<const Tensor> in) const { return Tensors{in[0]}; }
};

inline const OpTable& table() {
  static const OpTable t{[](std::string_view wanted) -> const Op* {
    static const std::vector<Op> all{
        Op(ops::Add{}),       Op(ops::Sub{}),   Op(ops::Mul{}),     Op(ops::Relu{}), Op(ops::Neg{}),
        Op(ops::LeakyRelu{}), Op(ops::Where{}), Op(WhereNonzero{}), Op(Positive{}),  Op(Twice{}),
        Op(Shaped{}),         Op(Holder{}),     Op(Everything{})};
    for (const Op& op : all)
      if (op.name() == wanted) return &op;
    return nullptr;
  }};
  return t;
}

#define RK_EXPECT_OK(...)                                     \
  do {                                                        \
    const Status rk_expected = (__VA_ARGS__);                 \
    EXPECT_TRUE(rk_expected.ok()) << rk_expected.to_string(); \
  } while (false)

/// A graph that must parse and verify.
inline Graph graph_of(std::string_view text) {
  auto graph = parse(text, table());
  if (!graph.ok()) {
    ADD_FAILURE() << graph.status().to_string() << "\nin " << text;
    return {};
  }
  RK_EXPECT_OK(graph->verify());
  return *std::move(graph);
}

}  // namespace rekindle::testing_ops
