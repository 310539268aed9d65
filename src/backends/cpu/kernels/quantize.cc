// cpu.quantize: x seen as [outer, axis, inner], row by row with the row's scale, or its elements' own.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/quantize.h"

#include <algorithm>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/isa/quantize_rows.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_quantize(std::string_view params, Isa isa);

namespace {

constexpr int64_t kSegment = 16384;       // long rows are shared in pieces of this many elements
constexpr int64_t kElementGrain = 32768;  // the least elements worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, "quantize: " + what); }

struct QuantizePlan {
  int64_t rows = 1, row = 1, scales = 1;  // row r has scale r modulo scales, or its elements have their own
  bool each_has_own = false, has_zero_point = false;
  int64_t in_bytes = 4, out_bytes = 1, segments = 1;
  void (*quantize)(const float*, const RowScale&, void*, int64_t) = nullptr;
  void (*dequantize)(const void*, const RowScale&, float*, int64_t) = nullptr;
  Widen zero_point = nullptr;
  int workers = 1;
};

class QuantizeLaunch final : public Launch {
 public:
  explicit QuantizeLaunch(QuantizePlan plan) : p_(plan) {}
  int64_t workspace_bytes() const override {
    return p_.has_zero_point ? padded_bytes(p_.scales * int64_t(sizeof(float))) : 0;
  }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    float* const zero_points = static_cast<float*>(workspace);
    if (p_.has_zero_point) p_.zero_point(inputs[2], 1, zero_points, p_.scales);
    share_items(p_.rows * p_.segments, p_.workers, [&](int, int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const int64_t row = item / p_.segments, segment = item % p_.segments;
        const int64_t first = p_.row * segment / p_.segments, last = p_.row * (segment + 1) / p_.segments;
        const int64_t at = row * p_.row + first, scale = p_.each_has_own ? first : row % p_.scales;
        const RowScale s{static_cast<const float*>(inputs[1]) + scale,
                         p_.has_zero_point ? zero_points + scale : nullptr, p_.each_has_own};
        const char* const x = static_cast<const char*>(inputs[0]) + at * p_.in_bytes;
        char* const y = static_cast<char*>(outputs[0]) + at * p_.out_bytes;
        if (p_.quantize)
          p_.quantize(reinterpret_cast<const float*>(x), s, y, last - first);
        else
          p_.dequantize(x, s, reinterpret_cast<float*>(y), last - first);
      }
    });
    return {};
  }

 private:
  QuantizePlan p_;
};

class QuantizeKernel final : public Kernel {
 public:
  QuantizeKernel(QuantizeParams params, Isa isa) : params_(params), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() < 2 || shapes.inputs.size() > 3 || shapes.outputs.size() != 1)
      return bad(std::to_string(shapes.inputs.size()) + " inputs, expected 2 or 3");
    const ArgShape &x = shapes.inputs[0], &scale = shapes.inputs[1], &y = shapes.outputs[0];
    QuantizePlan plan;
    plan.has_zero_point = shapes.inputs.size() == 3 && shapes.inputs[2].present;
    RK_CHECK(choose_functions(shapes, plan));
    if (x.dims != y.dims || !is_contiguous(x) || !is_contiguous(y) || !is_contiguous(scale))
      return bad("x " + to_string(x.dims) + " and y " + to_string(y.dims) +
                 ", expected one shape without gaps");
    plan.row = count_of(x.dims);
    plan.scales = count_of(scale.dims);
    if (!scale.dims.empty() && plan.scales != 1) {
      const auto axis = size_t(params_.axis);
      if (scale.dims.size() != 1 || axis >= x.dims.size() || x.dims[axis] != plan.scales)
        return bad("scale " + to_string(scale.dims) + " along axis " + std::to_string(params_.axis) + " of " +
                   to_string(x.dims));
      const int64_t inner = count_of(Dims(x.dims.begin() + params_.axis + 1, x.dims.end()));
      plan.each_has_own = inner == 1;
      plan.row = plan.each_has_own ? plan.scales : inner;
    }
    if (plan.has_zero_point &&
        (count_of(shapes.inputs[2].dims) != plan.scales || !is_contiguous(shapes.inputs[2])))
      return bad("zero point " + to_string(shapes.inputs[2].dims) + " for scale " + to_string(scale.dims));
    plan.rows = plan.row == 0 ? 0 : count_of(x.dims) / plan.row;
    plan.segments = std::max<int64_t>(1, plan.row / kSegment);
    plan.workers = worker_count(plan.rows * plan.row, kElementGrain, shapes.threads);
    return std::unique_ptr<Launch>(std::make_unique<QuantizeLaunch>(plan));
  }

 private:
  Status choose_functions(const LaunchShapes& shapes, QuantizePlan& plan) const {
    const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
    const QuantizeKernels& kernels = quantize_kernels(isa_);
    const DType small = params_.back ? x.dtype : y.dtype, real = params_.back ? y.dtype : x.dtype;
    if (params_.back)
      plan.dequantize = kernels.dequantize[int(small)];
    else
      plan.quantize = kernels.quantize[int(small)];
    const bool is_too_wide = small == DType::i32 && plan.has_zero_point;
    if (real != DType::f32 || shapes.inputs[1].dtype != DType::f32 || (!plan.dequantize && !plan.quantize) ||
        is_too_wide || (plan.has_zero_point && shapes.inputs[2].dtype != small))
      return bad(std::string(to_string(x.dtype)) + " to " + std::string(to_string(y.dtype)));
    plan.in_bytes = bits_of(x.dtype) / 8, plan.out_bytes = bits_of(y.dtype) / 8;
    plan.zero_point = program_kernels(isa_).widen[int(small)];
    return {};
  }

  QuantizeParams params_;
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_quantize(std::string_view params, Isa isa) {
  RK_TRY(QuantizeParams p, from_bytes<QuantizeParams>(params));
  if (p.axis < 0) return bad("a negative axis");
  return std::shared_ptr<const Kernel>(std::make_shared<QuantizeKernel>(p, isa));
}

}  // namespace rekindle::cpu
