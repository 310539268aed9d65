// The reference of resize: one axis after the other.
// SPDX-License-Identifier: Apache-2.0
#include "math/resize.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"
#include "math/element_copy.h"
#include "math/resize_taps.h"

namespace rekindle::ops {

namespace {

/// The fraction p/q, q up to 1024, that is the scale; q = 0 when there is none. Exporters write 13/7 as a
/// float, and floor(7 * scale) must be 13.
struct Fraction {
  int64_t p = 0, q = 0;
};
Fraction as_fraction(float scale) {
  for (int64_t q = 1; q <= 1024; ++q) {
    const double p = std::round(double(scale) * double(q));
    if (p >= 1 && p < 1e9 && float(p / double(q)) == scale) return {int64_t(p), q};
  }
  return {};
}

Dim scaled_size(Dim in, float scale) {
  const Fraction f = as_fraction(scale);
  if (f.q != 0) return floor_div(in * f.p, f.q);
  if (auto size = in.as_int()) {
    const float out = std::floor(float(*size) * scale);
    return out < 0x1p48F ? Dim(int64_t(out)) : Dim(INT64_MAX);
  }
  return Dim::unknown();
}

Status check_scale(float scale) {
  if (scale > 0 && std::isfinite(scale)) return {};
  return op_error(Resize::name, "a scale is " + std::to_string(scale) + ", expected a finite number above 0");
}

/// The axes, from 0 up, each once.
Result<std::vector<int>> resized_axes(const Resize& op, int rank) {
  std::vector<int> axes;
  for (int64_t axis : op.axes) {
    RK_TRY(const int a, normalize_axis(op.name, axis, rank));
    if (std::find(axes.begin(), axes.end(), a) != axes.end())
      return op_error(op.name, "axis " + std::to_string(axis) + " is given twice");
    axes.push_back(a);
  }
  if (op.axes.empty())
    for (int a = 0; a < rank; ++a) axes.push_back(a);
  return axes;
}

Status check_length(std::string_view what, const TensorType& type, size_t wanted, bool is_float_list) {
  const bool dtype_fits = is_float_list ? is_float(type.dtype) : type.dtype == DType::i64;
  const auto length = type.rank() == 1 ? type.shape[0].as_int() : std::nullopt;
  if (dtype_fits && type.rank() == 1 && (!length || *length == int64_t(wanted))) return {};
  return op_error(Resize::name, "the " + std::string(what) + " are " + type.to_string() + ", expected " +
                                    (is_float_list ? "f32[" : "i64[") + std::to_string(wanted) + "]");
}

/// One scale for all axes, and the sizes it gives.
void keep_aspect_ratio(const Resize& op, std::vector<ResizedAxis>& axes) {
  float scale = axes[0].scale;
  for (const ResizedAxis& a : axes)
    scale =
        op.keep_aspect_ratio == AspectRatio::not_larger ? std::min(scale, a.scale) : std::max(scale, a.scale);
  for (ResizedAxis& a : axes) {
    a.scale = scale;
    a.out = int64_t(std::min(std::floor(scale * float(a.in) + 0.5F), 0x1p48F));
  }
}

std::vector<float> floats(const Tensor& t) {
  std::vector<float> values(size_t(t.count()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(t.as_double(int64_t(i)));
  return values;
}

/// Scales and sizes of this run, from the inputs or the fields.
Result<std::vector<ResizedAxis>> resolve(const Resize& op, std::span<const Tensor> in) {
  const Tensor& x = in[0];
  RK_TRY(const std::vector<int> axes, resized_axes(op, x.rank()));
  std::vector<float> scales = op.scales, roi;
  if (const Tensor* given = optional_input(in, 2)) scales = floats(*given);
  if (const Tensor* given = optional_input(in, 1)) roi = floats(*given);
  Dims sizes;
  if (const Tensor* given = optional_input(in, 3)) {
    RK_TRY(sizes, to_int64s(*given));
  } else if (scales.empty()) {
    RK_TRY(sizes, concrete(op.name, op.sizes, "sizes"));
  }
  std::vector<ResizedAxis> resized;
  for (size_t i = 0; i < axes.size(); ++i) {
    ResizedAxis a;
    a.axis = axes[i];
    a.in = x.dims()[size_t(axes[i])];
    if (sizes.empty()) {
      RK_CHECK(check_scale(scales[i]));
      a.scale = scales[i];
      a.out = scaled_size(a.in, a.scale).as_int().value_or(0);
    } else {
      a.out = sizes[i];
      a.scale = a.in == 0 ? 1.0F : float(a.out) / float(a.in);
    }
    if (op.coordinates == ResizeCoordinates::tf_crop_and_resize)
      a.roi_start = roi[i], a.roi_end = roi[i + axes.size()];
    resized.push_back(a);
  }
  if (!sizes.empty() && op.keep_aspect_ratio != AspectRatio::stretch) keep_aspect_ratio(op, resized);
  for (const ResizedAxis& a : resized) {
    if (a.out < 0) return op_error(op.name, "a size is " + std::to_string(a.out) + ", expected at least 0");
    if (a.in == 0 && a.out > 0)
      return op_error(op.name,
                      "axis " + std::to_string(a.axis) + " of " + to_string(x.dims()) + " has no elements");
  }
  return resized;
}

/// y[o, j, i] = sum over taps of weight * x[o, index, i].
template <class C>
void resample(const C* x, C* y, const AxisTaps& taps, const ResizedAxis& a, int64_t outer, int64_t inner) {
  parallel_for(outer * a.out, grain_of(inner * 4), [&](int64_t begin, int64_t end) {
    std::vector<double> sums;
    for (int64_t line = begin; line < end; ++line) {
      const C* from = x + line / a.out * a.in * inner;
      const size_t o = size_t(line % a.out);
      sums.assign(size_t(inner), 0.0);
      for (size_t t = taps.begin[o]; t < taps.begin[o + 1]; ++t) {
        const double weight = taps.taps[t].weight;
        const C* row = from + taps.taps[t].index * inner;
        for (int64_t i = 0; i < inner; ++i) sums[size_t(i)] += weight * double(row[i]);
      }
      for (int64_t i = 0; i < inner; ++i) y[line * inner + i] = C(sums[size_t(i)]);
    }
  });
}

Result<Tensor> along(const Tensor& x, const AxisTaps& taps, const ResizedAxis& a, bool is_copy) {
  Dims dims = x.dims();
  dims[size_t(a.axis)] = a.out;
  RK_TRY(Tensor y, make_tensor(Resize::name, x.dtype(), dims));
  if (y.count() == 0) return y;
  const int64_t outer = count_of(Dims(dims.begin(), dims.begin() + a.axis));
  const int64_t inner = count_of(Dims(dims.begin() + a.axis + 1, dims.end()));
  if (is_copy) {
    const ElementCopier copier(x, y);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t j = 0; j < a.out; ++j)
        copier.run((o * a.in + taps.taps[size_t(j)].index) * inner, (o * a.out + j) * inner, inner);
  } else {
    visit_float_type(x.dtype(), [&](auto zero) {
      using C = decltype(zero);
      resample<C>(x.data<C>(), y.data<C>(), taps, a, outer, inner);
    });
  }
  return y;
}

/// tf_crop_and_resize: whatever came from outside an axis becomes the extrapolation value.
void extrapolate(Tensor& y, const AxisTaps& taps, const ResizedAxis& a, double value) {
  const int64_t inner = count_of(Dims(y.dims().begin() + a.axis + 1, y.dims().end()));
  for (int64_t i = 0; i < y.count(); ++i)
    if (taps.outside[size_t(i / inner % a.out)]) y.set_double(i, value);
}

}  // namespace

Result<Types> Resize::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 4));
  RK_CHECK(check_present(name, in, 1));
  if (mode != ResizeMode::nearest) RK_CHECK(check_dtype(name, in[0], Domain::numeric));
  RK_TRY(const std::vector<int> at, resized_axes(*this, in[0].rank()));
  const bool scales_given = has_input(in, 2), sizes_given = has_input(in, 3);
  if (scales_given) RK_CHECK(check_length("scales", in[2], at.size(), true));
  if (sizes_given) RK_CHECK(check_length("sizes", in[3], at.size(), false));
  if (has_input(in, 1))
    RK_CHECK(check_length("roi", in[1], 2 * at.size(), true));
  else if (coordinates == ResizeCoordinates::tf_crop_and_resize)
    return op_error(name,
                    "tf_crop_and_resize has no roi, expected f32[" + std::to_string(2 * at.size()) + "]");
  if (scales_given && sizes_given)
    return op_error(name, "both scales and sizes are given, expected one of them");
  Shape shape = in[0].shape;
  if (scales_given || sizes_given) {
    for (int a : at) shape[size_t(a)] = Dim::unknown();
    return Types{{in[0].dtype, std::move(shape)}};
  }
  const size_t count = sizes.empty() ? scales.size() : sizes.size();
  if ((!scales.empty() && !sizes.empty()) || count != at.size())
    return op_error(name, std::to_string(scales.size()) + " scales and " + std::to_string(sizes.size()) +
                              " sizes for " + std::to_string(at.size()) +
                              " axes, expected one list of that length");
  bool is_known = true;
  std::vector<ResizedAxis> known;
  for (size_t i = 0; i < at.size(); ++i) {
    Dim& dim = shape[size_t(at[i])];
    if (sizes.empty()) {
      RK_CHECK(check_scale(scales[i]));
      dim = scaled_size(dim, scales[i]);
      continue;
    }
    const auto from = dim.as_int(), to = sizes[i].as_int();
    if (to && *to < 0) return op_error(name, "a size is " + std::to_string(*to) + ", expected at least 0");
    is_known = is_known && from && to;
    if (is_known) known.push_back({at[i], *from, *to, *from == 0 ? 1.0F : float(*to) / float(*from)});
    dim = sizes[i];
  }
  if (!sizes.empty() && keep_aspect_ratio != AspectRatio::stretch) {
    if (is_known) rekindle::ops::keep_aspect_ratio(*this, known);
    for (size_t i = 0; i < at.size(); ++i)
      shape[size_t(at[i])] = is_known ? Dim(known[i].out) : Dim::unknown();
  }
  return Types{{in[0].dtype, std::move(shape)}};
}

