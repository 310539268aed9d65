// Finding the runs of a strided tensor.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/runs.h"

#include <optional>

namespace rekindle::cuda {

namespace {

/// A tensor as runs of neighbouring elements that lie evenly apart.
struct Runs {
  int64_t length = 1, step = 1;
};
/// `whole_rows`: the runs are the last dim, however the rows lie.
Result<Runs> runs_of(const ArgShape& shape, bool whole_rows, const std::string& name) {
  size_t d = shape.dims.size();
  if (d == 0) return Runs{};
  Runs runs{shape.dims[d - 1], shape.dims[d - 1]};
  if (shape.strides.empty()) return runs;
  --d;
  while (!whole_rows && d > 0 && (shape.dims[d - 1] == 1 || shape.strides[d - 1] == runs.length))
    runs.length *= shape.dims[--d];
  runs.step = runs.length;
  std::optional<int64_t> next;
  for (; d-- > 0;) {
    if (shape.dims[d] == 1) continue;
    if (!next) next = runs.step = shape.strides[d];
    if (shape.strides[d] != *next || runs.step > INT32_MAX)
      return Status::error(Code::unsupported, name + " writes runs at one distance, output 0 has several");
    next = shape.strides[d] * shape.dims[d];
  }
  return runs;
}

}  // namespace

Status add_runs(const LaunchParams& params, std::span<const ArgShape> outputs, const std::string& name,
                std::vector<int32_t>& scalars) {
  if (!params.has_row_step && !params.has_runs) return {};
  RK_TRY(const Runs runs, runs_of(outputs[0], params.has_row_step, name));
  if (params.has_runs) scalars.push_back(int32_t(runs.length));
  scalars.push_back(int32_t(runs.step));
  return {};
}

}  // namespace rekindle::cuda
