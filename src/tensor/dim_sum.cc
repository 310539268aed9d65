// Polynomials over atoms, in canonical form: what Dim arithmetic computes with before a result is interned.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "tensor/dim_expr.h"

namespace rekindle {

int compare_atoms(const DimExpr* a, const DimExpr* b) { return a == b ? 0 : a->text.compare(b->text); }

namespace {

/// Graded lexicographic order, greatest first; admissible, so that polynomial division terminates.
int compare_products(const std::vector<const DimExpr*>& a, const std::vector<const DimExpr*>& b) {
  if (a.size() != b.size()) return a.size() > b.size() ? -1 : 1;
  for (size_t i = 0; i < a.size(); ++i)
    if (int c = compare_atoms(a[i], b[i])) return c;
  return 0;
}

std::vector<const DimExpr*> merged(const std::vector<const DimExpr*>& a,
                                   const std::vector<const DimExpr*>& b) {
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

}  // namespace

DimSum add_sums(const DimSum& a, const DimSum& b, int64_t times) {
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

DimSum multiply_sums(const DimSum& a, const DimSum& b) {
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

void divide_sum(DimSum& sum, int64_t by) {
  sum.constant = floor_quotient(sum.constant, by);
  for (DimTerm& t : sum.terms) t.coefficient /= by;
}

int64_t gcd_with_coefficients(int64_t start, const DimSum& sum) {
  for (const DimTerm& t : sum.terms) start = std::gcd(start, t.coefficient);
  return start;
}

std::vector<const DimExpr*> common_atoms(const DimSum& sum, std::vector<const DimExpr*> among) {
  if (sum.constant != 0) return {};
  for (const DimTerm& t : sum.terms) {
    std::vector<const DimExpr*> both;
    std::set_intersection(among.begin(), among.end(), t.factors.begin(), t.factors.end(),
                          std::back_inserter(both),
                          [](const DimExpr* x, const DimExpr* y) { return compare_atoms(x, y) < 0; });
    among = std::move(both);
  }
  return among;
}

static std::vector<const DimExpr*> without(const std::vector<const DimExpr*>& from,
                                           const std::vector<const DimExpr*>& atoms) {
  std::vector<const DimExpr*> rest;
  std::set_difference(from.begin(), from.end(), atoms.begin(), atoms.end(), std::back_inserter(rest),
                      [](const DimExpr* x, const DimExpr* y) { return compare_atoms(x, y) < 0; });
  return rest;
}

void cancel_atoms(DimSum& sum, const std::vector<const DimExpr*>& atoms) {
  for (DimTerm& t : sum.terms) {
    t.factors = without(t.factors, atoms);
    if (t.factors.empty()) sum.constant += t.coefficient, t.coefficient = 0;
  }
  normalize(sum);
}

DimInterval bounds_of_sum(const DimSum& sum) {
  DimInterval bounds{sum.constant, sum.constant};
  for (const DimTerm& t : sum.terms) {
    DimInterval product{t.coefficient, t.coefficient};
    for (const DimExpr* f : t.factors) product = multiply_bounds(product, f->bounds);
    bounds = add_bounds(bounds, product);
  }
  return bounds;
}

/// Polynomial division by leading terms; false unless it comes out even.
bool exact_quotient(const DimSum& a, const DimSum& b, DimSum& quotient) {
  if (b.terms.empty()) return false;
  DimSum rest = a;
  const DimTerm& lead = b.terms[0];
  for (size_t step = 0; step < kMostDimTerms && !rest.terms.empty(); ++step) {
    const DimTerm& top = rest.terms[0];
    if (top.coefficient % lead.coefficient != 0 ||
        !std::includes(top.factors.begin(), top.factors.end(), lead.factors.begin(), lead.factors.end(),
                       [](const DimExpr* x, const DimExpr* y) { return compare_atoms(x, y) < 0; }))
      return false;
    DimSum one;
    DimTerm t{top.coefficient / lead.coefficient, without(top.factors, lead.factors)};
    if (t.factors.empty())
      one.constant = t.coefficient;
    else
      one.terms.push_back(std::move(t));
    quotient = add_sums(quotient, one, 1);
    rest = add_sums(rest, multiply_sums(b, one), -1);
    if (rest.overflow || quotient.overflow) return false;
  }
  return rest.terms.empty() && rest.constant == 0;
}

DimSum sum_of(const Dim& d) {
  const DimExpr* e = DimArithmetic::expr(d);
  if (e == nullptr) return {*d.as_int(), {}};
  if (e->kind == DimExpr::Kind::sum) return e->sum;
  return {0, {{1, {e}}}};
}

Dim dim_of(DimSum&& sum) {
  if (sum.overflow) return INT64_MAX;
  if (sum.terms.empty()) return sum.constant;
  if (sum.constant == 0 && sum.terms.size() == 1 && sum.terms[0].coefficient == 1 &&
      sum.terms[0].factors.size() == 1)
    return DimArithmetic::of(sum.terms[0].factors[0]);
  DimExpr e;
  e.kind = DimExpr::Kind::sum;
  e.bounds = bounds_of_sum(sum);
  e.text = sum_text(sum);
  e.sum = std::move(sum);
  return intern_dim(std::move(e));
}

}  // namespace rekindle
