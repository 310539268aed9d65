// Types and the walk over time of recurrent layers. Everything is computed in double and rounded once, on
// output.
// SPDX-License-Identifier: Apache-2.0
#include "math/recurrent.h"

#include <algorithm>

namespace rekindle {

namespace {

constexpr int64_t kMostHidden = int64_t(1) << 31;

/// Checks one input against a shape in which a negative dim is free; an absent one passes.
Status check_shape(std::string_view op, std::span<const TensorType> in, size_t i, std::string_view what,
                   const Shape& wanted) {
  if (!has_input(in, i)) return {};
  if (in[i].rank() != int(wanted.size()))
    return op_error(op, std::string(what) + " is " + in[i].to_string() + ", expected rank " +
                            std::to_string(wanted.size()));
  for (size_t d = 0; d < wanted.size(); ++d)
    RK_CHECK(check_equal_dims(op, "dim " + std::to_string(d) + " of " + std::string(what), in[i].shape[d],
                              wanted[d]));
  return {};
}

Shape state_shape(const RecurrentLayer& layer, const Dim& batch) {
  if (layer.layout == 0) return {layer.directions(), batch, layer.hidden_size};
  return {batch, layer.directions(), layer.hidden_size};
}

/// rows x columns to columns x rows, in double.
std::vector<double> transposed(const Tensor& t, int64_t start, int64_t rows, int64_t columns) {
  std::vector<double> result(size_t(rows * columns));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) result[size_t(j * rows + i)] = t.as_double(start + i * columns + j);
  return result;
}

std::vector<double> doubles(const Tensor& t, int64_t start, int64_t count) {
  std::vector<double> result(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) result[size_t(i)] = t.as_double(start + i);
  return result;
}

RecurrentWeights weights_of(const RecurrentLayer& layer, std::span<const Tensor> in, int64_t d) {
  RecurrentWeights w;
  w.inputs = in[0].dims()[2], w.hidden = layer.hidden_size, w.gates = layer.gates;
  const int64_t rows = w.gates * w.hidden;
  w.w = transposed(in[1], d * rows * w.inputs, rows, w.inputs);
  w.r = transposed(in[2], d * rows * w.hidden, rows, w.hidden);
  const bool has_bias = has_input(in, 3);
  w.wb = has_bias ? doubles(in[3], d * 2 * rows, rows) : std::vector<double>(size_t(rows));
  w.rb = has_bias ? doubles(in[3], (d * 2 + 1) * rows, rows) : std::vector<double>(size_t(rows));
  if (layer.has_peepholes && has_input(in, 7)) w.p = doubles(in[7], d * 3 * w.hidden, 3 * w.hidden);
  return w;
}

Result<std::vector<int64_t>> sequence_lengths(const RecurrentLayer& layer, std::span<const Tensor> in,
                                              int64_t steps, int64_t batch) {
  if (!has_input(in, 4)) return std::vector<int64_t>(size_t(batch), steps);
  RK_TRY(auto lengths, to_int64s(in[4]));
  for (size_t b = 0; b < lengths.size(); ++b)
    if (lengths[b] < 0 || lengths[b] > steps)
      return op_error(layer.op, "sequence " + std::to_string(b) + " has the length " +
                                    std::to_string(lengths[b]) + ", expected 0 to the " +
                                    std::to_string(steps) + " steps of x");
  return lengths;
}

/// Where sequences, steps and states lie in both layouts.
struct Places {
  const RecurrentLayer& layer;
  int64_t steps, batch, inputs;
  int64_t x(int64_t t, int64_t b) const {
    return (layer.layout == 0 ? t * batch + b : b * steps + t) * inputs;
  }
  int64_t y(int64_t t, int64_t d, int64_t b) const {
    const int64_t directions = layer.directions();
    return (layer.layout == 0 ? (t * directions + d) * batch + b : (b * steps + t) * directions + d) *
           layer.hidden_size;
  }
  int64_t state(int64_t d, int64_t b) const {
    return (layer.layout == 0 ? d * batch + b : b * layer.directions() + d) * layer.hidden_size;
  }
};

void store(const std::vector<double>& values, Tensor& to, int64_t at) {
  for (size_t i = 0; i < values.size(); ++i) to.set_double(at + int64_t(i), values[i]);
}

/// One sequence in one direction.
void run_sequence(const Places& at, const RecurrentCell& cell, const RecurrentWeights& w,
                  std::span<const Tensor> in, int64_t d, int64_t b, int64_t length, Tensors& out) {
  const RecurrentLayer& layer = at.layer;
  const int64_t hidden = layer.hidden_size;
  const size_t per_direction = layer.activations.size() / size_t(layer.directions());
  const bool reverse = layer.direction == ops::RnnDirection::reverse || d == 1;
  const int64_t state = at.state(d, b);
  std::vector<double> h(static_cast<size_t>(hidden)), c(static_cast<size_t>(hidden)), sums;
  if (has_input(in, 5)) h = doubles(in[5], state, hidden);
  if (layer.states == 2 && has_input(in, 6)) c = doubles(in[6], state, hidden);
  for (int64_t i = 0; i < length; ++i) {
    const int64_t t = reverse ? length - 1 - i : i, x = at.x(t, b);
    sums = w.wb;
    for (int64_t k = 0; k < w.inputs; ++k) {
      const double value = in[0].as_double(x + k);
      const double* row = w.w.data() + size_t(k) * sums.size();
      for (size_t j = 0; j < sums.size(); ++j) sums[j] += value * row[j];
    }
    cell({w, std::span(layer.activations).subspan(size_t(d) * per_direction, per_direction), sums.data(),
          h.data(), c.data()});
    store(h, out[0], at.y(t, d, b));
  }
  if (length == 0) return;
  store(h, out[1], state);
  if (layer.states == 2) store(c, out[2], state);
}

}  // namespace

