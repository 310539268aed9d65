// Elementwise ops: comparisons, logic on 0 and 1, choice.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/expr.h"
#include "math/op_struct.h"
#include "math/scalar.h"

namespace rekindle::ops {

struct Equal {
  static constexpr auto name = "equal";
  static constexpr auto domain = Domain::any;
  static constexpr bool is_predicate = true, commutes = true;
  template <class T> T formula(T a, T b) const { return select(a == b, T(1), T(0)); }
};
struct Greater {
  static constexpr auto name = "greater";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool is_predicate = true;
  template <class T> T formula(T a, T b) const { return select(a > b, T(1), T(0)); }
};
struct GreaterOrEqual {
  static constexpr auto name = "greater_or_equal";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool is_predicate = true;
  template <class T> T formula(T a, T b) const { return select(a >= b, T(1), T(0)); }
};
struct Less {
  static constexpr auto name = "less";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool is_predicate = true;
  template <class T> T formula(T a, T b) const { return select(a < b, T(1), T(0)); }
};
struct LessOrEqual {
  static constexpr auto name = "less_or_equal";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool is_predicate = true;
  template <class T> T formula(T a, T b) const { return select(a <= b, T(1), T(0)); }
};
struct IsNaN {
  static constexpr auto name = "is_nan";
  static constexpr bool is_predicate = true;
  template <class T> T formula(T x) const { return select(isnan(x), T(1), T(0)); }
};
struct IsInf {
  bool detect_negative = true, detect_positive = true;
  static constexpr auto name = "is_inf";
  static constexpr bool is_predicate = true;
  static constexpr auto fields = rekindle::fields("detect_negative", &IsInf::detect_negative,
                                                  "detect_positive", &IsInf::detect_positive);
  template <class T> T formula(T x) const {
    const T infinity(std::numeric_limits<float>::infinity());
    return select(x == infinity, T(detect_positive ? 1 : 0),
                  select(x == -infinity, T(detect_negative ? 1 : 0), T(0)));
  }
};
struct And {
  static constexpr auto name = "and";
  static constexpr auto domain = Domain::boolean;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return a * b; }
};
struct Or {
  static constexpr auto name = "or";
  static constexpr auto domain = Domain::boolean;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return max(a, b); }
};
struct Xor {
  static constexpr auto name = "xor";
  static constexpr auto domain = Domain::boolean;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return select(a != b, T(1), T(0)); }
};
struct Not {
  static constexpr auto name = "not";
  static constexpr auto domain = Domain::boolean;
  template <class T> T formula(T x) const { return T(1) - x; }
};
/// where(condition, x, y): the condition is boolean, x and y share a type.
struct Where {
  static constexpr auto name = "where";
  static constexpr auto domain = Domain::any;
  static constexpr bool has_condition = true;
  template <class T> T formula(T condition, T x, T y) const { return select(condition != T(0), x, y); }
};

}  // namespace rekindle::ops
