// Slice and Range: ops whose bounds decide sizes.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "math/movement.h"
#include "onnx/converter.h"
#include "onnx/dims.h"

namespace rekindle::onnx {
namespace {

/// A bound as a position from the front; nullopt when its sign is only known by running.
std::optional<Dim> from_front(const Dim& bound, const Dim& dim) {
  const Range range = certain_range(bound);
  if (range.min >= 0) return bound;
  if (range.max < 0) return bound.is(INT64_MIN) ? Dim(-1) : bound + dim;  // INT64_MIN + dim stays below 0
  // N - 1 is negative for N = 0 alone, and then nothing is left to slice
  return std::nullopt;
}

struct Bounds {
  Dim start, end;
};

/// ONNX's bounds made exact: clamped, and start before end in the direction of the step.
std::optional<Bounds> clamp_bounds(const Dim& start, const Dim& end, int64_t step, const Dim& dim) {
  const auto s = from_front(start, dim);
  // a far end in the other direction is written INT64_MIN; past the front it means "to the very first"
  const auto e =
      end.as_int() && *end.as_int() < -(int64_t(1) << 40) ? std::optional<Dim>(-1) : from_front(end, dim);
  if (!s || !e) return std::nullopt;
  const auto is_far = [](const Dim& d) { return d.as_int() && *d.as_int() >= INT32_MAX; };
  if (step > 0) {
    // a dim is never below 0, whatever its expression says
    const auto clamp = [&](const Dim& d) {
      return is_far(d) || d == dim ? dim : d.is(0) ? d : smaller(larger(d, 0), dim);
    };
    const Dim first = clamp(*s), last = clamp(*e);
    return Bounds{first, first.is(0) || last == dim ? last : larger(first, last)};
  }
  const Dim first = is_far(*s) ? dim - 1 : smaller(larger(*s, 0), dim - 1);
  const Dim last = is_far(*e) ? dim - 1 : smaller(larger(*e, -1), dim - 1);
  return Bounds{first, smaller(first, last)};
}

struct Request {
  std::vector<Dim> starts, ends;
  std::vector<int64_t> axes, steps;
};

Result<std::optional<ops::Slice>> resolve(const Request& request, const TensorType& x) {
  ops::Slice op;
  std::vector<bool> seen(size_t(x.rank()));
  for (size_t i = 0; i < request.starts.size(); ++i) {
    RK_TRY(const int axis, normalize_axis(request.axes[i], x.rank()));
    if (seen[size_t(axis)]) return invalid("axis " + std::to_string(request.axes[i]) + " is given twice");
    seen[size_t(axis)] = true;
    const int64_t step = request.steps[i];
    if (step == 0) return invalid("the step of axis " + std::to_string(axis) + " is 0");
    if (step == INT64_MIN) return invalid("the step of axis " + std::to_string(axis) + " is -2^63");
    const Dim& dim = x.shape[size_t(axis)];
    const auto bounds = clamp_bounds(request.starts[i], request.ends[i], step, dim);
    if (!bounds) return std::optional<ops::Slice>();
    if (step == 1 && bounds->start.is(0) && bounds->end == dim) continue;  // takes all
    op.axes.push_back(axis);
    op.starts.push_back(bounds->start);
    op.ends.push_back(bounds->end);
    op.steps.push_back(step);
  }
  return std::optional<ops::Slice>(std::move(op));
}

Result<Values> slice(NodeReader& node, Builder& build, const Request& request) {
  const ValueId x = node.input(0);
  if (request.ends.size() != request.starts.size() || request.axes.size() != request.starts.size() ||
      request.steps.size() != request.starts.size())
    return invalid("there are " + std::to_string(request.starts.size()) + " starts, " +
                   std::to_string(request.ends.size()) + " ends, " + std::to_string(request.axes.size()) +
                   " axes and " + std::to_string(request.steps.size()) + " steps, expected as many of each");
  RK_TRY(auto op, resolve(request, build.type(x)));
  if (op && op->axes.empty()) return Values{x};
  if (op) return build.finish(*std::move(op), {x});
  if (node.opset() < 10) return unsupported("whether a bound counts from the end is only known by running");
  ops::Slice dynamic;
  dynamic.axes = request.axes;
  dynamic.steps = request.steps;
  return build.finish(std::move(dynamic), {x, node.input(1), node.input(2)});
}

/// 0, 1, 2, …
std::vector<int64_t> first_axes(size_t count) {
  std::vector<int64_t> axes;
  for (size_t i = 0; i < count; ++i) axes.push_back(int64_t(i));
  return axes;
}

}  // namespace

Result<Values> convert_slice(NodeReader& node, Builder& build) {
  Request request;
  if (node.opset() < 10) {
    const auto starts = node.integers("starts"), ends = node.integers("ends");
    request.starts.assign(starts.begin(), starts.end());
    request.ends.assign(ends.begin(), ends.end());
    request.axes = node.integers("axes", first_axes(starts.size()));
    request.steps.assign(starts.size(), 1);
    return slice(node, build, request);
  }
  const auto starts = build.dims_of(node.input(1)), ends = build.dims_of(node.input(2));
  const auto axes = build.integers_of(node.input(3)), steps = build.integers_of(node.input(4));
  if ((node.has_input(3) && !axes) || (node.has_input(4) && !steps))
    return build.finish(ops::Slice{}, node.inputs_up_to(5));
  // how many bounds there are is known even when they are not
  const Shape& bounds = build.type(node.input(1)).shape;
  if (bounds.size() != 1 || !bounds[0].as_int())
    return unsupported("starts is " + build.type(node.input(1)).to_string() +
                       ", expected one dim of known size");
  const auto count = size_t(*bounds[0].as_int());
  request.axes = axes ? *axes : first_axes(count);
  request.steps = steps ? *steps : std::vector<int64_t>(count, 1);
  if (!starts || !ends) {
    if (request.axes.size() != count || request.steps.size() != count)
      return invalid("there are " + std::to_string(count) + " starts, " +
                     std::to_string(request.axes.size()) + " axes and " +
                     std::to_string(request.steps.size()) + " steps, expected as many of each");
    return build.finish(ops::Slice{.axes = request.axes, .starts = {}, .ends = {}, .steps = request.steps},
                        {node.input(0), node.input(1), node.input(2)});
  }
  request.starts = *starts;
  request.ends = *ends;
  return slice(node, build, request);
}

Result<Values> convert_range(NodeReader& node, Builder& build) {
  node.ignore("stash_type");
  const Values inputs = {node.input(0), node.input(1), node.input(2)};
  const auto start = build.dims_of(inputs[0]), limit = build.dims_of(inputs[1]);
  const auto delta = build.integers_of(inputs[2]);
  ops::Range op;
  if (start && limit && delta && start->size() == 1 && limit->size() == 1 && delta->size() == 1) {
    const int64_t step = (*delta)[0];
    if (step == 0) return invalid("the delta is 0");
    const Dim length = step > 0 ? (*limit)[0] - (*start)[0] : (*start)[0] - (*limit)[0];
    if (step != INT64_MIN) op.count = larger(ceil_div(length, step > 0 ? step : -step), 0);
    return build.finish(op, inputs);
  }
  const Tensor *from = build.constant_of(inputs[0]), *to = build.constant_of(inputs[1]),
               *by = build.constant_of(inputs[2]);
  if (from && to && by && from->count() == 1 && to->count() == 1 && by->count() == 1 &&
      is_float(from->dtype())) {
    const double count = std::ceil((to->as_double(0) - from->as_double(0)) / by->as_double(0));
    if (!(count < double(int64_t(1) << 48)))
      return invalid("the range has " + std::to_string(count) + " elements, expected fewer than 2^48");
    op.count = int64_t(std::max(count, 0.0));
  }
  return build.finish(op, inputs);
}

}  // namespace rekindle::onnx
