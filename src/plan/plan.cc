// Small questions about a plan, and the list of its dims.
// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <algorithm>
#include <array>

#include "plan/plan_dims.h"

namespace rekindle {

Dim contiguous_bytes(const TensorType& type) {
  const int bits = bits_of(type.dtype);
  if (bits % 8 == 0) return type.count() * (bits / 8);
  return ceil_div(type.count() * bits, 8);
}

bool has_static_arena(const Plan& plan) {
  return std::all_of(plan.buffers.begin(), plan.buffers.end(),
                     [](const Buffer& b) { return b.place != Place::arena || !b.bytes.is_symbolic(); });
}

PlanDims::PlanDims(const Plan& plan) {
  for (const Buffer& b : plan.buffers) buffers_.push_back(add(b.bytes));
  for (const View& v : plan.views) views_.push_back({add(v.type.shape), add(v.strides), add(v.offset)});
  for (const Step& s : plan.steps) {
    steps_.push_back({add(s.grid), add(s.scalars)});
    for (const SymbolDefinition& d : s.defines) program.slot(d.symbol);
  }
  for (const Binding& b : plan.bindings) add(b.type.shape);
}

namespace {

struct Axis {
  int64_t size = 1, stride = 0;
};

/// Null when no two elements share a place, so that there are never more elements than memory: each stride
/// must pass over all that the smaller ones reach. Axes of one element do not count.
const char* check_overlap(std::span<Axis> axes, int64_t& last) {
  std::sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.stride < b.stride; });
  last = 0;
  for (const Axis& axis : axes) {
    if (axis.size == 1) continue;
    if (axis.stride <= last) return "has elements that overlap";
    int64_t reach = 0;
    if (__builtin_mul_overflow(axis.stride, axis.size - 1, &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return "has strides that reach too far";
  }
  return nullptr;
}

}  // namespace

const char* ViewExtent::measure(DType dtype, std::span<const uint32_t> dims,
                                std::span<const uint32_t> strides, std::span<const int64_t> values) {
  constexpr int64_t kMost = int64_t(1) << 48;
  std::array<Axis, kMostRank> axes;
  if (dims.size() > axes.size()) return "has too many dims";
  bool overflow = false, is_empty = false;
  count = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t dim = values[dims[i]], stride = strides.empty() ? 0 : values[strides[i]];
    if (dim < 0) return "has a negative dim";
    if (stride < 0) return "has a negative stride";
    is_empty |= dim == 0;
    axes[i] = {std::max<int64_t>(dim, 1), stride};
    overflow |= __builtin_mul_overflow(count, axes[i].size, &count) || count >= kMost;
  }
  if (overflow) return "has 2^48 elements or more";
  if (is_empty) count = 0;
  bytes = bytes_for(dtype, count);
  if (strides.empty() || is_empty) return nullptr;
  int64_t last = 0;  // the element furthest from the start
  if (const char* why = check_overlap(std::span(axes).first(dims.size()), last)) return why;
  if (last >= kMost) return "has strides that reach too far";
  bytes = bytes_for(dtype, last + 1);
  return nullptr;
}

uint32_t PlanDims::add(const Dim& dim) {
  if (program.size() < kMostDims) return program.add(dim);
  if (error.ok())
    error = Status::error(Code::data_loss,
                          "the plan has more than " + std::to_string(kMostDims) + " different sizes");
  return 0;
}

PlanDims::Part PlanDims::add(const std::vector<Dim>& dims) {
  const Part part{uint32_t(numbers_.size()), uint32_t(dims.size())};
  for (const Dim& d : dims) numbers_.push_back(add(d));
  return part;
}

}  // namespace rekindle
