// deform_conv: the moved taps of an image become columns, which the weights then multiply.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"
#include "math/sampling.h"

namespace rekindle::ops {

namespace {

constexpr int kMostAxes = 3;

struct Geometry {
  int axes;
  int64_t taps = 1, points = 1, plane = 1;
  std::array<int64_t, kMostAxes> in{1, 1, 1}, kernel{1, 1, 1}, out{1, 1, 1}, stride{1, 1, 1},
      dilation{1, 1, 1}, pad{0, 0, 0};
};

/// x at a position between pixels, 0 outside.
template <class C> double read(const Geometry& g, const C* plane, const std::array<double, kMostAxes>& at) {
  std::array<int64_t, kMostAxes> first{};
  std::array<double, kMostAxes> part{};
  for (int a = 0; a < g.axes; ++a) {
    const double floor = std::floor(at[size_t(a)]);
    if (!(floor >= -1 && floor < double(g.in[size_t(a)]))) return 0;
    first[size_t(a)] = int64_t(floor), part[size_t(a)] = at[size_t(a)] - floor;
  }
  double sum = 0;
  for (int corner = 0; corner < 1 << g.axes; ++corner) {
    int64_t offset = 0;
    double weight = 1;
    bool inside = true;
    for (int a = 0; a < g.axes; ++a) {
      const bool upper = corner >> a & 1;
      const int64_t i = first[size_t(a)] + upper;
      inside = inside && i >= 0 && i < g.in[size_t(a)];
      offset = offset * g.in[size_t(a)] + i;
      weight *= upper ? part[size_t(a)] : 1 - part[size_t(a)];
    }
    if (inside && weight != 0) sum += weight * double(plane[offset]);
  }
  return sum;
}

/// One row of the columns: tap `tap` of one channel at every output position.
template <class C>
void read_tap(const Geometry& g, const C* plane, const C* offsets, const C* mask, int64_t tap, C* to) {
  std::array<int64_t, kMostAxes> k{}, p{};
  for (int64_t a = g.axes, rest = tap; a-- > 0; rest /= g.kernel[size_t(a)])
    k[size_t(a)] = rest % g.kernel[size_t(a)];
  for (int64_t i = 0; i < g.points; ++i) {
    std::array<double, kMostAxes> at{};
    for (int a = 0; a < g.axes; ++a)
      at[size_t(a)] = double(p[size_t(a)] * g.stride[size_t(a)] - g.pad[size_t(a)] +
                             k[size_t(a)] * g.dilation[size_t(a)]) +
                      double(offsets[(tap * g.axes + a) * g.points + i]);
    to[i] = C(read(g, plane, at) * (mask ? double(mask[tap * g.points + i]) : 1.0));
    for (int a = g.axes; a-- > 0;) {
      if (++p[size_t(a)] < g.out[size_t(a)]) break;
      p[size_t(a)] = 0;
    }
  }
}

}  // namespace

Result<Types> DeformConv::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 3, 5));
  RK_CHECK(check_present(name, in, 3));
  const int axes = in[0].rank() - 2;
  if (axes < 1 || axes > kMostAxes || in[1].rank() != in[0].rank() || in[2].rank() != in[0].rank())
    return op_error(name, "the inputs are " + in[0].to_string() + ", " + in[1].to_string() + " and " +
                              in[2].to_string() + ", expected one rank, 3 to 5");
  RK_CHECK(check_dtype(name, in[0], Domain::floating));
  for (size_t i = 1; i < in.size(); ++i)
    if (has_input(in, i) && in[i].dtype != in[0].dtype)
      return op_error(name, "input " + std::to_string(i) + " is " + in[i].to_string() + ", expected " +
                                std::string(to_string(in[0].dtype)));
  const auto fits = [&](const std::vector<int64_t>& list, int64_t count, int64_t least) {
    return (list.empty() || int64_t(list.size()) == count) &&
           std::all_of(list.begin(), list.end(),
                       [&](int64_t v) { return v >= least && v < int64_t(1) << 31; });
  };
  if (!fits(strides, axes, 1) || !fits(dilations, axes, 1) || !fits(pads, 2 * axes, 0) || group < 1 ||
      offset_group < 1)
    return op_error(name, "strides, dilations, pads or groups do not fit " + in[0].to_string());
  Dim taps = 1;
  for (int a = 0; a < axes; ++a) taps = taps * in[1].shape[size_t(a) + 2];
  RK_CHECK(check_equal_dims(name, "the channels of the weight", in[1].shape[1] * Dim(group), in[0].shape[1]));
  RK_CHECK(
      check_equal_dims(name, "the channels of the offset", in[2].shape[1], taps * Dim(offset_group * axes)));
  if (has_input(in, 4))
    RK_CHECK(check_equal_dims(name, "the channels of the mask", in[4].shape[1], taps * Dim(offset_group)));
  TensorType out{in[0].dtype, {in[0].shape[0], in[1].shape[0]}};
  for (size_t a = 0; a < size_t(axes); ++a) {
    const Dim pad = pads.empty() ? 0 : pads[a] + pads[a + size_t(axes)];
    const Dim reach = (in[1].shape[a + 2] - Dim(1)) * Dim(dilations.empty() ? 1 : dilations[a]) + Dim(1);
    const Dim size = floor_div(in[0].shape[a + 2] + pad - reach, strides.empty() ? 1 : strides[a]) + Dim(1);
    RK_CHECK(check_equal_dims(name, "a dim of the offset", in[2].shape[a + 2], size));
    out.shape.push_back(known_dim(size, in[2].shape[a + 2]));
  }
  return Types{std::move(out)};
}

