// The reference of reductions: float sums in double, integers in 64 bits.
// SPDX-License-Identifier: Apache-2.0
#include "math/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "math/compute_type.h"
#include "math/scalar.h"
#include "tensor/convert.h"

namespace rekindle::ops {

namespace {

/// Which axes are folded; empty axes mean all.
Result<std::vector<bool>> folded_axes(std::string_view op, std::span<const int64_t> axes, int rank) {
  std::vector<bool> folded(size_t(rank), axes.empty());
  for (int64_t axis : axes) {
    RK_TRY(const int a, normalize_axis(op, axis, rank));
    if (folded[size_t(a)]) return op_error(op, "axis " + std::to_string(axis) + " is given twice");
    folded[size_t(a)] = true;
  }
  return folded;
}

template <class T>
std::vector<T> without_folded(const std::vector<T>& dims, const std::vector<bool>& folded, bool keepdims) {
  std::vector<T> left;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!folded[i])
      left.push_back(dims[i]);
    else if (keepdims)
      left.push_back(T(1));
  }
  return left;
}

/// A row-major tensor as alternating runs of kept and folded dims, neighbours of a kind merged.
struct Runs {
  Dims kept, kept_strides, folded, folded_strides;  // without the innermost run
  int64_t inner = 1;
  bool inner_folded = true;
};
Runs make_runs(const Dims& dims, const std::vector<bool>& folded) {
  Runs runs;
  std::vector<std::pair<int64_t, bool>> merged;  // size, folded
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    if (merged.empty() || merged.back().second != folded[i]) merged.push_back({1, folded[i]});
    merged.back().first *= dims[i];
  }
  if (merged.empty()) return runs;
  std::tie(runs.inner, runs.inner_folded) = merged.back();
  int64_t stride = runs.inner;
  for (size_t i = merged.size() - 1; i-- > 0; stride *= merged[i].first) {
    (merged[i].second ? runs.folded : runs.kept).push_back(merged[i].first);
    (merged[i].second ? runs.folded_strides : runs.kept_strides).push_back(stride);
  }
  return runs;
}
/// Innermost first, as make_runs() leaves them.
int64_t offset_of(int64_t index, const Dims& sizes, const Dims& strides) {
  int64_t offset = 0;
  for (size_t i = 0; i < sizes.size(); ++i) offset += index % sizes[i] * strides[i], index /= sizes[i];
  return offset;
}

/// What a fold holds while it adds up.
template <class C> using Sum = std::conditional_t<std::is_floating_point_v<C>, double, C>;

/// out[o] = step(… step(first, x, o) …) over the elements x that fold into o.
template <class C, class Step>
void fold(const C* x, const Runs& runs, Sum<C> first, std::vector<Sum<C>>& out, Step&& step) {
  const int64_t width = runs.inner_folded ? 1 : runs.inner, lines = count_of(runs.folded);
  std::fill(out.begin(), out.end(), first);
  parallel_for(count_of(runs.kept), grain_of(lines * runs.inner), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t base = offset_of(k, runs.kept, runs.kept_strides);
      Sum<C>* to = out.data() + k * width;
      for (int64_t line = 0; line < lines; ++line) {
        const C* from = x + base + offset_of(line, runs.folded, runs.folded_strides);
        if (runs.inner_folded) {
          Sum<C> sum = to[0];
          for (int64_t i = 0; i < runs.inner; ++i) sum = step(sum, Sum<C>(from[i]), k);
          to[0] = sum;
        } else {
          for (int64_t i = 0; i < width; ++i) to[i] = step(to[i], Sum<C>(from[i]), k * width + i);
        }
      }
    }
  });
}

/// max or min of nothing: the lowest or highest value of the result's own type.
template <class C> Sum<C> extreme(DType t, bool highest) {
  Sum<C> value{};
  visit_dtype(t, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>)
      value = Sum<C>(highest);
    else if constexpr (std::is_integral_v<T>)
      value = Sum<C>(highest ? std::numeric_limits<T>::max() : std::numeric_limits<T>::lowest());
    else
      value = Sum<C>(highest ? INFINITY : -INFINITY);
  });
  return value;
}

template <class C> class Folding {
 public:
  Folding(const Tensor& x, DType result, Runs runs, std::vector<Sum<C>>& out)
      : x_(x.data<C>()), result_(result), runs_(std::move(runs)), out_(out) {}

  void run(ReduceOp op, int64_t folded_count) {
    using S = Sum<C>;
    const auto plus = [](S sum, S x, int64_t) { return S(sum + x); };
    switch (op) {
      case ReduceOp::sum:
        return each(S(0), plus);
      case ReduceOp::mean:
        return each(S(0), plus), finish([&](S sum) { return divide(sum, S(folded_count)); });
      case ReduceOp::max:
        return each(extreme<C>(result_, false), [](S a, S b, int64_t) { return max(a, b); });
      case ReduceOp::min:
        return each(extreme<C>(result_, true), [](S a, S b, int64_t) { return min(a, b); });
      case ReduceOp::prod:
        return each(S(1), [](S product, S x, int64_t) { return S(product * x); });
      case ReduceOp::l1:
        return each(S(0), [](S sum, S x, int64_t) { return S(sum + abs(x)); });
      case ReduceOp::l2:
        return squares(), finish([](S sum) { return from_double(std::sqrt(double(sum))); });
      case ReduceOp::sum_square:
        return squares();
      case ReduceOp::log_sum:
        return each(S(0), plus), finish([](S sum) { return from_double(std::log(double(sum))); });
      case ReduceOp::log_sum_exp:
        return log_sum_exp();
    }
  }

 private:
  using S = Sum<C>;
  static S from_double(double value) { return convert<S>(value); }
  template <class Step> void each(S first, Step&& step) { fold(x_, runs_, first, out_, step); }
  template <class Last> void finish(Last&& last) {
    for (S& value : out_) value = last(value);
  }
  void squares() {
    each(S(0), [](S sum, S x, int64_t) { return S(sum + x * x); });
  }
  void log_sum_exp() {  // the largest is taken out, so that nothing overflows
    std::vector<double> largest(out_.size()), sums(out_.size(), 0.0);
    each(extreme<C>(result_, false), [](S a, S b, int64_t) { return max(a, b); });
    for (size_t i = 0; i < out_.size(); ++i) largest[i] = double(out_[i]);
    // Sums are kept beside the fold, which would round them for integers; each output belongs to one thread.
    each(S(0), [&](S none, S x, int64_t o) {
      sums[size_t(o)] += std::exp(double(x) - largest[size_t(o)]);
      return none;
    });
    for (size_t i = 0; i < out_.size(); ++i) {
      const bool all = std::isinf(largest[i]);  // inf, or nothing but -inf
      out_[i] = from_double(all ? largest[i] : largest[i] + std::log(sums[i]));
    }
  }

  const C* x_;
  DType result_;
  Runs runs_;
  std::vector<S>& out_;
};

