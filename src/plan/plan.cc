// Small questions about a plan, and the list of its dims.
// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <algorithm>

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

const char* ViewExtent::measure(DType dtype, std::span<const uint32_t> dims,
                                std::span<const uint32_t> strides, std::span<const int64_t> values) {
  constexpr int64_t kMost = int64_t(1) << 48;
  count = 1;
  int64_t last = 0;  // the element furthest from the start, when there are strides
  bool overflow = false, is_empty = false;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int64_t dim = values[dims[i]];
    if (dim < 0) return "has a negative dim";
    is_empty |= dim == 0;
    overflow |= __builtin_mul_overflow(count, std::max<int64_t>(dim, 1), &count) || count >= kMost;
    if (strides.empty()) continue;
    const int64_t stride = values[strides[i]];
    if (stride < 0) return "has a negative stride";
    int64_t reach = 0;
    overflow |= __builtin_mul_overflow(stride, std::max<int64_t>(dim, 1) - 1, &reach) || reach >= kMost;
    overflow |= (last += overflow ? 0 : reach) >= kMost;
  }
  if (overflow) return "has 2^48 elements or more";
  if (is_empty) count = 0;
  bytes = bytes_for(dtype, is_empty ? 0 : strides.empty() ? count : last + 1);
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