Result<Tensors> Resize::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(std::vector<ResizedAxis> resized, resolve(*this, in));
  const bool is_copy = mode == ResizeMode::nearest;
  const DType dtype = in[0].dtype(),
              computed = dtype == DType::f64 || is_integer(dtype) ? DType::f64 : DType::f32;
  Dims dims = in[0].dims();
  for (const ResizedAxis& a : resized) dims[size_t(a.axis)] = a.out;
  RK_TRY(Tensor y, make_tensor(name, dtype, dims));  // refuses sizes that nothing can hold
  if (y.count() == 0) return Tensors{y};
  // What shrinks comes first, so that nothing between is larger than both ends.
  std::stable_sort(resized.begin(), resized.end(),
                   [](const ResizedAxis& a, const ResizedAxis& b) { return a.out * b.in < b.out * a.in; });
  y = in[0];
  if (!is_copy) {
    RK_TRY(y, cast(y, computed));
  }
  std::vector<AxisTaps> taps;
  for (const ResizedAxis& a : resized) {
    const bool is_identity = a.in == a.out && a.scale == 1 &&
                             coordinates != ResizeCoordinates::tf_crop_and_resize &&
                             coordinates != ResizeCoordinates::tf_half_pixel_for_nn;
    taps.push_back(is_identity ? AxisTaps{} : make_taps(*this, a));
    if (is_identity) continue;
    RK_TRY(y, along(y, taps.back(), a, is_copy));
  }
  if (coordinates == ResizeCoordinates::tf_crop_and_resize && y.count() > 0) {
    y = y.clone();
    for (size_t i = 0; i < resized.size(); ++i)
      extrapolate(y, taps[i], resized[i], double(extrapolation_value));
  }
  return narrow_to(y, dtype);
}

}  // namespace rekindle::ops
