// Formulas as in ONNX's RNN operators.
// SPDX-License-Identifier: Apache-2.0
#include "math/rnn_activation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "math/op_struct.h"

namespace rekindle {

namespace {

struct Known {
  std::string_view name;
  double (*function)(double x, double alpha, double beta);
  bool takes_alpha, takes_beta;
  double alpha, beta;  // the defaults
};

constexpr std::array kKnown{
    Known{"relu", [](double x, double, double) { return x > 0 || std::isnan(x) ? x : 0; }, false, false, 0,
          0},
    Known{"tanh", [](double x, double, double) { return std::tanh(x); }, false, false, 0, 0},
    Known{"sigmoid", [](double x, double, double) { return 1 / (1 + std::exp(-x)); }, false, false, 0, 0},
    Known{"affine", [](double x, double alpha, double beta) { return alpha * x + beta; }, true, true, 1, 0},
    Known{"leakyrelu", [](double x, double alpha, double) { return x < 0 ? alpha * x : x; }, true, false,
          0.01f, 0},
    Known{"thresholdedrelu", [](double x, double alpha, double) { return x >= alpha ? x : 0; }, true, false,
          1, 0},
    Known{"scaledtanh", [](double x, double alpha, double beta) { return alpha * std::tanh(beta * x); }, true,
          true, 1, 1},
    Known{"hardsigmoid",
          [](double x, double alpha, double beta) { return std::clamp(alpha * x + beta, 0., 1.); }, true,
          true, 0.2f, 0.5f},
    Known{"elu", [](double x, double alpha, double) { return x < 0 ? alpha * std::expm1(x) : x; }, true,
          false, 1, 0},
    Known{"softsign", [](double x, double, double) { return x / (1 + std::fabs(x)); }, false, false, 0, 0},
    Known{"softplus",
          [](double x, double, double) { return std::max(x, 0.) + std::log1p(std::exp(-std::fabs(x))); },
          false, false, 0, 0},
};

const Known* find(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  const auto* found =
      std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.name == name; });
  return found == kKnown.end() ? nullptr : found;
}

}  // namespace

Result<std::vector<RnnActivation>> rnn_activations(std::string_view op, std::vector<std::string> names,
                                                   const std::vector<float>& alphas,
                                                   const std::vector<float>& betas,
                                                   const std::vector<std::string>& usual, int directions) {
  if (names.empty())
    for (int d = 0; d < directions; ++d) names.insert(names.end(), usual.begin(), usual.end());
  const size_t wanted = usual.size() * size_t(directions);
  if (names.size() != wanted)
    return op_error(
        op, std::to_string(names.size()) + " activations are given, expected " + std::to_string(wanted));
  std::vector<RnnActivation> result;
  size_t next_alpha = 0, next_beta = 0;
  for (const std::string& name : names) {
    const Known* known = find(name);
    if (known == nullptr) {
      std::string all;
      for (const Known& k : kKnown) all += (all.empty() ? "" : ", ") + std::string(k.name);
      return op_error(op,
                      "the activation \"" + name.substr(0, 40) + "\" is not known, expected one of " + all);
    }
    RnnActivation a{known->name, known->function, known->alpha, known->beta};
    if (known->takes_alpha && next_alpha < alphas.size()) a.alpha = alphas[next_alpha++];
    if (known->takes_beta && next_beta < betas.size()) a.beta = betas[next_beta++];
    result.push_back(a);
  }
  return result;
}

}  // namespace rekindle
