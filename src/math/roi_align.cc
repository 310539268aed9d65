// roi_align: the points of a box are worked out once and used for every channel.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"
#include "math/sampling.h"

namespace rekindle::ops {

namespace {

constexpr int64_t kMostSamples = 4096;  // along one axis of a bin

struct Point {
  std::array<int64_t, 4> offset{};
  std::array<double, 4> weight{};
};

/// The four pixels around a position; no weight outside the image.
Point point_at(double y, double x, int64_t height, int64_t width) {
  Point p;
  if (!(y >= -1 && y <= double(height) && x >= -1 && x <= double(width))) return p;
  y = std::max(y, 0.0), x = std::max(x, 0.0);
  int64_t top = int64_t(y), left = int64_t(x), bottom = top + 1, right = left + 1;
  if (top >= height - 1) bottom = top = height - 1, y = double(top);
  if (left >= width - 1) right = left = width - 1, x = double(left);
  const double down = y - double(top), along = x - double(left);
  p.offset = {top * width + left, top * width + right, bottom * width + left, bottom * width + right};
  p.weight = {(1 - down) * (1 - along), (1 - down) * along, down * (1 - along), down * along};
  return p;
}

struct Box {
  std::vector<Point> points;  // bin by bin
  int64_t each = 1;           // points of a bin
};
Box points_of(const RoiAlign& op, const std::array<double, 4>& roi, int64_t height, int64_t width) {
  const double shift = op.half_pixel ? 0.5 : 0.0;
  const double left = roi[0] * op.scale - shift, top = roi[1] * op.scale - shift;
  double w = roi[2] * op.scale - shift - left, h = roi[3] * op.scale - shift - top;
  if (!op.half_pixel) w = std::max(w, 1.0), h = std::max(h, 1.0);
  const double bin_h = h / double(op.height), bin_w = w / double(op.width);
  const auto samples = [&](double bin) {
    const double wanted = op.sampling > 0 ? double(op.sampling) : std::ceil(bin);
    return wanted > 0 ? int64_t(std::min(wanted, double(kMostSamples))) : int64_t(0);
  };
  const int64_t rows = samples(bin_h), columns = samples(bin_w);
  Box box{{}, rows * columns};
  for (int64_t i = 0; i < op.height; ++i)
    for (int64_t j = 0; j < op.width; ++j)
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
          box.points.push_back(point_at(
              top + double(i) * bin_h + (double(r) + 0.5) * bin_h / double(rows),
              left + double(j) * bin_w + (double(c) + 0.5) * bin_w / double(columns), height, width));
  return box;
}

/// The average of the points of a bin, or the largest of their weighted pixels.
template <class C> double pooled(const C* plane, const Point* points, int64_t count, bool max) {
  double result = 0;
  for (int64_t p = 0; p < count; ++p) {
    std::array<double, 4> parts{};
    for (size_t k = 0; k < 4; ++k) parts[k] = points[p].weight[k] * double(plane[points[p].offset[k]]);
    if (max) {
      const double largest = *std::max_element(parts.begin(), parts.end());
      result = p == 0 ? largest : std::max(result, largest);
    } else {
      result += parts[0] + parts[1] + parts[2] + parts[3];
    }
  }
  return max ? result : result / double(std::max<int64_t>(count, 1));
}

}  // namespace

Result<Types> RoiAlign::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 3, 3));
  RK_CHECK(check_present(name, in, 3));
  RK_CHECK(check_dtype(name, in[0], Domain::floating));
  RK_CHECK(check_dtype(name, in[1], Domain::floating));
  RK_CHECK(check_indices(name, in[2], "batch indices"));
  if (in[0].rank() != 4 || in[1].rank() != 2 || in[2].rank() != 1)
    return op_error(name, "the inputs are " + in[0].to_string() + ", " + in[1].to_string() + " and " +
                              in[2].to_string() + ", expected [N, C, H, W], [R, 4] and [R]");
  RK_CHECK(check_equal_dims(name, "the last dim of the boxes", in[1].shape[1], 4));
  RK_CHECK(check_equal_dims(name, "the number of batch indices", in[2].shape[0], in[1].shape[0]));
  if (height < 1 || width < 1 || sampling < 0 || sampling > kMostSamples)
    return op_error(name, "the output is " + std::to_string(height) + " by " + std::to_string(width) +
                              " with " + std::to_string(sampling) +
                              " samples, expected at least 1 by 1 with 0 to " + std::to_string(kMostSamples));
  return Types{{in[0].dtype, {known_dim(in[1].shape[0], in[2].shape[0]), in[0].shape[1], height, width}}};
}

Result<Tensors> RoiAlign::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Tensor x, widen(in[0]));
  RK_TRY(Tensor y, make_computed(name, types[0]));
  const Dims& d = x.dims();
  for (int64_t r = 0; r < in[2].count(); ++r)
    if (const int64_t b = in[2].as_int64(r); b < 0 || b >= d[0])
      return op_error(name,
                      "batch index " + std::to_string(b) + " is outside a batch of " + std::to_string(d[0]));
  if (y.count() == 0) return narrow_to(y, in[0].dtype());
  const int64_t plane = d[2] * d[3], bins = height * width;
  if (plane == 0) return op_error(name, "the image is empty, expected at least one pixel");
  visit_float_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    parallel_for(in[2].count(), grain_of(d[1] * bins * 32), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        std::array<double, 4> roi{};
        for (size_t k = 0; k < 4; ++k) roi[k] = in[1].as_double(r * 4 + int64_t(k));
        const Box box = points_of(*this, roi, d[2], d[3]);
        const C* from = x.template data<C>() + in[2].as_int64(r) * d[1] * plane;
        C* to = y.template data<C>() + r * d[1] * bins;
        for (int64_t c = 0; c < d[1]; ++c, from += plane)
          for (int64_t b = 0; b < bins; ++b)
            *to++ = C(pooled(from, box.points.data() + b * box.each, box.each, max));
      }
    });
  });
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
