// resize: samples of a tensor on a finer or coarser grid, as ONNX Resize defines them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

enum class ResizeMode : uint8_t { nearest, linear, cubic };
inline constexpr std::array kResizeModeNames{std::string_view("nearest"), std::string_view("linear"),
                                             std::string_view("cubic")};
constexpr const auto& enum_names(ResizeMode) { return kResizeModeNames; }

/// How an output position becomes a position in the input.
enum class ResizeCoordinates : uint8_t {
  half_pixel,            // (o + 0.5)/scale - 0.5
  half_pixel_symmetric,  // the same, the centres of both images kept together
  pytorch_half_pixel,    // the same, but 0 for an output of one element
  align_corners,         // o*(in - 1)/(out - 1)
  asymmetric,            // o/scale
  tf_crop_and_resize,    // within the region of interest
  tf_half_pixel_for_nn,  // (o + 0.5)/scale
};
inline constexpr std::array kResizeCoordinatesNames{
    std::string_view("half_pixel"),          std::string_view("half_pixel_symmetric"),
    std::string_view("pytorch_half_pixel"),  std::string_view("align_corners"),
    std::string_view("asymmetric"),          std::string_view("tf_crop_and_resize"),
    std::string_view("tf_half_pixel_for_nn")};
constexpr const auto& enum_names(ResizeCoordinates) { return kResizeCoordinatesNames; }

/// Which neighbour `nearest` takes.
enum class NearestMode : uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil };
inline constexpr std::array kNearestModeNames{std::string_view("round_prefer_floor"),
                                              std::string_view("round_prefer_ceil"),
                                              std::string_view("floor"), std::string_view("ceil")};
constexpr const auto& enum_names(NearestMode) { return kNearestModeNames; }

/// What happens to `sizes` so that the aspect ratio stays: nothing, or one scale for all axes, the smallest
/// or the largest.
enum class AspectRatio : uint8_t { stretch, not_larger, not_smaller };
inline constexpr std::array kAspectRatioNames{std::string_view("stretch"), std::string_view("not_larger"),
                                              std::string_view("not_smaller")};
constexpr const auto& enum_names(AspectRatio) { return kAspectRatioNames; }

/// (x [, roi [, scales [, sizes]]])  `axes` (empty: all) are resized; `scales` or `sizes` has one entry for
/// each, the other is empty. Run-time scales (f32) or sizes (i64) replace the fields. The roi (f32: starts,
/// then ends, of the axes) is for tf_crop_and_resize alone. An output size from scales is floor(in * scale).
struct Resize {
  std::vector<int64_t> axes = {};
  std::vector<float> scales = {};
  std::vector<Dim> sizes = {};
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::half_pixel;
  NearestMode nearest_mode = NearestMode::round_prefer_floor;
  float cubic_coeff_a = -0.75f;
  bool exclude_outside = false;
  float extrapolation_value = 0;
  bool antialias = false;
  AspectRatio keep_aspect_ratio = AspectRatio::stretch;
  static constexpr auto name = "resize";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("axes", &Resize::axes, "scales", &Resize::scales, "sizes", &Resize::sizes, "mode",
                       &Resize::mode, "coordinates", &Resize::coordinates, "nearest_mode",
                       &Resize::nearest_mode, "cubic_coeff_a", &Resize::cubic_coeff_a, "exclude_outside",
                       &Resize::exclude_outside, "extrapolation_value", &Resize::extrapolation_value,
                       "antialias", &Resize::antialias, "keep_aspect_ratio", &Resize::keep_aspect_ratio);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
