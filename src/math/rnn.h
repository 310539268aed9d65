// Recurrent layers: rnn, gru, lstm, with all of ONNX's options.
// SPDX-License-Identifier: Apache-2.0
//
// T steps, B sequences, I inputs, H hidden units, D directions (2 when bidirectional). Layout 0: x[T, B, I],
// y[T, D, B, H], states [D, B, H]; layout 1: x[B, T, I], y[B, T, D, H], states [B, D, H]. Past the end of a
// sequence y is 0; the last state is that of its last step, and 0 for an empty sequence.
#pragma once
#include <string>

#include "math/op_struct.h"

namespace rekindle::ops {

enum class RnnDirection : uint8_t { forward, reverse, bidirectional };
inline constexpr std::array kRnnDirectionNames{std::string_view("forward"), std::string_view("reverse"),
                                               std::string_view("bidirectional")};
constexpr const auto& enum_names(RnnDirection) { return kRnnDirectionNames; }

/// (x, w[D, H, I], r[D, H, H], b[D, 2H]?, sequence_lens[B]?, initial_h?) -> y, y_h
struct Rnn {
  int64_t hidden_size = 1;
  RnnDirection direction = RnnDirection::forward;
  int64_t layout = 0;
  float clip = 0;                             // bounds the sums that gates see to -clip … clip; 0: no bound
  std::vector<std::string> activations = {};  // ONNX names, any case; empty: Tanh
  std::vector<float> activation_alpha = {}, activation_beta = {};
  static constexpr auto name = "rnn";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("hidden_size", &Rnn::hidden_size, "direction", &Rnn::direction, "layout", &Rnn::layout,
                       "clip", &Rnn::clip, "activations", &Rnn::activations, "activation_alpha",
                       &Rnn::activation_alpha, "activation_beta", &Rnn::activation_beta);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, w[D, 3H, I], r[D, 3H, H], b[D, 6H]?, sequence_lens[B]?, initial_h?) -> y, y_h; gates are in the order
/// z, r, h.
struct Gru {
  int64_t hidden_size = 1;
  RnnDirection direction = RnnDirection::forward;
  int64_t layout = 0;
  float clip = 0;
  bool linear_before_reset = false;           // the reset gate scales r h + rb instead of h
  std::vector<std::string> activations = {};  // empty: Sigmoid, Tanh
  std::vector<float> activation_alpha = {}, activation_beta = {};
  static constexpr auto name = "gru";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields(
      "hidden_size", &Gru::hidden_size, "direction", &Gru::direction, "layout", &Gru::layout, "clip",
      &Gru::clip, "linear_before_reset", &Gru::linear_before_reset, "activations", &Gru::activations,
      "activation_alpha", &Gru::activation_alpha, "activation_beta", &Gru::activation_beta);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, w[D, 4H, I], r[D, 4H, H], b[D, 8H]?, sequence_lens[B]?, initial_h?, initial_c?, p[D, 3H]?) -> y, y_h,
/// y_c; gates are in the order i, o, f, c, peepholes in the order i, o, f.
struct Lstm {
  int64_t hidden_size = 1;
  RnnDirection direction = RnnDirection::forward;
  int64_t layout = 0;
  float clip = 0;
  bool input_forget = false;                  // the forget gate is 1 - the input gate
  std::vector<std::string> activations = {};  // empty: Sigmoid, Tanh, Tanh
  std::vector<float> activation_alpha = {}, activation_beta = {};
  static constexpr auto name = "lstm";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields(
      "hidden_size", &Lstm::hidden_size, "direction", &Lstm::direction, "layout", &Lstm::layout, "clip",
      &Lstm::clip, "input_forget", &Lstm::input_forget, "activations", &Lstm::activations, "activation_alpha",
      &Lstm::activation_alpha, "activation_beta", &Lstm::activation_beta);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
