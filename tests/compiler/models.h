// Small models with random weights, spelled as exporters spell them: batch norms apart, attention, norms and
// GELU in primitive ops. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <numeric>

#include "compiler/compiled_text.h"
#include "math/conv.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "math/norm.h"
#include "math/reduce.h"
#include "math/softmax.h"

namespace rekindle::test {

/// Adds nodes to a graph; a mistake in the model ends the test program.
class ModelMaker {
 public:
  Graph graph;

  ValueId add(Op op, std::vector<ValueId> inputs) {
    auto made = graph.add1(std::move(op), std::move(inputs));
    RK_ASSERT(made.ok(), "the model is wrong");
    return *made;
  }
  ValueId weights(Dims dims, double middle = 0) {
    const double fan = dims.size() < 2 ? 10.0
                                       : std::sqrt(double(std::accumulate(dims.begin() + 1, dims.end(),
                                                                          int64_t{1}, std::multiplies<>())));
    Tensor tensor = *Tensor::make(DType::f32, dims);
    for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_double(i, middle + noise_(random_) / fan);
    return graph.add_constant("w", std::move(tensor));
  }
  ValueId number(float value) { return graph.add_constant("c", Tensor::scalar(value)); }
  int64_t channels(ValueId v) const { return *graph[v].type.shape[1].as_int(); }

 private:
  std::mt19937 random_{5};
  std::uniform_real_distribution<double> noise_{-1.7, 1.7};
};

/// Convolution and batch norm.
inline ValueId conv_norm(ModelMaker& m, ValueId x, int64_t out, int64_t kernel, int64_t stride) {
  const int64_t pad = kernel / 2;
  const ValueId c = m.add(ops::Conv{.strides = {stride, stride}, .pads = {pad, pad, pad, pad}},
                          {x, m.weights({out, m.channels(x), kernel, kernel})});
  return m.add(ops::BatchNorm{},
               {c, m.weights({out}, 1), m.weights({out}), m.weights({out}), m.weights({out}, 1)});
}

inline ValueId bottleneck(ModelMaker& m, ValueId x, int64_t width, int64_t stride) {
  ValueId y = m.add(ops::Relu{}, {conv_norm(m, x, width, 1, 1)});
  y = m.add(ops::Relu{}, {conv_norm(m, y, width, 3, stride)});
  y = conv_norm(m, y, 4 * width, 1, 1);
  const bool same = stride == 1 && m.channels(x) == 4 * width;
  return m.add(ops::Relu{}, {m.add(ops::Add{}, {y, same ? x : conv_norm(m, x, 4 * width, 1, stride)})});
}

/// ResNet-50 with an eighth of the channels, for pictures of 32 x 32.
inline Graph resnet50(int64_t width = 8) {
  ModelMaker m;
  ValueId x = m.graph.add_input("image", {DType::f32, {Dim::symbol("N"), 3, 32, 32}});
  x = m.add(ops::Relu{}, {conv_norm(m, x, width, 7, 2)});
  x = m.add(ops::MaxPool{.kernel = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}}, {x});
  const int blocks[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; ++stage)
    for (int block = 0; block < blocks[stage]; ++block)
      x = bottleneck(m, x, width << stage, stage > 0 && block == 0 ? 2 : 1);
  x = m.add(ops::Reduce{.op = ops::ReduceOp::mean, .axes = {2, 3}}, {x});
  x = m.add(ops::Reshape{{Dim::symbol("N"), 32 * width}}, {x});
  x = m.add(ops::Matmul{.transpose_b = true}, {x, m.weights({10, 32 * width})});
  m.graph.set_outputs({m.add(ops::Add{}, {x, m.weights({10})})});
  return std::move(m.graph);
}

struct BertSizes {
  int64_t layers = 2, hidden = 24, heads = 4, inner = 48;
};

