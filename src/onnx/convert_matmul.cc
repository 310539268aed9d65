// Matrix products and Attention.
// SPDX-License-Identifier: Apache-2.0
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "onnx/converter.h"
#include "onnx/dims.h"

namespace rekindle::onnx {

Result<Values> convert_matmul(NodeReader& node, Builder& build) {
  return build.finish(ops::Matmul{}, {node.input(0), node.input(1)});
}

namespace {

/// x * factor; x itself for 1.
Result<ValueId> scaled(Builder& build, ValueId x, float factor) {
  if (factor == 1) return x;
  RK_TRY(const ValueId scalar, build.scalar_like(x, factor));
  return build.add(ops::Mul{}, {x, scalar});
}

}  // namespace

Result<Values> convert_gemm(NodeReader& node, Builder& build) {
  if (node.opset() < 7) node.ignore("broadcast");  // NumPy's rules cover what it allows
  const ops::Matmul op{.transpose_a = node.flag("transA", false), .transpose_b = node.flag("transB", false)};
  const float alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  const ValueId a = node.input(0), b = node.input(1), c = node.input(2);
  if (build.rank(a) != 2 || build.rank(b) != 2)
    return invalid("the operands are " + build.type(a).to_string() + " and " + build.type(b).to_string() +
                   ", expected matrices");
  const bool adds = c != ValueId::none && beta != 0;
  if (!adds && alpha == 1) return build.finish(op, {a, b});
  RK_TRY(ValueId y, build.add(op, {a, b}));
  RK_TRY(y, scaled(build, y, alpha));
  if (!adds) return Values{y};
  RK_TRY(const ValueId bias, scaled(build, c, beta));
  return build.finish(ops::Add{}, {y, bias});
}

/// com.microsoft
Result<Values> convert_fused_matmul(NodeReader& node, Builder& build) {
  for (const char* name : {"transBatchA", "transBatchB"})
    if (node.flag(name, false)) return unsupported(std::string("attribute '") + name + "' is 1, expected 0");
  const ops::Matmul op{.transpose_a = node.flag("transA", false), .transpose_b = node.flag("transB", false)};
  const float alpha = node.real("alpha", 1);
  if (alpha == 1) return build.finish(op, {node.input(0), node.input(1)});
  RK_TRY(const ValueId y, build.add(op, {node.input(0), node.input(1)}));
  RK_TRY(const ValueId factor, build.scalar_like(y, alpha));
  return build.finish(ops::Mul{}, {y, factor});
}

namespace {

/// [B, S, heads*D] as [B, heads, S, D].
Result<ValueId> split_heads(Builder& build, ValueId x, int64_t heads, const char* name) {
  const Shape shape = build.type(x).shape;
  if (shape.size() == 4) return x;
  if (shape.size() != 3)
    return invalid(std::string(name) + " is " + build.type(x).to_string() + ", expected rank 3 or 4");
  if (heads < 1 || (shape[2].as_int() && *shape[2].as_int() % heads != 0))
    return invalid("there are " + std::to_string(heads) + " heads for " + name + " " +
                   build.type(x).to_string() + ", expected a divisor of its last dim");
  RK_TRY(const ValueId split, build.reshape(x, {shape[0], shape[1], heads, floor_div(shape[2], heads)}));
  return build.transpose(split, {0, 2, 1, 3});
}

/// Each key or value head repeated for the query heads that share it.
Result<ValueId> repeat_heads(Builder& build, ValueId x, const Dim& heads) {
  const Shape s = build.type(x).shape;
  if (s[1] == heads) return x;
  if (!s[1].as_int() || !heads.as_int() || s[1].is(0) || *heads.as_int() % *s[1].as_int() != 0)
    return invalid("there are " + s[1].to_string() + " key and value heads for " + heads.to_string() +
                   " query heads, expected a divisor");
  const Dim times = floor_div(heads, s[1]);
  RK_TRY(const ValueId column, build.reshape(x, {s[0], s[1], 1, s[2], s[3]}));
  RK_TRY(const ValueId wide, build.add(ops::Expand{.shape = {s[0], s[1], times, s[2], s[3]}}, {column}));
  return build.reshape(wide, {s[0], heads, s[2], s[3]});
}

Status refuse_attention_extras(NodeReader& node) {
  if (node.real("softcap", 0) != 0) return unsupported("attribute 'softcap' is not 0");
  if (node.integer("left_window_size", -1) >= 0 || node.integer("right_window_size", -1) >= 0)
    return unsupported("a sliding window is not supported");
  if (node.has_output(3)) return unsupported("output 3, the scores, is used");
  node.ignore("qk_matmul_output_mode");
  node.ignore("softmax_precision");  // the softmax is in f32 at least
  if (node.has_input(6)) return unsupported("nonpad_kv_seqlen is given");
  return {};
}

}  // namespace

Result<Values> convert_attention(NodeReader& node, Builder& build) {
  RK_CHECK(refuse_attention_extras(node));
  const int64_t q_heads = node.integer("q_num_heads", 0), kv_heads = node.integer("kv_num_heads", 0);
  ops::Attention op;
  op.scale = node.real("scale", 0);
  op.causal = node.flag("is_causal", false);
  const bool flat = build.rank(node.input(0)) == 3;
  RK_TRY(const ValueId q, split_heads(build, node.input(0), q_heads, "Q"));
  RK_TRY(ValueId k, split_heads(build, node.input(1), kv_heads, "K"));
  RK_TRY(ValueId v, split_heads(build, node.input(2), kv_heads, "V"));
  if (node.has_input(4) != node.has_input(5))
    return invalid("one of past_key and past_value is given, expected both or none");
  if (node.has_input(4)) {
    if (build.rank(node.input(4)) != 4 || build.rank(node.input(5)) != 4)
      return invalid("the past is " + build.type(node.input(4)).to_string() + ", expected rank 4");
    op.causal_offset = op.causal ? build.type(node.input(4)).shape[2] : Dim(0);
    RK_TRY(k, build.add(ops::Concat{.axis = 2}, {node.input(4), k}));
    RK_TRY(v, build.add(ops::Concat{.axis = 2}, {node.input(5), v}));
  }
  const Values present = {k, v};
  const Dim heads = build.type(q).shape[1];
  RK_TRY(k, repeat_heads(build, k, heads));
  RK_TRY(v, repeat_heads(build, v, heads));
  Values inputs = {q, k, v};
  if (node.has_input(3)) inputs.push_back(node.input(3));
  RK_TRY(ValueId y, build.add(op, std::move(inputs)));
  if (flat) {
    const Shape s = build.type(y).shape;
    RK_TRY(y, build.transpose(y, {0, 2, 1, 3}));
    RK_TRY(y, build.reshape(y, {s[0], s[2], s[1] * s[3]}));
  }
  return Values{y, present[0], present[1]};
}

}  // namespace rekindle::onnx
