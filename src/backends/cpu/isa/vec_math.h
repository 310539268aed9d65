// The functions formulas call, on Vec: within 4 ulp of the exact value, NaN and infinities as C has them.
// SPDX-License-Identifier: Apache-2.0
//
// Each reduces its argument to a short interval and evaluates a polynomial whose coefficients minimise the
// largest relative error there (Lawson's iteration). The rare functions call the C library lane by lane.
#pragma once
#include <math.h>

#include "backends/cpu/isa/vec.h"

namespace rekindle::cpu::RK_ISA {

inline constexpr float kInfinity = __builtin_inff();
inline constexpr float kLn2High = 0x1.62e4p-1f,
                       kLn2Low = 0x1.7f7d1cp-20f;  // the high part has 15 bits: n * high is exact

/// 2^n for -126 <= n <= 127, from the exponent bits.
static inline Vec power_of_two(Ints n) { return from_bits(shift_left<23>(n + Ints(127))); }

/// exp(r) - 1 for |r| <= ln(2)/2.
static inline Vec expm1_reduced(Vec r) {
  Vec q = fma(Vec(0x1.a032bep-13f), r, Vec(0x1.6d71f4p-10f));
  q = fma(q, r, Vec(0x1.11118ap-7f));
  q = fma(q, r, Vec(0x1.5554b2p-5f));
  q = fma(q, r, Vec(0x1.555554p-3f));
  q = fma(q, r, Vec(0.5f));
  return fma(q, r * r, r);
}

static inline Vec exp(Vec x) {
  // Beyond these the result is 0 or infinity; NaN passes both.
  const Vec bounded = at_least(at_most(x, Vec(89.0f)), Vec(-104.0f));
  const Vec n = round_even(bounded * Vec(0x1.715476p0f));
  const Vec r = fma(n, Vec(-kLn2Low), fma(n, Vec(-kLn2High), bounded));
  const Vec e = Vec(1.0f) + expm1_reduced(r);
#if defined(__AVX512F__)
  return Vec(_mm512_scalef_ps(e.v, n.v));
#else
  // In two steps, so that neither factor overflows and subnormal results round once.
  const Ints whole = nearest_int(n), half = shift_right<1>(whole);
  return e * power_of_two(half) * power_of_two(whole - half);
#endif
}

static inline Vec expm1(Vec x) {
  const Vec bounded = at_least(at_most(x, Vec(89.0f)), Vec(-18.0f));
  const Vec n = round_even(bounded * Vec(0x1.715476p0f));
  const Vec r = fma(n, Vec(-kLn2Low), fma(n, Vec(-kLn2High), bounded));
  // 2^n (p + 1) - 1 = 2 (h p + (h - 1/2)) with h = 2^(n-1), which does not overflow before the result does.
  const Vec h = power_of_two(nearest_int(n) - Ints(1)), p = expm1_reduced(r);
  const Vec y = Vec(2.0f) * fma(h, p, h - Vec(0.5f));
  return select(n == Vec(0.0f), select(x == Vec(0.0f), x, p), y);  // -0 stays -0
}

/// log of a positive normal number.
static inline Vec log_normal(Vec x, Vec exponent_bias) {
  // x = m 2^e with sqrt(1/2) <= m < sqrt(2): adding the distance carries into the exponent where m is too
  // large.
  const Ints bits = to_bits(x) + Ints(0x3f800000 - 0x3f3504f3);
  const Vec e = to_float(shift_right<23>(bits) - Ints(127)) + exponent_bias;
  const Vec f = from_bits((bits & Ints(0x007fffff)) + Ints(0x3f3504f3)) - Vec(1.0f);
  Vec p = fma(Vec(0x1.14573ep-4f), f, Vec(-0x1.de3bf8p-4f));
  p = fma(p, f, Vec(0x1.e6f08cp-4f));
  p = fma(p, f, Vec(-0x1.fc220ep-4f));
  p = fma(p, f, Vec(0x1.233766p-3f));
  p = fma(p, f, Vec(-0x1.555c4ep-3f));
  p = fma(p, f, Vec(0x1.99a4b6p-3f));
  p = fma(p, f, Vec(-0x1.000006p-2f));
  p = fma(p, f, Vec(0x1.555548p-2f));
  const Vec f2 = f * f;
  Vec y = fma(p * f, f2, e * Vec(kLn2Low));
  y = fma(Vec(-0.5f), f2, y);
  return fma(e, Vec(kLn2High), f + y);
}

static inline Vec log(Vec x) {
  const Mask tiny = x < Vec(0x1p-126f);
  const Vec y = log_normal(select(tiny, x * Vec(0x1p23f), x), select(tiny, Vec(-23.0f), Vec(0.0f)));
  const Vec special =
      select(x == Vec(0.0f), Vec(-kInfinity), select(x == Vec(kInfinity), x, Vec(__builtin_nanf(""))));
  return select((x > Vec(0.0f)) & (x < Vec(kInfinity)), y, select(isnan(x), x, special));
}

static inline Vec log1p(Vec x) {
  // log(1 + x) where the sum's rounding error comes back as a first-order term.
  const Vec u = Vec(1.0f) + x;
  const Vec lost = select(abs(x) < Vec(1.0f), x - (u - Vec(1.0f)), Vec(1.0f) - (u - x));
  const Vec y = log_normal(u, Vec(0.0f)) + lost / u;
  const Vec special =
      select(x == Vec(-1.0f), Vec(-kInfinity), select(x == Vec(kInfinity), x, Vec(__builtin_nanf(""))));
  const Vec finite = select(x == Vec(0.0f), x, y);
  return select((x > Vec(-1.0f)) & (x < Vec(kInfinity)), finite, select(isnan(x), x, special));
}

static inline Vec tanh(Vec x) {
  const Vec t = expm1(at_most(abs(x), Vec(10.0f)) * Vec(2.0f));
  const Vec y = with_sign_of(t / (t + Vec(2.0f)), x);
  return select(isnan(x), x, y);
}

static inline Vec erf(Vec x) {
  const Vec a = abs(x), s = x * x;
  Vec p = fma(Vec(-0x1.38277cp-11f), s, Vec(0x1.46c2b8p-8f));
  p = fma(p, s, Vec(-0x1.b676e6p-6f));
  p = fma(p, s, Vec(0x1.ce1906p-4f));
  p = fma(p, s, Vec(-0x1.8126dcp-2f));
  p = fma(p, s, Vec(0x1.06eba6p-3f));
  const Vec near = fma(p, x, x);
  // erf(a) = 1 - exp(q(a)), q approximating log(erfc(a)); from 4 on the result is 1.
  const Vec t = at_most(a, Vec(4.0f));
  Vec q = fma(Vec(-0x1.78dd8ep-17f), t, Vec(0x1.527c6ap-12f));
  q = fma(q, t, Vec(-0x1.dd6cd8p-9f));
  q = fma(q, t, Vec(0x1.85515ep-6f));
  q = fma(q, t, Vec(-0x1.b32574p-4f));
  q = fma(q, t, Vec(-0x1.45328ep-1f));
  q = fma(q, t, Vec(-0x1.0778dcp-3f));
  const Vec far = with_sign_of(Vec(1.0f) - exp(fma(q, t, -t)), x);
  return select(a < Vec(0.92f), near, select(isnan(x), x, far));
}

/// Calls a C function for each lane.
template <class F> static inline Vec each_lane(F f, Vec x) {
  alignas(64) float lanes[Vec::width];
  x.store(lanes);
  for (float& lane : lanes) lane = f(lane);
  return Vec::load(lanes);
}
template <class F> static inline Vec each_lane(F f, Vec x, Vec y) {
  alignas(64) float xs[Vec::width], ys[Vec::width];
  x.store(xs);
  y.store(ys);
  for (int i = 0; i < Vec::width; ++i) xs[i] = f(xs[i], ys[i]);
  return Vec::load(xs);
}

/// sin(x + quarter_turns * pi/2) for |x| <= 8192.
static inline Vec sin_of_turns(Vec x, int quarter_turns) {
  const Vec n = round_even(x * Vec(0x1.45f306p-1f));
#if defined(__FMA__)
  Vec r = fma(n, Vec(-0x1.921fb6p+0f), x);
  r = fma(n, Vec(0x1.777a5cp-25f), r);
  r = fma(n, Vec(0x1.ee59dap-50f), r);
#else
  // Parts of pi/2 so short that their products with n < 2^13 are exact.
  Vec r = fma(n, Vec(-0x1.92p+0f), x);
  r = fma(n, Vec(-0x1.fb4p-12f), r);
  r = fma(n, Vec(-0x1.444p-24f), r);
  r = fma(n, Vec(-0x1.68c234p-39f), r);
#endif
  const Ints quadrant = nearest_int(n) + Ints(quarter_turns);
  const Vec s = r * r;
  Vec sine = fma(Vec(-0x1.994388p-13f), s, Vec(0x1.11073ap-7f));
  sine = fma(sine, s, Vec(-0x1.555546p-3f));
  sine = fma(sine * s, r, r);
  Vec cosine = fma(Vec(0x1.99eb4ap-16f), s, Vec(-0x1.6c0c32p-10f));
  cosine = fma(cosine, s, Vec(0x1.55554ap-5f));
  cosine = fma(cosine * s, s, fma(Vec(-0.5f), s, Vec(1.0f)));
  const Vec y = select(equal(quadrant & Ints(1), Ints(0)), sine, cosine);
  return from_bits(to_bits(y) ^ shift_left<30>(quadrant & Ints(2)));
}
static inline Vec sin(Vec x) {
  if (any(!(abs(x) <= Vec(8192.0f)))) return each_lane(::sinf, x);
  return select(x == Vec(0.0f), x, sin_of_turns(x, 0));
}
static inline Vec cos(Vec x) {
  if (any(!(abs(x) <= Vec(8192.0f)))) return each_lane(::cosf, x);
  return sin_of_turns(x, 1);
}

static inline Vec pow(Vec x, Vec y) {
  // One small exponent for all lanes is what models have.
  alignas(64) float exponents[Vec::width];
  y.store(exponents);
  const float e = exponents[0];
  if (!any(y != Vec(e))) {
    if (e == 2.0f) return x * x;
    if (e == 3.0f) return x * x * x;
    if (e == 1.0f) return x;
    if (e == -1.0f) return Vec(1.0f) / x;
    if (e == 0.5f)
      return select(x == Vec(-kInfinity), Vec(kInfinity), sqrt(x + Vec(0.0f)));  // -0 and -inf as in C
    if (e == -0.5f) return select(x == Vec(-kInfinity), Vec(0.0f), Vec(1.0f) / sqrt(x + Vec(0.0f)));
  }
  return each_lane(::powf, x, y);
}
static inline Vec fmod(Vec x, Vec y) { return each_lane(::fmodf, x, y); }

#define RK_EACH_LANE(name) \
  static inline Vec name(Vec x) { return each_lane(::name##f, x); }
RK_EACH_LANE(acos)
RK_EACH_LANE(acosh)
RK_EACH_LANE(asin)
RK_EACH_LANE(asinh)
RK_EACH_LANE(atan)
RK_EACH_LANE(atanh)
RK_EACH_LANE(cosh)
RK_EACH_LANE(sinh)
RK_EACH_LANE(tan)
#undef RK_EACH_LANE

}  // namespace rekindle::cpu::RK_ISA
