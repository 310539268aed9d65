// pad: crops where pads are negative, then adds constants or repeats what is there.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/element_copy.h"
#include "math/movement.h"
#include "math/op_checks.h"

namespace rekindle::ops {

namespace {

constexpr auto op = "pad";

/// One axis: `kept` elements of x from `crop` on, with `before` and `after` added ones around them.
struct Axis {
  int64_t crop, kept, before, after;
};

int64_t cropped(int64_t pad) { return pad >= 0 ? 0 : pad == INT64_MIN ? INT64_MAX : -pad; }

Status check_axis(PadMode mode, int axis, const Dim& dim, const Dim& begin, const Dim& end) {
  const auto d = dim.as_int(), b = begin.as_int(), e = end.as_int();
  if (!d || !b || !e) return {};
  const int64_t crop = cropped(*b), crop_end = cropped(*e);
  const std::string text = "axis " + std::to_string(axis) + " of size " + std::to_string(*d) +
                           " is padded by " + std::to_string(*b) + " and " + std::to_string(*e);
  if (crop > *d || crop_end > *d - crop) return op_error(op, text + ", which crops more than there is");
  if (mode != PadMode::constant && crop + crop_end == *d && (*b > 0 || *e > 0))
    return op_error(op, text + ", which leaves nothing to " + std::string(enum_name(mode)));
  return {};
}

/// The position in the kept elements that position i stands for, i < 0 and i >= n being the added ones; -1
/// for a constant.
int64_t source(PadMode mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::constant:
      return -1;
    case PadMode::edge:
      return i < 0 ? 0 : n - 1;
    case PadMode::wrap:
      return ((i % n) + n) % n;
    case PadMode::reflect:
      break;
  }
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), at = ((i % period) + period) % period;
  return at < n ? at : period - at;
}

/// Constants everywhere, then the kept block over them.
void pad_constant(const Tensor& x, const Tensor& value, const std::vector<Axis>& axes, Tensor& out) {
  ElementCopier(value, out).fill(0, 0, out.count());
  ElementMap from = contiguous_map(x.dims()), to = contiguous_map(out.dims());
  Dims kept;
  for (size_t i = 0; i < axes.size(); ++i) {
    kept.push_back(axes[i].kept);
    from.start += axes[i].crop * from.strides[i];
    to.start += axes[i].before * to.strides[i];
  }
  copy_elements(x, std::move(from), out, std::move(to), std::move(kept));
}

/// Axis by axis, the last first: what an axis repeats is then already complete in the axes after it.
Tensor pad_axis(const Tensor& x, size_t axis, const Axis& a, PadMode mode, Tensor out) {
  int64_t outer = 1, inner = 1;
  for (size_t i = 0; i < axis; ++i) outer *= x.dims()[i];
  for (size_t i = axis + 1; i < x.dims().size(); ++i) inner *= x.dims()[i];
  const int64_t from_size = x.dims()[axis], to_size = out.dims()[axis];
  const ElementCopier copier(x, out);
  for (int64_t o = 0; o < outer; ++o) {
    const int64_t start = o * from_size * inner, at = o * to_size * inner;
    copier.run(start + a.crop * inner, at + a.before * inner, a.kept * inner);
    for (int64_t i = 0; i < to_size; ++i) {
      if (i == a.before) i += a.kept;
      if (i >= to_size) break;
      copier.run(start + (a.crop + source(mode, i - a.before, a.kept)) * inner, at + i * inner, inner);
    }
  }
  return out;
}

}  // namespace

Result<Types> Pad::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 3));
  RK_CHECK(check_present(name, in, 1));
  TensorType out = in[0];
  const size_t rank = out.shape.size();
  if (has_input(in, 1)) {
    RK_CHECK(check_scalar(name, in[1], "value"));
    if (in[1].dtype != out.dtype)
      return op_error(name, "the value is " + std::string(to_string(in[1].dtype)) + ", expected " +
                                std::string(to_string(out.dtype)) + " like input 0");
  }
  const bool at_run_time = has_input(in, 2);
  size_t count = pads.size();
  if (at_run_time) {
    RK_TRY(const int64_t length, list_length(name, in[2], "pad list"));
    count = size_t(length);
  }
  if (count != 2 * rank)
    return op_error(name, std::to_string(count) + " pads are given for rank " + std::to_string(rank) +
                              ", expected " + std::to_string(2 * rank));
  for (size_t i = 0; i < rank; ++i) {
    if (at_run_time) {
      out.shape[i] = Dim::unknown();
      continue;
    }
    RK_CHECK(check_axis(mode, int(i), out.shape[i], pads[i], pads[rank + i]));
    out.shape[i] = out.shape[i] + pads[i] + pads[rank + i];
  }
  return Types{std::move(out)};
}

Result<Tensors> Pad::evaluate(std::span<const Tensor> in) const {
  Pad known = *this;
  if (has_input(in, 2)) {
    RK_TRY(const Types types, infer_tensors(*this, in));
    RK_TRY(const auto values, to_int64s(in[2]));
    known.pads = to_shape(values);
  }
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(known, in.first(std::min<size_t>(in.size(), 2))));
  RK_TRY(const Dims amounts, concrete(name, known.pads, "pads"));
  const size_t rank = x.dims().size();
  std::vector<Axis> axes;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t begin = amounts[i], end = amounts[rank + i], crop = cropped(begin);
    axes.push_back(
        {crop, x.dims()[i] - crop - cropped(end), std::max<int64_t>(begin, 0), std::max<int64_t>(end, 0)});
  }
  if (out.count() == 0) return Tensors{std::move(out)};
  if (mode == PadMode::constant) {
    pad_constant(x, has_input(in, 1) ? in[1] : zero_element(x.dtype()), axes, out);
    return Tensors{std::move(out)};
  }
  Tensor now = x;
  for (size_t i = rank; i-- > 0;) {
    if (axes[i].crop == 0 && axes[i].kept == out.dims()[i]) continue;
    Dims dims = now.dims();
    dims[i] = out.dims()[i];
    RK_TRY(Tensor wider, make_tensor(name, x.dtype(), std::move(dims)));
    now = pad_axis(now, i, axes[i], mode, std::move(wider));
  }
  return Tensors{std::move(now)};
}

}  // namespace rekindle::ops
