// cpu.conv_transpose: views of the output, one a phase, each made by cpu.conv.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv_transpose.h"

#include <algorithm>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_conv_transpose(std::string_view params, Isa isa);

namespace {

constexpr int64_t kMostStride = 8;  // 64 phases in two axes

Status bad(const std::string& what) {
  return Status::error(Code::invalid_argument, "conv_transpose: " + what);
}

/// Phases of all spatial axes together.
std::vector<std::vector<Phase>> phases_of(const WindowParams& window) {
  std::vector<std::vector<Phase>> all{{}};
  for (size_t axis = 0; axis < window.kernel.size(); ++axis) {
    std::vector<std::vector<Phase>> next;
    for (const auto& before : all)
      for (int64_t r = 0; r < window.strides[axis]; ++r) {
        next.push_back(before);
        next.back().push_back(Phase::of(r, window.kernel[axis], window.strides[axis], window.begin[axis]));
      }
    all = std::move(next);
  }
  return all;
}

/// An argument of one phase and where it starts in the whole one, in bytes.
struct Part {
  ArgShape shape;
  int64_t bytes = 0;
};

/// Every stride-th element along the spatial axes, from the phase's first; axes that are broadcast stay.
Part part_of(const ArgShape& whole, const Dims& out, const std::vector<Phase>& phases,
             const std::vector<int64_t>& strides) {
  Part part{whole, 0};
  part.shape.strides = strides_of(whole);
  const size_t missing = out.size() - std::min(out.size(), whole.dims.size());
  for (size_t i = 0; i < phases.size(); ++i) {
    if (i + 1 < missing) continue;
    const size_t axis = i + 1 - missing;
    if (axis >= whole.dims.size() || whole.dims[axis] != out[i + 1]) continue;
    part.bytes += phases[i].first * part.shape.strides[axis] * bits_of(whole.dtype) / 8;
    part.shape.dims[axis] =
        std::max<int64_t>(0, (out[i + 1] - phases[i].first + strides[i] - 1) / strides[i]);
    part.shape.strides[axis] *= strides[i];
  }
  return part;
}

struct PhaseLaunch {
  std::unique_ptr<Launch> launch;
  size_t weights = 0;  // which input
  int64_t source_bytes = 0;
  std::vector<int64_t> output_bytes, operand_bytes;
};

class ConvTransposeLaunch final : public Launch {
 public:
  ConvTransposeLaunch(std::vector<PhaseLaunch> phases, size_t fixed, bool has_bias, size_t operands,
                      size_t outputs)
      : phases_(std::move(phases)),
        fixed_(fixed),
        has_bias_(has_bias),
        inputs_(2 + size_t(has_bias) + operands),
        outputs_(outputs) {}
  int64_t workspace_bytes() const override {
    int64_t most = 0;
    for (const PhaseLaunch& p : phases_) most = std::max(most, p.launch->workspace_bytes());
    return most;
  }
  Status run(Stream& stream, const void* const* inputs, void* const* outputs, void* workspace) override {
    const auto moved = [](const void* data, int64_t bytes) {
      return data ? static_cast<const char*>(data) + bytes : nullptr;
    };
    for (const PhaseLaunch& p : phases_) {
      size_t at = 0;
      inputs_[at++] = moved(inputs[0], p.source_bytes);
      inputs_[at++] = inputs[p.weights];
      if (has_bias_) inputs_[at++] = inputs[fixed_ - 1];
      for (size_t i = 0; i < p.operand_bytes.size(); ++i)
        inputs_[at++] = moved(inputs[fixed_ + i], p.operand_bytes[i]);
      for (size_t i = 0; i < p.output_bytes.size(); ++i)
        outputs_[i] = static_cast<char*>(outputs[i]) + p.output_bytes[i];
      RK_CHECK(p.launch->run(stream, inputs_.data(), outputs_.data(), workspace));
    }
    return {};
  }

