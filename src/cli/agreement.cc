// Comparing tensors element by element.
// SPDX-License-Identifier: Apache-2.0
#include "cli/agreement.h"

#include <cmath>
#include <complex>
#include <cstdio>
#include <limits>

namespace rekindle::cli {

namespace {

/// Integers of 64 bits do not fit a double, so they are subtracted as what they are.
double distance(const Tensor& a, const Tensor& b, int64_t i) {
  if (a.dtype() == DType::u64) {
    const uint64_t x = a.data<uint64_t>()[i], y = b.data<uint64_t>()[i];
    return double(x > y ? x - y : y - x);
  }
  if (is_integer(a.dtype())) {
    const int64_t x = a.as_int64(i), y = b.as_int64(i);
    return double(x > y ? uint64_t(x) - uint64_t(y) : uint64_t(y) - uint64_t(x));
  }
  const double x = a.as_double(i), y = b.as_double(i);
  if (x == y || (std::isnan(x) && std::isnan(y))) return 0;
  const double d = std::fabs(x - y);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

template <class T> bool complex_agree(const Tensor& got, const Tensor& expected, const Tolerance& t) {
  const auto* a = got.data<std::complex<T>>();
  const auto* b = expected.data<std::complex<T>>();
  for (int64_t i = 0; i < got.count(); ++i)
    if (!(std::abs(a[i] - b[i]) <= t.atol + t.rtol * std::abs(b[i]))) return false;
  return true;
}

}  // namespace

bool is_exact(DType dtype) { return is_integer(dtype) || dtype == DType::boolean; }

std::string type_difference(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != expected.dtype())
    return "its element type is " + std::string(to_string(got.dtype())) + ", expected " +
           std::string(to_string(expected.dtype()));
  if (got.dims() != expected.dims())
    return "its shape is " + to_string(got.dims()) + ", expected " + to_string(expected.dims());
  return {};
}

Difference difference(const Tensor& got, const Tensor& expected, const Tolerance& tolerance) {
  Difference worst;
  double largest = 0;
  const double rtol = is_exact(expected.dtype()) ? 0 : tolerance.rtol;
  for (int64_t i = 0; i < expected.count(); ++i) {
    const double magnitude = std::fabs(expected.as_double(i));
    if (std::isfinite(magnitude)) largest = std::max(largest, magnitude);
    const double d = distance(got, expected, i);
    if (d > tolerance.atol + (std::isfinite(magnitude) ? rtol * magnitude : 0)) ++worst.outside;
    if (d <= worst.absolute && i > 0) continue;
    worst.absolute = d;
    worst.where = i;
    worst.got = got.as_double(i);
    worst.expected = expected.as_double(i);
  }
  worst.relative =
      worst.absolute == 0 ? 0 : worst.absolute / std::max(largest, std::numeric_limits<double>::min());
  return worst;
}

std::string disagreement(const Tensor& got, const Tensor& expected, const Tolerance& tolerance) {
  if (std::string why = type_difference(got, expected); !why.empty()) return why;
  if (got.dtype() == DType::string) return got.strings() == expected.strings() ? "" : "its strings differ";
  if (got.dtype() == DType::c64)
    return complex_agree<float>(got, expected, tolerance) ? "" : "its complex values differ";
  if (got.dtype() == DType::c128)
    return complex_agree<double>(got, expected, tolerance) ? "" : "its complex values differ";
  const Difference d = difference(got, expected, tolerance);
  if (d.outside == 0) return {};
  char text[160];
  std::snprintf(text, sizeof text,
                "%lld of %lld values differ, the most at element %lld: %.9g, expected %.9g",
                static_cast<long long>(d.outside), static_cast<long long>(got.count()),
                static_cast<long long>(d.where), d.got, d.expected);
  return text;
}

}  // namespace rekindle::cli
