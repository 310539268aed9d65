// The references of quantization. Quotients and products are in float (double for f64), as ONNX computes
// them. SPDX-License-Identifier: Apache-2.0
#include "math/quantize.h"

#include <algorithm>
#include <cmath>

#include "math/compute_type.h"
#include "tensor/convert.h"
#include "tensor/small_types.h"

namespace rekindle::ops {

namespace {

bool is_quantized(DType t) {
  return is_small_float(t) || (is_integer(t) && bits_of(t) <= 32 && t != DType::u32);
}

/// Which element of the scale belongs to an element of x: outer*o + axis*(i/block) + inner*j for index (o, i,
/// j) of x seen as [outer, axis, inner].
struct ScaleMap {
  int64_t outer = 0, axis = 0, inner = 0, block = 1;
  int64_t axis_size = 1, inner_size = 1;
};
/// Calls visit(element, scale) for every element.
template <class F> void for_each_scaled(const ScaleMap& map, int64_t count, F&& visit) {
  for (int64_t start = 0, line = 0; start < count; start += map.inner_size, ++line) {
    const int64_t first = line / map.axis_size * map.outer + line % map.axis_size / map.block * map.axis;
    for (int64_t j = 0; j < map.inner_size; ++j) visit(start + j, first + j * map.inner);
  }
}

bool is_for_the_tensor(const Shape& scale, int64_t block_size) {
  return block_size == 0 && (scale.empty() || (scale.size() == 1 && scale[0].is(1)));
}

Status check_scale(std::string_view op, const TensorType& x, const TensorType& scale, int64_t axis,
                   int64_t block_size) {
  if (block_size < 0)
    return op_error(op, "block_size is " + std::to_string(block_size) + ", expected at least 0");
  if (!is_float(scale.dtype))
    return op_error(op, "the scale is " + scale.to_string() + ", expected a float type");
  if (is_for_the_tensor(scale.shape, block_size)) return {};
  const size_t wanted = block_size == 0 ? 1 : size_t(x.rank());
  if (scale.shape.size() != wanted)
    return op_error(
        op, "the scale is " + scale.to_string() + ", expected " +
                (wanted == 1 && block_size == 0 ? "a scalar or a vector" : "rank " + std::to_string(wanted)));
  // A vector of unknown length may turn out to be one scale for all, whatever the axis.
  if (block_size == 0 && !scale.shape[0].as_int()) return {};
  RK_TRY(const int a, normalize_axis(op, axis, x.rank()));
  if (block_size == 0)
    return check_equal_dims(op, "the length of the scale", scale.shape[0], x.shape[size_t(a)]);
  for (int i = 0; i < x.rank(); ++i) {
    const Dim expected = i == a ? ceil_div(x.shape[size_t(i)], block_size) : x.shape[size_t(i)];
    RK_CHECK(
        check_equal_dims(op, "dim " + std::to_string(i) + " of the scale", scale.shape[size_t(i)], expected));
  }
  return {};
}

Status check_zero_point(std::string_view op, const TensorType& zero_point, DType dtype, const Shape& scale) {
  if (zero_point.dtype != dtype)
    return op_error(
        op, "the zero point is " + zero_point.to_string() + ", expected " + std::string(to_string(dtype)));
  bool fits = zero_point.shape.size() == scale.size();
  for (size_t i = 0; fits && i < scale.size(); ++i)
    fits = !scale[i].as_int() || !zero_point.shape[i].as_int() || scale[i] == zero_point.shape[i];
  if (fits || (is_for_the_tensor(zero_point.shape, 0) && is_for_the_tensor(scale, 0))) return {};
  return op_error(op, "the zero point is " + zero_point.to_string() + ", expected the shape of the scale " +
                          to_string(scale));
}

Result<ScaleMap> map_scale(std::string_view op, const Tensor& x, const Tensor& scale, int64_t axis,
                           int64_t block_size) {
  ScaleMap map;
  map.inner_size = std::max<int64_t>(1, x.count());
  if (is_for_the_tensor(to_shape(scale.dims()), block_size)) return map;
  RK_TRY(const int a, normalize_axis(op, axis, x.rank()));
  map.axis_size = x.dims()[size_t(a)];
  map.inner_size = count_of(Dims(x.dims().begin() + a + 1, x.dims().end()));
  map.axis = 1;
  if (block_size > 0) {
    map.block = block_size;
    map.inner = 1;
    map.axis = map.inner_size;
    map.outer = scale.dims()[size_t(a)] * map.inner_size;
  }
  return map;
}

/// The range of an integer type.
std::pair<double, double> range_of(DType t) {
  const double half = std::ldexp(1.0, bits_of(t) - 1);
  return is_signed_int(t) ? std::pair{-half, half - 1} : std::pair{0.0, 2 * half - 1};
}
double rounded(double value, double zero_point, std::pair<double, double> range) {
  if (std::isnan(value)) return std::clamp(zero_point, range.first, range.second);
  return std::clamp(std::nearbyint(value) + zero_point, range.first, range.second);
}

/// x / scale in the type C, as a tensor.
template <class C> Result<Tensor> quotients(const Tensor& x, const Tensor& scale, const ScaleMap& map) {
  RK_TRY(const Tensor values, cast(x, dtype_of<C>));
  RK_TRY(const Tensor divisors, cast(scale, dtype_of<C>));
  RK_TRY(Tensor y, make_tensor(QuantizeLinear::name, dtype_of<C>, x.dims()));
  for_each_scaled(map, y.count(), [&, to = y.data<C>()](int64_t i, int64_t s) {
    to[i] = values.data<C>()[i] / divisors.data<C>()[s];
  });
  return y;
}

/// Rounds quotients to integers and shifts them.
template <class C>
Result<Tensor> to_integers(const Tensor& quotient, const Tensor* zero_point, DType to, const ScaleMap& map) {
  RK_TRY(Tensor y, make_tensor(QuantizeLinear::name, to, quotient.dims()));
  Tensor shift;
  if (zero_point) {
    RK_TRY(shift, cast(*zero_point, DType::f64));
  }
  const auto range = range_of(to);
  const C* values = quotient.data<C>();
  const double* shifts = zero_point ? shift.data<double>() : nullptr;
  const auto each = [&](auto&& put) {
    for_each_scaled(map, y.count(), [&](int64_t i, int64_t s) {
      put(i, rounded(double(values[i]), shifts ? shifts[s] : 0.0, range));
    });
  };
  const bool is_plain = visit_dtype(to, [&](auto zero) {
    using T = decltype(zero);
    each([to = y.data<T>()](int64_t i, double value) { to[i] = convert<T>(value); });
  });
  if (!is_plain) each([&](int64_t i, double value) { y.set_double(i, value); });  // packed
  return y;
}

}  // namespace

Result<Types> QuantizeLinear::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 3));
  RK_CHECK(check_present(name, in, 2));
  if (!is_float(in[0].dtype) && in[0].dtype != DType::i32)
    return op_error(name, "the input is " + in[0].to_string() + ", expected a float type or i32");
  if (!is_quantized(to))
    return op_error(name, "the result is " + std::string(to_string(to)) +
                              ", expected an integer of at most 32 bits or a small float");
  RK_CHECK(check_scale(name, in[0], in[1], axis, block_size));
  if (has_input(in, 2)) RK_CHECK(check_zero_point(name, in[2], to, in[1].shape));
  return Types{{to, in[0].shape}};
}

