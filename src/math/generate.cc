// shape_value, range, one_hot, eye_like.
// SPDX-License-Identifier: Apache-2.0
#include "math/generate.h"

#include <algorithm>
#include <cmath>

#include "math/element_copy.h"
#include "math/op_checks.h"

namespace rekindle::ops {

namespace {

Status require_one(std::string_view op, const Tensor& t, std::string_view what) {
  if (t.count() == 1) return {};
  return op_error(op,
                  "the " + std::string(what) + " has " + std::to_string(t.count()) + " elements, expected 1");
}

/// How many of start, start + delta, … lie before the limit.
Result<int64_t> steps_between(const Tensor& start, const Tensor& limit, const Tensor& delta) {
  constexpr auto op = "range";
  if (is_integer(start.dtype())) {
    // Unsigned differences: those of 64-bit numbers need one bit more than int64_t has.
    const int64_t from = start.as_int64(0), to = limit.as_int64(0), step = delta.as_int64(0);
    if (step == 0) return op_error(op, "delta is 0, expected another number");
    if (step > 0 ? to <= from : to >= from) return 0;
    const uint64_t distance = step > 0 ? uint64_t(to) - uint64_t(from) : uint64_t(from) - uint64_t(to);
    const uint64_t stride = step > 0 ? uint64_t(step) : -uint64_t(step);
    return int64_t(std::min<uint64_t>((distance - 1) / stride + 1, INT64_MAX));
  }
  const double from = start.as_double(0), to = limit.as_double(0), step = delta.as_double(0);
  if (step == 0) return op_error(op, "delta is 0, expected another number");
  const double count = std::ceil((to - from) / step);
  if (std::isnan(count)) return op_error(op, "start, limit or delta is not a number");
  return count <= 0 ? 0 : count >= 0x1p62 ? INT64_MAX : int64_t(count);
}

/// The element as an integer, floats towards zero; far outside int64 it becomes INT64_MIN or MAX, NaN
/// INT64_MIN: no index.
int64_t truncated(const Tensor& t, int64_t i) {
  if (is_integer(t.dtype())) return t.as_int64(i);
  const double value = t.as_double(i);
  if (!(value > -0x1p62)) return INT64_MIN;
  return value < 0x1p62 ? int64_t(value) : INT64_MAX;
}

}  // namespace

/// Inputs are values whose making defines a symbol of the dims: only that they are made counts.
Result<Types> ShapeValue::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_present(name, in, in.size()));
  if (scalar && dims.size() != 1)
    return op_error(name, "a scalar has " + std::to_string(dims.size()) + " dims, expected 1");
  return Types{{DType::i64, scalar ? Shape{} : Shape{int64_t(dims.size())}}};
}

Result<Tensors> ShapeValue::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensor out, make_output(*this, in));
  RK_TRY(const Dims values, concrete(name, dims, "dims"));
  std::copy(values.begin(), values.end(), out.data<int64_t>());
  return Tensors{std::move(out)};
}

Result<Types> Range::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 3, 3));
  RK_CHECK(check_present(name, in, 3));
  RK_CHECK(check_dtype(name, in[0], Domain::numeric));
  const char* const names[] = {"start", "limit", "delta"};
  for (size_t i = 0; i < 3; ++i) {
    RK_CHECK(check_scalar(name, in[i], names[i]));
    if (in[i].dtype != in[0].dtype)
      return op_error(name, "the " + std::string(names[i]) + " is " + std::string(to_string(in[i].dtype)) +
                                ", expected " + std::string(to_string(in[0].dtype)) + " like the start");
  }
  if (count.as_int().value_or(0) < -1)
    return op_error(
        name, "the count is " + count.to_string() + ", expected at least 0, or -1 when it is not known");
  return Types{{in[0].dtype, {count.is(-1) ? Dim::unknown() : count}}};
}

