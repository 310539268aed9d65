// Convolution and its transpose in one, two or three spatial dimensions.
// SPDX-License-Identifier: Apache-2.0
//
// Empty lists mean strides and dilations of 1 and pads of 0. The weight is O, I/group, spatial… whatever the
// layout of the activations is.
#pragma once
#include "math/pool.h"  // IWYU pragma: export
#include "math/window.h"

namespace rekindle::ops {

/// (x, w, bias?)  y[n, o, p] = bias[o] + sum over i, k of x[n, i, p*stride + k*dilation - pad] * w[o, i, k].
/// Integers accumulate in 64 bits and wrap.
struct Conv {
  std::vector<int64_t> strides = {}, dilations = {}, pads = {};
  int64_t group = 1;
  AutoPad auto_pad = AutoPad::explicit_pads;
  Layout layout = Layout::nchw;
  static constexpr auto name = "conv";
  static constexpr auto kind = OpKind::contraction;
  static constexpr auto fields =
      rekindle::fields("strides", &Conv::strides, "dilations", &Conv::dilations, "pads", &Conv::pads, "group",
                       &Conv::group, "auto_pad", &Conv::auto_pad, "layout", &Conv::layout);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, w[C, O/group, spatial…], bias?)  Each x[n, c, p] adds its multiple of w[c] to y at p*stride - pad. The
/// full size is (in - 1)*stride + output_padding + (kernel - 1)*dilation + 1; pads take from it explicitly,
/// or what is beyond in*stride, or what is beyond output_shape when given.
struct ConvTranspose {
  std::vector<int64_t> strides = {}, dilations = {}, pads = {}, output_padding = {}, output_shape = {};
  int64_t group = 1;
  AutoPad auto_pad = AutoPad::explicit_pads;
  Layout layout = Layout::nchw;
  static constexpr auto name = "conv_transpose";
  static constexpr auto kind = OpKind::contraction;
  static constexpr auto fields =
      rekindle::fields("strides", &ConvTranspose::strides, "dilations", &ConvTranspose::dilations, "pads",
                       &ConvTranspose::pads, "output_padding", &ConvTranspose::output_padding, "output_shape",
                       &ConvTranspose::output_shape, "group", &ConvTranspose::group, "auto_pad",
                       &ConvTranspose::auto_pad, "layout", &ConvTranspose::layout);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
