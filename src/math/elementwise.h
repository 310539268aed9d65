// Elementwise ops: each is its formula. From it follow types, reference, CPU kernels and CUDA source.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/expr.h"
#include "math/op_struct.h"
#include "math/scalar.h"

namespace rekindle::ops {

struct Add {
  static constexpr auto name = "add";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return a + b; }
};
struct Sub {
  static constexpr auto name = "sub";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T a, T b) const { return a - b; }
};
struct Mul {
  static constexpr auto name = "mul";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return a * b; }
};
struct Div {
  static constexpr auto name = "div";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T a, T b) const { return divide(a, b); }
};
struct Sigmoid {
  static constexpr auto name = "sigmoid";
  template <class T> T formula(T x) const { return T(1) / (T(1) + exp(-x)); }
};
struct Silu {
  static constexpr auto name = "silu";
  template <class T> T formula(T x) const { return x / (T(1) + exp(-x)); }
};
struct LeakyRelu {
  float alpha = 0.01f;
  static constexpr auto name = "leaky_relu";
  static constexpr auto fields = rekindle::fields("alpha", &LeakyRelu::alpha);
  template <class T> T formula(T x) const { return select(x < T(0), T(alpha) * x, x); }
};
/// min(max(x, low), high); absent bounds are infinite.
struct Clip {
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  static constexpr auto name = "clip";
  static constexpr auto fields = rekindle::fields("low", &Clip::low, "high", &Clip::high);
  template <class T> T formula(T x) const { return min(max(x, T(low)), T(high)); }
};
struct Greater {
  static constexpr auto name = "greater";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool is_predicate = true;
  template <class T> T formula(T a, T b) const { return select(a > b, T(1), T(0)); }
};
/// where(condition, x, y): the condition is boolean, x and y share a type.
struct Where {
  static constexpr auto name = "where";
  static constexpr auto domain = Domain::any;
  static constexpr bool has_condition = true;  // input 0 is boolean whatever the others are
  template <class T> T formula(T condition, T x, T y) const { return select(condition != T(0), x, y); }
};

}  // namespace rekindle::ops
