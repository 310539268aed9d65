// Writing C source from formulas.
// SPDX-License-Identifier: Apache-2.0
#include "math/expr.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace rekindle {

namespace {
Expr binary(const Expr& a, const char* op, const Expr& b) {
  return Expr("(" + a.text + " " + op + " " + b.text + ")");
}
Expr call(const char* f, const Expr& a) { return Expr(std::string(f) + "(" + a.text + ")"); }
Expr call(const char* f, const Expr& a, const Expr& b) {
  return Expr(std::string(f) + "(" + a.text + ", " + b.text + ")");
}
}  // namespace

Expr::Expr(double value) {
  if (std::isinf(value)) {
    text = value > 0 ? "RK_INF" : "(-RK_INF)";
  } else if (std::isnan(value)) {
    text = "RK_NAN";
  } else {
    char buffer[40];
    for (int digits = 1; digits <= 9; ++digits) {  // the shortest text that reads back as the same float
      std::snprintf(buffer, sizeof buffer, "%.*g", digits, double(float(value)));
      if (std::strtof(buffer, nullptr) == float(value)) break;
    }
    text = buffer;
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    text += "f";
    if (text[0] == '-') text = "(" + text + ")";
  }
}

Expr operator+(Expr a, Expr b) { return binary(a, "+", b); }
Expr operator-(Expr a, Expr b) { return binary(a, "-", b); }
Expr operator*(Expr a, Expr b) { return binary(a, "*", b); }
Expr operator/(Expr a, Expr b) { return binary(a, "/", b); }
Expr operator-(Expr a) { return Expr("(-" + a.text + ")"); }
Expr operator<(Expr a, Expr b) { return binary(a, "<", b); }
Expr operator<=(Expr a, Expr b) { return binary(a, "<=", b); }
Expr operator>(Expr a, Expr b) { return binary(a, ">", b); }
Expr operator>=(Expr a, Expr b) { return binary(a, ">=", b); }
Expr operator==(Expr a, Expr b) { return binary(a, "==", b); }
Expr operator!=(Expr a, Expr b) { return binary(a, "!=", b); }
Expr select(Expr c, Expr yes, Expr no) {
  return Expr("(" + c.text + " ? " + yes.text + " : " + no.text + ")");
}
Expr min(Expr a, Expr b) { return call("rk_min", a, b); }
Expr max(Expr a, Expr b) { return call("rk_max", a, b); }
Expr pow(Expr a, Expr b) { return call("powf", a, b); }
Expr fmod(Expr a, Expr b) { return call("fmodf", a, b); }
Expr divide(Expr a, Expr b) { return binary(a, "/", b); }
Expr bits_and(Expr a, Expr b) { return binary(a, "&", b); }
Expr bits_or(Expr a, Expr b) { return binary(a, "|", b); }
Expr bits_xor(Expr a, Expr b) { return binary(a, "^", b); }
Expr bits_not(Expr a) { return Expr("(~" + a.text + ")"); }
Expr shift_left(Expr a, Expr b) { return call("rk_shift_left", a, b); }
Expr shift_right(Expr a, Expr b) { return call("rk_shift_right", a, b); }
#define RK_UNARY(f) \
  Expr f(Expr a) { return call("rk_" #f, a); }
#include "math/unary_functions.def"
#undef RK_UNARY

}  // namespace rekindle
