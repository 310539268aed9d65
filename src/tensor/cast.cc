// Cast: every pair of element types. Packed and small types go through the C++ type that holds them exactly.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>

#include "tensor/convert.h"
#include "tensor/small_types.h"
#include "tensor/tensor.h"

namespace rekindle {

namespace {

std::string lowered(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// For a number that from_chars found out of range: whether it is huge (else it is tiny).
bool is_huge(std::string_view text) {
  const size_t e = text.find_first_of("eE");
  int64_t exponent = 0;
  if (e != std::string_view::npos) {
    const size_t digits = e + 1 + (e + 1 < text.size() && text[e + 1] == '+');
    if (std::from_chars(text.data() + digits, text.data() + text.size(), exponent).ec != std::errc{})
      exponent = text[digits] == '-' ? INT32_MIN : INT32_MAX;
  }
  const std::string_view mantissa = text.substr(0, e);
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  const size_t first = mantissa.find_first_of("123456789");
  const int64_t magnitude = first == std::string_view::npos ? 0 : int64_t(point) - int64_t(first);
  return std::clamp<int64_t>(exponent, INT32_MIN, INT32_MAX) + magnitude > 0;
}

/// "3.14", "+1e8", "-INF", "nan": the words in any case. False when it is something else.
template <class F> bool parse_float(std::string_view text, F& value) {
  text = trimmed(text);
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty() || text[0] == '-' || text[0] == '+') return false;
  const std::string word = text.size() <= 8 ? lowered(text) : "";
  if (word == "inf" || word == "infinity") {
    value = std::numeric_limits<F>::infinity();
  } else if (word == "nan") {
    value = std::numeric_limits<F>::quiet_NaN();
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size() || (error != std::errc{} && error != std::errc::result_out_of_range))
      return false;
    if (error == std::errc::result_out_of_range)
      value = is_huge(text) ? std::numeric_limits<F>::infinity() : F(0);
  }
  if (negative) value = -value;
  return true;
}

template <class T> bool parse_element(std::string_view text, T& value) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    return parse_float(text, value);
  } else {
    if constexpr (std::is_integral_v<T>) {
      std::string_view digits = trimmed(text);
      if (std::is_same_v<T, bool> && (lowered(digits) == "true" || lowered(digits) == "false")) {
        value = lowered(digits) == "true";
        return true;
      }
      if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
      std::conditional_t<std::is_same_v<T, uint64_t>, uint64_t, int64_t> whole = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
      if (error == std::errc{} && end == digits.data() + digits.size()) {
        value = convert<T>(whole);
        return true;
      }
    }
    double number = 0;
    if (!parse_float(text, number)) return false;
    value = convert<T>(number);
    return true;
  }
}

/// Plain notation with as few digits as read back the same, as the standard asks; exponents only where plain
/// is absurd.
template <class F> std::string float_text(F value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-INF" : "INF";
  std::array<char, 64> text;
  const F size = std::fabs(value);
  const auto format = size == 0 || (size >= F(1e-5) && size < F(1e16)) ? std::chars_format::fixed
                                                                       : std::chars_format::scientific;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value, format).ptr};
}

template <class T> std::string element_text(T value) {
  if constexpr (is_half_type<T>)
    return float_text(float(value));
  else if constexpr (std::is_floating_point_v<T>)
    return float_text(value);
  else
    return std::to_string(value);
}

Status no_such_cast(DType from, DType to) {
  return Status::error(Code::unsupported, "cast from " + std::string(to_string(from)) + " to " +
                                              std::string(to_string(to)) +
                                              " does not exist, expected real numbers, booleans or strings");
}

/// The C++ type that holds every value of a packed or small type.
DType holder_of(DType t) {
  if (is_small_float(t)) return DType::f32;
  if (is_packed(t)) return is_signed_int(t) ? DType::i8 : DType::u8;
  return t;
}

Result<Tensor> unpacked(const Tensor& t) {
  RK_TRY(Tensor result, Tensor::make(holder_of(t.dtype()), t.dims()));
  const int64_t count = t.count();
  const int width = bits_of(t.dtype());
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t bits = width < 8 ? packed_bits(t.raw(), width, i) : static_cast<const uint8_t*>(t.raw())[i];
    if (result.dtype() == DType::f32)
      static_cast<float*>(result.raw())[i] = small_float_value(t.dtype(), bits);
    else
      static_cast<uint8_t*>(result.raw())[i] = uint8_t(packed_int(t.dtype(), bits));
  }
  return result;
}