Result<Tensors> QuantizeLinear::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(const ScaleMap map, map_scale(name, in[0], in[1], axis, block_size));
  auto y = visit_float_type(in[0].dtype(), [&](auto zero) -> Result<Tensor> {
    using C = decltype(zero);
    RK_TRY(const Tensor quotient, quotients<C>(in[0], in[1], map));
    if (is_small_float(to)) return cast(quotient, to, saturate);  // their zero point is 0
    return to_integers<C>(quotient, optional_input(in, 2), to, map);
  });
  if (!y.ok()) return y.status();
  return Tensors{*std::move(y)};
}

Result<Types> DequantizeLinear::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 3));
  RK_CHECK(check_present(name, in, 2));
  if (!is_quantized(in[0].dtype))
    return op_error(name, "the input is " + in[0].to_string() +
                              ", expected an integer of at most 32 bits or a small float");
  RK_CHECK(check_scale(name, in[0], in[1], axis, block_size));
  if (has_input(in, 2)) RK_CHECK(check_zero_point(name, in[2], in[0].dtype, in[1].shape));
  return Types{{in[1].dtype, in[0].shape}};
}

Result<Tensors> DequantizeLinear::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(const ScaleMap map, map_scale(name, in[0], in[1], axis, block_size));
  RK_TRY(const Tensor x, cast(in[0], DType::f64));  // differences of 32-bit integers are exact
  Tensor shift;
  if (const Tensor* zero_point = optional_input(in, 2)) {
    RK_TRY(shift, cast(*zero_point, DType::f64));
  }
  auto y = visit_float_type(in[1].dtype(), [&](auto zero) -> Result<Tensor> {
    using C = decltype(zero);
    RK_TRY(const Tensor scale, cast(in[1], dtype_of<C>));
    RK_TRY(Tensor product, make_tensor(name, dtype_of<C>, in[0].dims()));
    const double* shifts = shift.has_data() ? shift.data<double>() : nullptr;
    for_each_scaled(map, product.count(), [&, to = product.data<C>()](int64_t i, int64_t s) {
      to[i] = C(x.data<double>()[i] - (shifts ? shifts[s] : 0.0)) * scale.data<C>()[s];
    });
    return narrow(product, in[1].dtype());
  });
  if (!y.ok()) return y.status();
  return Tensors{*std::move(y)};
}

Result<Types> DynamicQuantizeLinear::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  if (in[0].dtype != DType::f32)
    return op_error(name, "the input is " + in[0].to_string() + ", expected f32");
  return Types{{DType::u8, in[0].shape}, {DType::f32, {}}, {DType::u8, {}}};
}

Result<Tensors> DynamicQuantizeLinear::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  float low = 0, high = 0;
  for (float x : in[0].values<float>()) low = std::min(low, x), high = std::max(high, x);
  const float scale = high == low ? 1.0F : (high - low) / 255.0F;
  const float zero_point = std::nearbyint(std::clamp(0.0F - low / scale, 0.0F, 255.0F));
  RK_TRY(Tensor y, make_tensor(name, DType::u8, in[0].dims()));
  for (int64_t i = 0; i < y.count(); ++i)
    y.data<uint8_t>()[i] =
        uint8_t(rounded(double(in[0].data<float>()[i] / scale), double(zero_point), {0, 255}));
  const float shift = std::isnan(zero_point) ? 0.0F : zero_point;
  return Tensors{std::move(y), Tensor::scalar(scale), Tensor::scalar(uint8_t(shift))};
}

}  // namespace rekindle::ops
