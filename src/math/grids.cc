// affine_grid, col2im, center_crop_pad.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/compute_type.h"
#include "math/element_copy.h"
#include "math/sampling.h"

namespace rekindle::ops {

namespace {

/// The sizes a field holds, or those of the run-time input that replaces it.
Result<Dims> sizes_of(std::string_view op, std::span<const Tensor> in, size_t i, std::span<const Dim> field,
                      const char* what) {
  if (i >= in.size()) return concrete(op, field, what);
  RK_TRY(Dims sizes, to_int64s(in[i]));
  for (const int64_t s : sizes)
    if (s < 0 || s > int64_t(1) << 40)
      return op_error(
          op, std::string("the ") + what + " has the size " + std::to_string(s) + ", expected at least 0");
  return sizes;
}

}  // namespace

Result<Types> AffineGrid::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, in.size()));
  RK_CHECK(check_dtype(name, in[0], Domain::floating));
  const auto rows = in[0].rank() == 3 ? in[0].shape[1].as_int() : std::nullopt;
  if (!rows || (*rows != 2 && *rows != 3) || !in[0].shape[2].is(*rows + 1))
    return op_error(name, "theta is " + in[0].to_string() + ", expected [N, 2, 3] or [N, 3, 4]");
  TensorType out{in[0].dtype, {in[0].shape[0]}};
  if (in.size() > 1) {
    RK_TRY(const int64_t length, list_length(name, in[1], "size"));
    if (length != *rows + 2)
      return op_error(name, "the size has " + std::to_string(length) + " elements, expected " +
                                std::to_string(*rows + 2));
    out.shape.resize(size_t(*rows) + 1);
    for (size_t i = 1; i < out.shape.size(); ++i) out.shape[i] = Dim::unknown();
  } else {
    if (int64_t(size.size()) != *rows + 2)
      return op_error(name, "the size has " + std::to_string(size.size()) + " elements, expected " +
                                std::to_string(*rows + 2));
    out.shape.insert(out.shape.end(), size.begin() + 2, size.end());
  }
  out.shape.emplace_back(*rows);
  return Types{std::move(out)};
}

Result<Tensors> AffineGrid::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Dims sizes, sizes_of(name, in, 1, size, "size"));
  RK_TRY(const Tensor theta, widen(in[0]));
  const int64_t axes = theta.dims()[1], batch = theta.dims()[0];
  if (int64_t(sizes.size()) != axes + 2 || sizes[0] != batch)
    return op_error(name, "the size is " + to_string(sizes) + ", expected a batch of " +
                              std::to_string(batch) + " and " + std::to_string(axes) + " spatial dims");
  Dims dims{batch};
  dims.insert(dims.end(), sizes.begin() + 2, sizes.end());
  const int64_t points = count_of(Dims(dims.begin() + 1, dims.end()));
  dims.push_back(axes);
  RK_TRY(Tensor y, make_tensor(name, theta.dtype(), dims));
  if (y.count() == 0) return narrow_to(y, in[0].dtype());
  visit_float_type(theta.dtype(), [&](auto zero) {
    using C = decltype(zero);
    const C* matrix = theta.data<C>();
    C* to = y.data<C>();
    for (int64_t n = 0; n < batch; ++n, matrix += axes * (axes + 1))
      for (int64_t p = 0; p < points; ++p, to += axes) {
        double at[4] = {1, 1, 1, 1};  // x, y, z, 1
        int64_t rest = p;
        for (int64_t a = 0; a < axes; ++a) {
          const int64_t d = dims[size_t(axes - a)], i = rest % d;
          rest /= d;
          at[a] = align_corners ? (d > 1 ? 2.0 * double(i) / double(d - 1) - 1 : -1.0)
                                : (2.0 * double(i) + 1) / double(d) - 1;
        }
        at[axes] = 1;
        for (int64_t r = 0; r < axes; ++r) {
          double sum = 0;
          for (int64_t k = 0; k <= axes; ++k) sum += double(matrix[r * (axes + 1) + k]) * at[k];
          to[r] = C(sum);
        }
      }
  });
  return narrow_to(y, in[0].dtype());
}

Result<Types> Col2Im::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 3));
  RK_CHECK(check_present(name, in, in.size()));
  RK_CHECK(check_dtype(name, in[0], Domain::numeric));
  if (in[0].rank() != 3 || in.size() == 2)
    return op_error(
        name, "x is " + in[0].to_string() + ", expected [N, channels, blocks] alone or with image and block");
  auto axes = int64_t(image.size());
  TensorType out{in[0].dtype, {in[0].shape[0]}};
  if (in.size() == 3) {
    RK_TRY(axes, list_length(name, in[1], "image shape"));
    RK_TRY(const int64_t same, list_length(name, in[2], "block shape"));
    if (same != axes)
      return op_error(name, "the image has " + std::to_string(axes) + " dims and the block " +
                                std::to_string(same) + ", expected as many");
    for (int64_t i = 0; i <= axes; ++i) out.shape.push_back(Dim::unknown());
  } else {
    int64_t taps = 1;
    for (const int64_t b : block) {
      if (b < 1 || b > int64_t(1) << 20) return op_error(name, "the block has the size " + std::to_string(b));
      taps = std::min(taps * b, int64_t(1) << 40);
    }
    if (image.size() != block.size())
      return op_error(name, "image and block have " + std::to_string(image.size()) + " and " +
                                std::to_string(block.size()) + " dims, expected as many");
    out.shape.push_back(floor_div(in[0].shape[1], taps));
    out.shape.insert(out.shape.end(), image.begin(), image.end());
  }
  const auto fits = [&](const std::vector<int64_t>& list, size_t count) {
    return (list.empty() || list.size() == count) &&
           std::all_of(list.begin(), list.end(), [](int64_t v) { return v >= 0 && v < int64_t(1) << 31; });
  };
  if (axes < 1 || !fits(strides, size_t(axes)) || !fits(dilations, size_t(axes)) ||
      !fits(pads, 2 * size_t(axes)))
    return op_error(name,
                    "strides, dilations or pads do not fit an image of " + std::to_string(axes) + " dims");
  return Types{std::move(out)};
}