Result<Tensor> packed(const Tensor& t, DType to, bool saturate, PowerRounding rounding) {
  RK_TRY(Tensor result, Tensor::make(to, t.dims()));
  const int64_t count = t.count();
  const int width = bits_of(to);
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t bits = is_small_float(to)
                             ? small_float_bits(to, static_cast<const float*>(t.raw())[i], saturate, rounding)
                             : static_cast<const uint8_t*>(t.raw())[i];
    if (width < 8)
      set_packed_bits(result.raw(), width, i, bits);
    else
      static_cast<uint8_t*>(result.raw())[i] = bits;
  }
  return result;
}

Result<Tensor> from_strings(const Tensor& t, DType to) {
  RK_TRY(Tensor result, Tensor::make(to, t.dims()));
  Status status;
  const bool visited = visit_dtype(to, [&](auto zero) {
    using T = decltype(zero);
    for (size_t i = 0; i < t.strings().size() && status.ok(); ++i)
      if (const std::string& text = t.strings()[i]; !parse_element(text, static_cast<T*>(result.raw())[i]))
        status = Status::error(Code::invalid_argument, "cast to " + std::string(to_string(to)) +
                                                           ": element " + std::to_string(i) + " is \"" +
                                                           text.substr(0, 40) + "\", expected a number");
  });
  if (!visited) return no_such_cast(t.dtype(), to);
  RK_CHECK(std::move(status));
  return result;
}

Result<Tensor> to_strings(const Tensor& t) {
  RK_TRY(Tensor result, Tensor::make(DType::string, t.dims()));
  const bool visited = visit_dtype(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (size_t i = 0; i < result.strings().size(); ++i)
      result.strings()[i] = element_text(static_cast<const T*>(t.raw())[i]);
  });
  if (!visited) return no_such_cast(t.dtype(), DType::string);
  return result;
}

/// Between two types that C++ has. `odd`: floats that will be rounded again, to a small type.
Result<Tensor> converted(const Tensor& t, DType to, bool odd) {
  RK_TRY(Tensor result, Tensor::make(to, t.dims()));
  const int64_t count = t.count();
  const bool visited = visit_dtype(t.dtype(), [&](auto from_zero) {
    using From = decltype(from_zero);
    const From* from = static_cast<const From*>(t.raw());
    if constexpr (!is_half_type<From> && !std::is_same_v<From, float> && !std::is_same_v<From, bool>) {
      if (odd && to == DType::f32) {
        for (int64_t i = 0; i < count; ++i) static_cast<float*>(result.raw())[i] = round_to_odd(from[i]);
        return;
      }
    }
    visit_dtype(to, [&](auto to_zero) {
      using To = decltype(to_zero);
      To* into = static_cast<To*>(result.raw());
      for (int64_t i = 0; i < count; ++i) into[i] = convert<To>(from[i]);
    });
  });
  if (!visited) return no_such_cast(t.dtype(), to);
  return result;
}

Result<Tensor> complex_cast(const Tensor& t, DType to) {
  if (!is_complex(t.dtype()) || !is_complex(to)) return no_such_cast(t.dtype(), to);
  RK_TRY(Tensor result, Tensor::make(to, t.dims()));
  for (int64_t i = 0; i < t.count(); ++i) {
    if (to == DType::c128)
      result.data<std::complex<double>>()[i] = t.data<std::complex<float>>()[i];
    else
      result.data<std::complex<float>>()[i] = std::complex<float>(t.data<std::complex<double>>()[i]);
  }
  return result;
}

}  // namespace

Result<Tensor> cast(const Tensor& t, DType to, bool saturate, PowerRounding rounding) {
  if (t.dtype() == to) return t;
  if (t.dtype() != DType::string && !t.has_data())
    return Status::error(Code::invalid_argument,
                         "cast to " + std::string(to_string(to)) + " of a tensor without data");
  if (is_complex(t.dtype()) || is_complex(to)) return complex_cast(t, to);
  const DType holder = holder_of(to);
  Tensor wide = t;
  if (holder_of(t.dtype()) != t.dtype()) {
    RK_TRY(wide, unpacked(t));
  }
  if (wide.dtype() == DType::string) {
    // Small floats are parsed as double so that they, too, are rounded once.
    const DType parsed = is_small_float(to) ? DType::f64 : is_packed(to) ? DType::i64 : to;
    RK_TRY(wide, from_strings(wide, parsed));
    if (parsed == to) return wide;
  }
  if (to == DType::string) return to_strings(wide);
  if (wide.dtype() != holder) {
    RK_TRY(wide, converted(wide, holder, holder != to));
  }
  return holder == to ? std::move(wide) : packed(wide, to, saturate, rounding);
}

}  // namespace rekindle
