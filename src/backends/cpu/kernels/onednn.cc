// cpu.onednn: dense operands, a primitive, and the result put where it belongs.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/onednn.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/nothing_to_do.h"
#include "backends/cpu/sliding.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_onednn(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 16384;  // the least copy worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, "onednn: " + what); }

/// A copy between a view and dense memory, element types included.
class DenseCopy {
 public:
  /// `narrow` makes the dense side BF16; `from_dense` goes the other way.
  static Result<DenseCopy> make(const ArgShape& view, Narrow narrow, bool from_dense, int threads) {
    DenseCopy copy;
    copy.narrow_ = narrow;
    copy.from_dense_ = from_dense;
    const Dims dense = strides_of({view.dtype, view.dims, {}, true});
    RK_TRY(copy.nest_, LoopNest::make(view.dims, {strides_of(view), dense}, false));
    LoopNest& nest = copy.nest_;
    if (nest.depth() == 0 || nest.strides[0].back() != 1) {  // a run of one element
      nest.dims.push_back(1);
      for (Dims& s : nest.strides) s.push_back(1);
    }
    const int64_t count = count_of(view.dims);
    copy.workers_ = worker_count(count, kElementGrain, threads);
    // One long run is cut, so that every worker has some.
    int64_t& run = nest.dims.back();
    if (nest.depth() == 1 && copy.workers_ > 1) copy.piece_ = (run + copy.workers_ - 1) / copy.workers_;
    copy.bytes_ = padded_bytes(count * (narrow ? 2 : 4));
    return copy;
  }
  int64_t dense_bytes() const { return bytes_; }

  void run(void* view, void* dense) const {
    if (piece_ > 0) {
      share_items(nest_.dims[0], workers_,
                  [&](int, int64_t begin, int64_t end) { move(view, dense, begin, begin, end - begin); });
      return;
    }
    const size_t outer = nest_.depth() - 1;
    share_items(nest_.iterations(outer), workers_, [&](int, int64_t begin, int64_t end) {
      LoopPosition at(nest_, outer, begin);
      for (int64_t i = begin; i < end; ++i, at.next())
        move(view, dense, at.offset(0), at.offset(1), nest_.dims.back());
    });
  }

 private:
  void move(void* view, void* dense, int64_t view_offset, int64_t dense_offset, int64_t n) const {
    float* const f = static_cast<float*>(view) + view_offset;
    if (narrow_)
      narrow_(f, static_cast<uint16_t*>(dense) + dense_offset, 1, n);
    else if (from_dense_)
      std::memcpy(f, static_cast<float*>(dense) + dense_offset, size_t(n) * sizeof(float));
    else
      std::memcpy(static_cast<float*>(dense) + dense_offset, f, size_t(n) * sizeof(float));
  }

  LoopNest nest_;
  Narrow narrow_ = nullptr;
  bool from_dense_ = false;
  int workers_ = 1;
  int64_t piece_ = 0, bytes_ = 0;
};

/// An input or the output on its way: where its dense copy lies in the workspace, when it needs one.
struct Staged {
  std::optional<DenseCopy> copy;
  int64_t offset = 0;
};

class OnednnLaunch final : public Launch {
 public:
  OnednnLaunch(std::unique_ptr<OnednnPrimitive> primitive, bool has_bias)
      : primitive_(std::move(primitive)),
        has_bias_(has_bias),
        scratch_(padded_bytes(primitive_->scratch_bytes())) {}

  void add_input(std::optional<DenseCopy> copy) { add(std::move(copy), inputs_); }
  void set_output(std::optional<DenseCopy> copy) {
    std::vector<Staged> one;
    add(std::move(copy), one);
    output_ = one[0];
    operands_.resize(inputs_.size());
  }
  /// Weights in another format than the primitive reads: turned once, kept with the launch.
  void own_weights(std::shared_ptr<void> weights) { weights_ = std::move(weights); }

  int64_t workspace_bytes() const override { return scratch_; }

