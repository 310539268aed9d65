// What convolutions and their transposes check of their inputs, and how any sliding op runs on channels-last
// tensors. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/compute_type.h"
#include "math/window.h"

namespace rekindle::ops {

struct ConvShapes {
  Shape spatial, kernel;  // sizes of the input and of the weight's taps
  Dim out_channels;
};
/// Arity, element types, ranks, channels, groups and bias of (x, w, bias?). The weight is O, I/group, … or,
/// transposed, I, O/group, ….
Result<ConvShapes> check_conv(std::string_view op, std::span<const TensorType> in, int64_t group,
                              Layout layout, bool transposed);
/// "the input is f32[3, 4], expected rank 3 to 5 …" for anything without one to three spatial axes.
Status check_spatial_rank(std::string_view op, const TensorType& x);
/// The spatial dims of an activation.
Shape spatial_dims(const TensorType& x, Layout layout);

/// Runs an op of layout nhwc on transposed copies of its input and outputs.
template <class Op> Result<Tensors> in_nchw(Op op, std::span<const Tensor> in) {
  op.layout = Layout::nchw;
  Tensors args(in.begin(), in.end());
  RK_TRY(args[0], to_nchw(in[0]));
  RK_TRY(Tensors out, op.evaluate(args));
  for (Tensor& y : out) {
    RK_TRY(y, to_nhwc(y));
  }
  return out;
}

}  // namespace rekindle::ops
