// What one step of a recurrent cell does after the products. One table an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "tensor/target.h"

namespace rekindle::cpu {

/// In the order of their names in math/rnn_activation.cc.
enum class GateFunction : uint8_t {
  relu,
  tanh,
  sigmoid,
  affine,
  leaky_relu,
  thresholded_relu,
  scaled_tanh,
  hard_sigmoid,
  elu,
  softsign,
  softplus
};
inline constexpr std::array kGateFunctionNames{
    std::string_view("relu"),       std::string_view("tanh"),        std::string_view("sigmoid"),
    std::string_view("affine"),     std::string_view("leakyrelu"),   std::string_view("thresholdedrelu"),
    std::string_view("scaledtanh"), std::string_view("hardsigmoid"), std::string_view("elu"),
    std::string_view("softsign"),   std::string_view("softplus"),
};
constexpr const auto& enum_names(GateFunction) { return kGateFunctionNames; }

struct GateActivation {
  GateFunction function = GateFunction::tanh;
  float alpha = 0, beta = 0;
};

/// One step of one sequence. `sums` are the gates one after the other, `hidden` floats each, with products
/// and biases added up.
struct CellJob {
  int64_t hidden = 0;
  const float* sums = nullptr;
  GateActivation f, g, h;
  float clip = 0;          // bounds what activations see; infinity: no bound
  float* state = nullptr;  // h: read, then written
  float* y = nullptr;      // written too, when given
  // lstm
  float* cell = nullptr;             // c: read, then written
  const float* peepholes = nullptr;  // [i, o, f][hidden], or none
  bool input_forget = false;
  // gru
  const float* candidate = nullptr;  // the third gate's sums
  const float* product = nullptr;    // with linear_before_reset: r h + rb, which candidate then lacks
  float* reset = nullptr;            // what gru_reset() writes
};

struct CellKernels {
  void (*rnn)(const CellJob& job) = nullptr;
  void (*lstm)(const CellJob& job) = nullptr;
  /// reset = f(sums of r) * state: what the candidate's matrix multiplies without linear_before_reset.
  void (*gru_reset)(const CellJob& job) = nullptr;
  void (*gru)(const CellJob& job) = nullptr;
};

namespace baseline {
const CellKernels& cell_kernels();
}
namespace avx2 {
const CellKernels& cell_kernels();
}
namespace avx512 {
const CellKernels& cell_kernels();
}
const CellKernels& cell_kernels(Isa isa);

}  // namespace rekindle::cpu
