// The reference of attention: scores of a block of queries against all keys, their softmax, the weighted sum
// of values. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "math/batches.h"
#include "math/compute_type.h"
#include "math/gemm.h"
#include "math/matmul.h"

namespace rekindle::ops {

namespace {

constexpr int64_t kFar = int64_t(1) << 48;  // beyond every tensor

std::string operand(size_t i) {
  constexpr std::array kNames{"q", "k", "v", "the mask"};
  return kNames[i];
}

Result<Shape> batch_of(std::span<const TensorType> in) {
  Shape batch;
  for (size_t i = 0; i < 3; ++i) {
    RK_TRY(batch, broadcast_shapes(batch, Shape(in[i].shape.begin(), in[i].shape.end() - 2)));
  }
  return batch;
}

/// The mask as what is added to a score, in the compute type, and how far apart its elements are.
struct Mask {
  Tensor added;
  std::vector<int64_t> items;
  int64_t row_step = 0, column_step = 0, item_size = 1;
};
Result<Mask> make_mask(const Tensor& given, DType computed, const Dims& batch) {
  Mask mask;
  RK_TRY(mask.added, cast(given, computed));
  if (given.dtype() == DType::boolean) {
    visit_float_type(computed, [&](auto zero) {
      using C = decltype(zero);
      C* values = mask.added.data<C>();
      for (int64_t i = 0; i < given.count(); ++i)
        values[i] = values[i] != C(0) ? C(0) : -std::numeric_limits<C>::infinity();
    });
  }
  Dims dims = given.dims();
  while (dims.size() < 2) dims.insert(dims.begin(), 1);
  const int64_t rows = dims[dims.size() - 2], columns = dims.back();
  mask.row_step = rows > 1 ? columns : 0;
  mask.column_step = columns > 1 ? 1 : 0;
  mask.item_size = rows * columns;
  mask.items = batch_items(batch, Dims(dims.begin(), dims.end() - 2));
  return mask;
}

struct Sizes {
  int64_t queries, keys, depth, width;  // Sq, Sk, D, Dv
  double scale;
  bool causal;
  int64_t causal_offset;
};

/// Softmax of one row of scores; zeros when every score is -inf.
template <class C> void softmax_row(const std::vector<double>& scores, int64_t n, C* to) {
  double largest = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; ++i)
    largest = std::isnan(scores[size_t(i)]) ? NAN : std::max(largest, scores[size_t(i)]);
  if (largest == -INFINITY) return std::fill_n(to, n, C(0)), void();
  for (int64_t i = 0; i < n; ++i) sum += std::exp(scores[size_t(i)] - largest);
  for (int64_t i = 0; i < n; ++i) to[i] = C(std::exp(scores[size_t(i)] - largest) / sum);
}

/// One block of queries of one item.
template <class C> struct Block {
  const C *q, *k, *v;  // of the item
  const C* mask;       // null for none
  const Mask& layout;
  C* y;
};
template <class C>
void attend(Gemm<C>& gemm, const Block<C>& b, const Sizes& s, int64_t first, int64_t rows) {
  using Sum = typename Gemm<C>::Sum;
  std::vector<double> scores(size_t(rows * s.keys)), row(size_t(s.keys));
  std::vector<C> weights(size_t(rows * s.keys));
  for (int64_t n = 0; n < s.keys; n += Gemm<C>::kColumns)
    gemm.run(
        first, rows, n, std::min(Gemm<C>::kColumns, s.keys - n), s.depth,
        [&](int64_t i, int64_t d, int64_t count, C* to) { std::copy_n(b.q + i * s.depth + d, count, to); },
        [&](int64_t d, int64_t j, int64_t count, C* to) {
          for (int64_t c = 0; c < count; ++c) to[c] = b.k[(j + c) * s.depth + d];
        },
        [&](int64_t i, int64_t j, int64_t count, const Sum* sums) {
          std::copy_n(sums, count, &scores[size_t((i - first) * s.keys + j)]);
        });
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t query = first + i, seen = s.causal ? query + s.causal_offset : s.keys;
    for (int64_t j = 0; j < s.keys; ++j) {
      double score = scores[size_t(i * s.keys + j)] * s.scale;
      if (b.mask) score += double(b.mask[query * b.layout.row_step + j * b.layout.column_step]);
      row[size_t(j)] = j <= seen ? score : -INFINITY;
    }
    softmax_row(row, s.keys, weights.data() + i * s.keys);
  }
  for (int64_t n = 0; n < s.width; n += Gemm<C>::kColumns)
    gemm.run(
        0, rows, n, std::min(Gemm<C>::kColumns, s.width - n), s.keys,
        [&](int64_t i, int64_t j, int64_t count, C* to) {
          std::copy_n(weights.data() + i * s.keys + j, count, to);
        },
        [&](int64_t j, int64_t d, int64_t count, C* to) { std::copy_n(b.v + j * s.width + d, count, to); },
        [&](int64_t i, int64_t d, int64_t count, const Sum* sums) {
          for (int64_t c = 0; c < count; ++c) b.y[(first + i) * s.width + d + c] = C(sums[c]);
        });
}

}  // namespace

