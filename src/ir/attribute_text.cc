// Attributes and constants as text. Everything reads back as the same bits.
// SPDX-License-Identifier: Apache-2.0
#include "ir/attribute_text.h"

#include <charconv>
#include <cstring>

#include "ir/graph.h"

namespace rekindle {

namespace {

template <class T> Status parse_exactly(TextReader& in, T& v, std::string_view what) {
  RK_TRY(const std::string_view token, in.number_text());
  auto [end, problem] = std::from_chars(token.data(), token.data() + token.size(), v);
  if (problem == std::errc() && end == token.data() + token.size()) return {};
  const std::string found = "'" + std::string(token.substr(0, 40)) + "'";
  if (problem == std::errc::result_out_of_range)
    return in.error(found + " is outside the range of " + std::string(what));
  return in.error(found + " is not " + std::string(what));
}

uint64_t element_bits(const Tensor& t, int64_t i) {
  uint64_t bits = 0;
  const int width = bits_of(t.dtype());
  const char* raw = static_cast<const char*>(t.raw());
  if (width >= 8) std::memcpy(&bits, raw + i * (width / 8), size_t(std::min(width / 8, 8)));
  return bits;
}

/// The number where reading it back gives these very bits; else, as for a NaN with a payload, the bits:
/// "0x7fc00001".
std::string float_text(const Tensor& t, int64_t i) {
  const double value = t.as_double(i);
  const std::string text = t.dtype() == DType::f64 ? number_text(value) : number_text(float(value));
  if ((is_float(t.dtype()) && value == value) || bits_of(t.dtype()) < 8) return text;
  Tensor back(t.dtype(), {1});
  back.set_double(0, value == value ? value : std::numeric_limits<double>::quiet_NaN());
  if (element_bits(back, 0) == element_bits(t, i)) return text;
  char buffer[32];
  auto [end, problem] = std::to_chars(buffer, buffer + sizeof buffer, element_bits(t, i), 16);
  return "0x" + std::string(buffer, end);
}

std::string element_text(const Tensor& t, int64_t i) {
  const DType d = t.dtype();
  if (d == DType::string) return quote(t.strings()[size_t(i)]);
  if (d == DType::boolean) return t.as_double(i) != 0 ? "true" : "false";
  if (d == DType::u64) return std::to_string(t.values<uint64_t>()[size_t(i)]);
  if (is_integer(d)) return std::to_string(t.as_int64(i));
  if (is_complex(d)) {
    const auto pair = [](auto c) { return "(" + number_text(c.real()) + ", " + number_text(c.imag()) + ")"; };
    return d == DType::c64 ? pair(t.values<std::complex<float>>()[size_t(i)])
                           : pair(t.values<std::complex<double>>()[size_t(i)]);
  }
  return float_text(t, i);
}

template <class C> Status parse_complex(TextReader& in, Tensor& t, int64_t i) {
  typename C::value_type re = 0, im = 0;
  RK_CHECK(in.expect("("));
  RK_CHECK(parse_value(in, re));
  RK_CHECK(in.expect(","));
  RK_CHECK(parse_value(in, im));
  RK_CHECK(in.expect(")"));
  t.data<C>()[i] = C(re, im);
  return {};
}

Status parse_bits(TextReader& in, Tensor& t, int64_t i, std::string_view digits) {
  uint64_t bits = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  const int width = bits_of(t.dtype());
  const bool fits = width == 64 || (width >= 8 && bits >> width == 0);
  if (problem != std::errc() || end != digits.data() + digits.size() || !fits)
    return in.error("'0x" + std::string(digits.substr(0, 40)) + "' are not the bits of " +
                    std::string(to_string(t.dtype())));
  std::memcpy(static_cast<char*>(t.raw()) + i * (width / 8), &bits, size_t(width / 8));
  return {};
}

Status parse_float_element(TextReader& in, Tensor& t, int64_t i) {
  TextReader ahead = in;
  if (auto token = ahead.number_text(); token.ok() && token->substr(0, 2) == "0x") {
    in = ahead;
    return parse_bits(in, t, i, token->substr(2));
  }
  if (t.dtype() == DType::f64) return parse_value(in, t.data<double>()[i]);
  float value = 0;
  RK_CHECK(parse_value(in, value));
  t.set_double(i, value);
  return {};
}

Status parse_integer_element(TextReader& in, Tensor& t, int64_t i) {
  int64_t value = 0;
  RK_CHECK(parse_exactly(in, value, to_string(t.dtype())));
  const bool wrote = visit_dtype(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) t.data<T>()[i] = T(value);
  });
  if (!wrote) t.set_double(i, double(value));
  return t.as_int64(i) == value ? Status{}
                                : in.error(std::to_string(value) + " is outside the range of " +
                                           std::string(to_string(t.dtype())));
}

