// slice: normalised fields, or run-time starts and ends as ONNX clamps them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/element_copy.h"
#include "math/movement.h"
#include "math/op_checks.h"

namespace rekindle::ops {

namespace {

constexpr auto op = "slice";

// Beyond any dim a longer stride changes nothing; clamped, its negation cannot overflow.
int64_t clamp_step(int64_t step) { return std::clamp<int64_t>(step, -(int64_t(1) << 50), int64_t(1) << 50); }

/// Axes from 0, each at most once; an empty list means 0, 1, … count - 1.
Result<std::vector<int>> resolve_axes(const std::vector<int64_t>& axes, size_t count, int rank) {
  if (!axes.empty() && axes.size() != count)
    return op_error(op, std::to_string(axes.size()) + " axes come with " + std::to_string(count) +
                            " starts, expected as many");
  std::vector<int> resolved;
  for (size_t i = 0; i < count; ++i) {
    RK_TRY(const int axis, normalize_axis(op, axes.empty() ? int64_t(i) : axes[i], rank));
    if (std::find(resolved.begin(), resolved.end(), axis) != resolved.end())
      return op_error(op, "axis " + std::to_string(axis) + " appears twice, expected each axis once");
    resolved.push_back(axis);
  }
  return resolved;
}

Result<std::vector<int64_t>> resolve_steps(const std::vector<int64_t>& steps, size_t count) {
  if (steps.empty()) return std::vector<int64_t>(count, 1);
  if (steps.size() != count)
    return op_error(op, std::to_string(steps.size()) + " steps come with " + std::to_string(count) +
                            " starts, expected as many");
  std::vector<int64_t> resolved;
  for (const int64_t step : steps) {
    if (step == 0) return op_error(op, "a step is 0, expected another number");
    resolved.push_back(clamp_step(step));
  }
  return resolved;
}

Dim size_between(const Dim& start, const Dim& end, int64_t step) {
  return step > 0 ? ceil_div(end - start, step) : ceil_div(start - end, -step);
}

/// What infer refuses: a field that is not normalised for this dim, as far as numbers tell.
Status check_range(int axis, const Dim& dim, const Dim& start, const Dim& end, int64_t step) {
  const auto below = [](const Dim& a, const Dim& b) {
    const auto difference = (a - b).as_int();
    return difference && *difference < 0;
  };
  const bool fits = step > 0 ? !below(start, 0) && !below(end, start) && !below(dim, end)
                             : !below(end, -1) && !below(start, end) && !below(dim - 1, start);
  if (fits) return {};
  return op_error(op, "axis " + std::to_string(axis) + " goes from " + start.to_string() + " to " +
                          end.to_string() + " by " + std::to_string(step) + ", outside its " +
                          dim.to_string() + " elements");
}

/// The slice with fields in place of run-time inputs, clamped to the dims of x.
Result<Slice> resolve_inputs(const Slice& given, std::span<const Tensor> in) {
  const Dims& dims = in[0].dims();
  RK_TRY(const auto starts, to_int64s(in[1]));
  RK_TRY(const auto ends, to_int64s(in[2]));
  Slice slice{given.axes, {}, {}, given.steps};
  if (has_input(in, 3)) {
    RK_TRY(slice.axes, to_int64s(in[3]));
  }
  if (has_input(in, 4)) {
    RK_TRY(slice.steps, to_int64s(in[4]));
  }
  RK_TRY(const auto axes, resolve_axes(slice.axes, starts.size(), in[0].rank()));
  RK_TRY(slice.steps, resolve_steps(slice.steps, starts.size()));
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t dim = dims[size_t(axes[i])];
    auto from_front = [&](int64_t v) { return v < 0 ? v + dim : v; };  // INT64_MIN stays far below 0
    int64_t start = from_front(starts[i]), end = from_front(ends[i]);
    if (slice.steps[i] > 0) {
      start = std::clamp<int64_t>(start, 0, dim), end = std::clamp<int64_t>(end, 0, dim);
      end = std::max(start, end);
    } else {
      start = std::min<int64_t>(std::max<int64_t>(start, 0), dim - 1),
      end = std::clamp<int64_t>(end, -1, dim - 1);
      end = std::min(start, end);
    }
    slice.starts.push_back(start), slice.ends.push_back(end);
  }
  return slice;
}

Result<Types> infer_from_inputs(const Slice& slice, std::span<const TensorType> in) {
  RK_CHECK(check_present(op, in, 3));
  RK_TRY(const int64_t count, list_length(op, in[1], "start list"));
  const char* const names[] = {"end list", "axis list", "step list"};
  for (size_t i = 2; i < in.size(); ++i) {
    if (!has_input(in, i)) continue;
    RK_TRY(const int64_t length, list_length(op, in[i], names[i - 2]));
    if (length != count)
      return op_error(op, "the " + std::string(names[i - 2]) + " has " + std::to_string(length) +
                              " elements, expected one for each of " + std::to_string(count) + " starts");
  }
  TensorType out = in[0];
  if (count > out.rank())
    return op_error(op,
                    std::to_string(count) + " starts are more than the rank " + std::to_string(out.rank()));
  if (has_input(in, 3)) {
    if (count > 0)
      for (Dim& d : out.shape) d = Dim::unknown();
  } else {
    RK_TRY(const auto axes, resolve_axes(slice.axes, size_t(count), out.rank()));
    for (const int axis : axes) out.shape[size_t(axis)] = Dim::unknown();
  }
  if (!has_input(in, 4)) RK_CHECK(resolve_steps(slice.steps, size_t(count)).status());
  return Types{std::move(out)};
}

}  // namespace

