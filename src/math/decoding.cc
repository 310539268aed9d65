// linear_attention token by token, cache_update line by line.
// SPDX-License-Identifier: Apache-2.0
#include "math/decoding.h"

#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"
#include "math/element_copy.h"

namespace rekindle::ops {

namespace {

bool is_gated(StateRule r) { return r == StateRule::gated || r == StateRule::gated_delta; }
bool is_delta(StateRule r) { return r == StateRule::delta || r == StateRule::gated_delta; }

struct Heads {
  int64_t tokens, depth, width;  // T, Dk, Dv
  int64_t query_heads, heads;
  int64_t decays, betas;  // last dims of decay and beta
  double scale;
};

/// One head of one batch item; the state is depth x width.
template <class C> struct Head {
  const C *q, *k, *v, *decay, *beta;  // at token 0 of the batch item
  C *y, *state;
};
template <class C> void run_head(const LinearAttention& op, const Heads& s, const Head<C>& h, int64_t head) {
  const int64_t group = s.query_heads / s.heads;
  std::vector<C> change(static_cast<size_t>(s.width));
  for (int64_t t = 0; t < s.tokens; ++t) {
    const C* k = h.k + (t * s.heads + head) * s.depth;
    const C* v = h.v + (t * s.heads + head) * s.width;
    if (is_gated(op.rule))
      for (int64_t d = 0; d < s.depth; ++d) {
        const C decay = std::exp(h.decay[t * s.decays + (s.decays == s.heads ? head : head * s.depth + d)]);
        for (int64_t w = 0; w < s.width; ++w) h.state[d * s.width + w] *= decay;
      }
    for (int64_t w = 0; w < s.width; ++w) change[size_t(w)] = v[w];
    if (is_delta(op.rule)) {
      for (int64_t d = 0; d < s.depth; ++d)
        for (int64_t w = 0; w < s.width; ++w) change[size_t(w)] -= h.state[d * s.width + w] * k[d];
      const C beta = h.beta[t * s.betas + (s.betas == 1 ? 0 : head)];
      for (C& c : change) c *= beta;
    }
    for (int64_t d = 0; d < s.depth; ++d)
      for (int64_t w = 0; w < s.width; ++w) h.state[d * s.width + w] += k[d] * change[size_t(w)];
    for (int64_t g = 0; g < group; ++g) {
      const int64_t query = head * group + g;
      const C* q = h.q + (t * s.query_heads + query) * s.depth;
      C* y = h.y + (t * s.query_heads + query) * s.width;
      for (int64_t d = 0; d < s.depth; ++d)
        for (int64_t w = 0; w < s.width; ++w) y[w] += q[d] * h.state[d * s.width + w];
      for (int64_t w = 0; w < s.width; ++w) y[w] = C(y[w] * s.scale);
    }
  }
}

}  // namespace

Result<Types> LinearAttention::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 3, 6));
  RK_CHECK(check_present(name, in, 3));
  if (heads < 1 || query_heads < 1 || query_heads % heads != 0)
    return op_error(name, std::to_string(query_heads) + " query heads and " + std::to_string(heads) +
                              " heads, expected a multiple");
  for (size_t i = 0; i < in.size(); ++i) {
    if (!has_input(in, i)) continue;
    RK_CHECK(check_dtype(name, in[i], Domain::floating));
    if (in[i].rank() != (i == 3 ? 4 : 3))
      return op_error(name, "input " + std::to_string(i) + " is " + in[i].to_string() + ", expected rank " +
                                (i == 3 ? "4" : "3"));
  }
  if (has_input(in, 4) != is_gated(rule) || has_input(in, 5) != is_delta(rule))
    return op_error(name,
                    "decay and beta do not fit the rule, expected decay for gated and beta for delta ones");
  const auto divides = [](const Dim& d, int64_t by) { return !d.as_int() || *d.as_int() % by == 0; };
  if (!divides(in[0].shape[2], query_heads) || !divides(in[1].shape[2], heads) ||
      !divides(in[2].shape[2], heads))
    return op_error(name, "the heads do not divide the last dims of " + in[0].to_string() + ", " +
                              in[1].to_string() + ", " + in[2].to_string());
  const Dim depth = floor_div(in[1].shape[2], heads), width = floor_div(in[2].shape[2], heads);
  for (size_t i = 1; i < in.size(); ++i)
    if (has_input(in, i)) {
      RK_CHECK(
          check_equal_dims(name, "the batch of input " + std::to_string(i), in[i].shape[0], in[0].shape[0]));
      if (i != 3)
        RK_CHECK(check_equal_dims(name, "the length of input " + std::to_string(i), in[i].shape[1],
                                  in[0].shape[1]));
    }
  RK_CHECK(check_equal_dims(name, "the depth of k", depth, floor_div(in[0].shape[2], query_heads)));
  if (has_input(in, 4) && !in[4].shape[2].is(heads))
    RK_CHECK(check_equal_dims(name, "the last dim of decay", in[4].shape[2], in[1].shape[2]));
  if (has_input(in, 5) && !in[5].shape[2].is(1))
    RK_CHECK(check_equal_dims(name, "the last dim of beta", in[5].shape[2], heads));
  const TensorType state{has_input(in, 3) ? in[3].dtype : in[0].dtype, {in[0].shape[0], heads, depth, width}};
  if (has_input(in, 3))
    for (size_t i = 0; i < 4; ++i)
      RK_CHECK(check_equal_dims(name, "a dim of the past", in[3].shape[i], state.shape[i]));
  return Types{{in[0].dtype, {in[0].shape[0], in[0].shape[1], width * Dim(query_heads)}}, state};
}

