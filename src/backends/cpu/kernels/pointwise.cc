// cpu.pointwise: rows of the innermost loop through the program; short rows are gathered into blocks first.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pointwise.h"

#include <algorithm>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_pointwise(std::string_view params, Isa isa);

namespace {

constexpr int64_t kShortRow = 128;        // below this a row costs more in calls than in work
constexpr int64_t kSegment = 16384;       // long rows are shared in pieces of this many elements
constexpr int64_t kElementGrain = 16384;  // the least elements worth a thread

enum class Path : uint8_t {
  row,     // as it lies, a row at a time
  linear,  // short rows: lies in memory in the order of the loops
  scalar,  // one element for all
  staged,  // short rows: gathered into (outputs: scattered from) a block of floats
};

struct OperandPlan {
  Path path = Path::row;
  int64_t bytes = 4;       // of an element
  int64_t row_stride = 0;  // along the innermost loop
  bool repeats = false;    // staged: the same in every row
  int64_t stage = 0;       // staged: which block
  Widen widen = nullptr;
  Narrow narrow = nullptr;
};

struct PointwisePlan {
  LoopNest nest;  // operands: outputs, then inputs
  std::vector<OperandPlan> operands;
  size_t output_count = 0;
  int64_t row = 1, rows = 1;
  int64_t rows_per_block = 0;  // 0: rows are long enough to run as they are
  int64_t segments = 1;        // of a long row
  int64_t staged = 0;          // blocks
  int workers = 1;
};

class PointwiseLaunch final : public Launch {
 public:
  PointwiseLaunch(PointwisePlan plan, std::shared_ptr<const BoundProgram> program)
      : plan_(std::move(plan)), program_(std::move(program)) {
    worker_bytes_ = padded_bytes((program_->scratch_floats() + plan_.staged * BoundProgram::kBlock) *
                                 int64_t(sizeof(float)));
  }
  int64_t workspace_bytes() const override { return worker_bytes_ * plan_.workers; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    const auto scratch = [&](int w) {
      return reinterpret_cast<float*>(static_cast<char*>(workspace) + w * worker_bytes_);
    };
    if (plan_.rows_per_block > 0) {
      const int64_t blocks = (plan_.rows + plan_.rows_per_block - 1) / plan_.rows_per_block;
      share_items(blocks, plan_.workers, [&](int w, int64_t begin, int64_t end) {
        run_blocks(inputs, outputs, begin, end, scratch(w));
      });
    } else {
      share_items(plan_.rows * plan_.segments, plan_.workers, [&](int w, int64_t begin, int64_t end) {
        run_rows(inputs, outputs, begin, end, scratch(w));
      });
    }
    return {};
  }

 private:
  static constexpr size_t kMost = 40;

  void run_rows(const void* const* inputs, void* const* outputs, int64_t begin, int64_t end,
                float* scratch) const {
    const size_t outs = plan_.output_count, count = plan_.operands.size();
    LoopPosition at(plan_.nest, plan_.nest.depth() - std::min<size_t>(1, plan_.nest.depth()),
                    begin / plan_.segments);
    ConstRow in[kMost];
    Row out[kMost];
    for (int64_t item = begin; item < end; ++item) {
      const int64_t segment = item % plan_.segments;
      const int64_t first = plan_.row * segment / plan_.segments,
                    last = plan_.row * (segment + 1) / plan_.segments;
      for (size_t k = 0; k < count; ++k) {
        const OperandPlan& o = plan_.operands[k];
        const int64_t start = (at.offset(k) + first * o.row_stride) * o.bytes;
        if (k < outs)
          out[k] = {static_cast<char*>(outputs[k]) + start, o.row_stride};
        else
          in[k - outs] = {static_cast<const char*>(inputs[k - outs]) + start, o.row_stride};
      }
      program_->run(in, out, last - first, scratch);
      if (segment + 1 == plan_.segments) at.next();
    }
  }