Result<Tensors> DeformConv::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(Tensor y, make_computed(name, types[0]));
  std::array<Tensor, 5> wide;
  for (size_t i = 0; i < in.size(); ++i)
    if (!is_absent(in[i])) {
      RK_TRY(wide[i], widen(in[i]));
    }
  const Dims &x = in[0].dims(), &w = in[1].dims();
  Geometry g{int(x.size()) - 2};
  for (size_t a = 0; a < size_t(g.axes); ++a) {
    g.in[a] = x[a + 2], g.kernel[a] = w[a + 2], g.out[a] = y.dims()[a + 2];
    if (!strides.empty()) g.stride[a] = strides[a];
    if (!dilations.empty()) g.dilation[a] = dilations[a];
    if (!pads.empty()) g.pad[a] = pads[a];
    g.taps *= g.kernel[a], g.points *= g.out[a], g.plane *= g.in[a];
  }
  const int64_t channels = x[1], each = w[1], filters = w[0];
  if (channels % offset_group != 0 || filters % group != 0)
    return op_error(name, std::to_string(channels) + " channels and " + std::to_string(filters) +
                              " filters do not divide into " + std::to_string(offset_group) + " and " +
                              std::to_string(group) + " groups");
  if (y.count() == 0) return narrow_to(y, in[0].dtype());
  RK_TRY(Tensor columns, make_tensor(name, y.dtype(), {channels * g.taps, g.points}));
  visit_float_type(y.dtype(), [&](auto zero) {
    using C = decltype(zero);
    const int64_t offsets = offset_group * g.taps * g.axes * g.points,
                  masks = offset_group * g.taps * g.points;
    for (int64_t n = 0; n < x[0]; ++n) {
      C* column = columns.data<C>();
      parallel_for(channels * g.taps, grain_of(g.points * 40), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          const int64_t c = r / g.taps, moved = c / (channels / offset_group);
          read_tap(g, wide[0].template data<C>() + (n * channels + c) * g.plane,
                   wide[2].template data<C>() + n * offsets + moved * g.taps * g.axes * g.points,
                   wide[4].has_data() ? wide[4].template data<C>() + n * masks + moved * g.taps * g.points
                                      : nullptr,
                   r % g.taps, column + r * g.points);
        }
      });
      parallel_for(filters, grain_of(each * g.taps * g.points), [&](int64_t begin, int64_t end) {
        std::vector<double> sum(static_cast<size_t>(g.points));
        for (int64_t o = begin; o < end; ++o) {
          std::fill(sum.begin(), sum.end(), wide[3].has_data() ? double(wide[3].template data<C>()[o]) : 0.0);
          const C* weights = wide[1].template data<C>() + o * each * g.taps;
          const C* rows = column + o / (filters / group) * each * g.taps * g.points;
          for (int64_t r = 0; r < each * g.taps; ++r)
            for (int64_t i = 0; i < g.points; ++i)
              sum[size_t(i)] += double(weights[r]) * double(rows[r * g.points + i]);
          C* to = y.template data<C>() + (n * filters + o) * g.points;
          for (int64_t i = 0; i < g.points; ++i) to[i] = C(sum[size_t(i)]);
        }
      });
    }
  });
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
