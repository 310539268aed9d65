// Elementwise ops: activations.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/expr.h"
#include "math/op_struct.h"
#include "math/scalar.h"

namespace rekindle::ops {

/// log(1 + exp(x)), without overflow.
template <class T> T softplus(T x) { return max(x, T(0)) + log1p(exp(-abs(x))); }

struct Relu {
  static constexpr auto name = "relu";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T x) const { return max(x, T(0)); }
};
struct LeakyRelu {
  float alpha = 0.01f;
  static constexpr auto name = "leaky_relu";
  static constexpr auto fields = rekindle::fields("alpha", &LeakyRelu::alpha);
  template <class T> T formula(T x) const { return select(x < T(0), T(alpha) * x, x); }
};
/// leaky_relu whose slope is a tensor.
struct PRelu {
  static constexpr auto name = "prelu";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T x, T slope) const { return select(x < T(0), slope * x, x); }
};
struct ThresholdedRelu {
  float alpha = 1;
  static constexpr auto name = "thresholded_relu";
  static constexpr auto fields = rekindle::fields("alpha", &ThresholdedRelu::alpha);
  template <class T> T formula(T x) const { return select(x > T(alpha), x, T(0)); }
};
/// min(max(x, low), high): `high` wins where the bounds cross. Absent bounds are infinite.
struct Clip {
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  static constexpr auto name = "clip";
  static constexpr auto fields = rekindle::fields("low", &Clip::low, "high", &Clip::high);
  template <class T> T formula(T x) const { return min(max(x, T(low)), T(high)); }
};
struct Sigmoid {
  static constexpr auto name = "sigmoid";
  template <class T> T formula(T x) const { return T(1) / (T(1) + exp(-x)); }
};
struct HardSigmoid {
  float alpha = 0.2f, beta = 0.5f;
  static constexpr auto name = "hard_sigmoid";
  static constexpr auto fields = rekindle::fields("alpha", &HardSigmoid::alpha, "beta", &HardSigmoid::beta);
  template <class T> T formula(T x) const { return max(T(0), min(T(1), T(alpha) * x + T(beta))); }
};
struct Silu {
  static constexpr auto name = "silu";
  template <class T> T formula(T x) const { return x / (T(1) + exp(-x)); }
};
/// x * sigmoid(alpha * x)
struct QuickGelu {
  float alpha = 1.702f;
  static constexpr auto name = "quick_gelu";
  static constexpr auto fields = rekindle::fields("alpha", &QuickGelu::alpha);
  template <class T> T formula(T x) const { return x / (T(1) + exp(-(T(alpha) * x))); }
};
struct HardSwish {
  static constexpr auto name = "hard_swish";
  template <class T> T formula(T x) const { return x * max(T(0), min(T(1), x * T(1.0 / 6) + T(0.5))); }
};
struct Softplus {
  static constexpr auto name = "softplus";
  template <class T> T formula(T x) const { return softplus(x); }
};
struct Softsign {
  static constexpr auto name = "softsign";
  template <class T> T formula(T x) const { return x / (T(1) + abs(x)); }
};
struct Mish {
  static constexpr auto name = "mish";
  template <class T> T formula(T x) const { return x * tanh(softplus(x)); }
};
struct Elu {
  float alpha = 1;
  static constexpr auto name = "elu";
  static constexpr auto fields = rekindle::fields("alpha", &Elu::alpha);
  template <class T> T formula(T x) const { return select(x < T(0), T(alpha) * expm1(x), x); }
};
struct Celu {
  float alpha = 1;
  static constexpr auto name = "celu";
  static constexpr auto fields = rekindle::fields("alpha", &Celu::alpha);
  template <class T> T formula(T x) const { return select(x < T(0), T(alpha) * expm1(x / T(alpha)), x); }
};
struct Selu {
  float alpha = 1.67326319217681884765625f, gamma = 1.05070102214813232421875f;
  static constexpr auto name = "selu";
  static constexpr auto fields = rekindle::fields("alpha", &Selu::alpha, "gamma", &Selu::gamma);
  template <class T> T formula(T x) const { return T(gamma) * select(x > T(0), x, T(alpha) * expm1(x)); }
};
struct Shrink {
  float bias = 0, lambd = 0.5f;
  static constexpr auto name = "shrink";
  static constexpr auto fields = rekindle::fields("bias", &Shrink::bias, "lambd", &Shrink::lambd);
  template <class T> T formula(T x) const {
    return select(x < T(-lambd), x + T(bias), select(x > T(lambd), x - T(bias), T(0)));
  }
};
enum class GeluForm : uint8_t { none, tanh };
inline constexpr std::array kGeluFormNames{std::string_view("none"), std::string_view("tanh")};
constexpr const auto& enum_names(GeluForm) { return kGeluFormNames; }

/// x times the normal distribution function of x, by erf or by the usual approximation with tanh.
struct Gelu {
  GeluForm approximate = GeluForm::none;
  static constexpr auto name = "gelu";
  static constexpr auto fields = rekindle::fields("approximate", &Gelu::approximate);
  template <class T> T formula(T x) const {
    if (approximate == GeluForm::none) return T(0.5) * x * (T(1) + erf(x * T(0.70710678118654752)));
    return T(0.5) * x * (T(1) + tanh(T(0.79788456080286536) * (x + T(0.044715) * x * x * x)));
  }
};

}  // namespace rekindle::ops
