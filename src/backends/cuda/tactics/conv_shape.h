// What every convolution and pooling tactic asks of a region: a channels-last picture of known size and a
// window.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cuda/tactics/writer.h"
#include "compiler/anchored_region.h"
#include "math/conv.h"

namespace rekindle::cuda {

/// Two spatial axes; one axis is a picture of height 1. The batch and the picture may be symbolic.
struct WindowShape {
  DType dtype = DType::f32;  // of the picture: f32 or f16
  Dim batch = 1, in_h = 1, in_w = 1, out_h = 1, out_w = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_h = 0, pad_w = 0;  // before the picture
  int64_t channels = 1;
  Dim rows() const { return batch * out_h * out_w; }  // output positions
};

/// Of an NHWC input, an output and the window between them. Refuses other layouts, and padding that depends
/// on a symbolic size.
Result<WindowShape> window_shape(const TensorType& x, const TensorType& y, const ops::Window& window,
                                 ops::Layout layout);
/// Defines RK_KERNEL_H and the others that are known at build, and `struct Window` with the picture's sizes.
/// Returns the statement of the body that makes `window`.
std::string define_window(KernelWriter& writer, const WindowShape& shape);

struct ConvRegion {
  AnchoredRegion parts;
  const ops::Conv* op = nullptr;
  const Tensor* weight = nullptr;         // [O, C/group, kernel…] in f32, whatever the picture is stored in
  std::shared_ptr<const Tensor> widened;  // what `weight` points to when the constant is f16
  ValueId bias = ValueId::none;
  WindowShape shape;
  int64_t out_channels = 0;
};
Result<ConvRegion> as_conv(const Region& region);

}  // namespace rekindle::cuda