Result<Tensors> Range::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  const char* const names[] = {"start", "limit", "delta"};
  for (size_t i = 0; i < 3; ++i) RK_CHECK(require_one(name, in[i], names[i]));
  Dims dims{0};
  if (count.is(-1)) {
    RK_TRY(dims[0], steps_between(in[0], in[1], in[2]));
  } else {
    RK_TRY(dims, concrete(name, std::span(&count, 1), "count"));
  }
  RK_TRY(Tensor out, make_tensor(name, in[0].dtype(), std::move(dims)));
  const bool known = visit_dtype(out.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const to = out.data<T>();
    if constexpr (std::is_integral_v<T>) {
      const uint64_t start = uint64_t(in[0].as_int64(0)), delta = uint64_t(in[2].as_int64(0));
      for (int64_t i = 0; i < out.count(); ++i) to[i] = T(start + uint64_t(i) * delta);
    } else {
      const double start = in[0].as_double(0), delta = in[2].as_double(0);
      for (int64_t i = 0; i < out.count(); ++i) out.set_double(i, start + double(i) * delta);
    }
  });
  if (!known)
    return op_error(name, "the element type is " + std::string(to_string(out.dtype())) +
                              ", expected a whole-byte number");
  return Tensors{std::move(out)};
}

Result<Types> OneHot::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 3));
  RK_CHECK(check_present(name, in, 2));
  RK_CHECK(check_dtype(name, in[0], Domain::numeric));
  if (in[1].rank() != 1)
    return op_error(name, "the values are " + in[1].to_string() + ", expected 2, off and on");
  RK_CHECK(check_equal_dims(name, "the number of values", in[1].shape[0], 2));
  Dim size = depth;
  if (has_input(in, 2)) {
    RK_CHECK(check_dtype(name, in[2], Domain::numeric));
    RK_CHECK(check_scalar(name, in[2], "depth"));
    size = Dim::unknown();
  } else if (depth.as_int().value_or(0) < 0) {
    return op_error(name, "the depth is " + depth.to_string() + ", expected at least 0");
  }
  auto at = rekindle::normalize_axis(axis, in[0].rank() + 1);
  if (!at.ok()) return op_error(name, at.status().message() + ", that of the output");
  TensorType out{in[1].dtype, in[0].shape};
  out.shape.insert(out.shape.begin() + *at, size);
  return Types{std::move(out)};
}

Result<Tensors> OneHot::evaluate(std::span<const Tensor> in) const {
  OneHot known = *this;
  if (has_input(in, 2)) {
    RK_CHECK(require_one(name, in[2], "depth"));
    known.depth = truncated(in[2], 0);
  }
  RK_TRY(Tensor out, make_output(known, in.first(2)));
  const Tensor &indices = in[0], &values = in[1];
  RK_TRY(const int at, rekindle::normalize_axis(axis, indices.rank() + 1));
  const int64_t size = out.dims()[size_t(at)];
  int64_t inner = 1;
  for (size_t i = size_t(at); i < indices.dims().size(); ++i) inner *= indices.dims()[i];
  const ElementCopier copier(values, out);
  copier.fill(0, 0, out.count());
  for (int64_t i = 0; i < indices.count(); ++i) {
    int64_t index = truncated(indices, i);
    if (index < -size || index >= size) continue;
    if (index < 0) index += size;
    copier.run(1, (i / inner * size + index) * inner + i % inner, 1);
  }
  return Tensors{std::move(out)};
}

Result<Types> EyeLike::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  if (in[0].rank() != 2) return op_error(name, "input 0 is " + in[0].to_string() + ", expected rank 2");
  if (dtype == DType::string || is_complex(dtype))
    return op_error(
        name, "the element type is " + std::string(to_string(dtype)) + ", expected a number type or boolean");
  return Types{{dtype, in[0].shape}};
}

Result<Tensors> EyeLike::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensor out, make_output(*this, in));
  const int64_t rows = out.dims()[0], columns = out.dims()[1];
  const int64_t diagonal = std::clamp<int64_t>(k, -rows, columns);
  for (int64_t row = std::max<int64_t>(0, -diagonal); row < rows && row + diagonal < columns; ++row)
    out.set_double(row * columns + row + diagonal, 1);
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