  /// Input 0, input 1 when it is no blob, then the tail's, in this order.
  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    char* const memory = static_cast<char*>(workspace);
    const void* const x = dense(inputs_[0], inputs[0], memory);
    const void* const w = weights_ ? weights_.get() : dense(inputs_[1], inputs[1], memory);
    size_t at = 2;
    const float* const bias = has_bias_ ? static_cast<const float*>(inputs[at++]) : nullptr;
    for (size_t i = 2; i < inputs_.size(); ++i)
      operands_[i - 2] = static_cast<const float*>(dense(inputs_[i], inputs[at++], memory));
    void* const y = output_.copy ? memory + output_.offset : outputs[0];
    RK_CHECK(primitive_->run(x, w, bias, operands_.data(), static_cast<float*>(y), memory));
    if (output_.copy) output_.copy->run(outputs[0], y);
    return {};
  }

 private:
  void add(std::optional<DenseCopy> copy, std::vector<Staged>& to) {
    Staged staged{std::move(copy), scratch_};
    if (staged.copy) scratch_ += staged.copy->dense_bytes();
    to.push_back(std::move(staged));
  }
  static const void* dense(const Staged& staged, const void* input, char* memory) {
    if (!staged.copy) return input;
    staged.copy->run(const_cast<void*>(input), memory + staged.offset);
    return memory + staged.offset;
  }

  std::unique_ptr<OnednnPrimitive> primitive_;
  bool has_bias_;
  std::vector<Staged> inputs_;
  std::vector<const float*> operands_;
  Staged output_;
  std::shared_ptr<void> weights_;
  int64_t scratch_;  // the primitive's own comes first
};

class OnednnKernel final : public Kernel {
 public:
  OnednnKernel(OnednnParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    RK_TRY(OnednnProblem problem, onednn_problem(params_, shapes));
    const Dims& out = shapes.outputs[0].dims;
    if (count_of(out) == 0) return NothingToDo::make();
    problem.weights_format = params_.packed ? params_.weights_format : "plain";
    auto primitive = OnednnPrimitive::make(problem, shapes.threads);
    // Another number of threads or other sizes may want another format.
    const bool repacks = params_.packed && (!primitive.ok() || (*primitive)->is_reference());
    if (repacks) {
      problem.weights_format.clear();
      primitive = OnednnPrimitive::make(problem, shapes.threads);
    }
    if (!primitive.ok()) return primitive.status();
    const OnednnPrimitive& made = **primitive;
    const ArgShape& w = shapes.inputs[1];
    std::shared_ptr<void> own;
    if (repacks) {
      RK_TRY(own, repack(made, shapes));
    } else if (params_.packed && (!is_contiguous(w) || bytes_of(w) != made.weights_bytes())) {
      return bad("the packed weights have " + std::to_string(bytes_of(w)) + " bytes, expected " +
                 std::to_string(made.weights_bytes()));
    }
    auto launch = std::make_unique<OnednnLaunch>(*std::move(primitive), params_.has_bias);
    RK_CHECK(stage(shapes, *launch));
    if (own) launch->own_weights(std::move(own));
    return std::unique_ptr<Launch>(std::move(launch));
  }

 private:
  static int64_t bytes_of(const ArgShape& arg) { return count_of(arg.dims) * bits_of(arg.dtype) / 8; }

  Result<std::shared_ptr<void>> repack(const OnednnPrimitive& made, const LaunchShapes& shapes) const {
    const void* const blob = shapes.constant_inputs.size() > 1 ? shapes.constant_inputs[1] : nullptr;
    if (!blob) return bad("weights in format " + params_.weights_format + " are no constant");
    const auto size = size_t(padded_bytes(made.weights_bytes()));
    std::shared_ptr<void> memory(std::aligned_alloc(128, size), [](void* p) { std::free(p); });
    if (!memory)
      return Status::error(Code::out_of_memory, "no memory for weights of " + std::to_string(size));
    const int64_t had = bytes_of(shapes.inputs[1]);
    RK_CHECK(made.repack(params_.weights_format, had, blob, memory.get()));
    return memory;
  }

