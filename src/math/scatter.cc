// scatter_elements, scatter_nd: a copy of x, then the updates one by one.
// SPDX-License-Identifier: Apache-2.0
#include "math/scatter.h"

#include <algorithm>

#include "math/element_copy.h"
#include "math/indices.h"
#include "math/scalar.h"

namespace rekindle::ops {

namespace {

/// The reductions in the type an element is computed in; halves round after every step, as if each update
/// were an op.
template <class T> T reduce(ScatterReduction reduction, T a, T b) {
  if constexpr (std::is_same_v<T, f16_t> || std::is_same_v<T, bf16_t>) {
    return T(reduce(reduction, float(a), float(b)));
  } else if constexpr (std::is_same_v<T, bool>) {
    const bool is_or = reduction == ScatterReduction::add || reduction == ScatterReduction::max;
    return is_or ? a || b : a && b;
  } else {
    switch (reduction) {
      case ScatterReduction::none:
        return b;
      case ScatterReduction::add:
        return T(a + b);
      case ScatterReduction::mul:
        return T(a * b);
      case ScatterReduction::max:
        return max(a, b);
      case ScatterReduction::min:
        return min(a, b);
    }
    return b;
  }
}

/// Puts runs of updates into a tensor, one way or the other.
class Updater {
 public:
  Updater(const Tensor& updates, Tensor& out, ScatterReduction reduction)
      : updates_(updates), out_(out), copier_(updates, out), reduction_(reduction) {}
  void run(int64_t from, int64_t at, int64_t n) const {
    if (reduction_ == ScatterReduction::none) return copier_.run(from, at, n);
    visit_dtype(out_.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* f = updates_.data<T>() + from;
      T* t = out_.data<T>() + at;
      for (int64_t i = 0; i < n; ++i) t[i] = reduce(reduction_, t[i], f[i]);
    });
  }

 private:
  const Tensor& updates_;
  Tensor& out_;
  ElementCopier copier_;
  ScatterReduction reduction_;
};

Status check_updates(std::string_view op, std::span<const TensorType> in, ScatterReduction reduction) {
  RK_CHECK(check_arity(op, in.size(), 3, 3));
  RK_CHECK(check_present(op, in, 3));
  RK_CHECK(check_indices(op, in[1]));
  const DType t = in[0].dtype;
  if (in[2].dtype != t)
    return op_error(op, "the updates are " + std::string(to_string(in[2].dtype)) + ", expected " +
                            std::string(to_string(t)) + " like input 0");
  const bool whole = t != DType::string && !is_complex(t) && bits_of(t) >= 8;
  const bool computes = whole && (is_float(t) || is_integer(t) || t == DType::boolean);
  if (reduction == ScatterReduction::none || computes) return {};
  return op_error(op, "elements of " + std::string(to_string(t)) + " cannot be combined by " +
                          std::string(enum_name(reduction)) + ", expected whole-byte numbers");
}

Result<Tensor> copy_of(std::string_view op, const Tensor& x) {
  RK_TRY(Tensor out, make_tensor(op, x.dtype(), x.dims()));
  copy_elements(x, contiguous_map(x.dims()), out, contiguous_map(x.dims()), x.dims());
  return out;
}

}  // namespace

Result<Types> ScatterElements::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_updates(name, in, reduction));
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  if (in[1].rank() != in[0].rank() || in[2].rank() != in[0].rank())
    return op_error(name, "the indices are " + in[1].to_string() + " and the updates " + in[2].to_string() +
                              ", expected the rank " + std::to_string(in[0].rank()) + " of input 0");
  for (int d = 0; d < in[0].rank(); ++d) {
    const std::string which = "dim " + std::to_string(d);
    const Dim &own = in[0].shape[size_t(d)], &wanted = in[1].shape[size_t(d)];
    RK_CHECK(check_equal_dims(name, which + " of the updates", in[2].shape[size_t(d)], wanted));
    if (d != along && own.as_int() && wanted.as_int() && *wanted.as_int() > *own.as_int())
      return op_error(name, which + " of the indices is " + wanted.to_string() + ", expected at most the " +
                                own.to_string() + " of input 0");
  }
  return Types{in[0]};
}

Result<Tensors> ScatterElements::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(Tensor out, copy_of(name, in[0]));
  RK_TRY(const int along, normalize_axis(name, axis, out.rank()));
  RK_TRY(const auto indices, resolve_indices(name, in[1], along, out.dims()[size_t(along)]));
  const Dims strides = contiguous_strides(out.dims());
  const Updater updater(in[2], out, reduction);
  Dims index(size_t(out.rank()), 0);
  int64_t base = 0;  // the position in x of the current index, its place along the axis left out
  for (size_t i = 0; i < indices.size(); ++i) {
    updater.run(int64_t(i), base + indices[i] * strides[size_t(along)], 1);
    for (size_t d = index.size(); d-- > 0;) {
      const int64_t step = int(d) == along ? 0 : strides[d], size = in[1].dims()[d];
      base += step;
      if (++index[d] < size) break;
      base -= step * size;
      index[d] = 0;
    }
  }
  return Tensors{std::move(out)};
}

Result<Types> ScatterNd::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_updates(name, in, reduction));
  const Shape &x = in[0].shape, &indices = in[1].shape, &updates = in[2].shape;
  if (x.empty() || indices.empty())
    return op_error(name, "input 0 is " + in[0].to_string() + " and the indices " + in[1].to_string() +
                              ", expected rank 1 or more");
  const auto length = indices.back().as_int();
  if (!length)
    return op_error(
        name, "the indices are " + in[1].to_string() + ", expected a last dim that is known before running");
  if (*length < 1 || *length > int64_t(x.size()))
    return op_error(name, "the last dim of the indices is " + std::to_string(*length) + ", expected 1 to " +
                              std::to_string(x.size()));
  Shape wanted(indices.begin(), indices.end() - 1);
  wanted.insert(wanted.end(), x.begin() + *length, x.end());
  if (updates.size() != wanted.size())
    return op_error(name,
                    "the updates are " + in[2].to_string() + ", expected the shape " + to_string(wanted));
  for (size_t i = 0; i < wanted.size(); ++i)
    RK_CHECK(check_equal_dims(name, "dim " + std::to_string(i) + " of the updates", updates[i], wanted[i]));
  return Types{in[0]};
}

Result<Tensors> ScatterNd::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(Tensor out, copy_of(name, in[0]));
  RK_TRY(const auto offsets, resolve_tuples(name, in[1], out.dims(), 0));
  const int64_t row = count_of(Dims(out.dims().begin() + in[1].dims().back(), out.dims().end()));
  const Updater updater(in[2], out, reduction);
  for (size_t t = 0; t < offsets.size(); ++t) updater.run(int64_t(t) * row, offsets[t], row);
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
