// Output sizes, padding and layouts of sliding kernels.
// SPDX-License-Identifier: Apache-2.0
#include "math/window.h"

#include <algorithm>
#include <cstring>

namespace rekindle::ops {

namespace {

// With every attribute below 2^31 and every size below 2^48 no product or sum here leaves 64 bits.
constexpr int64_t kMost = INT32_MAX;

Status check_list(std::string_view op, std::string_view what, const std::vector<int64_t>& list, size_t wanted,
                  int64_t least) {
  if (!list.empty() && list.size() != wanted)
    return op_error(
        op, std::to_string(list.size()) + " " + std::string(what) + ", expected " + std::to_string(wanted));
  for (int64_t v : list)
    if (v < least || v > kMost)
      return op_error(op, std::string(what) + " has " + std::to_string(v) + ", expected at least " +
                              std::to_string(least) + " and less than 2^31");
  return {};
}

std::vector<int64_t> or_default(const std::vector<int64_t>& list, size_t size, int64_t value) {
  return list.empty() ? std::vector<int64_t>(size, value) : list;
}

/// The middle two axes of [n, a, b] swapped, for elements of `size` bytes.
template <class T> void swap_axes(const T* from, T* to, int64_t n, int64_t a, int64_t b) {
  for (int64_t i = 0; i < n; ++i, from += a * b, to += a * b)
    for (int64_t j = 0; j < b; ++j)
      for (int64_t k = 0; k < a; ++k) to[j * a + k] = from[k * b + j];
}

Result<Tensor> swapped(const Tensor& x, Dims dims, int64_t n, int64_t a, int64_t b) {
  RK_TRY(Tensor y, Tensor::make(x.dtype(), std::move(dims)));
  switch (bits_of(x.dtype())) {
    case 8:
      swap_axes(static_cast<const uint8_t*>(x.raw()), static_cast<uint8_t*>(y.raw()), n, a, b);
      break;
    case 16:
      swap_axes(static_cast<const uint16_t*>(x.raw()), static_cast<uint16_t*>(y.raw()), n, a, b);
      break;
    case 32:
      swap_axes(static_cast<const uint32_t*>(x.raw()), static_cast<uint32_t*>(y.raw()), n, a, b);
      break;
    case 64:
      swap_axes(static_cast<const uint64_t*>(x.raw()), static_cast<uint64_t*>(y.raw()), n, a, b);
      break;
    default:
      return Status::error(Code::unsupported,
                           "a tensor of " + std::string(to_string(x.dtype())) + " has no layout");
  }
  return y;
}

}  // namespace

Result<Window> make_window(const WindowAttributes& attributes, Shape kernel) {
  const std::string_view op = attributes.op;
  const size_t rank = kernel.size();
  RK_CHECK(check_list(op, "strides", attributes.strides, rank, 1));
  RK_CHECK(check_list(op, "dilations", attributes.dilations, rank, 1));
  RK_CHECK(check_list(op, "pads", attributes.pads, 2 * rank, 0));
  for (const Dim& k : kernel)
    if (auto size = k.as_int(); size && (*size < 1 || *size > kMost))
      return op_error(op, "the kernel is " + to_string(kernel) + ", expected sizes from 1 to 2^31 - 1");
  const std::vector<int64_t> pads = or_default(attributes.pads, 2 * rank, 0);
  Window window;
  window.op = op;
  window.kernel = std::move(kernel);
  window.strides = or_default(attributes.strides, rank, 1);
  window.dilations = or_default(attributes.dilations, rank, 1);
  window.begin.assign(pads.begin(), pads.begin() + int64_t(rank));
  window.end.assign(pads.begin() + int64_t(rank), pads.end());
  window.auto_pad = attributes.auto_pad;
  window.ceil_mode = attributes.ceil_mode;
  return window;
}

Result<Dim> Window::output_size(size_t axis, Dim input) const {
  const Dim stride = strides[axis];
  if (auto_pad != AutoPad::explicit_pads) return ceil_div(input, stride);
  const Dim padded = input + begin[axis] + end[axis], room = padded - extent(axis);
  // With ceil_mode a window may reach beyond the padding, but it must begin inside the input or before it.
  const Dim size = ceil_mode ? min(ceil_div(room, stride) + 1, ceil_div(input + begin[axis], stride))
                             : floor_div(room, stride) + 1;
  if (auto known = size.as_int(); known && *known < 1)
    return op_error(op, "the kernel spans " + extent(axis).to_string() + " elements of spatial axis " +
                            std::to_string(axis) + ", the padded input has " + padded.to_string());
  return size;
}

std::pair<int64_t, int64_t> Window::padding(size_t axis, int64_t input) const {
  if (auto_pad == AutoPad::explicit_pads) return {begin[axis], end[axis]};
  const int64_t stride = strides[axis], out = (input + stride - 1) / stride;
  const int64_t total = std::max<int64_t>(0, (out - 1) * stride + extent(axis).as_int().value_or(1) - input);
  const int64_t less = total / 2;
  return auto_pad == AutoPad::same_upper ? std::pair{less, total - less} : std::pair{total - less, less};
}

Sweep make_sweep(const Window& window, std::span<const int64_t> in, std::span<const int64_t> out) {
  Sweep sweep;
  const size_t rank = window.rank();
  RK_ASSERT(rank <= 3 && in.size() == rank && out.size() == rank, "a sweep has one to three axes");
  for (size_t i = 0; i < rank; ++i) {
    const size_t axis = 3 - rank + i;
    sweep.in[axis] = in[i];
    sweep.out[axis] = out[i];
    sweep.kernel[axis] = window.kernel[i].as_int().value_or(1);
    sweep.stride[axis] = window.strides[i];
    sweep.dilation[axis] = window.dilations[i];
    std::tie(sweep.begin[axis], sweep.end[axis]) = window.padding(i, in[i]);
  }
  return sweep;
}

Span1 inside(int64_t out, int64_t in, int64_t stride, int64_t offset) {
  const int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const int64_t last = offset >= in ? 0 : (in - 1 - offset) / stride + 1;
  return {std::min(first, out), std::max(std::min(first, out), std::min(last, out))};
}

Shape with_layout(Layout layout, const Shape& nchw) {
  if (layout == Layout::nchw) return nchw;
  Shape shape{nchw[0]};
  shape.insert(shape.end(), nchw.begin() + 2, nchw.end());
  shape.push_back(nchw[1]);
  return shape;
}

Result<Tensor> to_nchw(const Tensor& nhwc) {
  const Dims& d = nhwc.dims();
  Dims dims{d.front(), d.back()};
  dims.insert(dims.end(), d.begin() + 1, d.end() - 1);
  const int64_t spatial = count_of(Dims(d.begin() + 1, d.end() - 1));
  return swapped(nhwc, std::move(dims), d.front(), spatial, d.back());
}

Result<Tensor> to_nhwc(const Tensor& nchw) {
  const Dims& d = nchw.dims();
  Dims dims{d[0]};
  dims.insert(dims.end(), d.begin() + 2, d.end());
  dims.push_back(d[1]);
  const int64_t spatial = count_of(Dims(d.begin() + 2, d.end()));
  return swapped(nchw, std::move(dims), d[0], d[1], spatial);
}

}  // namespace rekindle::ops