inline ValueId linear(ModelMaker& m, ValueId x, int64_t out) {
  const int64_t in = *m.graph[x].type.shape.back().as_int();
  return m.add(ops::Add{}, {m.add(ops::Matmul{}, {x, m.weights({in, out})}), m.weights({out})});
}

inline ValueId layer_norm(ModelMaker& m, ValueId x, int64_t hidden) {
  const ops::Reduce mean{.op = ops::ReduceOp::mean, .axes = {-1}};
  const ValueId d = m.add(ops::Sub{}, {x, m.add(mean, {x})});
  const ValueId v = m.add(mean, {m.add(ops::Pow{}, {d, m.number(2)})});
  const ValueId s = m.add(ops::Sqrt{}, {m.add(ops::Add{}, {v, m.number(1e-12f)})});
  const ValueId n = m.add(ops::Mul{}, {m.add(ops::Div{}, {d, s}), m.weights({hidden}, 1)});
  return m.add(ops::Add{}, {n, m.weights({hidden})});
}

inline ValueId heads_of(ModelMaker& m, ValueId x, const BertSizes& sizes, std::vector<int64_t> perm) {
  const Shape& in = m.graph[x].type.shape;
  const ValueId split = m.add(ops::Reshape{{in[0], in[1], sizes.heads, sizes.hidden / sizes.heads}}, {x});
  return m.add(ops::Transpose{std::move(perm)}, {split});
}

inline ValueId self_attention(ModelMaker& m, ValueId x, ValueId mask, const BertSizes& sizes) {
  const ValueId q = heads_of(m, linear(m, x, sizes.hidden), sizes, {0, 2, 1, 3});
  const ValueId k = heads_of(m, linear(m, x, sizes.hidden), sizes, {0, 2, 3, 1});
  const ValueId v = heads_of(m, linear(m, x, sizes.hidden), sizes, {0, 2, 1, 3});
  ValueId scores = m.add(ops::Matmul{}, {q, k});
  scores = m.add(ops::Div{}, {scores, m.number(std::sqrt(float(sizes.hidden / sizes.heads)))});
  scores = m.add(ops::Softmax{.axis = -1}, {m.add(ops::Add{}, {scores, mask})});
  const ValueId y = m.add(ops::Transpose{{0, 2, 1, 3}}, {m.add(ops::Matmul{}, {scores, v})});
  const Shape& shape = m.graph[x].type.shape;
  return m.add(ops::Reshape{{shape[0], shape[1], sizes.hidden}}, {y});
}

inline ValueId gelu(ModelMaker& m, ValueId x) {
  const ValueId e = m.add(ops::Erf{}, {m.add(ops::Div{}, {x, m.number(std::sqrt(2.0f))})});
  const ValueId half = m.add(ops::Mul{}, {x, m.add(ops::Add{}, {e, m.number(1)})});
  return m.add(ops::Mul{}, {half, m.number(0.5f)});
}

/// The layers of BERT: `x` f32[N, S, hidden] and an additive mask f32[N, 1, 1, S].
inline Graph bert(const BertSizes& sizes = {}) {
  ModelMaker m;
  const Dim n = Dim::symbol("N"), s = Dim::symbol("S");
  ValueId x = m.graph.add_input("x", {DType::f32, {n, s, sizes.hidden}});
  const ValueId mask = m.graph.add_input("mask", {DType::f32, {n, 1, 1, s}});
  for (int64_t layer = 0; layer < sizes.layers; ++layer) {
    const ValueId a = linear(m, self_attention(m, x, mask, sizes), sizes.hidden);
    x = layer_norm(m, m.add(ops::Add{}, {a, x}), sizes.hidden);
    const ValueId f = linear(m, gelu(m, linear(m, x, sizes.inner)), sizes.hidden);
    x = layer_norm(m, m.add(ops::Add{}, {f, x}), sizes.hidden);
  }
  m.graph.set_outputs({x});
  return std::move(m.graph);
}

}  // namespace rekindle::test