Result<Types> Slice::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 5));
  RK_CHECK(check_present(name, in, 1));
  if (has_input(in, 1)) return infer_from_inputs(*this, in);
  if (in.size() > 1 && (has_input(in, 2) || has_input(in, 3) || has_input(in, 4)))
    return op_error(name, "ends, axes or steps are given without starts");
  if (starts.size() != ends.size())
    return op_error(name, std::to_string(starts.size()) + " starts come with " + std::to_string(ends.size()) +
                              " ends, expected as many");
  TensorType out = in[0];
  RK_TRY(const auto axis_list, resolve_axes(axes, starts.size(), out.rank()));
  RK_TRY(const auto step_list, resolve_steps(steps, starts.size()));
  for (size_t i = 0; i < starts.size(); ++i) {
    Dim& dim = out.shape[size_t(axis_list[i])];
    RK_CHECK(check_range(axis_list[i], dim, starts[i], ends[i], step_list[i]));
    dim = size_between(starts[i], ends[i], step_list[i]);
  }
  return Types{std::move(out)};
}

Result<Tensors> Slice::evaluate(std::span<const Tensor> in) const {
  Slice known = *this;
  if (has_input(in, 1)) {
    RK_TRY(const Types types, infer_tensors(*this, in));
    RK_TRY(known, resolve_inputs(*this, in));
  }
  const Tensor& x = in[0];
  RK_TRY(Tensor out, make_output(known, in.first(1)));
  RK_TRY(const Dims start_list, concrete(name, known.starts, "starts"));
  RK_TRY(const auto axis_list, resolve_axes(known.axes, start_list.size(), x.rank()));
  RK_TRY(const auto step_list, resolve_steps(known.steps, start_list.size()));
  ElementMap from = contiguous_map(x.dims());
  if (out.count() > 0) {  // strides of skipped elements could overflow only where nothing is copied
    for (size_t i = 0; i < axis_list.size(); ++i) {
      const size_t axis = size_t(axis_list[i]);
      from.start += start_list[i] * from.strides[axis];
      from.strides[axis] = out.dims()[axis] == 1 ? 0 : from.strides[axis] * step_list[i];
    }
  }
  copy_elements(x, std::move(from), out, contiguous_map(out.dims()), out.dims());
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