Result<Types> Attention::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 3, 4));
  RK_CHECK(check_present(name, in, 3));
  for (size_t i = 0; i < 3; ++i) {
    RK_CHECK(check_dtype(name, in[i], Domain::floating));
    if (in[i].rank() < 2)
      return op_error(name, operand(i) + " is " + in[i].to_string() + ", expected rank 2 or more");
    if (in[i].dtype != in[0].dtype)
      return op_error(name, operand(i) + " is " + in[i].to_string() + ", expected q's element type " +
                                std::string(to_string(in[0].dtype)));
  }
  const auto dim = [&](size_t i, int64_t from_end) {
    return in[i].shape[in[i].shape.size() - size_t(from_end)];
  };
  RK_CHECK(check_equal_dims(name, "the head size of k", dim(1, 1), dim(0, 1)));
  RK_CHECK(check_equal_dims(name, "the number of values", dim(2, 2), dim(1, 2)));
  auto batch = batch_of(in);
  if (!batch.ok()) return op_error(name, batch.status().message());
  Shape shape = *batch, scores = *batch;
  shape.insert(shape.end(), {dim(0, 2), dim(2, 1)});
  scores.insert(scores.end(), {dim(0, 2), known_dim(dim(1, 2), dim(2, 2))});
  if (const TensorType* mask = optional_input(in, 3)) {
    if (!is_float(mask->dtype) && mask->dtype != DType::boolean)
      return op_error(name, "the mask is " + mask->to_string() + ", expected a float type or boolean");
    auto both = broadcast_shapes(mask->shape, scores);
    bool grows = !both.ok() || both->size() != scores.size();
    for (size_t i = 0; !grows && i < scores.size(); ++i)
      grows = scores[i].as_int() && (*both)[i].as_int() && (*both)[i] != scores[i];
    if (grows)
      return op_error(name,
                      "the mask is " + mask->to_string() + ", expected to broadcast to " + to_string(scores));
  }
  return Types{{in[0].dtype, std::move(shape)}};
}

Result<Tensors> Attention::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  const std::array operand_types{in[0].type(), in[1].type(), in[2].type()};
  RK_TRY(const Shape leading, batch_of(operand_types));
  RK_TRY(const Dims batch, concrete(name, leading, "batch"));
  RK_TRY(const Dims offset, concrete(name, std::span(&causal_offset, 1), "causal_offset"));
  RK_TRY(Tensor y, make_computed(name, types[0]));
  std::array<Tensor, 3> operands;
  std::array<std::vector<int64_t>, 3> items;
  for (size_t i = 0; i < 3; ++i) {
    RK_TRY(operands[i], widen(in[i]));
    items[i] = batch_items(batch, Dims(in[i].dims().begin(), in[i].dims().end() - 2));
  }
  Mask mask;
  const Tensor* given = optional_input(in, 3);
  if (given) {
    RK_TRY(mask, make_mask(*given, y.dtype(), batch));
  }
  const Dims &q = in[0].dims(), &v = in[2].dims();
  Sizes s{q[q.size() - 2],
          v[v.size() - 2],
          q.back(),
          v.back(),
          double(scale),
          causal,
          std::clamp<int64_t>(offset[0], -kFar, kFar)};
  if (scale == 0) s.scale = 1 / std::sqrt(double(s.depth));
  if (y.count() == 0) return narrow_to(y, in[0].dtype());
  visit_float_type(y.dtype(), [&](auto zero) {
    using C = decltype(zero);
    for_each_block<C>(count_of(batch), s.queries, 1, s.keys * (s.depth + s.width),
                      [&](Gemm<C>& gemm, int64_t item, int64_t first, int64_t rows, int64_t, int64_t) {
                        const size_t i = size_t(item);
                        const Block<C> block{
                            operands[0].template data<C>() + items[0][i] * s.queries * s.depth,
                            operands[1].template data<C>() + items[1][i] * s.keys * s.depth,
                            operands[2].template data<C>() + items[2][i] * s.keys * s.width,
                            given ? mask.added.template data<C>() + mask.items[i] * mask.item_size : nullptr,
                            mask,
                            y.template data<C>() + item * s.queries * s.width};
                        attend(gemm, block, s, first, rows);
                      });
  });
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
