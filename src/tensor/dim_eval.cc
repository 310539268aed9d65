// What is asked of a finished Dim: its value, its bounds, its symbols, its divisors, and substitution.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "tensor/dim_expr.h"

namespace rekindle {

namespace {

using Kind = DimExpr::Kind;

/// Why an evaluation stopped; made into a sentence only when somebody asks.
struct Failure {
  enum class Why { unbound, negative, undefined, zero_divisor, unequal, overflow } why = Why::unbound;
  const DimExpr* at = nullptr;
  int64_t a = 0, b = 0;
};

class Evaluation {
 public:
  explicit Evaluation(const Bindings& bindings) : bindings_(bindings) {}

  bool dim(const Dim& d, int64_t& value) {
    if (const DimExpr* e = DimArithmetic::expr(d)) return expr(*e, value);
    value = *d.as_int();
    return true;
  }
  Status status(const Dim& whole) const {
    const std::string where = failure_.at->text == whole.to_string() ? "" : " in " + whole.to_string();
    const std::string at = failure_.at->text;
    switch (failure_.why) {
      case Failure::Why::unbound:
        return error("symbol " + at + where + " has no value");
      case Failure::Why::negative:
        return error("symbol " + at + " is " + std::to_string(failure_.a) +
                     ", expected a size of at least 0");
      case Failure::Why::undefined:
        return error("the dim " + at + where + " is known only after its step has run");
      case Failure::Why::zero_divisor:
        return error(at + where + " divides by 0");
      case Failure::Why::unequal:
        return error(at + where + " joins sizes " + std::to_string(failure_.a) + " and " +
                     std::to_string(failure_.b) + ", expected equal sizes or 1");
      case Failure::Why::overflow:
        return error("the value of " + at + where + " overflows 64 bits");
    }
    return error("cannot evaluate " + at);
  }

 private:
  static Status error(std::string text) { return Status::error(Code::invalid_argument, std::move(text)); }
  bool fail(Failure::Why why, const DimExpr& at, int64_t a = 0, int64_t b = 0) {
    failure_ = {why, &at, a, b};
    return false;
  }

  bool sum(const DimExpr& e, int64_t& value) {
    int64_t total = e.sum.constant;
    for (const DimTerm& t : e.sum.terms) {
      int64_t product = t.coefficient;
      for (const DimExpr* f : t.factors) {
        int64_t v = 0;
        if (!expr(*f, v)) return false;
        if (__builtin_mul_overflow(product, v, &product)) return fail(Failure::Why::overflow, e);
      }
      if (__builtin_add_overflow(total, product, &total)) return fail(Failure::Why::overflow, e);
    }
    value = total;
    return true;
  }
  bool broadcast(const DimExpr& e, int64_t& value) {
    value = 1;
    for (const Dim& arg : e.args) {
      int64_t v = 0;
      if (!dim(arg, v)) return false;
      if (v == 1 || v == value) continue;
      if (value != 1) return fail(Failure::Why::unequal, e, value, v);
      value = v;
    }
    return true;
  }
  bool expr(const DimExpr& e, int64_t& value) {
    switch (e.kind) {
      case Kind::unknown:
        return fail(Failure::Why::undefined, e);
      case Kind::symbol: {
        const auto found = bindings_.find(e.text);
        if (found == bindings_.end()) return fail(Failure::Why::unbound, e);
        value = found->second;
        return value >= 0 || fail(Failure::Why::negative, e, value);
      }
      case Kind::sum:
        return sum(e, value);
      case Kind::broadcast:
        return broadcast(e, value);
      default:
        break;
    }
    int64_t a = 0, b = 0;
    if (!dim(e.args[0], a)) return false;
    for (size_t i = 1; i < e.args.size(); ++i) {
      if (!dim(e.args[i], b)) return false;
      if (e.kind == Kind::min)
        a = std::min(a, b);
      else if (e.kind == Kind::max)
        a = std::max(a, b);
      else if (b == 0)
        return fail(Failure::Why::zero_divisor, e);
      else if (b == -1 && a == INT64_MIN)
        return fail(Failure::Why::overflow, e);
      else
        a = e.kind == Kind::mod ? floor_remainder(a, b) : floor_quotient(a, b);
    }
    value = a;
    return true;
  }