 private:
  std::vector<PhaseLaunch> phases_;
  size_t fixed_;  // inputs before the tail's
  bool has_bias_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
};

class ConvTransposeKernel final : public Kernel {
 public:
  ConvTransposeKernel(ConvTransposeParams params, std::vector<std::vector<Phase>> phases,
                      std::vector<std::shared_ptr<const Kernel>> convolutions)
      : params_(std::move(params)), phases_(std::move(phases)), convolutions_(std::move(convolutions)) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    const size_t fixed = 1 + phases_.size() + size_t(params_.has_bias),
                 rank = params_.window.kernel.size() + 2;
    if (shapes.inputs.size() < fixed || shapes.outputs.empty())
      return bad(std::to_string(shapes.inputs.size()) + " inputs, expected at least " +
                 std::to_string(fixed));
    if (shapes.inputs[0].dims.size() != rank || shapes.outputs[0].dims.size() != rank)
      return bad("input " + to_string(shapes.inputs[0].dims) + " and output " +
                 to_string(shapes.outputs[0].dims) + ", expected rank " + std::to_string(rank));
    std::vector<PhaseLaunch> launches;
    for (size_t i = 0; i < phases_.size(); ++i) {
      RK_TRY(PhaseLaunch launch, prepare_phase(shapes, i, fixed));
      launches.push_back(std::move(launch));
    }
    return std::unique_ptr<Launch>(std::make_unique<ConvTransposeLaunch>(
        std::move(launches), fixed, params_.has_bias, shapes.inputs.size() - fixed, shapes.outputs.size()));
  }

 private:
  Result<PhaseLaunch> prepare_phase(const LaunchShapes& shapes, size_t number, size_t fixed) const {
    const std::vector<Phase>& phases = phases_[number];
    const Dims& out = shapes.outputs[0].dims;
    PhaseLaunch result;
    result.weights = 1 + number;
    std::vector<ArgShape> inputs, outputs;
    ArgShape x = shapes.inputs[0];
    x.strides = strides_of(x);
    for (size_t i = 0; i < phases.size(); ++i) {
      // Without a tap nothing is read: there is no x.
      const int64_t unread = phases[i].taps == 0 ? x.dims[i + 1] : std::max<int64_t>(0, -phases[i].begin);
      const int64_t skipped = std::min(x.dims[i + 1], unread);
      x.dims[i + 1] -= skipped;
      result.source_bytes += skipped * x.strides[i + 1] * int64_t(sizeof(float));
    }
    inputs = {std::move(x), shapes.inputs[result.weights]};
    std::vector<const void*> constants(2, nullptr);
    if (shapes.constant_inputs.size() > result.weights) constants[1] = shapes.constant_inputs[result.weights];
    if (params_.has_bias) inputs.push_back(shapes.inputs[fixed - 1]);
    for (size_t i = fixed; i < shapes.inputs.size(); ++i) {
      Part part = part_of(shapes.inputs[i], out, phases, params_.window.strides);
      result.operand_bytes.push_back(part.bytes);
      inputs.push_back(std::move(part.shape));
    }
    for (const ArgShape& whole : shapes.outputs) {
      if (whole.dims != out)
        return bad("outputs of shapes " + to_string(out) + " and " + to_string(whole.dims));
      Part part = part_of(whole, out, phases, params_.window.strides);
      result.output_bytes.push_back(part.bytes);
      outputs.push_back(std::move(part.shape));
    }
    constants.resize(inputs.size(), nullptr);
    RK_TRY(result.launch,
           convolutions_[number]->prepare({inputs, outputs, {}, {}, shapes.threads, constants}));
    return result;
  }

  ConvTransposeParams params_;
  std::vector<std::vector<Phase>> phases_;
  std::vector<std::shared_ptr<const Kernel>> convolutions_;  // one a phase
};

