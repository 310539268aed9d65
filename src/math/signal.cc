// Lines of a tensor through the transform, one plan for all of them.
// SPDX-License-Identifier: Apache-2.0
#include "math/signal.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"
#include "math/fft.h"

namespace rekindle::ops {

namespace {

using Complex = Fft::Complex;
constexpr int64_t kMostLength = int64_t(1) << 32;

Dim known_or_unknown(const Dim& d) { return d.is(-1) ? Dim::unknown() : d; }

Result<int64_t> scalar_of(std::string_view op, const Tensor& t, const char* what) {
  if (t.count() != 1)
    return op_error(
        op, std::string("the ") + what + " has " + std::to_string(t.count()) + " elements, expected 1");
  return t.as_int64(0);
}

Status check_signal(std::string_view op, const TensorType& x, int least_rank) {
  RK_CHECK(check_dtype(op, x, Domain::floating));
  if (x.rank() < least_rank)
    return op_error(
        op, "the signal is " + x.to_string() + ", expected rank " + std::to_string(least_rank) + " or more");
  const auto last = x.shape.back().as_int();
  if (last && *last != 1 && *last != 2)
    return op_error(op, "the last dim of the signal " + x.to_string() + " is " + std::to_string(*last) +
                            ", expected 1 (real) or 2 (complex)");
  return {};
}

/// How many results a transform of n has.
template <class T> T kept(bool onesided, const T& n) {
  if constexpr (std::is_same_v<T, Dim>)
    return onesided ? floor_div(n, 2) + Dim(1) : n;
  else
    return onesided ? n / 2 + 1 : n;
}

struct FrameSizes {
  int64_t length, hop, total, frames, bins, parts;  // parts: 1 real, 2 complex
};
/// Two frames of a real signal are one complex line: even and odd parts of the result tell them apart.
template <class C>
void transform_frames(const FrameSizes& s, int64_t batch, const C* from, const C* weights, C* to) {
  const Fft fft(s.length);
  const int64_t n = s.length;
  const bool paired = s.parts == 1;
  const int64_t lines = paired ? (s.frames + 1) / 2 : s.frames;
  parallel_for(batch * lines, grain_of(n * 40), [&](int64_t begin, int64_t end) {
    std::vector<Complex> line(static_cast<size_t>(n)), made(static_cast<size_t>(n)), workspace;
    for (int64_t l = begin; l < end; ++l) {
      const int64_t b = l / lines, f = (l % lines) * (paired ? 2 : 1);
      const bool second = paired && f + 1 < s.frames;
      const C* start = from + (b * s.total + f * s.hop) * s.parts;
      for (int64_t k = 0; k < n; ++k) {
        const double w = weights ? double(weights[k]) : 1.0;
        const double other =
            paired ? (second ? double(start[k + s.hop]) : 0.0) : double(start[k * s.parts + 1]);
        line[size_t(k)] = {double(start[k * s.parts]) * w, other * w};
      }
      fft.run(line.data(), made.data(), workspace);
      C* out = to + (b * s.frames + f) * s.bins * 2;
      for (int64_t k = 0; k < s.bins; ++k) {
        const Complex z = made[size_t(k)];
        if (!paired) {
          out[2 * k] = C(z.real()), out[2 * k + 1] = C(z.imag());
          continue;
        }
        const Complex m = made[size_t(k == 0 ? 0 : n - k)];
        out[2 * k] = C((z.real() + m.real()) / 2), out[2 * k + 1] = C((z.imag() - m.imag()) / 2);
        if (!second) continue;
        C* next = out + s.bins * 2;
        next[2 * k] = C((z.imag() + m.imag()) / 2), next[2 * k + 1] = C((m.real() - z.real()) / 2);
      }
    }
  });
}

}  // namespace

Result<Types> Dft::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 3));
  RK_CHECK(check_present(name, in, 1));
  RK_CHECK(check_signal(name, in[0], 2));
  for (size_t i = 1; i < in.size(); ++i)
    if (has_input(in, i)) {
      RK_CHECK(check_indices(name, in[i], i == 1 ? "length" : "axis"));
      RK_CHECK(check_scalar(name, in[i], i == 1 ? "length" : "axis"));
    }
  TensorType out = in[0];
  out.shape.back() = inverse && onesided ? 1 : 2;
  const bool keeps = !onesided && length.is(-1) && !has_input(in, 1);
  if (has_input(in, 2)) {
    if (!keeps)
      for (size_t i = 0; i + 1 < out.shape.size(); ++i) out.shape[i] = Dim::unknown();
    return Types{std::move(out)};
  }
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  if (along == in[0].rank() - 1)
    return op_error(name, "the axis is the last one, which holds real and imaginary parts");
  Dim& dim = out.shape[size_t(along)];
  if (has_input(in, 1))
    dim = Dim::unknown();
  else if (inverse && onesided)
    dim = length.is(-1) ? (dim - Dim(1)) * Dim(2) : length;
  else
    dim = kept(onesided, length.is(-1) ? dim : length);
  return Types{std::move(out)};
}

