// Dim arithmetic: interning, and the simplifications of division, remainder, min, max and broadcast.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/dim.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <numeric>
#include <unordered_map>

#include "tensor/dim_expr.h"

namespace rekindle {

namespace {

using Kind = DimExpr::Kind;

// See kMostDimTerms.
constexpr int kDeepest = 32;
constexpr size_t kMostFactors = 256;  // of all terms together
constexpr size_t kMostArgs = 32;

/// Nodes live for the process: a Dim is a bare pointer, and the few thousand distinct expressions of a model
/// are small.
struct Table {
  std::mutex mutex;
  std::unordered_map<std::string_view, std::unique_ptr<const DimExpr>> nodes;  // keys point into the nodes
};
Table& table() {
  static Table* t = new Table;  // never destroyed: Dims of static duration may outlive any destructor order
  return *t;
}

Dim make_atom(Kind kind, std::vector<Dim> args) {
  DimExpr e;
  e.kind = kind;
  std::vector<DimInterval> bounds;
  for (const Dim& a : args) bounds.push_back(DimArithmetic::bounds_of(a));
  e.bounds = combined_bounds(kind, bounds);
  e.text = atom_text(kind, args);
  e.args = std::move(args);
  return intern_dim(std::move(e));
}

bool any_saturated(const Dim& a, const Dim& b) {
  return a.is(INT64_MAX) || a.is(INT64_MIN) || b.is(INT64_MAX) || b.is(INT64_MIN);
}

/// Splits x into by * whole + rest, where |coefficients of rest| < by and 0 <= its constant < by.
void split(const DimSum& x, int64_t by, DimSum& whole, DimSum& rest) {
  whole.constant = floor_quotient(x.constant, by);
  rest.constant = floor_remainder(x.constant, by);
  for (const DimTerm& t : x.terms) {
    if (t.coefficient / by != 0) whole.terms.push_back({t.coefficient / by, t.factors});
    if (t.coefficient % by != 0) rest.terms.push_back({t.coefficient % by, t.factors});
  }
}

/// x / by for a constant by > 1.
Dim floor_div_constant(const Dim& x, int64_t by) {
  DimSum whole, rest;
  split(sum_of(x), by, whole, rest);
  const int64_t g = gcd_with_coefficients(by, rest);
  if (g > 1) {  // floor((g*X + r) / (g*b)) = floor((X + floor(r/g)) / b)
    divide_sum(rest, g);
    return dim_of(std::move(whole)) + floor_div(dim_of(std::move(rest)), by / g);
  }
  // floor((floor(x/a) + c) / by) = floor((x + c*a) / (a*by)) for a > 0
  if (rest.terms.size() == 1 && rest.terms[0].coefficient == 1 && rest.terms[0].factors.size() == 1) {
    const DimExpr* inner = rest.terms[0].factors[0];
    if (inner->kind == Kind::floor_div) {
      const Dim& a = inner->args[1];
      if (a.as_int() || rest.constant == 0)
        return dim_of(std::move(whole)) + floor_div(inner->args[0] + a * rest.constant, a * by);
    }
  }
  const Dim remaining = dim_of(std::move(rest));
  const DimInterval bounds = DimArithmetic::bounds_of(remaining);
  if (bounds.low >= 0 && bounds.high < by) return dim_of(std::move(whole));
  return dim_of(std::move(whole)) + make_atom(Kind::floor_div, {remaining, by});
}

/// x mod by for a constant by > 1.
Dim mod_constant(const Dim& x, int64_t by) {
  DimSum whole, rest;
  split(sum_of(x), by, whole, rest);
  const int64_t g = gcd_with_coefficients(by, rest);
  if (g > 1) {  // (g*X + r) mod (g*b) = g * ((X + floor(r/g)) mod b) + r mod g
    const int64_t left = floor_remainder(rest.constant, g);
    divide_sum(rest, g);
    return mod(dim_of(std::move(rest)), by / g) * g + left;
  }
  const Dim remaining = dim_of(std::move(rest));
  const DimInterval bounds = DimArithmetic::bounds_of(remaining);
  if (bounds.low >= 0 && bounds.high < by) return remaining;
  const DimExpr* e = DimArithmetic::expr(remaining);
  if (e && e->kind == Kind::mod && e->args[1].as_int() && *e->args[1].as_int() % by == 0)
    return mod(e->args[0], by);
  return make_atom(Kind::mod, {remaining, by});
}

/// min and max: flattened, sorted, without arguments that another one provably dominates.
Dim extreme(Kind kind, const Dim& a, const Dim& b) {
  std::vector<Dim> args;
  for (const Dim& d : {a, b}) {
    const DimExpr* e = DimArithmetic::expr(d);
    if (e && e->kind == kind)
      args.insert(args.end(), e->args.begin(), e->args.end());
    else
      args.push_back(d);
  }
  std::sort(args.begin(), args.end());
  args.erase(std::unique(args.begin(), args.end()), args.end());
  const bool greatest = kind == Kind::max;
  auto dominates = [&](const Dim& x, const Dim& y) {  // max: x >= y always
    if (x.as_int() && y.as_int()) return greatest ? *x.as_int() >= *y.as_int() : *x.as_int() <= *y.as_int();
    if (y.is(greatest ? INT64_MIN : INT64_MAX) || x.is(greatest ? INT64_MAX : INT64_MIN)) return true;
    if (any_saturated(x, y)) return false;
    const DimSum difference =
        greatest ? add_sums(sum_of(x), sum_of(y), -1) : add_sums(sum_of(y), sum_of(x), -1);
    return !difference.overflow && bounds_of_sum(difference).low >= 0;
  };
  std::vector<Dim> kept;
  for (size_t i = 0; i < args.size(); ++i) {
    bool dominated = false;
    for (size_t j = 0; j < args.size() && !dominated; ++j)
      dominated = i != j && dominates(args[j], args[i]) && (j < i || !dominates(args[i], args[j]));
    if (!dominated) kept.push_back(args[i]);
  }
  return kept.size() == 1 ? kept[0] : make_atom(kind, std::move(kept));
}

}  // namespace

Dim intern_dim(DimExpr&& expr) {
  int inner = 0;
  for (const Dim& a : expr.args)
    if (const DimExpr* e = DimArithmetic::expr(a))
      inner = std::max(inner, e->depth), expr.has_unknown |= e->has_unknown;
  size_t factors = 0;
  for (const DimTerm& t : expr.sum.terms)
    for (const DimExpr* e : t.factors)
      inner = std::max(inner, e->depth), expr.has_unknown |= e->has_unknown, ++factors;
  expr.depth = inner + 1;
  if (expr.depth > kDeepest || expr.text.size() > kLongestDimText || factors > kMostFactors ||
      expr.args.size() > kMostArgs)
    return Dim::unknown();
  Table& t = table();
  std::lock_guard lock(t.mutex);
  if (auto found = t.nodes.find(expr.text); found != t.nodes.end())
    return DimArithmetic::of(found->second.get());
  auto node = std::make_unique<const DimExpr>(std::move(expr));
  const DimExpr* result = node.get();
  t.nodes.emplace(result->text, std::move(node));
  return DimArithmetic::of(result);
}

/// Integers first, then expressions by their text.
bool operator<(const Dim& a, const Dim& b) {
  if (a.is_symbolic() != b.is_symbolic()) return b.is_symbolic();
  return a.is_symbolic() ? compare_atoms(a.expr_, b.expr_) < 0 : a.value_ < b.value_;
}

Dim Dim::symbol(std::string_view name) {
  DimExpr e;
  e.text = sanitize_symbol(name);
  e.bounds = {0, INT64_MAX};
  return intern_dim(std::move(e));
}

Dim Dim::unknown() {
  static std::atomic<uint64_t> serial{0};
  DimExpr e;
  e.kind = Kind::unknown;
  e.has_unknown = true;
  e.text = "?" + std::to_string(serial++);
  e.bounds = {0, INT64_MAX};
  return intern_dim(std::move(e));
}

Dim operator+(Dim a, Dim b) {
  if (a.is(0)) return b;
  if (b.is(0)) return a;
  if (a.as_int() && b.as_int()) return saturated_add(*a.as_int(), *b.as_int());
  if (any_saturated(a, b)) return a.as_int() ? a : b;
  DimSum sum = add_sums(sum_of(a), sum_of(b), 1);
  return sum.terms.size() > kMostDimTerms ? Dim::unknown() : dim_of(std::move(sum));
}

Dim operator-(Dim a, Dim b) {
  if (b.as_int()) return a + saturated_negate(*b.as_int());
  if (any_saturated(a, b)) return a;
  DimSum sum = add_sums(sum_of(a), sum_of(b), -1);
  return sum.terms.size() > kMostDimTerms ? Dim::unknown() : dim_of(std::move(sum));
}

Dim operator*(Dim a, Dim b) {
  if (a.is(0) || b.is(0)) return 0;
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  if (a.as_int() && b.as_int()) return saturated_multiply(*a.as_int(), *b.as_int());
  if (any_saturated(a, b)) return a.as_int() ? a : b;
  const DimSum x = sum_of(a), y = sum_of(b);
  if ((x.terms.size() + 1) * (y.terms.size() + 1) > 4 * kMostDimTerms) return Dim::unknown();
  DimSum product = multiply_sums(x, y);
  return product.terms.size() > kMostDimTerms ? Dim::unknown() : dim_of(std::move(product));
}

Dim floor_div(Dim a, Dim b) {
  if (b.is(1)) return a;
  if (b.is(0)) return make_atom(Kind::floor_div, {a, b});  // an error when it is evaluated
  if (a.is(0)) return 0;
  if (any_saturated(a, b)) {
    if (!is_saturated(a.as_int().value_or(0))) return b;
    return b.as_int().value_or(1) < 0 ? Dim(saturated_negate(*a.as_int())) : a;
  }
  if (a.as_int() && b.as_int()) return floor_quotient(*a.as_int(), *b.as_int());
  if (b.as_int()) {
    if (*b.as_int() < 0) return floor_div(a * Dim(-1), -*b.as_int());
    return floor_div_constant(a, *b.as_int());
  }
  // A symbolic divisor: cancel what both share, assuming as everywhere that it is not 0.
  DimSum x = sum_of(a), y = sum_of(b);
  if (y.terms[0].coefficient < 0) return floor_div(a * Dim(-1), b * Dim(-1));
  const auto shared = common_atoms(x, common_atoms(y, y.terms[0].factors));
  const int64_t g = gcd_with_coefficients(gcd_with_coefficients(std::gcd(x.constant, y.constant), y), x);
  if (!shared.empty() || g > 1) {
    cancel_atoms(x, shared), cancel_atoms(y, shared);
    divide_sum(x, g), divide_sum(y, g);
    return floor_div(dim_of(std::move(x)), dim_of(std::move(y)));
  }
  if (DimSum quotient; exact_quotient(x, y, quotient)) return dim_of(std::move(quotient));
  return make_atom(Kind::floor_div, {a, b});
}

Dim ceil_div(Dim a, Dim b) {
  if (b.as_int() && *b.as_int() < 0) return ceil_div(a * Dim(-1), saturated_negate(*b.as_int()));
  return floor_div(a + b - 1, b);
}

Dim mod(Dim a, Dim b) {
  if (b.is(0)) return make_atom(Kind::mod, {a, b});
  if (b.is(1) || b.is(-1) || a.is(0)) return 0;
  if (any_saturated(a, b)) return is_saturated(a.as_int().value_or(0)) ? a : b;
  if (a.as_int() && b.as_int()) return floor_remainder(*a.as_int(), *b.as_int());
  if (b.as_int()) {
    if (*b.as_int() < 0) return mod(a * Dim(-1), -*b.as_int()) * Dim(-1);
    return mod_constant(a, *b.as_int());
  }
  if (DimSum quotient; exact_quotient(sum_of(a), sum_of(b), quotient)) return 0;
  return make_atom(Kind::mod, {a, b});
}

Dim min(Dim a, Dim b) { return extreme(Kind::min, a, b); }
Dim max(Dim a, Dim b) { return extreme(Kind::max, a, b); }

/// A constant other than 1 wins at once: the symbol beside it must turn out as 1 or the same, which the
/// runtime checks on the operands themselves.
Dim broadcast(Dim a, Dim b) {
  std::vector<Dim> args;
  for (const Dim& d : {a, b}) {
    const DimExpr* e = DimArithmetic::expr(d);
    if (e && e->kind == Kind::broadcast)
      args.insert(args.end(), e->args.begin(), e->args.end());
    else if (!d.is(1))
      args.push_back(d);
  }
  std::sort(args.begin(), args.end());
  args.erase(std::unique(args.begin(), args.end()), args.end());
  // Constants sort first. Two different ones stay, as an error for whoever evaluates it.
  const auto constants =
      std::count_if(args.begin(), args.end(), [](const Dim& d) { return d.as_int().has_value(); });
  if (constants > 0) args.resize(size_t(constants));
  if (args.empty()) return 1;
  return args.size() == 1 ? args[0] : make_atom(Kind::broadcast, std::move(args));
}

}  // namespace rekindle