Status check(const ConvTransposeParams& p) {
  const WindowParams& w = p.window;
  const size_t axes = w.kernel.size();
  if (axes < 1 || axes > 2 || w.strides.size() != axes || w.begin.size() != axes)
    return bad("a window of " + std::to_string(axes) +
               " axes, expected 1 or 2, each with stride and padding");
  for (size_t i = 0; i < axes; ++i)
    if (w.kernel[i] < 1 || w.kernel[i] > (1 << 16) || w.strides[i] < 1 || w.strides[i] > kMostStride ||
        w.begin[i] < 0 || w.begin[i] > (1 << 30))
      return bad("a window axis has kernel " + std::to_string(w.kernel[i]) + ", stride " +
                 std::to_string(w.strides[i]) + ", padding " + std::to_string(w.begin[i]));
  if (p.group < 1 || p.in_channels < 1 || p.out_channels < 1 || p.in_channels % p.group ||
      p.out_channels % p.group)
    return bad(std::to_string(p.in_channels) + " to " + std::to_string(p.out_channels) + " channels in " +
               std::to_string(p.group) + " groups");
  return {};
}

}  // namespace

Phase Phase::of(int64_t first, int64_t kernel, int64_t stride, int64_t cut) {
  // Output o = first + q * stride gets x[i] * w[k] where o + cut = i * stride + k.
  const int64_t rest = (first + cut) % stride, whole = (first + cut) / stride;
  Phase phase;
  phase.first = first;
  phase.taps = rest < kernel ? (kernel - rest + stride - 1) / stride : 0;
  phase.last_tap = rest + (phase.taps - 1) * stride;
  phase.begin = phase.taps - 1 - whole;
  return phase;
}

std::vector<Tensor> pack_conv_transpose_weights(const Tensor& w, const WindowParams& window, int64_t group,
                                                Isa isa) {
  const int64_t c = w.dims()[0], o = w.dims()[1], in = c / group;
  const bool flat = window.kernel.size() == 1;
  const int64_t height = flat ? 1 : window.kernel[0], width = window.kernel.back();
  std::vector<Tensor> packed;
  for (const auto& phases : phases_of(window)) {
    const Phase one{0, 1, 0, 0};
    const Phase &y = flat ? one : phases[0], &x = phases.back();
    Dims dims{o * group, in};  // a phase without taps has one of zeros
    for (const Phase& p : phases) dims.push_back(std::max<int64_t>(1, p.taps));
    Tensor part(DType::f32, dims);
    float* to = part.data<float>();
    std::fill_n(to, part.count(), 0.0f);
    for (int64_t g = 0; g < group; ++g)
      for (int64_t n = 0; n < o; ++n)
        for (int64_t k = 0; k < in; ++k, to += std::max<int64_t>(1, y.taps) * std::max<int64_t>(1, x.taps))
          for (int64_t ty = 0; ty < y.taps; ++ty)
            for (int64_t tx = 0; tx < x.taps; ++tx)
              to[ty * x.taps + tx] = w.data<float>()[(((g * in + k) * o + n) * height + y.last_tap -
                                                      ty * (flat ? 1 : window.strides[0])) *
                                                         width +
                                                     x.last_tap - tx * window.strides.back()];
    packed.push_back(pack_conv_weights(part, group, isa));
  }
  return packed;
}

Result<std::shared_ptr<const Kernel>> make_conv_transpose(std::string_view params, Isa isa) {
  RK_TRY(ConvTransposeParams p, from_bytes<ConvTransposeParams>(params));
  RK_CHECK(check(p));
  auto phases = phases_of(p.window);
  std::vector<std::shared_ptr<const Kernel>> convolutions;
  for (const auto& axes : phases) {
    ConvParams conv;
    for (const Phase& phase : axes) {
      conv.window.kernel.push_back(std::max<int64_t>(1, phase.taps));
      conv.window.begin.push_back(phase.taps == 0 ? 0 : std::max<int64_t>(0, phase.begin));
    }
    conv.window.strides.assign(axes.size(), 1);
    conv.window.dilations.assign(axes.size(), 1);
    conv.group = p.group, conv.in_channels = p.in_channels, conv.out_channels = p.out_channels;
    conv.has_bias = p.has_bias, conv.tail = p.tail;
    RK_TRY(auto kernel, make_kernel("cpu.conv", to_bytes(conv), isa));
    convolutions.push_back(std::move(kernel));
  }
  return std::shared_ptr<const Kernel>(
      std::make_shared<ConvTransposeKernel>(std::move(p), std::move(phases), std::move(convolutions)));
}

}  // namespace rekindle::cpu