Result<Tensors> Col2Im::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(const Dims sizes, sizes_of(name, in, 1, image, "image"));
  const std::vector<Dim> own(block.begin(), block.end());
  RK_TRY(const Dims blocks, sizes_of(name, in, 2, own, "block"));
  RK_TRY(const Tensor x, widen(in[0]));
  const size_t axes = sizes.size();
  Dims steps(axes, 1), spread(axes, 1), before(axes, 0), after(axes, 0), counts(axes);
  int64_t taps = 1, places = 1;
  for (size_t a = 0; a < axes; ++a) {
    if (!strides.empty()) steps[a] = std::max<int64_t>(strides[a], 1);
    if (!dilations.empty()) spread[a] = std::max<int64_t>(dilations[a], 1);
    if (!pads.empty()) before[a] = pads[a], after[a] = pads[a + axes];
    const int64_t room = sizes[a] + before[a] + after[a] - spread[a] * (blocks[a] - 1) - 1;
    if (blocks[a] < 1 || room < 0)
      return op_error(name,
                      "a block of " + to_string(blocks) + " does not fit the image " + to_string(sizes));
    counts[a] = room / steps[a] + 1;
    taps *= blocks[a], places *= counts[a];
  }
  if (x.dims()[1] % taps != 0 || x.dims()[2] != places)
    return op_error(name, "x is " + x.type().to_string() + ", expected a multiple of " +
                              std::to_string(taps) + " channels and " + std::to_string(places) + " blocks");
  Dims dims{x.dims()[0], x.dims()[1] / taps};
  dims.insert(dims.end(), sizes.begin(), sizes.end());
  RK_TRY(Tensor y, make_tensor(name, x.dtype(), dims));
  if (y.count() == 0 || x.count() == 0) return narrow_to(y, in[0].dtype());
  const int64_t plane = count_of(sizes);
  visit_compute_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    for (int64_t row = 0; row < x.dims()[0] * x.dims()[1]; ++row) {
      const C* from = x.data<C>() + row * places;
      C* to = y.data<C>() + row / taps * plane;
      for (int64_t p = 0; p < places; ++p) {
        int64_t tap = row % taps, place = p, at = 0, scale = 1;
        bool inside = true;
        for (size_t a = axes; a-- > 0;) {
          const int64_t i = place % counts[a] * steps[a] - before[a] + tap % blocks[a] * spread[a];
          inside = inside && i >= 0 && i < sizes[a];
          at += i * scale, scale *= sizes[a];
          place /= counts[a], tap /= blocks[a];
        }
        if (inside) to[at] = to[at] + from[p];
      }
    }
  });
  return narrow_to(y, in[0].dtype());
}

Result<Types> CenterCropPad::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, in.size()));
  TensorType out = in[0];
  auto count = int64_t(shape.size());
  if (in.size() == 2) {
    RK_TRY(count, list_length(name, in[1], "shape"));
  }
  if (axes.empty() ? count != out.rank() : count != int64_t(axes.size()))
    return op_error(name, "the shape has " + std::to_string(count) + " elements, expected one for each axis");
  for (int64_t i = 0; i < count; ++i) {
    RK_TRY(const int axis, normalize_axis(name, axes.empty() ? i : axes[size_t(i)], out.rank()));
    out.shape[size_t(axis)] = in.size() == 2 ? Dim::unknown() : shape[size_t(i)];
  }
  return Types{std::move(out)};
}

Result<Tensors> CenterCropPad::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(const Dims sizes, sizes_of(name, in, 1, shape, "shape"));
  const Tensor& x = in[0];
  Dims dims = x.dims(), copied = x.dims();
  ElementMap from = contiguous_map(x.dims());
  std::vector<int64_t> to_start(dims.size(), 0);
  for (size_t i = 0; i < sizes.size(); ++i) {
    RK_TRY(const int axis, normalize_axis(name, axes.empty() ? int64_t(i) : axes[i], x.rank()));
    const int64_t own = x.dims()[size_t(axis)], wanted = sizes[i];
    dims[size_t(axis)] = wanted;
    copied[size_t(axis)] = std::min(own, wanted);
    if (wanted < own)
      from.start += (own - wanted) / 2 * from.strides[size_t(axis)];
    else
      to_start[size_t(axis)] = (wanted - own) / 2;
  }
  RK_TRY(Tensor y, make_tensor(name, x.dtype(), dims));
  if (x.dtype() == DType::string)
    y = Tensor::of_strings(dims, std::vector<std::string>(size_t(count_of(dims))));
  ElementMap to = contiguous_map(dims);
  for (size_t d = 0; d < dims.size(); ++d) to.start += to_start[d] * to.strides[d];
  if (count_of(copied) > 0) copy_elements(x, from, y, to, copied);
  return Tensors{std::move(y)};
}

}  // namespace rekindle::ops