void RecurrentWeights::add_recurrent(const double* h, int64_t first, int64_t last, double* sums) const {
  for (int64_t k = 0; k < hidden; ++k) {
    const double* row = r.data() + k * gates * hidden;
    for (int64_t j = first * hidden; j < last * hidden; ++j) sums[j] += h[k] * row[j];
  }
}

Result<Types> infer_recurrent(const RecurrentLayer& layer, std::span<const TensorType> in) {
  const auto op = layer.op;
  const size_t most = layer.states == 1 ? 6 : layer.has_peepholes ? 8 : 7;
  RK_CHECK(check_arity(op, in.size(), 3, most));
  RK_CHECK(check_present(op, in, 3));
  if (layer.hidden_size < 1 || layer.hidden_size > kMostHidden)
    return op_error(op, "hidden_size is " + std::to_string(layer.hidden_size) + ", expected 1 to 2^31");
  if (layer.layout != 0 && layer.layout != 1)
    return op_error(op, "layout is " + std::to_string(layer.layout) + ", expected 0 or 1");
  if (!(layer.clip >= 0))
    return op_error(op, "clip is " + std::to_string(layer.clip) + ", expected 0 or more");
  RK_CHECK(check_dtype(op, in[0], Domain::floating));
  for (size_t i = 1; i < in.size(); ++i)
    if (i != 4 && has_input(in, i) && in[i].dtype != in[0].dtype)
      return op_error(op, "input " + std::to_string(i) + " is " + std::string(to_string(in[i].dtype)) +
                              ", expected " + std::string(to_string(in[0].dtype)) + " like x");
  if (in[0].rank() != 3) return op_error(op, "x is " + in[0].to_string() + ", expected rank 3");
  if (has_input(in, 4)) RK_CHECK(check_indices(op, in[4], "sequence lengths"));
  const Dim steps = in[0].shape[layer.layout == 0 ? 0 : 1], batch = in[0].shape[layer.layout == 0 ? 1 : 0];
  const int64_t d = layer.directions(), rows = layer.gates * layer.hidden_size;
  const Shape state = state_shape(layer, batch);
  RK_CHECK(check_shape(op, in, 1, "w", {d, rows, in[0].shape[2]}));
  RK_CHECK(check_shape(op, in, 2, "r", {d, rows, layer.hidden_size}));
  RK_CHECK(check_shape(op, in, 3, "b", {d, 2 * rows}));
  RK_CHECK(check_shape(op, in, 4, "sequence_lens", {batch}));
  RK_CHECK(check_shape(op, in, 5, "initial_h", state));
  RK_CHECK(check_shape(op, in, 6, "initial_c", state));
  RK_CHECK(check_shape(op, in, 7, "p", {d, 3 * layer.hidden_size}));
  const DType t = in[0].dtype;
  Types out{{t, layer.layout == 0 ? Shape{steps, d, batch, layer.hidden_size}
                                  : Shape{batch, steps, d, layer.hidden_size}},
            {t, state}};
  if (layer.states == 2) out.push_back({t, state});
  return out;
}

Result<Tensors> run_recurrent(const RecurrentLayer& layer, const RecurrentCell& cell,
                              std::span<const Tensor> in) {
  Types given;
  for (const Tensor& t : in) given.push_back(is_absent(t) ? absent_type() : t.type());
  RK_TRY(const Types types, infer_recurrent(layer, given));
  Tensors out;
  for (const TensorType& type : types) {
    RK_TRY(Dims dims, concrete(layer.op, type));
    RK_TRY(Tensor made, make_tensor(layer.op, type.dtype, std::move(dims)));
    out.push_back(std::move(made));
  }
  const Dims& dims = in[0].dims();
  const Places at{layer, dims[layer.layout == 0 ? 0 : 1], dims[layer.layout == 0 ? 1 : 0], dims[2]};
  RK_TRY(const auto lengths, sequence_lengths(layer, in, at.steps, at.batch));
  for (int64_t d = 0; d < layer.directions(); ++d) {
    const RecurrentWeights weights = weights_of(layer, in, d);
    for (int64_t b = 0; b < at.batch; ++b) run_sequence(at, cell, weights, in, d, b, lengths[size_t(b)], out);
  }
  return out;
}

}  // namespace rekindle