Result<Tensors> LinearAttention::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  const DType computed = in[0].dtype() == DType::f64 ? DType::f64 : DType::f32;
  std::array<Tensor, 6> x;
  for (size_t i = 0; i < in.size(); ++i)
    if (!is_absent(in[i])) {
      RK_TRY(x[i], cast(in[i], computed));
    }
  RK_TRY(const Dims y_dims, concrete(name, types[0]));
  RK_TRY(const Dims state_dims, concrete(name, types[1]));
  RK_TRY(Tensor y, make_tensor(name, computed, y_dims));
  Tensor state;
  if (x[3].has_data()) {
    state = x[3].clone();
  } else {
    RK_TRY(state, make_tensor(name, computed, state_dims));
  }
  Heads s{in[0].dims()[1],
          state_dims[2],
          state_dims[3],
          query_heads,
          heads,
          0,
          0,
          scale != 0 ? double(scale) : 1 / std::sqrt(double(state_dims[2]))};
  if (x[4].has_data()) s.decays = x[4].dims()[2];
  if (x[5].has_data()) s.betas = x[5].dims()[2];
  visit_float_type(computed, [&](auto zero) {
    using C = decltype(zero);
    const auto at = [&](size_t i, int64_t offset) {
      return x[i].has_data() ? x[i].template data<C>() + offset : nullptr;
    };
    if (y.count() == 0 && state.count() == 0) return;
    parallel_for(
        y_dims[0] * heads, grain_of(s.tokens * s.depth * s.width * 4), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t b = i / heads, head = i % heads, tokens = b * s.tokens;
            run_head(*this, s,
                     Head<C>{at(0, tokens * query_heads * s.depth), at(1, tokens * heads * s.depth),
                             at(2, tokens * heads * s.width), at(4, tokens * s.decays),
                             at(5, tokens * s.betas), y.template data<C>() + tokens * query_heads * s.width,
                             state.template data<C>() + i * s.depth * s.width},
                     head);
          }
        });
  });
  RK_TRY(Tensor narrow_y, cast(y, types[0].dtype));
  RK_TRY(Tensor narrow_state, cast(state, types[1].dtype));
  return Tensors{std::move(narrow_y), std::move(narrow_state)};
}

Result<Types> CacheUpdate::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 3));
  RK_CHECK(check_present(name, in, 2));
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  if (along == 0 || in[1].rank() != in[0].rank() || in[1].dtype != in[0].dtype)
    return op_error(name, "the cache is " + in[0].to_string() + " and the update " + in[1].to_string() +
                              ", expected one type and rank and an axis that is not the first");
  for (int d = 0; d < in[0].rank(); ++d)
    if (d != along)
      RK_CHECK(check_equal_dims(name, "dim " + std::to_string(d) + " of the update", in[1].shape[size_t(d)],
                                in[0].shape[size_t(d)]));
  if (has_input(in, 2)) {
    RK_CHECK(check_indices(name, in[2], "positions"));
    if (in[2].rank() != 1)
      return op_error(name, "the positions are " + in[2].to_string() + ", expected a list");
    RK_CHECK(check_equal_dims(name, "the number of positions", in[2].shape[0], in[0].shape[0]));
  }
  return Types{in[0]};
}

Result<Tensors> CacheUpdate::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  Tensor out = in[0].clone();
  const Tensor& update = in[1];
  if (update.count() == 0) return Tensors{std::move(out)};
  const int64_t size = out.dims()[size_t(along)], added = update.dims()[size_t(along)];
  const int64_t row = count_of(Dims(out.dims().begin() + along + 1, out.dims().end()));
  const int64_t lines = count_of(Dims(out.dims().begin(), out.dims().begin() + along));
  const ElementCopier copier(update, out);
  for (int64_t line = 0; line < lines; ++line) {
    const Tensor* positions = optional_input(in, 2);
    const int64_t start = positions ? positions->as_int64(line / (lines / out.dims()[0])) : 0;
    if (start < 0 || added > size || (!circular && start > size - added))
      return op_error(name, "position " + std::to_string(start) + " with " + std::to_string(added) +
                                " new elements is outside a cache of " + std::to_string(size));
    for (int64_t i = 0; i < added; ++i)
      copier.run((line * added + i) * row, (line * size + (start % size + i) % size) * row, row);
  }
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
