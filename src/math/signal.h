// Fourier transforms of signals, and the matrix that sums a spectrum into mel bands.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

/// (x[…, 1 or 2] [, length, axis]) The last dim is the real or the real and imaginary part. The line is cut
/// or padded with zeros to `length`; -1 means its own. onesided keeps the first length/2 + 1 results of a
/// real signal; with inverse it makes a real signal ([…, 1]) from them, whose own length is 2*(size - 1). A
/// run-time axis and length (i64, i32) replace the fields.
struct Dft {
  int64_t axis = -2;
  bool inverse = false, onesided = false;
  Dim length = -1;
  static constexpr auto name = "dft";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("axis", &Dft::axis, "inverse", &Dft::inverse, "onesided",
                                                  &Dft::onesided, "length", &Dft::length);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (signal[B, N, 1 or 2], window?, step?, length?) -> [B, frames, bins, 2]: the transform of each frame times
/// the window. -1 fields: the run-time inputs say it; a length that nothing says is the window's, or N.
struct Stft {
  bool onesided = true;
  Dim step = -1, length = -1;
  static constexpr auto name = "stft";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("onesided", &Stft::onesided, "step", &Stft::step, "length", &Stft::length);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (bands, dft_length, sample_rate, lower_hertz, upper_hertz), scalars -> [dft_length/2 + 1, bands]:
/// triangles between points evenly spread in mel(f) = 2595 log10(1 + f/700). The fields are the sizes, -1
/// when only running tells them.
struct MelWeights {
  DType dtype = DType::f32;
  Dim bins = -1, bands = -1;
  static constexpr auto name = "mel_weights";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("dtype", &MelWeights::dtype, "bins", &MelWeights::bins, "bands", &MelWeights::bands);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
