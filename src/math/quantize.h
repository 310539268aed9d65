// Real numbers as scaled integers or small floats, and back: y = round(x / scale) + zero_point.
// SPDX-License-Identifier: Apache-2.0
//
// A scale of one element is for the whole tensor; a vector has one element for each index of `axis`; with a
// block_size the scale has the rank of x and one element for each block of that many along `axis`. A zero
// point has the shape of its scale.
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

/// (x, scale, zero_point?) Rounds halves to even and saturates; 8-bit floats saturate when asked.
struct QuantizeLinear {
  int64_t axis = 1, block_size = 0;
  DType to = DType::u8;
  bool saturate = true;
  static constexpr auto name = "quantize_linear";
  static constexpr auto kind = OpKind::elementwise;
  static constexpr auto fields =
      rekindle::fields("axis", &QuantizeLinear::axis, "block_size", &QuantizeLinear::block_size, "to",
                       &QuantizeLinear::to, "saturate", &QuantizeLinear::saturate);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x, scale, zero_point?) (x - zero_point) * scale, in the type of the scale.
struct DequantizeLinear {
  int64_t axis = 1, block_size = 0;
  static constexpr auto name = "dequantize_linear";
  static constexpr auto kind = OpKind::elementwise;
  static constexpr auto fields =
      rekindle::fields("axis", &DequantizeLinear::axis, "block_size", &DequantizeLinear::block_size);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x) -> y u8, scale f32, zero_point u8: the range of x, made to include 0, spread over 0 … 255.
struct DynamicQuantizeLinear {
  static constexpr auto name = "dynamic_quantize_linear";
  static constexpr auto kind = OpKind::opaque;
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