  Status stage(const LaunchShapes& shapes, OnednnLaunch& launch) const {
    const Narrow narrow = params_.bf16 ? program_kernels(isa_).narrow[int(DType::bf16)] : nullptr;
    const auto staged = [&](const ArgShape& arg, Narrow with) -> Result<std::optional<DenseCopy>> {
      if (!with && is_contiguous(arg)) return std::optional<DenseCopy>();
      RK_TRY(DenseCopy copy, DenseCopy::make(arg, with, false, shapes.threads));
      return std::optional<DenseCopy>(std::move(copy));
    };
    for (size_t i = 0; i < shapes.inputs.size(); ++i) {
      if (i == 2 && params_.has_bias) continue;
      std::optional<DenseCopy> copy;
      if (i != 1 || !params_.packed) {
        RK_TRY(copy, staged(shapes.inputs[i], i < 2 ? narrow : nullptr));
      }
      launch.add_input(std::move(copy));
    }
    std::optional<DenseCopy> result;
    if (!is_contiguous(shapes.outputs[0])) {
      RK_TRY(result, DenseCopy::make(shapes.outputs[0], nullptr, true, shapes.threads));
    }
    launch.set_output(std::move(result));
    return {};
  }

  OnednnParams params_;
  Isa isa_;
};

Result<OnednnProblem::Spread> spread_of(const ArgShape& operand, const Dims& out) {
  const int64_t count = count_of(operand.dims);
  if (count == 1) return OnednnProblem::Spread::scalar;
  if (operand.dims == out) return OnednnProblem::Spread::whole;
  if (count == out.back() && operand.dims.back() == count) return OnednnProblem::Spread::channels;
  return Status::error(Code::unsupported, "a tail operand of shape " + to_string(operand.dims) + " beside " +
                                              to_string(out) +
                                              ", oneDNN reads one number, one a channel or all");
}

/// out = (in + begin + end - reach) / stride + 1, for a transposed convolution with in and out swapped.
OnednnProblem::Axis axis_of(const Sliding::Axis& s) {
  OnednnProblem::Axis axis{s.in, s.out, s.kernel, s.stride, s.dilation, s.begin, 0};
  axis.end = std::max<int64_t>(0, (s.out - 1) * s.stride + (s.kernel - 1) * s.dilation + 1 - s.in - s.begin);
  return axis;
}

Status read_convolution(const OnednnParams& params, const LaunchShapes& shapes, OnednnProblem& p) {
  const bool turned = params.kind == OnednnProblem::Kind::conv_transpose;
  const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
  RK_TRY(Sliding s, Sliding::make(params.window, turned ? ArgShape{DType::f32, y.dims, {}, true} : x,
                                  turned ? x : y, false, "onednn"));
  p.batch = s.batch, p.group = params.group;
  p.in_channels = params.in_channels, p.out_channels = params.out_channels;
  if (x.dims.back() != p.in_channels || y.dims.back() != p.out_channels)
    return bad(std::to_string(x.dims.back()) + " to " + std::to_string(y.dims.back()) +
               " channels, expected " + std::to_string(p.in_channels) + " to " +
               std::to_string(p.out_channels));
  p.y = axis_of(s.y), p.x = axis_of(s.x);
  if (turned) std::swap(p.y.in, p.y.out), std::swap(p.x.in, p.x.out);
  return {};
}

