// The references of layer, RMS, group, instance and batch normalisation.
// SPDX-License-Identifier: Apache-2.0
#include "math/norm.h"

#include "math/batches.h"
#include "math/norm_lines.h"

namespace rekindle::ops {

namespace {

std::string dtypes(DType x) { return x == DType::f32 ? "f32" : std::string(to_string(x)) + " or f32"; }

/// The dims from `axis` on, and how many elements come before them.
Shape tail(const Shape& shape, int axis) { return {shape.begin() + axis, shape.end()}; }
Dims tail(const Dims& dims, int axis) { return {dims.begin() + axis, dims.end()}; }

/// scale and bias of layer_norm broadcast to the normalised dims.
Status check_tail_parameter(std::string_view op, std::string_view what, const TensorType& type, DType x,
                            const Shape& normalized) {
  const bool dtype_fits = type.dtype == x || type.dtype == DType::f32;
  auto shape = broadcast_shapes(type.shape, normalized);
  bool fits = dtype_fits && shape.ok() && shape->size() == normalized.size();
  for (size_t i = 0; fits && i < normalized.size(); ++i)
    fits = !(*shape)[i].as_int() || !normalized[i].as_int() || (*shape)[i] == normalized[i];
  if (fits) return {};
  return op_error(op, "the " + std::string(what) + " is " + type.to_string() + ", expected " + dtypes(x) +
                          " that broadcasts to " + to_string(normalized));
}

template <class Op> Result<Types> infer_tail(const Op& op, std::span<const TensorType> in, size_t most) {
  RK_CHECK(check_norm(Op::name, in, 1, most, 1));
  RK_TRY(const int axis, normalize_axis(Op::name, op.axis, in[0].rank()));
  const Shape normalized = tail(in[0].shape, axis);
  constexpr std::array kNames{"", "scale", "bias"};
  for (size_t i = 1; i < most; ++i)
    if (has_input(in, i)) RK_CHECK(check_tail_parameter(Op::name, kNames[i], in[i], in[0].dtype, normalized));
  return Types{in[0]};
}

Result<Types> infer_channels(std::string_view op, std::span<const TensorType> in, size_t least, size_t most) {
  RK_CHECK(check_norm(op, in, least, most, least == 5 ? 1 : 2));
  constexpr std::array kNames{"", "scale", "bias", "mean", "variance"};
  for (size_t i = 1; i < most; ++i)
    if (has_input(in, i)) RK_CHECK(check_parameter(op, kNames[i], in[i], in[0].dtype, {channels_of(in[0])}));
  return Types{in[0]};
}

/// Statistics over runs of `together` channels of x[N, C, …].
Result<Tensors> normalize_channels(std::string_view op, std::span<const Tensor> in, int64_t groups,
                                   double epsilon) {
  const Dims& dims = in[0].dims();
  const int64_t channels = dims[1], together = channels / groups;
  const int64_t spatial = count_of(Dims(dims.begin() + 2, dims.end()));
  RK_TRY(const std::vector<double> scale, spread_parameter(optional_input(in, 1), {channels}, 1));
  RK_TRY(const std::vector<double> bias, spread_parameter(optional_input(in, 2), {channels}, 0));
  return for_each_norm_line(op, in[0], dims[0] * groups, together * spatial,
                            [&](const auto* x, auto* y, int64_t line) {
                              const size_t first = size_t(line % groups * together);
                              normalize_line(x, y, together * spatial, epsilon, [&](int64_t i, double value) {
                                const size_t channel = first + size_t(i / spatial);
                                return value * scale[channel] + bias[channel];
                              });
                            });
}

}  // namespace

Status check_norm(std::string_view op, std::span<const TensorType> in, size_t least, size_t most,
                  int least_rank) {
  RK_CHECK(check_arity(op, in.size(), least, most));
  RK_CHECK(check_present(op, in, least));
  RK_CHECK(check_dtype(op, in[0], Domain::floating));
  if (in[0].rank() < least_rank)
    return op_error(op, "the input is " + in[0].to_string() + ", expected rank " +
                            std::to_string(least_rank) + " or more");
  return {};
}

Status check_parameter(std::string_view op, std::string_view what, const TensorType& type, DType x,
                       const Shape& shape) {
  bool fits = (type.dtype == x || type.dtype == DType::f32) && type.shape.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = !type.shape[i].as_int() || !shape[i].as_int() || type.shape[i] == shape[i];
  if (fits) return {};
  return op_error(op, "the " + std::string(what) + " is " + type.to_string() + ", expected " + dtypes(x) +
                          to_string(shape));
}

Result<std::vector<double>> spread_parameter(const Tensor* parameter, const Dims& dims, double absent) {
  std::vector<double> values(size_t(count_of(dims)), absent);
  if (!parameter) return values;
  RK_TRY(const Tensor wide, cast(*parameter, DType::f64));
  const std::vector<int64_t> from = batch_items(dims, wide.dims());
  for (size_t i = 0; i < values.size(); ++i) values[i] = wide.data<double>()[from[i]];
  return values;
}

Result<Types> LayerNorm::infer(std::span<const TensorType> in) const { return infer_tail(*this, in, 3); }
Result<Tensors> LayerNorm::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(const int a, normalize_axis(name, axis, in[0].rank()));
  const Dims normalized = tail(in[0].dims(), a);
  const int64_t n = count_of(normalized),
                lines = count_of(Dims(in[0].dims().begin(), in[0].dims().begin() + a));
  RK_TRY(const std::vector<double> scale, spread_parameter(optional_input(in, 1), normalized, 1));
  RK_TRY(const std::vector<double> bias, spread_parameter(optional_input(in, 2), normalized, 0));
  return for_each_norm_line(name, in[0], lines, n, [&](const auto* x, auto* y, int64_t) {
    normalize_line(x, y, n, epsilon,
                   [&](int64_t i, double value) { return value * scale[size_t(i)] + bias[size_t(i)]; });
  });
}

