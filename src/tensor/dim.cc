// Dim arithmetic: interning, the canonical sum of products, and the simplifications of division, remainder, min and max.
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

// Sums multiply out, so hostile or absurd models could grow an expression without end. Past these limits the result is an
// unknown dim: still right, only less is known about it.
constexpr int kDeepest = 32;
constexpr size_t kMostTerms = 64;
constexpr size_t kMostFactors = 256;  // of all terms together
constexpr size_t kMostArgs = 32;

/// Nodes live for the process: a Dim is a bare pointer, and the few thousand distinct expressions of a model are small.
struct Table {
  std::mutex mutex;
  std::unordered_map<std::string_view, std::unique_ptr<const DimExpr>> nodes;  // keys point into the nodes
};
Table& table() {
  static Table* t = new Table;  // never destroyed: Dims of static duration may outlive any destructor order
  return *t;
}

int compare_atoms(const DimExpr* a, const DimExpr* b) { return a == b ? 0 : a->text.compare(b->text); }

/// Graded lexicographic order, greatest first; admissible, so that polynomial division terminates.
int compare_products(const std::vector<const DimExpr*>& a, const std::vector<const DimExpr*>& b) {
  if (a.size() != b.size()) return a.size() > b.size() ? -1 : 1;
  for (size_t i = 0; i < a.size(); ++i)
    if (int c = compare_atoms(a[i], b[i])) return c;
  return 0;
}

std::vector<const DimExpr*> merged(const std::vector<const DimExpr*>& a, const std::vector<const DimExpr*>& b) {
  std::vector<const DimExpr*> all;
  all.reserve(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all),
             [](const DimExpr* x, const DimExpr* y) { return compare_atoms(x, y) < 0; });
  return all;
}

void normalize(DimSum& sum) {
  auto& terms = sum.terms;
  std::sort(terms.begin(), terms.end(),
            [](const DimTerm& x, const DimTerm& y) { return compare_products(x.factors, y.factors) < 0; });
  size_t kept = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (kept > 0 && terms[kept - 1].factors == terms[i].factors) {
      auto& c = terms[kept - 1].coefficient;
      if (__builtin_add_overflow(c, terms[i].coefficient, &c)) sum.overflow = true;
    } else {
      if (kept > 0 && terms[kept - 1].coefficient == 0) --kept;
      if (kept != i) terms[kept] = std::move(terms[i]);
      ++kept;
    }
  }
  terms.resize(kept);
  if (kept > 0 && terms[kept - 1].coefficient == 0) terms.pop_back();
  if (is_saturated(sum.constant)) sum.overflow = true;
  for (const DimTerm& t : terms)
    if (is_saturated(t.coefficient)) sum.overflow = true;
}

DimSum add(const DimSum& a, const DimSum& b, int64_t times) {
  DimSum r = a;
  r.overflow = a.overflow || b.overflow;
  const int64_t constant = saturated_multiply(b.constant, times);
  if (is_saturated(constant) || __builtin_add_overflow(a.constant, constant, &r.constant)) r.overflow = true;
  for (const DimTerm& t : b.terms) {
    r.terms.push_back(t);
    if (__builtin_mul_overflow(t.coefficient, times, &r.terms.back().coefficient)) r.overflow = true;
  }
  normalize(r);
  return r;
}

DimSum multiply(const DimSum& a, const DimSum& b) {
  DimSum r;
  r.overflow = a.overflow || b.overflow || __builtin_mul_overflow(a.constant, b.constant, &r.constant);
  auto add_scaled = [&](const std::vector<DimTerm>& terms, int64_t by) {
    for (const DimTerm& t : terms) {
      if (by == 0) return;
      r.terms.push_back(t);
      if (__builtin_mul_overflow(t.coefficient, by, &r.terms.back().coefficient)) r.overflow = true;
    }
  };
  add_scaled(a.terms, b.constant);
  add_scaled(b.terms, a.constant);
  for (const DimTerm& x : a.terms)
    for (const DimTerm& y : b.terms) {
      DimTerm t{0, merged(x.factors, y.factors)};
      if (__builtin_mul_overflow(x.coefficient, y.coefficient, &t.coefficient)) r.overflow = true;
      r.terms.push_back(std::move(t));
    }
  normalize(r);
  return r;
}