Status read_matmul(const OnednnParams& params, const LaunchShapes& shapes, OnednnProblem& p) {
  const Dims &a = shapes.inputs[0].dims, &b = shapes.inputs[1].dims, &c = shapes.outputs[0].dims;
  if (a.size() < 2 || c.size() != a.size())
    return bad("A " + to_string(a) + " does not make " + to_string(c));
  const size_t r = a.size();
  p.rows = c[r - 2], p.out_channels = c[r - 1], p.in_channels = a[params.transpose_a ? r - 2 : r - 1];
  for (size_t i = 0; i + 2 < r; ++i) p.batch *= c[i];
  p.transposed_source = params.transpose_a, p.transposed_weights = params.transpose_b;
  bool fits =
      a[params.transpose_a ? r - 1 : r - 2] == p.rows && std::equal(a.begin(), a.end() - 2, c.begin());
  if (params.packed) {
    fits = fits && p.in_channels == params.in_channels && p.out_channels == params.out_channels &&
           (!params.transpose_a || p.batch == 1);
  } else {
    p.batched_weights = p.batch > 1;
    fits = fits && b.size() == r && std::equal(b.begin(), b.end() - 2, c.begin()) &&
           b[params.transpose_b ? r - 1 : r - 2] == p.in_channels &&
           b[params.transpose_b ? r - 2 : r - 1] == p.out_channels;
  }
  if (!fits) return bad("A " + to_string(a) + " and B " + to_string(b) + " do not make " + to_string(c));
  return {};
}

}  // namespace

Result<OnednnProblem> onednn_problem(const OnednnParams& params, const LaunchShapes& shapes) {
  const size_t fixed = params.has_bias ? 3 : 2;
  if (shapes.inputs.size() < fixed || shapes.outputs.size() != 1)
    return bad(std::to_string(shapes.inputs.size()) + " inputs and " + std::to_string(shapes.outputs.size()) +
               " outputs, expected at least " + std::to_string(fixed) + " and 1");
  OnednnProblem p;
  p.kind = params.kind;
  p.compute = params.bf16 ? DType::bf16 : DType::f32;
  p.has_bias = params.has_bias;
  for (size_t i = 0; i < shapes.inputs.size(); ++i)
    if (i != 1 && shapes.inputs[i].dtype != DType::f32)
      return bad("input " + std::to_string(i) + " is " + std::string(to_string(shapes.inputs[i].dtype)) +
                 ", expected f32");
  if (shapes.outputs[0].dtype != DType::f32) return bad("the output is not f32");
  if (params.kind == OnednnProblem::Kind::matmul)
    RK_CHECK(read_matmul(params, shapes, p));
  else
    RK_CHECK(read_convolution(params, shapes, p));
  if (params.has_bias && (!is_contiguous(shapes.inputs[2]) || shapes.inputs[2].dims != Dims{p.out_channels}))
    return bad("the bias is not f32[" + std::to_string(p.out_channels) + "]");
  RK_TRY(p.tail, posts_of(params.tail));
  if (params.tail.input_count > 0 && params.tail.input_count - 1 != shapes.inputs.size() - fixed)
    return bad("the tail has " + std::to_string(params.tail.input_count - 1) + " operands, " +
               std::to_string(shapes.inputs.size() - fixed) + " came");
  for (size_t i = fixed; i < shapes.inputs.size(); ++i) {
    RK_TRY(OnednnProblem::Spread spread, spread_of(shapes.inputs[i], shapes.outputs[0].dims));
    p.operands.push_back(spread);
  }
  return p;
}

Result<std::shared_ptr<const Kernel>> make_onednn(std::string_view params, Isa isa) {
  RK_TRY(OnednnParams p, from_bytes<OnednnParams>(params));
  if (p.group < 1 || p.in_channels < 0 || p.out_channels < 0 ||
      (p.kind != OnednnProblem::Kind::matmul &&
       (p.in_channels % p.group != 0 || p.out_channels % p.group != 0)))
    return bad(std::to_string(p.in_channels) + " to " + std::to_string(p.out_channels) + " channels in " +
               std::to_string(p.group) + " groups");
  if (p.isa > isa || p.isa > onednn_isa())
    return Status::error(Code::unsupported,
                         "the weights are packed for " + std::string(enum_name(p.isa)) + ", oneDNN may use " +
                             std::string(enum_name(std::min(isa, onednn_isa()))) + " here");
  if (p.bf16 && !onednn_has_bf16())
    return Status::error(Code::unsupported,
                         "the kernel multiplies bf16, which this machine has no instructions for");
  RK_CHECK(posts_of(p.tail).status());
  return std::shared_ptr<const Kernel>(std::make_shared<OnednnKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