Status parse_element(TextReader& in, Tensor& t, int64_t i) {
  const DType d = t.dtype();
  if (d == DType::string) return parse_value(in, t.strings()[size_t(i)]);
  if (d == DType::boolean) return parse_value(in, t.data<bool>()[i]);
  if (d == DType::u64) return parse_exactly(in, t.data<uint64_t>()[i], "u64");
  if (d == DType::c64) return parse_complex<std::complex<float>>(in, t, i);
  if (d == DType::c128) return parse_complex<std::complex<double>>(in, t, i);
  if (is_integer(d)) return parse_integer_element(in, t, i);
  return parse_float_element(in, t, i);
}

}  // namespace

std::string print_value(bool v) { return v ? "true" : "false"; }
std::string print_value(int64_t v) { return std::to_string(v); }
std::string print_value(float v) { return number_text(v); }
std::string print_value(double v) { return number_text(v); }
std::string print_value(const std::string& v) { return quote(v); }
std::string print_value(const Dim& v) { return v.to_string(); }
std::string print_value(const TensorType& v) { return v.to_string(); }

std::string print_value(const Tensor& v) {
  if (is_absent(v)) return "none";
  std::string text = v.type().to_string() + " {";
  for (int64_t i = 0; i < v.count(); ++i) text += (i ? ", " : "") + element_text(v, i);
  return text + "}";
}

std::string print_value(const GraphRef& v) { return print_value(v, nullptr); }
std::string print_value(const GraphRef& v, ConstantTable* constants) {
  if (!v) return "none";
  std::string text = constants ? print(*v, *constants) : print(*v);
  text.pop_back();  // the line end: more attributes may follow
  return text;
}

Status parse_value(TextReader& in, bool& v) {
  RK_TRY(const std::string word, in.identifier());
  v = word == "true";
  return v || word == "false" ? Status{} : in.error("'" + word.substr(0, 40) + "' is neither true nor false");
}
Status parse_value(TextReader& in, int64_t& v) { return parse_exactly(in, v, "a 64-bit integer"); }
Status parse_value(TextReader& in, int& v) { return parse_exactly(in, v, "a 32-bit integer"); }
Status parse_value(TextReader& in, float& v) { return parse_exactly(in, v, "a float"); }
Status parse_value(TextReader& in, double& v) { return parse_exactly(in, v, "a double"); }
Status parse_value(TextReader& in, std::string& v) {
  RK_TRY(v, in.quoted());
  return {};
}
Status parse_value(TextReader& in, Dim& v) {
  const std::string_view text = in.until(",]})\n");
  auto dim = parse_dim(text);
  if (!dim.ok()) return in.error(dim.status().message());
  v = *dim;
  return {};
}
Status parse_value(TextReader& in, TensorType& v) {
  RK_TRY(v, in.type());
  return {};
}

Status parse_value(TextReader& in, Tensor& v) {
  if (in.accept("none")) return v = Tensor(), Status{};
  RK_TRY(const TensorType type, in.type());
  const auto dims = to_dims(type.shape);
  if (!dims)
    return in.error("a constant of type " + type.to_string() + " has a symbolic dim, expected numbers");
  auto count = checked_count(*dims);
  if (!count.ok()) return in.error(count.status().message());
  RK_CHECK(in.expect("{"));
  // Every element takes a character at least, so a short text cannot ask for much memory.
  if (*count > int64_t(in.left()))
    return in.error("a constant of type " + type.to_string() + " has " + std::to_string(*count) +
                    " elements, but the text ends before");
  if (type.dtype == DType::string)
    v = Tensor::of_strings(*dims, std::vector<std::string>(size_t(*count)));
  else {
    RK_TRY(v, Tensor::make(type.dtype, *dims));
  }
  for (int64_t i = 0; i < *count; ++i) {
    if (i > 0) RK_CHECK(in.expect(","));
    RK_CHECK(parse_element(in, v, i));
  }
  return in.expect("}");
}

void encode(Encoder& e, const GraphRef& v) {
  ConstantTable constants;
  encode(e, print_value(v, &constants));
  encode(e, uint32_t(constants.constants.size()));
  for (const auto& constant : constants.constants) encode(e, *constant);
}
void decode(Decoder& d, GraphRef&) {
  d.fail("a nested graph is read from text only, which comes with a table of ops");
}

}  // namespace rekindle