  void run_blocks(const void* const* inputs, void* const* outputs, int64_t begin, int64_t end,
                  float* scratch) const {
    const size_t outs = plan_.output_count, count = plan_.operands.size(), loops = plan_.nest.depth() - 1;
    float* const stages = scratch + program_->scratch_floats();
    ConstRow in[kMost];
    Row out[kMost];
    LoopPosition gather(plan_.nest, loops, begin * plan_.rows_per_block), scatter = gather;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * plan_.rows_per_block,
                    rows = std::min(plan_.rows_per_block, plan_.rows - first);
      for (size_t k = 0; k < count; ++k) {
        const OperandPlan& o = plan_.operands[k];
        const int64_t linear = o.path == Path::linear ? first * plan_.row * o.bytes : 0;
        float* const stage = stages + o.stage * BoundProgram::kBlock;
        if (k < outs)
          out[k] = {
              o.path == Path::staged ? static_cast<void*>(stage) : static_cast<char*>(outputs[k]) + linear,
              1};
        else
          in[k - outs] = {o.path == Path::staged ? static_cast<const void*>(stage)
                                                 : static_cast<const char*>(inputs[k - outs]) + linear,
                          1};
      }
      gather_rows(inputs, gather, rows, stages, block == begin);
      program_->run(in, out, rows * plan_.row, scratch);
      scatter_rows(outputs, scatter, rows, stages);
    }
  }

  void gather_rows(const void* const* inputs, LoopPosition& at, int64_t rows, float* stages,
                   bool first_block) const {
    for (int64_t r = 0; r < rows; ++r, at.next()) {
      for (size_t k = plan_.output_count; k < plan_.operands.size(); ++k) {
        const OperandPlan& o = plan_.operands[k];
        if (o.path != Path::staged || (o.repeats && !first_block)) continue;
        const char* from = static_cast<const char*>(inputs[k - plan_.output_count]) + at.offset(k) * o.bytes;
        o.widen(from, o.row_stride, stages + o.stage * BoundProgram::kBlock + r * plan_.row, plan_.row);
      }
    }
  }

  void scatter_rows(void* const* outputs, LoopPosition& at, int64_t rows, const float* stages) const {
    for (int64_t r = 0; r < rows; ++r, at.next()) {
      for (size_t k = 0; k < plan_.output_count; ++k) {
        const OperandPlan& o = plan_.operands[k];
        if (o.path != Path::staged) continue;
        char* to = static_cast<char*>(outputs[k]) + at.offset(k) * o.bytes;
        o.narrow(stages + o.stage * BoundProgram::kBlock + r * plan_.row, to, o.row_stride, plan_.row);
      }
    }
  }

  PointwisePlan plan_;
  std::shared_ptr<const BoundProgram> program_;
  int64_t worker_bytes_ = 0;
};

class NoWork final : public Launch {
  Status run(Stream&, const void* const*, void* const*, void*) override { return {}; }
};

