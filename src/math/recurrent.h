// What rnn, gru and lstm share: shapes, weights as rows that add up, and the walk over directions, sequences
// and steps.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>

#include "math/op_checks.h"
#include "math/rnn.h"
#include "math/rnn_activation.h"

namespace rekindle {

/// An op's attributes and what kind of cell it has.
struct RecurrentLayer {
  std::string_view op;
  int64_t gates;   // 1, 3 or 4
  int64_t states;  // 1: h; 2: h and c
  bool has_peepholes;
  int64_t hidden_size;
  ops::RnnDirection direction;
  int64_t layout;
  float clip;
  std::vector<RnnActivation> activations;  // those of one direction, then those of the other
  int directions() const { return direction == ops::RnnDirection::bidirectional ? 2 : 1; }
};

/// Inputs 0 to 5 are x, w, r, b, sequence_lens, initial_h; then initial_c and p where the cell has them. The
/// outputs are y and the last of each state.
Result<Types> infer_recurrent(const RecurrentLayer& layer, std::span<const TensorType> in);

/// One direction's weights, in double; matrices are transposed, so that a product adds up rows.
struct RecurrentWeights {
  int64_t inputs = 0, hidden = 0, gates = 0;
  std::vector<double> w, r;    // [inputs][gates * hidden], [hidden][gates * hidden]
  std::vector<double> wb, rb;  // [gates * hidden]; zeros when there is no bias
  std::vector<double> p;       // [3 * hidden], or empty
  /// sums[j] += sum over k of h[k] * r[k][j] for the gates from `first` to `last`.
  void add_recurrent(const double* h, int64_t first, int64_t last, double* sums) const;
};

/// One step of one sequence: `sums` holds the products with x and all input biases; h and c are updated in
/// place.
struct RecurrentStep {
  const RecurrentWeights& weights;
  std::span<const RnnActivation> activations;  // of this direction
  double* sums;
  double *h, *c;
};
using RecurrentCell = std::function<void(const RecurrentStep&)>;

Result<Tensors> run_recurrent(const RecurrentLayer& layer, const RecurrentCell& cell,
                              std::span<const Tensor> in);

}  // namespace rekindle
