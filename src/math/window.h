// How a kernel slides over an input: strides, dilations, padding and output sizes, shared by convolutions and
// pools. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <string_view>
#include <vector>

#include "math/op_struct.h"

namespace rekindle::ops {

/// Where the channels of an activation are: N, C, spatial… or N, spatial…, C.
enum class Layout : uint8_t { nchw, nhwc };
inline constexpr std::array kLayoutNames{std::string_view("nchw"), std::string_view("nhwc")};
constexpr const auto& enum_names(Layout) { return kLayoutNames; }

/// Where padding comes from: `pads`, or whatever gives ceil(input / stride) outputs, an odd one out at the
/// end (upper) or at the beginning (lower).
enum class AutoPad : uint8_t { explicit_pads, same_upper, same_lower };
inline constexpr std::array kAutoPadNames{std::string_view("explicit"), std::string_view("same_upper"),
                                          std::string_view("same_lower")};
constexpr const auto& enum_names(AutoPad) { return kAutoPadNames; }

/// The attributes an op has; make_window() checks them and fills the empty lists.
struct WindowAttributes {
  std::string_view op;  // its name, for messages
  const std::vector<int64_t>& strides;
  const std::vector<int64_t>& dilations;
  const std::vector<int64_t>& pads;  // begin of each axis, then end of each axis
  AutoPad auto_pad = AutoPad::explicit_pads;
  bool ceil_mode = false;
};

/// One list entry a spatial axis.
struct Window {
  std::string_view op;
  Shape kernel;
  std::vector<int64_t> strides, dilations, begin, end;
  AutoPad auto_pad = AutoPad::explicit_pads;
  bool ceil_mode = false;

  size_t rank() const { return kernel.size(); }
  /// Input elements from the first to the last tap.
  Dim extent(size_t axis) const { return (kernel[axis] - 1) * Dim(dilations[axis]) + 1; }
  /// Output size for an input size; an error when the kernel is larger than the padded input.
  Result<Dim> output_size(size_t axis, Dim input) const;
  /// Padding before and after an input of known size.
  std::pair<int64_t, int64_t> padding(size_t axis, int64_t input) const;
};

/// Checks list lengths and values: strides, dilations and kernel from 1, pads from 0, all below 2^31.
Result<Window> make_window(const WindowAttributes& attributes, Shape kernel);

/// The sizes of one sweep of a kernel over concrete sizes, with leading axes of size 1 so that there are
/// always three.
struct Sweep {
  using Three = std::array<int64_t, 3>;
  Three in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, begin{0, 0, 0},
      end{0, 0, 0};
  int64_t in_count() const { return in[0] * in[1] * in[2]; }
  int64_t out_count() const { return out[0] * out[1] * out[2]; }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};
/// `in` and `out` are the spatial sizes.
Sweep make_sweep(const Window& window, std::span<const int64_t> in, std::span<const int64_t> out);

/// The outputs o, first <= o < last, whose input o*stride + offset is inside [0, in).
struct Span1 {
  int64_t first, last;
};
Span1 inside(int64_t out, int64_t in, int64_t stride, int64_t offset);

/// The channel axis and the first spatial axis of a layout.
constexpr int channel_axis(Layout layout, int rank) { return layout == Layout::nchw ? 1 : rank - 1; }
constexpr int spatial_axis(Layout layout) { return layout == Layout::nchw ? 2 : 1; }
/// N, C, spatial… rearranged for the layout.
Shape with_layout(Layout layout, const Shape& nchw);
/// The same elements with channels first or last; any element type of whole bytes.
Result<Tensor> to_nchw(const Tensor& nhwc);
Result<Tensor> to_nhwc(const Tensor& nchw);

}  // namespace rekindle::ops
