// Mixed-radix decimation in time, and Bluestein's chirp for lengths with large prime factors.
// SPDX-License-Identifier: Apache-2.0
#include "math/fft.h"

#include <array>
#include <cmath>
#include <numbers>

namespace rekindle {

namespace {

constexpr int64_t kLargestRadix = 13;

/// exp(-2 pi j k / n), exact at multiples of an eighth turn.
Fft::Complex root(int64_t k, int64_t n) {
  k %= n;
  if (4 * k % n == 0) {
    constexpr std::array<Fft::Complex, 4> kQuarters{Fft::Complex(1, 0), {0, -1}, {-1, 0}, {0, 1}};
    return kQuarters[size_t(4 * k / n)];
  }
  const double angle = -2 * std::numbers::pi * double(k) / double(n);
  return {std::cos(angle), std::sin(angle)};
}

// std::complex's own product looks for infinities.
Fft::Complex times(Fft::Complex a, Fft::Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace

Fft::Fft(int64_t n) : n_(n) {
  int64_t rest = n;
  for (const int64_t radix : {4, 2, 3, 5, 7, 11, 13})
    for (; rest % radix == 0 && rest > 1; rest /= radix) factors_.push_back(radix);
  if (rest <= 1) {
    roots_.resize(size_t(std::max<int64_t>(n, 1)));
    for (int64_t i = 0; i < n; ++i) roots_[size_t(i)] = root(i, n);
    return;
  }
  int64_t padded = 1;
  while (padded < 2 * n - 1) padded *= 2;
  inner_ = std::make_unique<Fft>(padded);
  chirp_.resize(size_t(n));
  for (int64_t i = 0; i < n; ++i)
    chirp_[size_t(i)] = root(int64_t((unsigned __int128)(i)*uint64_t(i) % uint64_t(2 * n)), 2 * n);
  std::vector<Complex> conjugate(size_t(padded), Complex(0)), workspace;
  for (int64_t i = 0; i < n; ++i) {
    conjugate[size_t(i)] = std::conj(chirp_[size_t(i)]);
    if (i > 0) conjugate[size_t(padded - i)] = conjugate[size_t(i)];
  }
  spectrum_.resize(size_t(padded));
  inner_->run(conjugate.data(), spectrum_.data(), workspace);
}

void Fft::run(const Complex* in, Complex* out, std::vector<Complex>& workspace, bool inverse) const {
  if (n_ == 0) return;
  std::vector<Complex> conjugate;
  if (inverse) {  // the transform of the conjugate is the conjugate of the inverse
    conjugate.resize(size_t(n_));
    for (int64_t i = 0; i < n_; ++i) conjugate[size_t(i)] = std::conj(in[i]);
    in = conjugate.data();
  }
  if (inner_)
    bluestein(in, out, workspace);
  else
    mixed(in, out, n_, 1, 0);
  if (inverse)
    for (int64_t i = 0; i < n_; ++i) out[i] = std::conj(out[i]);
}

void Fft::mixed(const Complex* in, Complex* out, int64_t n, int64_t stride, size_t factor) const {
  if (n == 1) {
    *out = *in;
    return;
  }
  const int64_t parts = factors_[factor], each = n / parts;
  if (each == 1)
    for (int64_t q = 0; q < parts; ++q) out[q] = in[q * stride];
  else
    for (int64_t q = 0; q < parts; ++q)
      mixed(in + q * stride, out + q * each, each, stride * parts, factor + 1);
  combine(out, parts, each, stride);
}

/// `parts` transforms of `each` elements, one after the other, become one.
void Fft::combine(Complex* out, int64_t parts, int64_t each, int64_t stride) const {
  const Complex* w = roots_.data();
  if (parts == 2) {
    for (int64_t k = 0; k < each; ++k) {
      const Complex a = out[k], b = times(out[each + k], w[k * stride]);
      out[k] = a + b;
      out[each + k] = a - b;
    }
    return;
  }
  if (parts == 4) {
    for (int64_t k = 0; k < each; ++k) {
      const Complex a = out[k], b = times(out[each + k], w[k * stride]),
                    c = times(out[2 * each + k], w[2 * k * stride]),
                    d = times(out[3 * each + k], w[3 * k * stride]);
      const Complex even = a + c, odd = a - c, sum = b + d,
                    difference(b.imag() - d.imag(), d.real() - b.real());
      out[k] = even + sum;
      out[each + k] = odd + difference;
      out[2 * each + k] = even - sum;
      out[3 * each + k] = odd - difference;
    }
    return;
  }
  std::array<Complex, kLargestRadix> t;
  const int64_t step = each * stride;  // the root of `parts`
  for (int64_t k = 0; k < each; ++k) {
    for (int64_t q = 0; q < parts; ++q) t[size_t(q)] = times(out[q * each + k], w[q * k * stride]);
    for (int64_t r = 0; r < parts; ++r) {
      Complex sum = t[0];
      for (int64_t q = 1; q < parts; ++q) sum += times(t[size_t(q)], w[q * r % parts * step]);
      out[r * each + k] = sum;
    }
  }
}

void Fft::bluestein(const Complex* in, Complex* out, std::vector<Complex>& workspace) const {
  const auto padded = size_t(inner_->n_);
  workspace.assign(2 * padded, Complex(0));
  Complex *a = workspace.data(), *b = a + padded;
  for (int64_t i = 0; i < n_; ++i) a[i] = times(in[i], chirp_[size_t(i)]);
  std::vector<Complex> none;
  inner_->run(a, b, none);
  for (size_t i = 0; i < padded; ++i) b[i] = times(b[i], spectrum_[i]);
  inner_->run(b, a, none, true);
  const double scale = 1 / double(padded);
  for (int64_t i = 0; i < n_; ++i) out[i] = times(a[i], chirp_[size_t(i)]) * scale;
}

}  // namespace rekindle
