// Reading window sizes from parameters that may be hostile.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/sliding.h"

#include "backends/cpu/loop_nest.h"

namespace rekindle::cpu {

namespace {
constexpr int64_t kMostTaps = 1 << 16, kMostStep = int64_t(1) << 30;
}

Result<Sliding> Sliding::make(const WindowParams& window, const ArgShape& input, const ArgShape& output,
                              bool nchw, const char* kernel) {
  const auto bad = [&](const std::string& what) {
    return Status::error(Code::invalid_argument, std::string(kernel) + ": " + what);
  };
  const size_t rank = window.kernel.size();
  if (rank < 1 || rank > 2 || window.strides.size() != rank || window.dilations.size() != rank ||
      window.begin.size() != rank)
    return bad("a window of " + std::to_string(rank) +
               " axes, expected 1 or 2, each with stride, dilation and padding");
  if (input.dims.size() != rank + 2 || output.dims.size() != rank + 2)
    return bad("input " + to_string(input.dims) + " and output " + to_string(output.dims) +
               ", expected rank " + std::to_string(rank + 2));
  const Dims steps = strides_of(input);
  Sliding s;
  s.batch = input.dims[0];
  s.batch_step = steps[0];
  s.channels = nchw ? input.dims[1] : input.dims.back();
  if (output.dims[0] != s.batch) return bad("input and output have different batches");
  if (nchw ? !is_contiguous(input) : s.channels > 1 && steps.back() != 1)
    return bad("the input's strides are not those the kernel reads");
  for (size_t i = 0; i < rank; ++i) {
    const size_t in_axis = nchw ? i + 2 : i + 1;
    Axis axis;
    axis.in = input.dims[in_axis], axis.out = output.dims[i + 1];
    axis.kernel = window.kernel[i], axis.stride = window.strides[i], axis.dilation = window.dilations[i],
    axis.begin = window.begin[i];
    if (axis.kernel < 1 || axis.kernel > kMostTaps || axis.stride < 1 || axis.stride > kMostStep ||
        axis.dilation < 1 || axis.dilation > kMostStep || axis.begin < 0 || axis.begin > kMostStep ||
        axis.out > kMostStep)
      return bad("a window axis has kernel " + std::to_string(axis.kernel) + ", stride " +
                 std::to_string(axis.stride) + ", dilation " + std::to_string(axis.dilation) + ", padding " +
                 std::to_string(axis.begin) + ", outputs " + std::to_string(axis.out));
    // Each factor is below 2^31, so nothing here overflows.
    const int64_t reach = (axis.out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
    if (window.same_upper || window.same_lower) {
      const int64_t all = std::max<int64_t>(0, reach - axis.in);
      axis.begin = window.same_lower ? (all + 1) / 2 : all / 2;
    }
    if (axis.out > 0 && reach - axis.in - axis.begin > kMostStep)
      return bad("the output reaches " + std::to_string(reach - axis.in - axis.begin) +
                 " elements beyond the input");
    (rank == 2 && i == 0 ? s.y : s.x) = axis;
    (rank == 2 && i == 0 ? s.y_step : s.x_step) = steps[in_axis];
  }
  return s;
}

}  // namespace rekindle::cpu
