// Reading images between their pixels: grid_sample, roi_align, deform_conv, and the grids and blocks around
// them: affine_grid, col2im, center_crop_pad.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

enum class SampleMode : uint8_t { nearest, linear, cubic };
inline constexpr std::array kSampleModeNames{std::string_view("nearest"), std::string_view("linear"),
                                             std::string_view("cubic")};
constexpr const auto& enum_names(SampleMode) { return kSampleModeNames; }
enum class SamplePadding : uint8_t { zeros, border, reflection };
inline constexpr std::array kSamplePaddingNames{std::string_view("zeros"), std::string_view("border"),
                                                std::string_view("reflection")};
constexpr const auto& enum_names(SamplePadding) { return kSamplePaddingNames; }

/// (x[N, C, D1 … Dr], grid[N, O1 … Or, r]) -> [N, C, O1 … Or]: x at the grid's positions. A position's first
/// number belongs to the last axis; -1 and 1 are the centres of the outer pixels (align_corners) or their
/// outer edges. r is 1 to 3.
struct GridSample {
  SampleMode mode = SampleMode::linear;
  SamplePadding padding = SamplePadding::zeros;
  bool align_corners = false;
  static constexpr auto name = "grid_sample";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("mode", &GridSample::mode, "padding", &GridSample::padding,
                                                  "align_corners", &GridSample::align_corners);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x[N, C, H, W], rois[R, 4] of x1 y1 x2 y2, batch[R]) -> [R, C, height, width]: the average or the largest
/// of the points in each bin of each box, read bilinearly. sampling 0 takes ceil(size of a bin) points.
struct RoiAlign {
  int64_t height = 1, width = 1, sampling = 0;
  float scale = 1;
  bool max = false, half_pixel = true;
  static constexpr auto name = "roi_align";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("height", &RoiAlign::height, "width", &RoiAlign::width,
                                                  "sampling", &RoiAlign::sampling, "scale", &RoiAlign::scale,
                                                  "max", &RoiAlign::max, "half_pixel", &RoiAlign::half_pixel);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x[N, C, D…], w[O, C/group, K…], offset[N, offset_group*prod(K)*r, out…], bias?, mask?) A convolution
/// whose every tap is moved by its offset and read linearly, 0 outside, times its mask.
struct DeformConv {
  std::vector<int64_t> strides = {}, dilations = {}, pads = {};
  int64_t group = 1, offset_group = 1;
  static constexpr auto name = "deform_conv";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields(
      "strides", &DeformConv::strides, "dilations", &DeformConv::dilations, "pads", &DeformConv::pads,
      "group", &DeformConv::group, "offset_group", &DeformConv::offset_group);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (theta[N, 2, 3] or [N, 3, 4] [, size]) -> [N, H, W, 2] or [N, D, H, W, 3]: theta applied to positions
/// evenly spread over -1 … 1. The size is N, C, then the spatial dims.
struct AffineGrid {
  bool align_corners = false;
  std::vector<Dim> size = {};
  static constexpr auto name = "affine_grid";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("align_corners", &AffineGrid::align_corners, "size", &AffineGrid::size);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x[N, C*prod(block), blocks] [, image, block]) -> [N, C, image…]: blocks put where they were taken, what
/// overlaps added up. Empty lists mean strides and dilations of 1 and pads of 0.
struct Col2Im {
  std::vector<Dim> image = {};
  std::vector<int64_t> block = {}, strides = {}, dilations = {}, pads = {};
  static constexpr auto name = "col2im";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("image", &Col2Im::image, "block", &Col2Im::block, "strides", &Col2Im::strides,
                       "dilations", &Col2Im::dilations, "pads", &Col2Im::pads);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x [, shape]) Each of the axes cut or padded with zeros, evenly on both sides, to its size; where that is
/// odd, the part before is the smaller one.
struct CenterCropPad {
  std::vector<int64_t> axes = {};
  std::vector<Dim> shape = {};
  static constexpr auto name = "center_crop_pad";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("axes", &CenterCropPad::axes, "shape", &CenterCropPad::shape);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
