// Checks of the inputs of convolutions.
// SPDX-License-Identifier: Apache-2.0
#include "math/conv_checks.h"

namespace rekindle::ops {

namespace {

bool differ(const Dim& a, const Dim& b) { return a.as_int() && b.as_int() && a != b; }

std::string groups(int64_t group) { return " (group " + std::to_string(group) + ")"; }

}  // namespace

Status check_spatial_rank(std::string_view op, const TensorType& x) {
  if (x.rank() >= 3 && x.rank() <= 5) return {};
  return op_error(op,
                  "the input is " + x.to_string() + ", expected a batch, channels and 1 to 3 spatial dims");
}

Shape spatial_dims(const TensorType& x, Layout layout) {
  const auto first = x.shape.begin() + spatial_axis(layout);
  return {first, first + (x.rank() - 2)};
}

Result<ConvShapes> check_conv(std::string_view op, std::span<const TensorType> in, int64_t group,
                              Layout layout, bool transposed) {
  RK_CHECK(check_arity(op, in.size(), 2, 3));
  const TensorType &x = in[0], &w = in[1];
  RK_CHECK(check_dtype(op, x, Domain::numeric));
  RK_CHECK(check_spatial_rank(op, x));
  if (w.dtype != x.dtype)
    return op_error(op, "the weight is " + w.to_string() + ", expected the input's element type " +
                            std::string(to_string(x.dtype)));
  if (w.rank() != x.rank())
    return op_error(op, "the weight has rank " + std::to_string(w.rank()) + ", expected " +
                            std::to_string(x.rank()) + " as the input");
  if (group < 1) return op_error(op, "group is " + std::to_string(group) + ", expected at least 1");
  const Dim channels = x.shape[size_t(channel_axis(layout, x.rank()))];
  const Dim expected = transposed ? w.shape[0] : w.shape[1] * Dim(group);
  if (differ(channels, expected))
    return op_error(op, "the input has " + channels.to_string() + " channels, the weight expects " +
                            expected.to_string() + groups(group));
  if (auto split = w.shape[0].as_int(); split && *split % group != 0)
    return op_error(op, "the weight has " + std::to_string(*split) + (transposed ? " input" : " output") +
                            " channels, expected a multiple of group " + std::to_string(group));
  ConvShapes shapes{spatial_dims(x, layout), Shape(w.shape.begin() + 2, w.shape.end()),
                    transposed ? w.shape[1] * Dim(group) : w.shape[0]};
  if (const TensorType* bias = optional_input(in, 2)) {
    if (bias->dtype != x.dtype || bias->rank() != 1 || differ(bias->shape[0], shapes.out_channels))
      return op_error(op, "the bias is " + bias->to_string() + ", expected " +
                              std::string(to_string(x.dtype)) + "[" + shapes.out_channels.to_string() + "]");
  }
  return shapes;
}

}  // namespace rekindle::ops
