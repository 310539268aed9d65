// Exact arithmetic on symbolic quotients. What cannot be shown to be exact is not known.
// SPDX-License-Identifier: Apache-2.0
#include "ops/symbolic_number.h"

#include <cmath>
#include <numeric>

namespace rekindle {

namespace {

// Factors and denominators that a size below 2^14 can meet in f32 without rounding.
constexpr int64_t kMostFactor = 1 << 10;

bool is_saturated(const Dim& d) { return d.is(INT64_MAX) || d.is(INT64_MIN); }
bool is_never_negative(const Dim& d) { return d.range({}).min >= 0; }
bool is_never_positive(const Dim& d) { return d.range({}).max <= 0; }

/// Integer values of a type that an element could not hold would have wrapped.
bool fits(DType type, int64_t value) {
  if (type == DType::i64) return true;
  if (type == DType::u64) return value >= 0;
  if (!is_integer(type)) return true;
  const int bits = bits_of(type);
  const int64_t low = is_signed_int(type) ? -(int64_t(1) << (bits - 1)) : 0;
  return value >= low && value < low + (int64_t(1) << bits);
}

/// Whether elements of the type hold symbolic quotients at all: f32 and f64; half floats are too short for
/// sizes.
bool holds_quotients(DType type) { return type == DType::f32 || type == DType::f64; }

bool fits_float(DType type, const SymbolicNumber& x) {
  const auto n = x.numerator.as_int();
  if (!n) return holds_quotients(type);
  if (x.is_rounded()) return holds_quotients(type);
  const int64_t limit = type == DType::f64   ? int64_t(1) << 53
                        : type == DType::f32 ? 1 << 24
                        : type == DType::f16 ? 1 << 11
                                             : 1 << 8;
  return *n <= limit && *n >= -limit;
}

/// Lowest terms, and nullopt for what an element of the type would not hold exactly.
MaybeNumber made(DType type, Dim numerator, int64_t denominator = 1) {
  if (is_saturated(numerator) || numerator.is_unknown() || denominator < 1) return std::nullopt;
  if (const auto n = numerator.as_int()) {
    const int64_t g = std::gcd(*n, denominator);
    numerator = *n / g, denominator /= g;
  } else if (numerator.divisible_by(denominator)) {
    numerator = floor_div(numerator, denominator), denominator = 1;
  } else {
    for (; denominator % 2 == 0 && numerator.divisible_by(2); denominator /= 2)
      numerator = floor_div(numerator, 2);
  }
  const SymbolicNumber x{numerator, denominator};
  if (is_float(type) ? !fits_float(type, x) : !x.is_whole()) return std::nullopt;
  if (const auto n = x.as_int(); n && !fits(type, *n)) return std::nullopt;
  // Sums of sizes in unsigned types could wrap below 0.
  if (is_unsigned_int(type) && !is_never_negative(numerator)) return std::nullopt;
  return x;
}
SymbolicNumber boolean(bool value) { return {Dim(int64_t(value)), 1}; }

/// Both over one denominator; false when float arithmetic on them would round.
struct Pair {
  Dim a, b;
  int64_t denominator;
};
std::optional<Pair> over_one_denominator(const SymbolicNumber& a, const SymbolicNumber& b) {
  if (a.is_rounded() || b.is_rounded()) return std::nullopt;
  const int64_t d = std::max(a.denominator, b.denominator);  // powers of two
  return Pair{a.numerator * (d / a.denominator), b.numerator * (d / b.denominator), d};
}

bool has_few_bits(const SymbolicNumber& x) {
  const auto n = x.numerator.as_int();
  return (!n || (*n <= kMostFactor && *n >= -kMostFactor)) && x.denominator <= kMostFactor && !x.is_rounded();
}

MaybeNumber multiply(DType type, const SymbolicNumber& a, const SymbolicNumber& b) {
  const bool constant = a.is_constant() && b.is_constant();
  if (is_float(type) && !constant && !(has_few_bits(a) && has_few_bits(b))) return std::nullopt;
  int64_t denominator = 1;
  if (a.is_rounded() || b.is_rounded() || __builtin_mul_overflow(a.denominator, b.denominator, &denominator))
    return std::nullopt;
  return made(type, a.numerator * b.numerator, denominator);
}

/// Integers: towards zero. INT_MIN / -1 and division by 0 never get here as symbols.
MaybeNumber divide_integers(DType type, const Dim& a, const Dim& b) {
  if (b.is(0)) return std::nullopt;
  if (a.as_int() && b.as_int()) return made(type, b.is(-1) ? a * Dim(-1) : Dim(*a.as_int() / *b.as_int()));
  if (mod(a, b).is(0)) return made(type, floor_div(a, b));
  if (b.as_int() && *b.as_int() < 0 && *b.as_int() > INT64_MIN) {
    if (is_never_negative(a)) return made(type, floor_div(a, -*b.as_int()) * Dim(-1));
    if (is_never_positive(a)) return made(type, floor_div(a * Dim(-1), -*b.as_int()));
    return std::nullopt;
  }
  if (!is_never_negative(b)) return std::nullopt;  // a size as divisor is taken not to be 0
  if (is_never_negative(a)) return made(type, floor_div(a, b));
  if (is_never_positive(a)) return made(type, floor_div(a * Dim(-1), b) * Dim(-1));
  return std::nullopt;
}

MaybeNumber divide_floats(DType type, const SymbolicNumber& a, const SymbolicNumber& b) {
  if (b.numerator.is(0)) return std::nullopt;
  if (a.is_rounded() || b.is_rounded()) return std::nullopt;
  if (!b.is_constant()) {  // only where it comes out even
    if (!a.is_whole() || !b.is_whole() || !mod(a.numerator, b.numerator).is(0)) return std::nullopt;
    return made(type, floor_div(a.numerator, b.numerator));
  }
  if (!has_few_bits(b)) return std::nullopt;
  const int64_t n = *b.numerator.as_int(), sign = n < 0 ? -1 : 1;
  int64_t denominator = 1;
  if (__builtin_mul_overflow(a.denominator, n * sign, &denominator)) return std::nullopt;
  if (denominator > kMostFactor) return std::nullopt;
  return made(type, a.numerator * (b.denominator * sign), denominator);
}

/// What is certain of the sign of a - b.
std::optional<Range> difference(const SymbolicNumber& a, const SymbolicNumber& b) {
  const auto pair = over_one_denominator(a, b);
  if (!pair) return std::nullopt;
  if (pair->a.as_int() && pair->b.as_int()) {
    const int64_t sign =
        *pair->a.as_int() < *pair->b.as_int() ? -1 : int64_t(*pair->a.as_int() > *pair->b.as_int());
    return Range{sign, sign, sign};
  }
  const Dim d = pair->a - pair->b;
  if (is_saturated(d) || d.is_unknown()) return std::nullopt;
  return d.range({});
}

MaybeNumber compare(std::string_view op, const SymbolicNumber& a, const SymbolicNumber& b) {
  if (a == b && !a.is_rounded())
    return boolean(op == "equal" || op == "less_or_equal" || op == "greater_or_equal");
  if (op == "greater" || op == "greater_or_equal")
    return compare(op == "greater" ? "less" : "less_or_equal", b, a);
  const auto sign = difference(a, b);
  if (!sign) return std::nullopt;
  if (op == "equal") {
    if (sign->min == 0 && sign->max == 0) return boolean(true);
    return sign->min > 0 || sign->max < 0 ? MaybeNumber(boolean(false)) : std::nullopt;
  }
  const int64_t bound = op == "less" ? -1 : 0;  // a < b is a - b <= -1, in units of 1 / denominator
  if (sign->max <= bound) return boolean(true);
  return sign->min > bound ? MaybeNumber(boolean(false)) : std::nullopt;
}

MaybeNumber combine_booleans(std::string_view op, const SymbolicNumber& a, const SymbolicNumber& b) {
  const auto x = a.as_int(), y = b.as_int();
  if (!x || !y) return std::nullopt;
  if (op == "and") return boolean(*x != 0 && *y != 0);
  if (op == "or") return boolean(*x != 0 || *y != 0);
  return boolean((*x != 0) != (*y != 0));
}

/// Towards minus infinity, plus infinity or zero.
MaybeNumber whole(std::string_view how, DType type, const SymbolicNumber& x) {
  if (x.is_whole()) return made(type, x.numerator);
  const bool down = how == "floor" || (how == "trunc" && is_never_negative(x.numerator));
  const bool up = how == "ceil" || (how == "trunc" && is_never_positive(x.numerator));
  if (down) return made(type, floor_div(x.numerator, x.denominator));
  if (up) return made(type, ceil_div(x.numerator, x.denominator));
  // Half to even has no closed form, but an odd denominator never comes to a half.
  if (how == "round" && x.denominator % 2 != 0)
    return made(type, floor_div(x.numerator * 2 + x.denominator, x.denominator * 2));
  return std::nullopt;
}

}  // namespace

MaybeNumber number_of(double value) {
  if (!std::isfinite(value) || std::fabs(value) >= 0x1p62) return std::nullopt;
  int64_t denominator = 1;
  while (value != std::floor(value)) {
    if (denominator >= int64_t(1) << 40 || std::fabs(value) >= 0x1p60) return std::nullopt;
    value *= 2, denominator *= 2;
  }
  return SymbolicNumber{Dim(int64_t(value)), denominator};
}

double double_of(const SymbolicNumber& constant) {
  return double(constant.numerator.as_int().value_or(0)) / double(constant.denominator);
}

MaybeNumber apply_unary(std::string_view op, DType type, const SymbolicNumber& x) {
  if (op == "neg") return x.is_rounded() ? std::nullopt : made(type, x.numerator * Dim(-1), x.denominator);
  if (op == "floor" || op == "ceil" || op == "trunc" || op == "round") return whole(op, type, x);
  if (op == "not") return x.as_int() ? MaybeNumber(boolean(*x.as_int() == 0)) : std::nullopt;
  if (op == "square") return multiply(type, x, x);
  if (op == "abs" || op == "relu") {
    if (is_never_negative(x.numerator)) return x;
    if (!is_never_positive(x.numerator))
      return op == "relu" ? apply_binary("max", type, x, {}) : std::nullopt;
    return op == "relu" ? SymbolicNumber{} : apply_unary("neg", type, x);
  }
  return std::nullopt;
}

MaybeNumber apply_binary(std::string_view op, DType type, const SymbolicNumber& a, const SymbolicNumber& b) {
  if (op == "mul") return multiply(type, a, b);
  if (op == "div") {
    if (is_float(type)) return divide_floats(type, a, b);
    return a.is_whole() && b.is_whole() ? divide_integers(type, a.numerator, b.numerator) : std::nullopt;
  }
  if (op == "and" || op == "or" || op == "xor") return combine_booleans(op, a, b);
  for (const auto name : {"equal", "less", "less_or_equal", "greater", "greater_or_equal"})
    if (op == name) return compare(op, a, b);
  const auto pair = over_one_denominator(a, b);
  if (!pair) return std::nullopt;
  if (op == "add") return made(type, pair->a + pair->b, pair->denominator);
  if (op == "sub") return made(type, pair->a - pair->b, pair->denominator);
  if (op == "min") return made(type, min(pair->a, pair->b), pair->denominator);
  if (op == "max") return made(type, max(pair->a, pair->b), pair->denominator);
  return std::nullopt;
}

MaybeNumber apply_mod(bool fmod, DType type, const SymbolicNumber& a, const SymbolicNumber& b) {
  if (!a.is_whole() || !b.is_whole() || b.numerator.is(0)) return std::nullopt;
  const bool same_sign = is_never_negative(a.numerator) && is_never_negative(b.numerator);
  if (fmod && !same_sign) return std::nullopt;
  if (!b.is_constant() && !is_never_negative(b.numerator)) return std::nullopt;
  return made(type, mod(a.numerator, b.numerator));
}

MaybeNumber apply_cast(DType from, DType to, const SymbolicNumber& x) {
  if (to == DType::boolean) {
    if (const auto n = x.numerator.as_int()) return boolean(*n != 0);
    const Range range = x.numerator.range({});
    return range.min > 0 || range.max < 0 ? MaybeNumber(boolean(true)) : std::nullopt;
  }
  if (is_integer(to) && is_float(from)) return whole("trunc", to, x);
  if (x.is_rounded() && to != from) return std::nullopt;
  if (is_integer(to) || is_float(to)) return made(to, x.numerator, x.denominator);
  return std::nullopt;
}

}  // namespace rekindle
