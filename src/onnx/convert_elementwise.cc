// Elementwise ops whose attributes or types need a thought.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/convert_elementwise.h"

#include <limits>

#include "math/cast.h"
#include "math/reinterpret.h"
#include "onnx/compose.h"

namespace rekindle::onnx {

Result<Values> legacy_broadcast(NodeReader& node, Builder& build) {
  ValueId a = node.input(0), b = node.input(1);
  if (node.opset() >= 7) return Values{a, b};
  const bool broadcast = node.flag("broadcast", false);
  const int64_t rank = build.rank(a), rank_b = build.rank(b);
  const int64_t axis = node.integer("axis", rank - rank_b);
  if (!broadcast || rank == rank_b) return Values{a, b};
  if (axis < 0 || axis + rank_b > rank)
    return invalid("broadcast at axis " + std::to_string(axis) + " does not fit " +
                   build.type(b).to_string() + " into " + build.type(a).to_string());
  Shape shape = build.type(b).shape;
  shape.insert(shape.end(), size_t(rank - rank_b - axis), Dim(1));
  RK_TRY(b, build.reshape(b, std::move(shape)));
  return Values{a, b};
}

Result<Values> convert_mean(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  ValueId sum = node.input(0);
  for (size_t i = 1; i < node.inputs().size(); ++i) {
    RK_TRY(sum, build.add(ops::Add{}, {sum, node.input(i)}));
  }
  if (node.inputs().size() == 1) return Values{sum};
  RK_TRY(const ValueId count, build.scalar_like(sum, double(node.inputs().size())));
  return build.finish(ops::Div{}, {sum, count});
}

namespace {

/// A bound of Clip as one number; nullopt when it is only known by running.
Result<std::optional<double>> bound_of(NodeReader& node, Builder& build, size_t i, double absent) {
  if (!node.has_input(i)) return std::optional<double>(absent);
  const Tensor* t = build.constant_of(node.input(i));
  if (t == nullptr) return std::optional<double>();
  if (t->count() != 1)
    return invalid("bound " + std::to_string(i) + " is " + t->type().to_string() + ", expected a scalar");
  return std::optional<double>(t->as_double(0));
}

}  // namespace

Result<Values> convert_clip(NodeReader& node, Builder& build) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(),
                  kLargest = std::numeric_limits<float>::max();
  const ValueId x = node.input(0);
  if (node.opset() < 11) {
    node.ignore("consumed_inputs");
    // the defaults are the largest floats; they stand for "no bound"
    const float low = node.real("min", -kLargest), high = node.real("max", kLargest);
    return build.finish(ops::Clip{low == -kLargest ? -kInfinity : low, high == kLargest ? kInfinity : high},
                        {x});
  }
  const DType dtype = build.type(x).dtype;
  if (dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16) {
    RK_TRY(const auto low, bound_of(node, build, 1, -kInfinity));
    RK_TRY(const auto high, bound_of(node, build, 2, kInfinity));
    if (low && high) return build.finish(ops::Clip{float(*low), float(*high)}, {x});
  }
  if (!node.has_input(1) && !node.has_input(2)) return Values{x};
  if (!node.has_input(2)) return build.finish(ops::Max{}, {x, node.input(1)});
  if (!node.has_input(1)) return build.finish(ops::Min{}, {x, node.input(2)});
  RK_TRY(const ValueId raised, build.add(ops::Max{}, {x, node.input(1)}));
  return build.finish(ops::Min{}, {raised, node.input(2)});
}

namespace {

Status check_rounding(NodeReader& node, DType to) {
  const std::string mode = node.text("round_mode", "up");
  if (mode != "up" && mode != "down" && mode != "nearest")
    return invalid("attribute 'round_mode' is '" + mode + "', expected up, down, nearest");
  if (mode != "up" && to == DType::f8e8m0)
    return unsupported("round_mode '" + mode + "' is not supported, only 'up'");
  return {};
}

}  // namespace

Result<Values> convert_bit_cast(NodeReader& node, Builder& build) {
  const auto to = dtype_from_onnx(int(node.integer("to", 0)));
  if (!to) return invalid("attribute 'to' names no element type, expected one of TensorProto.DataType");
  return build.finish(ops::BitCast{.to = *to}, {node.input(0)});
}

Result<Values> convert_cast(NodeReader& node, Builder& build) {
  std::optional<DType> to;
  if (node.opset() < 6) {
    std::string name = node.text("to", "");
    constexpr std::pair<std::string_view, DType> kNames[] = {
        {"FLOAT", DType::f32},    {"DOUBLE", DType::f64}, {"FLOAT16", DType::f16}, {"INT64", DType::i64},
        {"INT32", DType::i32},    {"INT16", DType::i16},  {"INT8", DType::i8},     {"UINT64", DType::u64},
        {"UINT32", DType::u32},   {"UINT16", DType::u16}, {"UINT8", DType::u8},    {"BOOL", DType::boolean},
        {"STRING", DType::string}};
    for (const auto& [known, dtype] : kNames)
      if (known == name) to = dtype;
  } else {
    to = dtype_from_onnx(int(node.integer("to", 0)));
  }
  if (!to) return invalid("attribute 'to' names no element type, expected one of TensorProto.DataType");
  const bool saturate = node.flag("saturate", true);
  RK_CHECK(check_rounding(node, *to));
  if (*to == build.type(node.input(0)).dtype) return Values{node.input(0)};
  return build.finish(ops::Cast{.to = *to, .saturate = saturate}, {node.input(0)});
}