Result<Types> RmsNorm::infer(std::span<const TensorType> in) const { return infer_tail(*this, in, 2); }
Result<Tensors> RmsNorm::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(const int a, normalize_axis(name, axis, in[0].rank()));
  const Dims normalized = tail(in[0].dims(), a);
  const int64_t n = count_of(normalized),
                lines = count_of(Dims(in[0].dims().begin(), in[0].dims().begin() + a));
  RK_TRY(const std::vector<double> scale, spread_parameter(optional_input(in, 1), normalized, 1));
  return for_each_norm_line(name, in[0], lines, n, [&](const auto* x, auto* y, int64_t) {
    double squares = 0;
    for (int64_t i = 0; i < n; ++i) squares += double(x[i]) * double(x[i]);
    const double factor = 1 / std::sqrt(squares / double(n) + double(epsilon));
    for (int64_t i = 0; i < n; ++i)
      y[i] = std::decay_t<decltype(*y)>(double(x[i]) * factor * scale[size_t(i)]);
  });
}

Result<Types> GroupNorm::infer(std::span<const TensorType> in) const {
  RK_TRY(Types types, infer_channels(name, in, 1, 3));
  if (groups < 1) return op_error(name, "groups is " + std::to_string(groups) + ", expected at least 1");
  if (auto channels = channels_of(in[0]).as_int(); channels && *channels % groups != 0)
    return op_error(name, std::to_string(*channels) + " channels do not divide into " +
                              std::to_string(groups) + " groups");
  return types;
}
Result<Tensors> GroupNorm::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  return normalize_channels(name, in, groups, epsilon);
}

Result<Types> InstanceNorm::infer(std::span<const TensorType> in) const {
  return infer_channels(name, in, 3, 3);
}
Result<Tensors> InstanceNorm::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  return normalize_channels(name, in, std::max<int64_t>(1, in[0].dims()[1]), epsilon);
}

Result<Types> BatchNorm::infer(std::span<const TensorType> in) const {
  return infer_channels(name, in, 5, 5);
}
Result<Tensors> BatchNorm::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  const Dims& dims = in[0].dims();
  const bool has_channels = dims.size() > 1;
  const int64_t channels = has_channels ? dims[1] : 1;
  const int64_t spatial = has_channels ? count_of(Dims(dims.begin() + 2, dims.end())) : dims[0];
  std::array<std::vector<double>, 5> parameters;
  for (size_t i = 1; i < 5; ++i) {
    RK_TRY(parameters[i], spread_parameter(&in[i], {channels}, 0));
  }
  return for_each_norm_line(
      name, in[0], has_channels ? dims[0] * channels : 1, spatial, [&](const auto* x, auto* y, int64_t line) {
        const size_t c = size_t(line % channels);
        const double mean = parameters[3][c],
                     factor = parameters[1][c] / std::sqrt(parameters[4][c] + double(epsilon));
        for (int64_t i = 0; i < spatial; ++i)
          y[i] = std::decay_t<decltype(*y)>((double(x[i]) - mean) * factor + parameters[2][c]);
      });
}

}  // namespace rekindle::ops
