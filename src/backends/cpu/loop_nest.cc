// Merging loops, and starting in the middle of a nest.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/loop_nest.h"

#include <algorithm>
#include <numeric>

namespace rekindle::cpu {

Dims strides_of(const ArgShape& arg) {
  return arg.strides.empty() ? contiguous_strides(arg.dims) : arg.strides;
}

bool is_contiguous(const ArgShape& arg) {
  if (arg.strides.empty()) return true;
  const Dims plain = contiguous_strides(arg.dims);
  for (size_t i = 0; i < plain.size(); ++i)
    if (arg.dims[i] != 1 && arg.strides[i] != plain[i]) return false;
  return true;
}

bool is_vector(const ArgShape& arg, int64_t n) {
  return arg.dtype == DType::f32 && arg.dims == Dims{n} && is_contiguous(arg);
}

Result<Dims> broadcast_strides(const ArgShape& arg, const Dims& dims) {
  if (arg.dims.size() > dims.size())
    return Status::error(Code::invalid_argument, "an operand of shape " + to_string(arg.dims) +
                                                     " does not broadcast to " + to_string(dims));
  const Dims own = strides_of(arg);
  Dims out(dims.size(), 0);
  const size_t shift = dims.size() - arg.dims.size();
  for (size_t i = 0; i < arg.dims.size(); ++i) {
    if (arg.dims[i] == 1) continue;
    if (arg.dims[i] != dims[shift + i])
      return Status::error(Code::invalid_argument, "an operand of shape " + to_string(arg.dims) +
                                                       " does not broadcast to " + to_string(dims));
    out[shift + i] = own[i];
  }
  return out;
}

Result<LoopNest> LoopNest::make(const Dims& dims, const std::vector<Dims>& strides, bool sorted) {
  std::vector<size_t> order(dims.size());
  std::iota(order.begin(), order.end(), size_t(0));
  if (sorted && !strides.empty())
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return strides[0][a] > strides[0][b]; });
  LoopNest nest;
  nest.strides.resize(strides.size());
  for (const size_t axis : order) {
    if (dims[axis] == 1) continue;
    bool merges = !nest.dims.empty();
    for (size_t k = 0; merges && k < strides.size(); ++k)
      merges = nest.strides[k].back() == strides[k][axis] * dims[axis];
    if (merges) {
      nest.dims.back() *= dims[axis];
      for (size_t k = 0; k < strides.size(); ++k) nest.strides[k].back() = strides[k][axis];
    } else {
      nest.dims.push_back(dims[axis]);
      for (size_t k = 0; k < strides.size(); ++k) nest.strides[k].push_back(strides[k][axis]);
    }
  }
  if (nest.depth() > kMostLoops)
    return Status::error(Code::unsupported, std::to_string(nest.depth()) +
                                                " loops that cannot be merged, expected at most " +
                                                std::to_string(kMostLoops));
  return nest;
}

Result<LoopNest> LoopNest::of_rows(const Dims& output, const std::vector<Dims>& strides) {
  RK_TRY(LoopNest nest, make({output.begin(), output.end() - 1}, strides, false));
  if (nest.depth() == 0) nest.add_single();
  return nest;
}

void LoopNest::add_single() {
  dims.push_back(1);
  for (Dims& s : strides) s.push_back(0);
}

int64_t LoopNest::iterations(size_t count) const {
  int64_t n = 1;
  for (size_t i = 0; i < count; ++i) n *= dims[i];
  return n;
}

LoopPosition::LoopPosition(const LoopNest& nest, size_t loops, int64_t start)
    : nest_(&nest), loops_(loops), operands_(nest.strides.size()) {
  RK_ASSERT(operands_ <= kMostOperands, "a loop nest has too many operands");
  for (size_t d = loops; d-- > 0;) {
    index_[d] = start % nest.dims[d];
    start /= nest.dims[d];
    for (size_t k = 0; k < operands_; ++k) offsets_[k] += index_[d] * nest.strides[k][d];
  }
}

}  // namespace rekindle::cpu