/// Divides every coefficient and the constant by `by`, exactly or rounding the constant down.
void scale_down(DimSum& sum, int64_t by) {
  sum.constant = floor_quotient(sum.constant, by);
  for (DimTerm& t : sum.terms) t.coefficient /= by;
}

int64_t coefficient_gcd(const DimSum& sum, int64_t start) {
  for (const DimTerm& t : sum.terms) start = std::gcd(start, t.coefficient);
  return start;
}

/// The atoms (with repetition) that divide every term; none when there is a constant.
std::vector<const DimExpr*> common_atoms(const DimSum& sum, std::vector<const DimExpr*> among) {
  if (sum.constant != 0) return {};
  for (const DimTerm& t : sum.terms) {
    std::vector<const DimExpr*> both;
    std::set_intersection(among.begin(), among.end(), t.factors.begin(), t.factors.end(), std::back_inserter(both),
                          [](const DimExpr* x, const DimExpr* y) { return compare_atoms(x, y) < 0; });
    among = std::move(both);
  }
  return among;
}

std::vector<const DimExpr*> without(const std::vector<const DimExpr*>& from, const std::vector<const DimExpr*>& atoms) {
  std::vector<const DimExpr*> rest;
  std::set_difference(from.begin(), from.end(), atoms.begin(), atoms.end(), std::back_inserter(rest),
                      [](const DimExpr* x, const DimExpr* y) { return compare_atoms(x, y) < 0; });
  return rest;
}