Result<Values> convert_cast_like(NodeReader& node, Builder& build) {
  const DType to = build.type(node.input(1)).dtype;
  const bool saturate = node.flag("saturate", true);
  RK_CHECK(check_rounding(node, to));
  if (to == build.type(node.input(0)).dtype) return Values{node.input(0)};
  return build.finish(ops::Cast{.to = to, .saturate = saturate}, {node.input(0)});
}

/// The result has the base's type. An integer base with a fractional exponent is computed in f64.
Result<Values> convert_pow(NodeReader& node, Builder& build) {
  RK_TRY(Values operands, legacy_broadcast(node, build));
  const DType base = build.type(operands[0]).dtype, exponent = build.type(operands[1]).dtype;
  if (base == exponent) return build.finish(ops::Pow{}, std::move(operands));
  if (is_integer(base) && is_float(exponent)) {
    RK_TRY(operands[0], build.cast(operands[0], DType::f64));
    RK_TRY(operands[1], build.cast(operands[1], DType::f64));
    RK_TRY(const ValueId power, build.add(ops::Pow{}, std::move(operands)));
    return build.finish(ops::Cast{.to = base}, {power});
  }
  RK_TRY(operands[1], build.cast(operands[1], base));
  return build.finish(ops::Pow{}, std::move(operands));
}

Result<Values> convert_mod(NodeReader& node, Builder& build) {
  const bool fmod = node.flag("fmod", false);
  if (!fmod && node.opset() < 28 && is_float(build.type(node.input(0)).dtype))
    return invalid("fmod is 0 for " + build.type(node.input(0)).to_string() + ", expected 1 for floats");
  return build.finish(ops::Mod{.fmod = fmod}, {node.input(0), node.input(1)});
}

Result<Values> convert_prelu(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  ValueId slope = node.input(1);
  const int rank = build.rank(node.input(0));
  if (node.opset() < 7 && build.rank(slope) == 1 && rank > 2) {  // one slope a channel
    Shape shape = build.type(slope).shape;
    shape.insert(shape.end(), size_t(rank - 2), Dim(1));
    RK_TRY(slope, build.reshape(slope, std::move(shape)));
  }
  return build.finish(ops::PRelu{}, {node.input(0), slope});
}

Result<Values> convert_hard_sigmoid(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  ops::HardSigmoid op;
  op.alpha = node.real("alpha", op.alpha);
  op.beta = node.real("beta", op.beta);
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_selu(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  ops::Selu op;
  op.alpha = node.real("alpha", node.opset() < 6 ? 1.6732f : op.alpha);
  op.gamma = node.real("gamma", node.opset() < 6 ? 1.0507f : op.gamma);
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_shrink(NodeReader& node, Builder& build) {
  ops::Shrink op;
  op.bias = node.real("bias", op.bias);
  op.lambd = node.real("lambd", op.lambd);
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_swish(NodeReader& node, Builder& build) {
  const float alpha = node.real("alpha", 1);
  if (alpha == 1) return build.finish(ops::Silu{}, {node.input(0)});
  return build.finish(ops::QuickGelu{.alpha = alpha}, {node.input(0)});
}

Result<Values> convert_gelu(NodeReader& node, Builder& build) {
  ops::Gelu op;
  op.approximate = node.choice("approximate", {{"none", ops::GeluForm::none}, {"tanh", ops::GeluForm::tanh}},
                               op.approximate);
  return build.finish(op, {node.input(0)});
}

/// com.microsoft: x plus a bias that may be absent, then GELU.
Result<Values> convert_bias_gelu(NodeReader& node, Builder& build) {
  ValueId x = node.input(0);
  if (node.has_input(1)) {
    RK_TRY(x, build.add(ops::Add{}, {x, node.input(1)}));
  }
  const bool fast = node.op_type() == "FastGelu";
  return build.finish(ops::Gelu{.approximate = fast ? ops::GeluForm::tanh : ops::GeluForm::none}, {x});
}

Result<Values> convert_is_inf(NodeReader& node, Builder& build) {
  ops::IsInf op;
  op.detect_negative = node.flag("detect_negative", true);
  op.detect_positive = node.flag("detect_positive", true);
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_where(NodeReader& node, Builder& build) {
  return build.finish(ops::Where{}, {node.input(0), node.input(1), node.input(2)});
}

Result<Values> convert_bit_shift(NodeReader& node, Builder& build) {
  if (!node.has("direction")) return invalid("attribute 'direction' is missing, expected LEFT or RIGHT");
  ops::BitShift op;
  op.left = node.choice("direction", {{"LEFT", true}, {"RIGHT", false}}, true);
  const ValueId x = node.input(0), count = node.input(1);
  if (op.left || !is_signed_int(build.type(x).dtype)) return build.finish(op, {x, count});
  // a negative number keeps its sign: what comes in from the left are ones, which are the zeros of its
  // complement
  Composition c(build);
  const ValueId moved = c(op, {x, count});
  const ValueId complement = c(ops::BitNot{}, {c(op, {c(ops::BitNot{}, {x}), count})});
  return c.result({c.where(c(ops::Less{}, {x, c.like(x, 0)}), complement, moved)});
}

}  // namespace rekindle::onnx
