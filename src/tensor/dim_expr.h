// The inside of Dim: expression nodes, polynomials, bounds, saturating integers. Only dim*.cc include it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/dim.h"

namespace rekindle {

/// No Dim prints longer than this, and none longer is parsed.
inline constexpr size_t kLongestDimText = 4096;
/// Sums multiply out, so hostile or absurd models could grow an expression without end. Past this many terms
/// the result is an unknown dim: still right, only less is known about it.
inline constexpr size_t kMostDimTerms = 64;

/// coefficient * factor * factor …; the factors are atoms, sorted by text, with repetition for powers.
struct DimTerm {
  int64_t coefficient = 0;
  std::vector<const DimExpr*> factors;
};

/// constant + terms. Terms are sorted (highest degree first, then by text) and none is zero: one form for one
/// polynomial.
struct DimSum {
  int64_t constant = 0;
  std::vector<DimTerm> terms;
  bool overflow = false;
};

/// A closed interval; INT64_MIN and INT64_MAX stand for "no bound".
struct DimInterval {
  int64_t low = INT64_MIN, high = INT64_MAX;
};

/// One interned node. Everything but `sum` is an atom: opaque to the polynomial arithmetic.
struct DimExpr {
  enum class Kind : uint8_t { symbol, unknown, floor_div, mod, min, max, broadcast, sum };
  Kind kind = Kind::symbol;
  bool has_unknown = false;
  int depth = 1;          // levels of nested atoms: bounds every recursion over expressions
  DimInterval bounds;     // hold for all symbols >= 0, that is with no profile
  std::string text;       // canonical, so it is the interning key, the order and the result of to_string
  std::vector<Dim> args;  // floor_div and mod: two; min, max, broadcast: two or more, sorted
  DimSum sum;
};

/// What dim*.cc share: access to Dim's members and the canonical constructors.
struct DimArithmetic {
  static const DimExpr* expr(const Dim& d) { return d.expr_; }
  static Dim of(const DimExpr* expr) {
    Dim d;
    d.expr_ = expr;
    return d;
  }
  static bool contains_unknown(const Dim& d) { return d.expr_ && d.expr_->has_unknown; }
  static const DimInterval bounds_of(const Dim& d) {
    return d.expr_ ? d.expr_->bounds : DimInterval{d.value_, d.value_};
  }
};

/// The interned node with this content; an expression too large to keep becomes an unknown, which is always
/// sound.
Dim intern_dim(DimExpr&& expr);

// dim_sum.cc: polynomials.
int compare_atoms(const DimExpr* a, const DimExpr* b);
DimSum sum_of(const Dim& d);
Dim dim_of(DimSum&& sum);
DimSum add_sums(const DimSum& a, const DimSum& b, int64_t times);  // a + times * b
DimSum multiply_sums(const DimSum& a, const DimSum& b);
/// Divides the coefficients, which `by` divides, and the constant, rounding down.
void divide_sum(DimSum& sum, int64_t by);
int64_t gcd_with_coefficients(int64_t start, const DimSum& sum);
/// Those of `among` (with repetition) that divide every term; none when there is a constant.
std::vector<const DimExpr*> common_atoms(const DimSum& sum, std::vector<const DimExpr*> among);
void cancel_atoms(DimSum& sum, const std::vector<const DimExpr*>& atoms);
bool exact_quotient(const DimSum& a, const DimSum& b, DimSum& quotient);
DimInterval bounds_of_sum(const DimSum& sum);

// dim_text.cc
std::string sum_text(const DimSum& sum);
std::string atom_text(DimExpr::Kind kind, const std::vector<Dim>& args);

// dim_eval.cc: bounds of a node from the bounds of its parts.
DimInterval quotient_bounds(DimInterval a, DimInterval b);
DimInterval remainder_bounds(DimInterval a, DimInterval b);
DimInterval combined_bounds(DimExpr::Kind kind, const std::vector<DimInterval>& args);
DimInterval add_bounds(DimInterval a, DimInterval b);
DimInterval multiply_bounds(DimInterval a, DimInterval b);

// INT64_MAX and INT64_MIN absorb: a value that overflowed once never looks like a size again.
constexpr bool is_saturated(int64_t v) { return v == INT64_MAX || v == INT64_MIN; }
constexpr int64_t saturated_add(int64_t a, int64_t b) {
  if (is_saturated(a)) return a;
  if (is_saturated(b)) return b;
  int64_t r = 0;
  return __builtin_add_overflow(a, b, &r) ? (a < 0 ? INT64_MIN : INT64_MAX) : r;
}
constexpr int64_t saturated_multiply(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  int64_t r = 0;
  if (is_saturated(a) || is_saturated(b) || __builtin_mul_overflow(a, b, &r))
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
  return r;
}
constexpr int64_t saturated_negate(int64_t a) { return saturated_multiply(a, -1); }
/// Rounds towards minus infinity; b is not 0.
constexpr int64_t floor_quotient(int64_t a, int64_t b) {
  if (is_saturated(a)) return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
  if (is_saturated(b)) return a == 0 || (a < 0) == (b < 0) ? 0 : -1;
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}
/// The remainder that goes with floor_quotient: it has the sign of b.
constexpr int64_t floor_remainder(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

}  // namespace rekindle
