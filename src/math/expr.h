// Expr: C source for one scalar. A formula run with T = float computes; with T = Expr it writes a kernel.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace rekindle {

struct Expr {
  std::string text;
  explicit Expr(std::string code) : text(std::move(code)) {}
  explicit Expr(double value);  // a float literal that reads back exactly: 0.5f, 1e-05f, RK_INF
};

Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
Expr operator-(Expr a);
Expr operator<(Expr a, Expr b);
Expr operator<=(Expr a, Expr b);
Expr operator>(Expr a, Expr b);
Expr operator>=(Expr a, Expr b);
Expr operator==(Expr a, Expr b);
Expr operator!=(Expr a, Expr b);
Expr select(Expr condition, Expr yes, Expr no);
Expr min(Expr a, Expr b);
Expr max(Expr a, Expr b);
Expr pow(Expr a, Expr b);
Expr fmod(Expr a, Expr b);
Expr divide(Expr a, Expr b);
Expr bits_and(Expr a, Expr b);
Expr bits_or(Expr a, Expr b);
Expr bits_xor(Expr a, Expr b);
Expr bits_not(Expr a);
Expr shift_left(Expr a, Expr b);
Expr shift_right(Expr a, Expr b);
#define RK_UNARY(f) Expr f(Expr a);
#include "math/unary_functions.def"
#undef RK_UNARY

}  // namespace rekindle
