// cpu.copy: the view's strides, then one strided copy.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/copy.h"

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/kernels/strided_copy.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_copy(std::string_view params, Isa isa);

namespace {

class CopyLaunch final : public Launch {
 public:
  CopyLaunch(StridedCopy copy, int64_t start_bytes) : copy_(std::move(copy)), start_bytes_(start_bytes) {}
  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    copy_.run(static_cast<const char*>(inputs[0]) + start_bytes_, outputs[0]);
    return {};
  }

 private:
  StridedCopy copy_;
  int64_t start_bytes_;
};

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

class CopyKernel final : public Kernel {
 public:
  explicit CopyKernel(CopyParams params) : params_(std::move(params)) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != 1 ||
        shapes.scalars.size() != params_.axes.size())
      return bad("copy has " + std::to_string(shapes.inputs.size()) + " inputs, " +
                 std::to_string(shapes.outputs.size()) + " outputs and " +
                 std::to_string(shapes.scalars.size()) + " scalars, expected 1, 1 and " +
                 std::to_string(params_.axes.size()));
    const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
    if (x.dtype != y.dtype || bits_of(x.dtype) < 8)
      return bad("copy from " + std::string(to_string(x.dtype)) + " to " + std::string(to_string(y.dtype)));
    ArgShape view = x;
    view.strides = strides_of(x);
    RK_CHECK(permute(view));
    int64_t start = 0;
    RK_CHECK(slice(view, y.dims, shapes.scalars, start));
    RK_TRY(const Dims from, broadcast_strides(view, y.dims));
    const int64_t bytes = bits_of(x.dtype) / 8;
    RK_TRY(StridedCopy copy, StridedCopy::make(y.dims, from, strides_of(y), bytes, shapes.threads));
    return std::unique_ptr<Launch>(std::make_unique<CopyLaunch>(std::move(copy), start * bytes));
  }

 private:
  Status permute(ArgShape& view) const {
    if (params_.perm.empty()) return {};
    const ArgShape x = view;
    const size_t rank = x.dims.size();
    std::vector<bool> seen(rank, false);
    if (params_.perm.size() != rank) return bad("a permutation does not fit " + to_string(x.dims));
    for (size_t i = 0; i < rank; ++i) {
      const int64_t axis = params_.perm[i];
      if (axis < 0 || axis >= int64_t(rank) || seen[size_t(axis)])
        return bad("a permutation has axis " + std::to_string(axis) + " wrongly, rank " +
                   std::to_string(rank));
      seen[size_t(axis)] = true;
      view.dims[i] = x.dims[size_t(axis)], view.strides[i] = x.strides[size_t(axis)];
    }
    return {};
  }

  Status slice(ArgShape& view, const Dims& out, std::span<const int64_t> starts, int64_t& start) const {
    const bool is_empty = count_of(out) == 0;
    for (size_t k = 0; k < params_.axes.size(); ++k) {
      const auto axis = size_t(params_.axes[k]);
      if (axis >= view.dims.size() || out.size() != view.dims.size())
        return bad("axis " + std::to_string(params_.axes[k]) + " of a slice of " + to_string(view.dims));
      const int64_t step = k < params_.steps.size() ? params_.steps[k] : 1;
      const int64_t first = starts[k], last = first + (out[axis] - 1) * step, in = view.dims[axis];
      if (!is_empty && (first < 0 || first >= in || last < 0 || last >= in))
        return bad("a slice goes from " + std::to_string(first) + " to " + std::to_string(last) +
                   ", expected positions within " + std::to_string(in));
      if (!is_empty) start += first * view.strides[axis];
      view.strides[axis] *= step;
      view.dims[axis] = out[axis];
    }
    return {};
  }

  CopyParams params_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_copy(std::string_view params, Isa) {
  RK_TRY(CopyParams p, from_bytes<CopyParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<CopyKernel>(std::move(p)));
}

}  // namespace rekindle::cpu
