// Resize in its four forms, and Upsample before it.
// SPDX-License-Identifier: Apache-2.0
#include "math/resize.h"
#include "onnx/converter.h"

namespace rekindle::onnx {
namespace {

using ops::AspectRatio;
using ops::NearestMode;
using ops::ResizeCoordinates;
using ops::ResizeMode;

/// Scales or sizes for all axes; axes that stay as they are are left out, so that pictures are resized along
/// height and width only.
Result<Values> finish_resize(Builder& build, ops::Resize op, ValueId x) {
  const Shape& shape = build.type(x).shape;
  const size_t given = std::max(op.scales.size(), op.sizes.size());
  if (op.axes.empty())
    for (size_t i = 0; i < shape.size(); ++i) op.axes.push_back(int64_t(i));
  if (given != op.axes.size())
    return invalid("there are " + std::to_string(given) + (op.sizes.empty() ? " scales" : " sizes") +
                   ", expected " + std::to_string(op.axes.size()));
  if (op.coordinates == ResizeCoordinates::tf_crop_and_resize || op.keep_aspect_ratio != AspectRatio::stretch)
    return build.finish(std::move(op), {x});
  ops::Resize kept = op;
  kept.axes.clear(), kept.scales.clear(), kept.sizes.clear();
  for (size_t i = 0; i < op.axes.size(); ++i) {
    RK_TRY(const int64_t axis, build.axis_of(x, op.axes[i]));
    const bool stays = op.sizes.empty() ? op.scales[i] == 1 : op.sizes[i] == shape[size_t(axis)];
    if (stays) continue;
    kept.axes.push_back(axis);
    if (op.sizes.empty())
      kept.scales.push_back(op.scales[i]);
    else
      kept.sizes.push_back(op.sizes[i]);
  }
  if (kept.axes.empty()) return Values{x};
  return build.finish(std::move(kept), {x});
}

Result<std::optional<std::vector<float>>> constant_scales(Builder& build, ValueId v) {
  const Tensor* t = build.constant_of(v);
  if (t == nullptr) return std::optional<std::vector<float>>();
  if (!is_float(t->dtype()) || t->rank() != 1)
    return invalid("scales is " + t->type().to_string() + ", expected a vector of floats");
  std::vector<float> scales;
  for (int64_t i = 0; i < t->count(); ++i) scales.push_back(float(t->as_double(i)));
  return std::optional(std::move(scales));
}

/// As Upsample and Resize-10 compute.
void set_legacy_mode(NodeReader& node, ops::Resize& op) {
  op.mode = node.choice(
      "mode",
      {{"nearest", ResizeMode::nearest}, {"linear", ResizeMode::linear}, {"bilinear", ResizeMode::linear}},
      ResizeMode::nearest);
  op.coordinates = ResizeCoordinates::asymmetric;
  op.nearest_mode = NearestMode::floor;
}

}  // namespace

Result<Values> convert_upsample(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  ops::Resize op;
  set_legacy_mode(node, op);
  if (node.opset() < 7) {
    op.scales = {1, 1, node.real("height_scale", 1), node.real("width_scale", 1)};
    return finish_resize(build, std::move(op), x);
  }
  if (node.opset() < 9) {
    op.scales = node.reals("scales");
    return finish_resize(build, std::move(op), x);
  }
  RK_TRY(auto scales, constant_scales(build, node.input(1)));
  if (!scales) return build.finish(std::move(op), {x, ValueId::none, node.input(1)});
  op.scales = *std::move(scales);
  return finish_resize(build, std::move(op), x);
}

namespace {

void read_resize(NodeReader& node, ops::Resize& op) {
  op.mode = node.choice(
      "mode",
      {{"nearest", ResizeMode::nearest}, {"linear", ResizeMode::linear}, {"cubic", ResizeMode::cubic}},
      ResizeMode::nearest);
  op.coordinates = node.choice("coordinate_transformation_mode",
                               {{"half_pixel", ResizeCoordinates::half_pixel},
                                {"half_pixel_symmetric", ResizeCoordinates::half_pixel_symmetric},
                                {"pytorch_half_pixel", ResizeCoordinates::pytorch_half_pixel},
                                {"align_corners", ResizeCoordinates::align_corners},
                                {"asymmetric", ResizeCoordinates::asymmetric},
                                {"tf_crop_and_resize", ResizeCoordinates::tf_crop_and_resize},
                                {"tf_half_pixel_for_nn", ResizeCoordinates::tf_half_pixel_for_nn}},
                               ResizeCoordinates::half_pixel);
  op.nearest_mode = node.choice("nearest_mode",
                                {{"round_prefer_floor", NearestMode::round_prefer_floor},
                                 {"round_prefer_ceil", NearestMode::round_prefer_ceil},
                                 {"floor", NearestMode::floor},
                                 {"ceil", NearestMode::ceil}},
                                NearestMode::round_prefer_floor);
  op.cubic_coeff_a = node.real("cubic_coeff_a", op.cubic_coeff_a);
  op.exclude_outside = node.flag("exclude_outside", false);
  op.extrapolation_value = node.real("extrapolation_value", 0);
  op.antialias = node.flag("antialias", false);
  op.axes = node.integers("axes");
  op.keep_aspect_ratio = node.choice("keep_aspect_ratio_policy",
                                     {{"stretch", AspectRatio::stretch},
                                      {"not_larger", AspectRatio::not_larger},
                                      {"not_smaller", AspectRatio::not_smaller}},
                                     AspectRatio::stretch);
}

}  // namespace

Result<Values> convert_resize(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  ops::Resize op;
  if (node.opset() < 11) {
    set_legacy_mode(node, op);
    RK_TRY(auto scales, constant_scales(build, node.input(1)));
    if (!scales) return build.finish(std::move(op), {x, ValueId::none, node.input(1)});
    op.scales = *std::move(scales);
    return finish_resize(build, std::move(op), x);
  }
  read_resize(node, op);
  // an empty tensor is an absent one: opset 11 had no other way to say it
  const auto given = [&](size_t i) {
    if (!node.has_input(i)) return ValueId::none;
    const Shape& shape = build.type(node.input(i)).shape;
    return !shape.empty() && shape[0].is(0) ? ValueId::none : node.input(i);
  };
  const ValueId scales = given(2), sizes = given(3);
  const ValueId roi = op.coordinates == ResizeCoordinates::tf_crop_and_resize ? given(1) : ValueId::none;
  if ((scales == ValueId::none) == (sizes == ValueId::none))
    return invalid(scales == ValueId::none ? "neither scales nor sizes are given"
                                           : "both scales and sizes are given, expected one");
  if (scales != ValueId::none) {
    RK_TRY(auto known, constant_scales(build, scales));
    if (!known) return build.finish(std::move(op), {x, roi, scales});
    op.scales = *std::move(known);
  } else {
    auto known = build.dims_of(sizes);
    if (!known) return build.finish(std::move(op), {x, roi, ValueId::none, sizes});
    op.sizes = *std::move(known);
  }
  if (roi != ValueId::none) return build.finish(std::move(op), {x, roi});
  return finish_resize(build, std::move(op), x);
}

}  // namespace rekindle::onnx