  const Bindings& bindings_;
  Failure failure_;
};

DimInterval range_of(const Dim& d, const Profile& profile);
DimInterval range_of(const DimExpr& e, const Profile& profile) {
  if (e.kind == Kind::unknown) return e.bounds;
  if (e.kind == Kind::symbol) {
    const auto found = profile.find(e.text);
    return found == profile.end() ? e.bounds
                                  : DimInterval{std::max<int64_t>(0, found->second.min), found->second.max};
  }
  if (e.kind == Kind::sum) {
    DimInterval total{e.sum.constant, e.sum.constant};
    for (const DimTerm& t : e.sum.terms) {
      DimInterval product{t.coefficient, t.coefficient};
      for (const DimExpr* f : t.factors) product = multiply_bounds(product, range_of(*f, profile));
      total = add_bounds(total, product);
    }
    return total;
  }
  std::vector<DimInterval> args;
  for (const Dim& a : e.args) args.push_back(range_of(a, profile));
  return combined_bounds(e.kind, args);
}
DimInterval range_of(const Dim& d, const Profile& profile) {
  if (const DimExpr* e = DimArithmetic::expr(d)) return range_of(*e, profile);
  return DimArithmetic::bounds_of(d);
}

/// The greatest number that provably divides; 0 for the constant 0, which everything divides.
int64_t known_divisor(const Dim& d);
int64_t known_divisor(const DimExpr& e) {
  switch (e.kind) {
    case Kind::sum: {
      int64_t all = e.sum.constant;
      for (const DimTerm& t : e.sum.terms) {
        int64_t product = t.coefficient;
        for (const DimExpr* f : t.factors) {
          const int64_t more = saturated_multiply(product, known_divisor(*f));
          if (!is_saturated(more)) product = more;
        }
        all = std::gcd(all, product);
      }
      return all;
    }
    case Kind::min:
    case Kind::max: {
      int64_t all = 0;
      for (const Dim& a : e.args) all = std::gcd(all, known_divisor(a));
      return all;
    }
    case Kind::broadcast: {  // an argument with a divisor above 1 is not 1, so it is the result
      int64_t best = 1;
      for (const Dim& a : e.args) best = std::max(best, known_divisor(a));
      return best;
    }
    case Kind::mod:
      return std::gcd(known_divisor(e.args[0]), known_divisor(e.args[1]));
    default:
      return 1;
  }
}
int64_t known_divisor(const Dim& d) {
  if (const DimExpr* e = DimArithmetic::expr(d)) return known_divisor(*e);
  const int64_t v = *d.as_int();
  return is_saturated(v) ? 1 : std::abs(v);
}

void collect(const DimExpr& e, std::set<std::string, std::less<>>& into) {
  if (e.kind == Kind::symbol) into.insert(e.text);
  for (const Dim& a : e.args) a.collect_symbols(into);
  for (const DimTerm& t : e.sum.terms)
    for (const DimExpr* f : t.factors) collect(*f, into);
}

Dim substituted(const DimExpr& e, const std::map<std::string, Dim, std::less<>>& with) {
  if (e.kind == Kind::symbol) {
    const auto found = with.find(e.text);
    return found == with.end() ? DimArithmetic::of(&e) : found->second;
  }
  if (e.kind == Kind::unknown) return DimArithmetic::of(&e);
  if (e.kind == Kind::sum) {
    Dim total = e.sum.constant;
    for (const DimTerm& t : e.sum.terms) {
      Dim product = t.coefficient;
      for (const DimExpr* f : t.factors) product = product * substituted(*f, with);
      total = total + product;
    }
    return total;
  }
  Dim result = e.args[0].substitute(with);
  for (size_t i = 1; i < e.args.size(); ++i) {
    const Dim next = e.args[i].substitute(with);
    switch (e.kind) {
      case Kind::floor_div:
        result = floor_div(result, next);
        break;
      case Kind::mod:
        result = mod(result, next);
        break;
      case Kind::min:
        result = min(result, next);
        break;
      case Kind::max:
        result = max(result, next);
        break;
      default:
        result = broadcast(result, next);
        break;
    }
  }
  return result;
}

}  // namespace

DimInterval add_bounds(DimInterval a, DimInterval b) {
  // An infinite end absorbs; ends of opposite sign never meet in one call because lows only add to lows.
  return {a.low == INT64_MIN || b.low == INT64_MIN ? INT64_MIN : saturated_add(a.low, b.low),
          a.high == INT64_MAX || b.high == INT64_MAX ? INT64_MAX : saturated_add(a.high, b.high)};
}

DimInterval multiply_bounds(DimInterval a, DimInterval b) {
  const int64_t ends[] = {saturated_multiply(a.low, b.low), saturated_multiply(a.low, b.high),
                          saturated_multiply(a.high, b.low), saturated_multiply(a.high, b.high)};
  return {*std::min_element(ends, ends + 4), *std::max_element(ends, ends + 4)};
}

DimInterval quotient_bounds(DimInterval a, DimInterval b) {
  if (b.low == 0) b.low = 1;  // dividing by 0 is an error, so the value exists only for the others
  if (b.low > 0 && b.high >= b.low) {
    const int64_t lows[] = {floor_quotient(a.low, b.low), floor_quotient(a.low, b.high)};
    const int64_t highs[] = {floor_quotient(a.high, b.low), floor_quotient(a.high, b.high)};
    return {std::min(lows[0], lows[1]), std::max(highs[0], highs[1])};
  }
  const int64_t most = std::max(saturated_negate(a.low), a.high);  // |b| >= 1
  return {saturated_negate(most), most};
}

DimInterval remainder_bounds(DimInterval a, DimInterval b) {
  if (b.low < 0) return {b.low == INT64_MIN ? INT64_MIN : b.low + 1, b.high > 0 ? b.high : 0};
  if (a.low >= 0 && a.high < b.low) return a;
  const int64_t below = b.high == INT64_MAX ? INT64_MAX : std::max<int64_t>(0, b.high - 1);
  return {0, a.low >= 0 ? std::min(below, a.high) : below};
}

DimInterval combined_bounds(Kind kind, const std::vector<DimInterval>& args) {
  if (kind == Kind::floor_div) return quotient_bounds(args[0], args[1]);
  if (kind == Kind::mod) return remainder_bounds(args[0], args[1]);
  DimInterval all = args[0], hull = args[0];
  bool decided = false;  // broadcast: an argument that cannot be 0 or 1 is the result
  DimInterval result;
  for (const DimInterval& a : args) {
    const bool least = kind == Kind::min;
    all = {least ? std::min(all.low, a.low) : std::max(all.low, a.low),
           least ? std::min(all.high, a.high) : std::max(all.high, a.high)};
    hull = {std::min(hull.low, a.low), std::max(hull.high, a.high)};
    if (a.low >= 2) result = {std::max(result.low, a.low), std::min(result.high, a.high)}, decided = true;
  }
  if (kind != Kind::broadcast) return all;
  return decided && result.low <= result.high ? result : hull;
}

std::optional<std::string_view> Dim::as_symbol() const {
  if (expr_ == nullptr || expr_->kind != Kind::symbol) return std::nullopt;
  return expr_->text;
}

/// True for expressions over an unknown too: nobody could ever evaluate them.
bool Dim::is_unknown() const { return expr_ != nullptr && expr_->has_unknown; }

Result<int64_t> Dim::eval(const Bindings& bindings) const {
  Evaluation evaluation(bindings);
  int64_t value = 0;
  if (!evaluation.dim(*this, value)) return evaluation.status(*this);
  return value;
}

bool Dim::try_eval(const Bindings& bindings, int64_t& value) const {
  if (expr_ == nullptr) {
    value = value_;
    return true;
  }
  return Evaluation(bindings).dim(*this, value);
}

void Dim::collect_symbols(std::set<std::string, std::less<>>& into) const {
  if (expr_ != nullptr) collect(*expr_, into);
}

Dim Dim::substitute(const std::map<std::string, Dim, std::less<>>& with) const {
  return expr_ == nullptr ? *this : substituted(*expr_, with);
}

Range Dim::range(const Profile& profile) const {
  const DimInterval bounds = range_of(*this, profile);
  Range range{bounds.low, bounds.low, bounds.high};
  Bindings usual;
  std::set<std::string, std::less<>> symbols;
  collect_symbols(symbols);
  for (const auto& s : symbols)
    if (const auto found = profile.find(s); found != profile.end()) usual[s] = found->second.opt;
  if (!try_eval(usual, range.opt)) range.opt = bounds.low;
  return range;
}

bool Dim::divisible_by(int64_t n) const {
  if (n == 0) return is(0);
  if (expr_ == nullptr) return !is_saturated(value_) && floor_remainder(value_, n) == 0;
  return floor_remainder(known_divisor(*expr_), n) == 0;
}

std::string Dim::to_string() const { return expr_ ? expr_->text : std::to_string(value_); }

}  // namespace rekindle
