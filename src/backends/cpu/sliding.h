// The sizes of a window sliding over an image at one launch, shared by convolutions and pools.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cpu/kernels/conv.h"
#include "device/device.h"

namespace rekindle::cpu {

/// Two spatial axes, height first; one-dimensional windows have height 1.
struct Sliding {
  struct Axis {
    int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, begin = 0;
    /// The input element under tap `tap` of output `o`; outside [0, in) there are zeros.
    int64_t at(int64_t o, int64_t tap) const { return o * stride + tap * dilation - begin; }
    /// Taps t of output o that lie inside: first <= t < last.
    void taps_inside(int64_t o, int64_t& first, int64_t& last) const {
      const int64_t start = o * stride - begin;
      first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
      last = start >= in ? 0 : (in - 1 - start) / dilation + 1;
      if (first > kernel) first = kernel;
      if (last > kernel) last = kernel;
      if (last < first) last = first;
    }
    bool is_inside(int64_t o) const {
      const int64_t start = o * stride - begin;
      return start >= 0 && start + (kernel - 1) * dilation < in;
    }
  };
  int64_t batch = 1, channels = 1;
  Axis y, x;
  int64_t batch_step = 0, y_step = 0, x_step = 0;  // of the input, in elements
  int64_t taps() const { return y.kernel * x.kernel; }
  int64_t outputs() const { return batch * y.out * x.out; }

  /// `input` is [N, spatial…, C], channels contiguous; `output` [N, spatial…, …]. With nchw, [N, C, spatial…]
  /// contiguous: then only the sizes are read. Errors: ranks, sizes, numbers that make no sense.
  static Result<Sliding> make(const WindowParams& window, const ArgShape& input, const ArgShape& output,
                              bool nchw, const char* kernel);
};

}  // namespace rekindle::cpu