void cancel(DimSum& sum, const std::vector<const DimExpr*>& atoms) {
  for (DimTerm& t : sum.terms) {
    t.factors = without(t.factors, atoms);
    if (t.factors.empty()) sum.constant += t.coefficient, t.coefficient = 0;
  }
  normalize(sum);
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
  const int64_t g = coefficient_gcd(rest, by);
  if (g > 1) {  // floor((g*X + r) / (g*b)) = floor((X + floor(r/g)) / b)
    scale_down(rest, g);
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
  const int64_t g = coefficient_gcd(rest, by);
  if (g > 1) {  // (g*X + r) mod (g*b) = g * ((X + floor(r/g)) mod b) + r mod g
    const int64_t left = floor_remainder(rest.constant, g);
    scale_down(rest, g);
    return mod(dim_of(std::move(rest)), by / g) * g + left;
  }
  const Dim remaining = dim_of(std::move(rest));
  const DimInterval bounds = DimArithmetic::bounds_of(remaining);
  if (bounds.low >= 0 && bounds.high < by) return remaining;
  const DimExpr* e = DimArithmetic::expr(remaining);
  if (e && e->kind == Kind::mod && e->args[1].as_int() && *e->args[1].as_int() % by == 0) return mod(e->args[0], by);
  return make_atom(Kind::mod, {remaining, by});
}

DimInterval sum_bounds(const DimSum& sum) {
  DimInterval bounds{sum.constant, sum.constant};
  for (const DimTerm& t : sum.terms) {
    DimInterval product{t.coefficient, t.coefficient};
    for (const DimExpr* f : t.factors) product = multiply_bounds(product, f->bounds);
    bounds = add_bounds(bounds, product);
  }
  return bounds;
}

/// min and max: flattened, sorted, without arguments that another one provably dominates.
Dim extreme(Kind kind, const Dim& a, const Dim& b) {
  std::vector<Dim> args;
  for (const Dim& d : {a, b}) {
    const DimExpr* e = DimArithmetic::expr(d);
    if (e && e->kind == kind) args.insert(args.end(), e->args.begin(), e->args.end());
    else args.push_back(d);
  }
  std::sort(args.begin(), args.end());
  args.erase(std::unique(args.begin(), args.end()), args.end());
  const bool greatest = kind == Kind::max;
  auto dominates = [&](const Dim& x, const Dim& y) {  // max: x >= y always
    if (x.as_int() && y.as_int()) return greatest ? *x.as_int() >= *y.as_int() : *x.as_int() <= *y.as_int();
    if (y.is(greatest ? INT64_MIN : INT64_MAX) || x.is(greatest ? INT64_MAX : INT64_MIN)) return true;
    if (any_saturated(x, y)) return false;
    const DimSum difference = greatest ? add(sum_of(x), sum_of(y), -1) : add(sum_of(y), sum_of(x), -1);
    return !difference.overflow && sum_bounds(difference).low >= 0;
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
    if (const DimExpr* e = DimArithmetic::expr(a)) inner = std::max(inner, e->depth), expr.has_unknown |= e->has_unknown;
  size_t factors = 0;
  for (const DimTerm& t : expr.sum.terms)
    for (const DimExpr* e : t.factors) inner = std::max(inner, e->depth), expr.has_unknown |= e->has_unknown, ++factors;
  expr.depth = inner + 1;
  if (expr.depth > kDeepest || expr.text.size() > kLongestDimText || factors > kMostFactors ||
      expr.args.size() > kMostArgs)
    return Dim::unknown();
  Table& t = table();
  std::lock_guard lock(t.mutex);
  if (auto found = t.nodes.find(expr.text); found != t.nodes.end()) return DimArithmetic::of(found->second.get());
  auto node = std::make_unique<const DimExpr>(std::move(expr));
  const DimExpr* result = node.get();
  t.nodes.emplace(result->text, std::move(node));
  return DimArithmetic::of(result);
}

DimSum sum_of(const Dim& d) {
  const DimExpr* e = DimArithmetic::expr(d);
  if (e == nullptr) return {*d.as_int(), {}};
  if (e->kind == Kind::sum) return e->sum;
  return {0, {{1, {e}}}};
}

Dim dim_of(DimSum&& sum) {
  if (sum.overflow) return INT64_MAX;
  if (sum.terms.empty()) return sum.constant;
  if (sum.constant == 0 && sum.terms.size() == 1 && sum.terms[0].coefficient == 1 && sum.terms[0].factors.size() == 1)
    return DimArithmetic::of(sum.terms[0].factors[0]);
  DimExpr e;
  e.kind = Kind::sum;
  e.bounds = sum_bounds(sum);
  e.text = sum_text(sum);
  e.sum = std::move(sum);
  return intern_dim(std::move(e));
}

/// Polynomial division by leading terms; false unless it comes out even.
bool exact_quotient(const DimSum& a, const DimSum& b, DimSum& quotient) {
  if (b.terms.empty()) return false;
  DimSum rest = a;
  const DimTerm& lead = b.terms[0];
  for (size_t step = 0; step < kMostTerms && !rest.terms.empty(); ++step) {
    const DimTerm& top = rest.terms[0];
    if (top.coefficient % lead.coefficient != 0 ||
        !std::includes(top.factors.begin(), top.factors.end(), lead.factors.begin(), lead.factors.end(),
                       [](const DimExpr* x, const DimExpr* y) { return compare_atoms(x, y) < 0; }))
      return false;
    DimSum one;
    DimTerm t{top.coefficient / lead.coefficient, without(top.factors, lead.factors)};
    if (t.factors.empty()) one.constant = t.coefficient;
    else one.terms.push_back(std::move(t));
    quotient = add(quotient, one, 1);
    rest = add(rest, multiply(b, one), -1);
    if (rest.overflow || quotient.overflow) return false;
  }
  return rest.terms.empty() && rest.constant == 0;
}

int compare_dims(const Dim& a, const Dim& b) {
  const DimExpr *x = DimArithmetic::expr(a), *y = DimArithmetic::expr(b);
  if ((x == nullptr) != (y == nullptr)) return x == nullptr ? -1 : 1;
  if (x != nullptr) return compare_atoms(x, y);
  return *a.as_int() < *b.as_int() ? -1 : *a.as_int() > *b.as_int();
}

bool operator<(const Dim& a, const Dim& b) { return compare_dims(a, b) < 0; }

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
  DimSum sum = add(sum_of(a), sum_of(b), 1);
  return sum.terms.size() > kMostTerms ? Dim::unknown() : dim_of(std::move(sum));
}

Dim operator-(Dim a, Dim b) {
  if (b.as_int()) return a + saturated_negate(*b.as_int());
  if (any_saturated(a, b)) return a;
  DimSum sum = add(sum_of(a), sum_of(b), -1);
  return sum.terms.size() > kMostTerms ? Dim::unknown() : dim_of(std::move(sum));
}

Dim operator*(Dim a, Dim b) {
  if (a.is(0) || b.is(0)) return 0;
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  if (a.as_int() && b.as_int()) return saturated_multiply(*a.as_int(), *b.as_int());
  if (any_saturated(a, b)) return a.as_int() ? a : b;
  const DimSum x = sum_of(a), y = sum_of(b);
  if ((x.terms.size() + 1) * (y.terms.size() + 1) > 4 * kMostTerms) return Dim::unknown();
  DimSum product = multiply(x, y);
  return product.terms.size() > kMostTerms ? Dim::unknown() : dim_of(std::move(product));
}

Dim floor_div(Dim a, Dim b) {
  if (b.is(1)) return a;
  if (b.is(0)) return make_atom(Kind::floor_div, {a, b});  // an error when it is evaluated
  if (a.is(0)) return 0;
  if (any_saturated(a, b)) return is_saturated(a.as_int().value_or(0)) ? a : b;
  if (a.as_int() && b.as_int()) return floor_quotient(*a.as_int(), *b.as_int());
  if (b.as_int()) {
    if (*b.as_int() < 0) return floor_div(a * Dim(-1), -*b.as_int());
    return floor_div_constant(a, *b.as_int());
  }
  // A symbolic divisor: cancel what both share, assuming as everywhere that it is not 0.
  DimSum x = sum_of(a), y = sum_of(b);
  if (y.terms[0].coefficient < 0) return floor_div(a * Dim(-1), b * Dim(-1));
  const auto shared = common_atoms(x, common_atoms(y, y.terms[0].factors));
  const int64_t g = coefficient_gcd(x, coefficient_gcd(y, std::gcd(x.constant, y.constant)));
  if (!shared.empty() || g > 1) {
    cancel(x, shared), cancel(y, shared);
    scale_down(x, g), scale_down(y, g);
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

/// A constant other than 1 wins at once: the symbol beside it must turn out as 1 or the same, which the runtime checks on
/// the operands themselves.
Dim broadcast(Dim a, Dim b) {
  std::vector<Dim> args;
  for (const Dim& d : {a, b}) {
    const DimExpr* e = DimArithmetic::expr(d);
    if (e && e->kind == Kind::broadcast) args.insert(args.end(), e->args.begin(), e->args.end());
    else if (!d.is(1)) args.push_back(d);
  }
  std::sort(args.begin(), args.end());
  args.erase(std::unique(args.begin(), args.end()), args.end());
  // Constants sort first. Two different ones stay, as an error for whoever evaluates it.
  const auto constants = std::count_if(args.begin(), args.end(), [](const Dim& d) { return d.as_int().has_value(); });
  if (constants > 0) args.resize(size_t(constants));
  if (args.empty()) return 1;
  return args.size() == 1 ? args[0] : make_atom(Kind::broadcast, std::move(args));
}

}  // namespace rekindle
