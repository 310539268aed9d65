// cpu.pool: the largest or the mean of the elements under a sliding window, f32, channels last.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x [N, W, C] or [N, H, W, C]; any strides with channels contiguous.
// outputs: y [N, W', C] or [N, H', W', C]; any strides with channels contiguous; for a max pool with_indices
//          also i64 of that shape, contiguous: positions in x as if it were N, C, spatial. N, H and W are
//          free at run time.
#pragma once
#include "backends/cpu/kernels/conv.h"

namespace rekindle::cpu {

enum class PoolOp : uint8_t { max, average };
inline constexpr std::array kPoolOpNames{std::string_view("max"), std::string_view("average")};
constexpr const auto& enum_names(PoolOp) { return kPoolOpNames; }

struct PoolParams {
  PoolOp op = PoolOp::max;
  WindowParams window;
  std::vector<int64_t> end;        // padding behind the last element: it counts when count_include_pad
  bool count_include_pad = false;  // the mean is over padding too, but never over what is beyond it
  bool with_indices = false;       // max pools only
  static constexpr auto fields = rekindle::fields(
      "op", &PoolParams::op, "window", &PoolParams::window, "end", &PoolParams::end, "count_include_pad",
      &PoolParams::count_include_pad, "with_indices", &PoolParams::with_indices);
};

}  // namespace rekindle::cpu