Result<Tensors> Dft::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Tensor x, widen(in[0]));
  int64_t wanted_axis = axis;
  if ((optional_input(in, 2) != nullptr)) {
    RK_TRY(wanted_axis, scalar_of(name, in[2], "axis"));
  }
  RK_TRY(const int along, normalize_axis(name, wanted_axis, x.rank()));
  if (along == x.rank() - 1)
    return op_error(name, "the axis is the last one, which holds real and imaginary parts");
  const int64_t given = x.dims()[size_t(along)], parts = x.dims().back();
  const bool to_real = inverse && onesided;
  int64_t n = to_real ? 2 * (given - 1) : given;
  if ((optional_input(in, 1) != nullptr)) {
    RK_TRY(n, scalar_of(name, in[1], "length"));
  } else if (!length.is(-1)) {
    RK_TRY(const Dims value, concrete(name, std::span(&length, 1), "length"));
    n = value[0];
  }
  if (n < (given == 0 && !(optional_input(in, 1) != nullptr) ? 0 : 1) || n > kMostLength)
    return op_error(name, "the length is " + std::to_string(n) + ", expected 1 to 2^32");
  Dims dims = x.dims();
  dims[size_t(along)] = to_real ? n : kept(onesided, n);
  dims.back() = to_real ? 1 : 2;
  RK_TRY(Tensor y, make_tensor(name, x.dtype(), dims));
  if (y.count() == 0 || parts < 1) return narrow_to(y, in[0].dtype());
  const int64_t inner = count_of(Dims(x.dims().begin() + along + 1, x.dims().end() - 1));
  const int64_t outer = count_of(Dims(x.dims().begin(), x.dims().begin() + along));
  const int64_t results = dims[size_t(along)], used = std::min(given, to_real ? n / 2 + 1 : n);
  const Fft fft(n);
  visit_float_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    const C* from = x.data<C>();
    C* to = y.data<C>();
    parallel_for(outer * inner, grain_of(n * 40), [&](int64_t begin, int64_t end) {
      std::vector<Complex> line(static_cast<size_t>(n)), made(static_cast<size_t>(n)), workspace;
      for (int64_t l = begin; l < end; ++l) {
        const int64_t o = l / inner, i = l % inner;
        std::fill(line.begin(), line.end(), Complex(0));
        for (int64_t k = 0; k < used; ++k) {
          const C* element = from + ((o * given + k) * inner + i) * parts;
          line[size_t(k)] = {double(element[0]), parts > 1 ? double(element[1]) : 0.0};
        }
        if (to_real) {  // the other half is the conjugate of this one
          line[0].imag(0);
          if (n % 2 == 0) line[size_t(n / 2)].imag(0);
          for (int64_t k = 1; k < n - n / 2; ++k) line[size_t(n - k)] = std::conj(line[size_t(k)]);
        }
        fft.run(line.data(), made.data(), workspace, inverse);
        const double scale = inverse ? 1 / double(n) : 1;
        for (int64_t k = 0; k < results; ++k) {
          C* element = to + ((o * results + k) * inner + i) * dims.back();
          element[0] = C(made[size_t(k)].real() * scale);
          if (!to_real) element[1] = C(made[size_t(k)].imag() * scale);
        }
      }
    });
  });
  return narrow_to(y, in[0].dtype());
}

Result<Types> Stft::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 4));
  RK_CHECK(check_present(name, in, 1));
  RK_CHECK(check_signal(name, in[0], 3));
  if (in[0].rank() != 3)
    return op_error(name, "the signal is " + in[0].to_string() + ", expected [batch, length, 1 or 2]");
  if (has_input(in, 1) && (in[1].rank() != 1 || in[1].dtype != in[0].dtype))
    return op_error(name, "the window is " + in[1].to_string() + ", expected a list of the signal's type");
  if (step.is(-1) && !has_input(in, 2)) return op_error(name, "the step is absent, expected a number");
  for (const size_t i : {size_t(2), size_t(3)})
    if (has_input(in, i)) {
      RK_CHECK(check_indices(name, in[i], i == 2 ? "step" : "length"));
      RK_CHECK(check_scalar(name, in[i], i == 2 ? "step" : "length"));
    }
  Dim n = !length.is(-1)     ? length
          : has_input(in, 3) ? (has_input(in, 1) ? in[1].shape[0] : Dim(-1))
          : has_input(in, 1) ? in[1].shape[0]
                             : in[0].shape[1];
  const bool known = !step.is(-1) && !n.is(-1);
  const Dim frames = known ? floor_div(in[0].shape[1] - n, step) + Dim(1) : Dim::unknown();
  return Types{{in[0].dtype, {in[0].shape[0], frames, n.is(-1) ? Dim::unknown() : kept(onesided, n), 2}}};
}

