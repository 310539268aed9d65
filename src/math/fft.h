// The discrete Fourier transform of one line of any length, in double.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

namespace rekindle {

/// Tables for one length: n small primes multiplied (mixed radix), or any n by a convolution of a power of
/// two (Bluestein). run() may be called by several threads, each with a workspace of its own.
class Fft {
 public:
  using Complex = std::complex<double>;
  explicit Fft(int64_t n);
  int64_t size() const { return n_; }
  /// out[k] = sum over i of in[i] * exp(-2 pi j k i / n), or of exp(+…) when inverse; nothing is divided.
  void run(const Complex* in, Complex* out, std::vector<Complex>& workspace, bool inverse = false) const;

 private:
  void mixed(const Complex* in, Complex* out, int64_t n, int64_t stride, size_t factor) const;
  void combine(Complex* out, int64_t parts, int64_t each, int64_t stride) const;
  void bluestein(const Complex* in, Complex* out, std::vector<Complex>& workspace) const;

  int64_t n_;
  std::vector<int64_t> factors_;
  std::vector<Complex> roots_;             // exp(-2 pi j i / n)
  std::unique_ptr<Fft> inner_;             // of the convolution
  std::vector<Complex> chirp_, spectrum_;  // exp(-pi j i^2 / n); the transform of its conjugate
};

}  // namespace rekindle