class PointwiseKernel final : public Kernel {
 public:
  PointwiseKernel(PointwiseParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.outputs.empty() || shapes.inputs.size() != params_.program.input_count)
      return Status::error(Code::invalid_argument,
                           "pointwise has " + std::to_string(shapes.inputs.size()) + " inputs and " +
                               std::to_string(shapes.outputs.size()) + " outputs, expected " +
                               std::to_string(params_.program.input_count) + " and at least 1");
    RK_TRY(PointwisePlan plan, make_plan(shapes));
    std::vector<Operand> operands;
    operands.reserve(plan.operands.size());
    for (size_t k = 0; k < plan.operands.size(); ++k) {
      const ArgShape& arg =
          k < shapes.outputs.size() ? shapes.outputs[k] : shapes.inputs[k - shapes.outputs.size()];
      operands.push_back(operand_of(plan.operands[k], arg.dtype, k < shapes.outputs.size()));
    }
    const std::span all(operands);
    RK_TRY(auto program, program_.bind(all.subspan(plan.output_count), all.first(plan.output_count), isa_));
    if (plan.rows * plan.row == 0) return std::unique_ptr<Launch>(std::make_unique<NoWork>());
    return std::unique_ptr<Launch>(std::make_unique<PointwiseLaunch>(std::move(plan), std::move(program)));
  }

 private:
  static Operand operand_of(const OperandPlan& plan, DType dtype, bool is_output) {
    switch (plan.path) {
      case Path::linear:
        return {dtype, Operand::Step::contiguous};
      case Path::staged:
        return {DType::f32, Operand::Step::contiguous};
      case Path::scalar:
        return {dtype, Operand::Step::scalar};
      case Path::row:
        break;
    }
    if (plan.row_stride == 0 && !is_output) return {dtype, Operand::Step::scalar};
    return {dtype, plan.row_stride == 1 ? Operand::Step::contiguous : Operand::Step::strided};
  }

  Result<PointwisePlan> make_plan(const LaunchShapes& shapes) const {
    const Dims& dims = shapes.outputs[0].dims;
    std::vector<Dims> strides;
    PointwisePlan plan;
    plan.output_count = shapes.outputs.size();
    const auto add = [&](const ArgShape& arg) -> Status {
      if (bits_of(arg.dtype) < 8)
        return Status::error(Code::unsupported, "pointwise on " + std::string(to_string(arg.dtype)));
      RK_TRY(Dims s, broadcast_strides(arg, dims));
      strides.push_back(std::move(s));
      OperandPlan operand;
      operand.bytes = bits_of(arg.dtype) / 8;
      operand.widen = program_kernels(isa_).widen[int(arg.dtype)];
      operand.narrow = program_kernels(isa_).narrow[int(arg.dtype)];
      plan.operands.push_back(operand);
      return {};
    };
    for (const ArgShape& out : shapes.outputs) {
      if (out.dims != dims)
        return Status::error(Code::invalid_argument, "pointwise outputs have shapes " + to_string(dims) +
                                                         " and " + to_string(out.dims) +
                                                         ", expected one shape");
      RK_CHECK(add(out));
    }
    for (const ArgShape& in : shapes.inputs) RK_CHECK(add(in));
    RK_TRY(plan.nest, LoopNest::make(dims, strides));
    choose_paths(plan, shapes.threads);
    return plan;
  }

  static void choose_paths(PointwisePlan& plan, int threads) {
    const LoopNest& nest = plan.nest;
    const size_t depth = nest.depth();
    if (depth > 0) plan.row = nest.dims.back(), plan.rows = nest.iterations(depth - 1);
    for (size_t k = 0; k < plan.operands.size(); ++k)
      plan.operands[k].row_stride = depth > 0 ? nest.strides[k].back() : 1;
    const int64_t elements = plan.row * plan.rows;
    plan.workers = worker_count(elements, kElementGrain, threads);
    if (plan.row >= kShortRow || depth < 2 || elements == 0) {
      plan.segments = std::max<int64_t>(1, plan.row / kSegment);
      return;
    }
    plan.rows_per_block = std::min(plan.rows, BoundProgram::kBlock / plan.row);
    for (size_t k = 0; k < plan.operands.size(); ++k) {
      OperandPlan& o = plan.operands[k];
      bool linear = true, none = true, outer_none = true;
      int64_t step = 1;
      for (size_t d = depth; d-- > 0; step *= nest.dims[d]) {
        linear = linear && nest.strides[k][d] == step;
        none = none && nest.strides[k][d] == 0;
        outer_none = outer_none && (d == depth - 1 || nest.strides[k][d] == 0);
      }
      o.path = linear ? Path::linear : none && k >= plan.output_count ? Path::scalar : Path::staged;
      o.repeats = outer_none;
      if (o.path == Path::staged) o.stage = plan.staged++;
    }
  }

  PointwiseParams params_;
  KernelProgram program_{params_.program};
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_pointwise(std::string_view params, Isa isa) {
  RK_TRY(PointwiseParams p, from_bytes<PointwiseParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<PointwiseKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