Result<Tensors> Stft::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Tensor x, widen(in[0]));
  const Tensor* window = optional_input(in, 1);
  Tensor wide_window;
  if (window) {
    RK_TRY(wide_window, widen(*window));
  }
  const auto number = [&](const Dim& field, size_t i, const char* what,
                          int64_t otherwise) -> Result<int64_t> {
    if ((optional_input(in, i) != nullptr)) return scalar_of(name, in[i], what);
    if (field.is(-1)) return otherwise;
    RK_TRY(const Dims value, concrete(name, std::span(&field, 1), what));
    return value[0];
  };
  const int64_t batch = x.dims()[0], total = x.dims()[1], parts = x.dims()[2];
  RK_TRY(const int64_t hop, number(step, 2, "step", 0));
  RK_TRY(const int64_t n, number(length, 3, "length", window ? window->count() : total));
  if (hop < 1 || n < 1 || n > kMostLength || (window && window->count() != n))
    return op_error(name, "the step is " + std::to_string(hop) + " and the length " + std::to_string(n) +
                              ", expected at least 1 each and the length of the window");
  const int64_t frames = total < n ? 0 : (total - n) / hop + 1, bins = kept(onesided, n);
  RK_TRY(Tensor y, make_tensor(name, x.dtype(), {batch, frames, bins, 2}));
  if (y.count() == 0 || parts < 1) return narrow_to(y, in[0].dtype());
  const FrameSizes sizes{n, hop, total, frames, bins, parts};
  visit_float_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    transform_frames(sizes, batch, x.data<C>(), window ? wide_window.data<C>() : nullptr, y.data<C>());
  });
  return narrow_to(y, in[0].dtype());
}

Result<Types> MelWeights::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 5, 5));
  RK_CHECK(check_present(name, in, 5));
  constexpr std::array kWhat{"number of bands", "length", "sample rate", "lower edge", "upper edge"};
  for (size_t i = 0; i < 5; ++i) {
    RK_CHECK(check_scalar(name, in[i], kWhat[i]));
    RK_CHECK(check_dtype(name, in[i], i < 3 ? Domain::integer : Domain::numeric));
  }
  return Types{{dtype, {known_or_unknown(bins), known_or_unknown(bands)}}};
}

Result<Tensors> MelWeights::evaluate(std::span<const Tensor> in) const {
  std::array<int64_t, 3> sizes{};
  constexpr std::array kWhat{"number of bands", "length", "sample rate"};
  for (size_t i = 0; i < 3; ++i) {
    RK_TRY(sizes[i], scalar_of(name, in[i], kWhat[i]));
    if (sizes[i] < (i == 0 ? 0 : 1) || sizes[i] > kMostLength)
      return op_error(name, std::string("the ") + kWhat[i] + " is " + std::to_string(sizes[i]) +
                                ", expected a positive number");
  }
  const auto [column_count, length, rate] = sizes;
  const auto columns = column_count;  // lambdas of clang 14 take no structured bindings
  const double lower = in[3].as_double(0), upper = in[4].as_double(0);
  if (!(lower >= 0) || !(upper >= lower) || !std::isfinite(upper))
    return op_error(name, "the edges are " + std::to_string(lower) + " and " + std::to_string(upper) +
                              ", expected 0 <= lower <= upper");
  const int64_t rows = length / 2 + 1;
  RK_TRY(Tensor wide, make_tensor(name, DType::f64, {rows, columns}));
  double* y = wide.data<double>();
  const auto mel = [](double hertz) { return 2595 * std::log1p(hertz / 700) / std::log(10.0); };
  const double from = mel(lower), between = (mel(upper) - from) / double(columns + 2);
  std::vector<int64_t> points(static_cast<size_t>(columns + 2));
  for (int64_t i = 0; i < columns + 2; ++i) {
    const double hertz = 700 * std::expm1((double(i) * between + from) / 2595 * std::log(10.0));
    points[size_t(i)] = int64_t(std::min(std::floor(double(length + 1) * hertz / double(rate)), 0x1p40));
  }
  const auto set = [&](int64_t row, int64_t column, double value) {
    if (row < rows) y[row * columns + column] = value;
  };
  for (int64_t i = 0; i < columns; ++i) {
    const int64_t left = points[size_t(i)], top = points[size_t(i + 1)], right = points[size_t(i + 2)];
    if (top == left) set(top, i, 1);
    for (int64_t j = left; j <= std::min(top, rows - 1) && top > left; ++j)
      set(j, i, double(j - left) / double(top - left));
    for (int64_t j = top; j < std::min(right, rows); ++j) set(j, i, double(right - j) / double(right - top));
  }
  RK_TRY(Tensor out, cast(wide, dtype));
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