Status check_reduce_dtype(ReduceOp op, const TensorType& x) {
  const bool extreme = op == ReduceOp::max || op == ReduceOp::min;
  if (extreme && x.dtype == DType::boolean) return {};
  return check_dtype(Reduce::name, x, Domain::numeric);
}

}  // namespace

namespace {

/// Each its own: one unknown repeated would say that the sizes are equal.
Shape unknown_dims(size_t count) {
  Shape shape;
  while (shape.size() < count) shape.push_back(Dim::unknown());
  return shape;
}

}  // namespace

Result<Types> Reduce::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, 1));
  RK_CHECK(check_reduce_dtype(op, in[0]));
  const TensorType& x = in[0];
  if (!has_input(in, 1)) {
    RK_TRY(const std::vector<bool> folded, folded_axes(name, axes, x.rank()));
    return Types{{x.dtype, without_folded(x.shape, folded, keepdims)}};
  }
  RK_CHECK(check_indices(name, in[1], "axes"));
  if (keepdims) {
    if (in[1].rank() != 1) return op_error(name, "the axes are " + in[1].to_string() + ", expected a list");
    return Types{{x.dtype, unknown_dims(x.shape.size())}};
  }
  RK_TRY(const int64_t count, list_length(name, in[1], "axes"));
  if (count > x.rank())
    return op_error(name,
                    std::to_string(count) + " axes are given, expected at most " + std::to_string(x.rank()));
  return Types{{x.dtype, unknown_dims(count == 0 ? 0 : size_t(x.rank() - count))}};
}

Result<Tensors> Reduce::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  std::vector<int64_t> chosen = axes;
  if (const Tensor* given = optional_input(in, 1)) {
    RK_TRY(chosen, to_int64s(*given));
  }
  RK_TRY(const std::vector<bool> folded, folded_axes(name, chosen, in[0].rank()));
  RK_TRY(const Tensor x, widen(in[0]));
  RK_TRY(Tensor y, make_tensor(name, x.dtype(), without_folded(x.dims(), folded, keepdims)));
  int64_t folded_count = 1;
  for (size_t i = 0; i < folded.size(); ++i) folded_count *= folded[i] ? x.dims()[i] : 1;
  visit_compute_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    if (y.count() == 0) return;
    std::vector<Sum<C>> out(size_t(y.count()));
    Folding<C>(x, in[0].dtype(), make_runs(x.dims(), folded), out).run(op, folded_count);
    for (size_t i = 0; i < out.size(); ++i) y.data<C>()[i] = C(out[i]);
  });
  return narrow_to(y, in[0].dtype());
}

namespace {

template <class C> bool beyond(ArgReduceOp op, C value, C best, bool or_equal) {
  if constexpr (std::is_floating_point_v<C>) {
    if (value != value) return best == best || or_equal;
    if (best != best) return false;
  }
  if (or_equal && value == best) return true;
  return op == ArgReduceOp::max ? value > best : value < best;
}

}  // namespace

Result<Types> ArgReduce::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  RK_CHECK(check_dtype(name, in[0], Domain::numeric));
  const int64_t along = axis;
  RK_TRY(const std::vector<bool> folded, folded_axes(name, std::span(&along, 1), in[0].rank()));
  for (size_t i = 0; i < folded.size(); ++i)
    if (folded[i] && in[0].shape[i].is(0))
      return op_error(name, "axis " + std::to_string(axis) + " of " + in[0].to_string() +
                                " has no elements, expected at least 1");
  return Types{{DType::i64, without_folded(in[0].shape, folded, keepdims)}};
}

Result<Tensors> ArgReduce::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensor y, make_output(*this, in));
  RK_TRY(const Tensor x, widen(in[0]));
  RK_TRY(const int a, normalize_axis(name, axis, x.rank()));
  const int64_t n = x.dims()[size_t(a)];
  const int64_t inner = count_of(Dims(x.dims().begin() + a + 1, x.dims().end()));
  const int64_t outer = count_of(Dims(x.dims().begin(), x.dims().begin() + a));
  visit_compute_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    const C* values = x.data<C>();
    int64_t* best = y.data<int64_t>();  // starts as all 0
    parallel_for(outer, grain_of(n * inner), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o)
        for (int64_t i = 1; i < n; ++i)
          for (int64_t j = 0; j < inner; ++j) {
            int64_t& at = best[o * inner + j];
            if (beyond(op, values[(o * n + i) * inner + j], values[(o * n + at) * inner + j], select_last))
              at = i;
          }
    });
  });
  return Tensors{std::move(y)};
}

}  // namespace rekindle::ops
