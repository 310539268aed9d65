// The activations that rnn, gru and lstm name in text, with their alpha and beta.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rekindle {

struct RnnActivation {
  std::string_view name;  // in small letters
  double (*function)(double x, double alpha, double beta) = nullptr;
  double alpha = 0, beta = 0;
  double operator()(double x) const { return function(x, alpha, beta); }
};

/// One activation for each name, in any case. Alphas and betas go, in order, to the activations that take
/// them; where the lists end, each activation has its own default. Empty names mean `usual`, repeated for
/// each direction.
Result<std::vector<RnnActivation>> rnn_activations(std::string_view op, std::vector<std::string> names,
                                                   const std::vector<float>& alphas,
                                                   const std::vector<float>& betas,
                                                   const std::vector<std::string>& usual, int directions);

}  // namespace rekindle
