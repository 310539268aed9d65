// Pools: one number for each position of a sliding kernel. Global pools are reductions over the spatial axes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/window.h"

namespace rekindle::ops {

/// (x) -> y [, indices]  The largest element under the kernel; padding never wins, NaN does. Indices are
/// positions in the flattened x (in N, C, spatial… order whatever the layout), with the spatial axes
/// column-major when storage_order is 1.
struct MaxPool {
  std::vector<int64_t> kernel = {}, strides = {}, dilations = {}, pads = {};
  bool ceil_mode = false;
  AutoPad auto_pad = AutoPad::explicit_pads;
  Layout layout = Layout::nchw;
  int64_t storage_order = 0;
  bool with_indices = false;
  static constexpr auto name = "max_pool";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields(
      "kernel", &MaxPool::kernel, "strides", &MaxPool::strides, "dilations", &MaxPool::dilations, "pads",
      &MaxPool::pads, "ceil_mode", &MaxPool::ceil_mode, "auto_pad", &MaxPool::auto_pad, "layout",
      &MaxPool::layout, "storage_order", &MaxPool::storage_order, "with_indices", &MaxPool::with_indices);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) The mean under the kernel: over the elements of x there, or over those and the padding when
/// count_include_pad. What ceil_mode reaches beyond the padding never counts.
struct AveragePool {
  std::vector<int64_t> kernel = {}, strides = {}, dilations = {}, pads = {};
  bool ceil_mode = false;
  AutoPad auto_pad = AutoPad::explicit_pads;
  bool count_include_pad = false;
  Layout layout = Layout::nchw;
  static constexpr auto name = "average_pool";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields(
      "kernel", &AveragePool::kernel, "strides", &AveragePool::strides, "dilations", &AveragePool::dilations,
      "pads", &AveragePool::pads, "ceil_mode", &AveragePool::ceil_mode, "auto_pad", &AveragePool::auto_pad,
      "count_include_pad", &AveragePool::count_include_pad, "layout", &AveragePool::layout);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) (sum of |x|^p)^(1/p) under the kernel.
struct LpPool {
  std::vector<int64_t> kernel = {}, strides = {}, dilations = {}, pads = {};
  bool ceil_mode = false;
  AutoPad auto_pad = AutoPad::explicit_pads;
  Layout layout = Layout::nchw;
  int64_t p = 2;
  static constexpr auto name = "lp_pool";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields =
      rekindle::fields("kernel", &LpPool::kernel, "strides", &LpPool::strides, "dilations",
                       &LpPool::dilations, "pads", &LpPool::pads, "ceil_mode", &LpPool::ceil_mode, "auto_pad",
                       &LpPool::auto_pad, "layout", &LpPool::layout, "p", &LpPool::p);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, indices, output_shape?) Puts each x where max_pool's indices say, zeros elsewhere. The indices count
/// in the shape (in - 1)*stride + kernel - pads; a larger output_shape (all dims, i64) surrounds that with
/// zeros at the end. With nhwc, x, the indices and y have channels last, but the indices still count in N, C,
/// spatial… order and output_shape has that order.
struct MaxUnpool {
  std::vector<int64_t> kernel = {}, strides = {}, pads = {};
  Layout layout = Layout::nchw;
  static constexpr auto name = "max_unpool";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("kernel", &MaxUnpool::kernel, "strides", &MaxUnpool::strides, "pads", &MaxUnpool::pads,
                       "layout", &MaxUnpool::layout);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
