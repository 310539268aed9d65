// cpu.rows: head into a row in L1, statistics and result there, tail out of it.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/rows.h"

#include <cmath>
#include <optional>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/isa/rows.h"
#include "backends/cpu/kernels/softmax_columns.h"
#include "backends/cpu/row_program.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_rows(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 8192;  // the least elements worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

void run_op(const LineKernels& lines, RowsOp op, float epsilon, const float* x, float* y, int64_t n) {
  float mean = 0, scale = 0;
  switch (op) {
    case RowsOp::softmax:
    case RowsOp::log_softmax:
      return lines.softmax(x, y, n, op == RowsOp::log_softmax);
    case RowsOp::layer_norm:
      lines.statistics(x, n, mean, scale);
      scale = 1 / std::sqrt(scale + epsilon);
      break;
    case RowsOp::mean_variance:
      lines.statistics(x, n, mean, scale);
      scale = 1 / (std::sqrt(scale) + epsilon);
      break;
    case RowsOp::rms_norm:
      scale = 1 / std::sqrt(lines.fold[int(Fold::sum_square)](x, n) / float(n) + epsilon);
      break;
    case RowsOp::l1_norm:
      scale = lines.fold[int(Fold::sum_abs)](x, n);
      scale = scale == 0 ? 0 : 1 / scale;  // a row of zeros stays zeros
      break;
    case RowsOp::l2_norm:
      scale = std::sqrt(lines.fold[int(Fold::sum_square)](x, n));
      scale = scale == 0 ? 0 : 1 / scale;
      break;
  }
  lines.shift_scale(x, y, n, mean, scale);
}

struct RowsPlan {
  RowProgram head, tail;
  size_t head_inputs = 1;
  int64_t n = 0, rows = 0;
  int workers = 1;
};

class RowsLaunch final : public Launch {
 public:
  RowsLaunch(RowsPlan plan, RowsOp op, float epsilon, Isa isa)
      : plan_(std::move(plan)), lines_(line_kernels(isa)), op_(op), epsilon_(epsilon) {
    worker_bytes_ = padded_bytes((plan_.n + plan_.head.scratch_floats() + plan_.tail.scratch_floats()) *
                                 int64_t(sizeof(float)));
  }
  int64_t workspace_bytes() const override { return worker_bytes_ * plan_.workers; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    if (plan_.n == 0) return {};
    share_items(plan_.rows, plan_.workers, [&](int w, int64_t begin, int64_t end) {
      auto* const scratch = reinterpret_cast<float*>(static_cast<char*>(workspace) + w * worker_bytes_);
      float* const buffer = scratch + plan_.head.scratch_floats() + plan_.tail.scratch_floats();
      LoopPosition from = plan_.head.at_row(begin), to = plan_.tail.at_row(begin);
      for (int64_t row = begin; row < end; ++row, from.next(), to.next()) {
        const float* x = buffer;
        if (plan_.head.is_direct())
          x = plan_.head.row(from, inputs[0]);
        else
          plan_.head.run(from, inputs, nullptr, buffer, scratch);
        if (plan_.tail.is_direct()) {
          run_op(lines_, op_, epsilon_, x, plan_.tail.row(to, outputs[0]), plan_.n);
          continue;
        }
        run_op(lines_, op_, epsilon_, x, buffer, plan_.n);
        plan_.tail.run(to, inputs + plan_.head_inputs, outputs, buffer,
                       scratch + plan_.head.scratch_floats());
      }
    });
    return {};
  }

 private:
  RowsPlan plan_;
  const LineKernels& lines_;
  RowsOp op_;
  float epsilon_;
  int64_t worker_bytes_ = 0;
};

/// Dim 1 seen as groups by channels of a group; missing leading dims become 1.
Result<ArgShape> split_channels(const ArgShape& arg, size_t rank, int64_t groups, bool is_per_channel) {
  ArgShape split{arg.dtype, {}, {}, arg.present};
  Dims dims = arg.dims, strides = strides_of(arg);
  if (is_per_channel) {
    if (dims.size() != 1) return bad("a parameter of channels has shape " + to_string(dims));
    dims.resize(rank - 1, 1), strides.resize(rank - 1, 0);
  }
  if (dims.size() > rank) return bad("an operand has shape " + to_string(dims) + ", more dims than x");
  while (dims.size() < rank) dims.insert(dims.begin(), 1), strides.insert(strides.begin(), 0);
  const int64_t inside = dims[1] / groups;
  if (dims[1] != 1 && inside * groups != dims[1])
    return bad(std::to_string(groups) + " groups of " + std::to_string(dims[1]) + " channels");
  const bool is_one = dims[1] == 1;
  split.dims = {dims[0], is_one ? 1 : groups, is_one ? 1 : inside};
  split.strides = {strides[0], is_one ? 0 : strides[1] * inside, strides[1]};
  split.dims.insert(split.dims.end(), dims.begin() + 2, dims.end());
  split.strides.insert(split.strides.end(), strides.begin() + 2, strides.end());
  return split;
}

class RowsKernel final : public Kernel {
 public:
  RowsKernel(RowsParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    const size_t head_inputs = params_.head.empty() ? 1 : params_.head.input_count;
    const size_t tail_inputs = params_.tail.input_count == 0 ? 0 : params_.tail.input_count - 1;
    if (shapes.outputs.empty() || shapes.inputs.size() != head_inputs + tail_inputs)
      return bad("rows have " + std::to_string(shapes.inputs.size()) + " inputs and " +
                 std::to_string(shapes.outputs.size()) + " outputs, expected " +
                 std::to_string(head_inputs + tail_inputs) + " and at least 1");
    std::vector<ArgShape> inputs(shapes.inputs.begin(), shapes.inputs.end()),
        outputs(shapes.outputs.begin(), shapes.outputs.end());
    std::vector<int64_t> axes = params_.axes;
    if (params_.groups > 0) RK_CHECK(split_all(inputs, outputs, axes, head_inputs));
    RowSpace space{outputs[0].dims, {}, {}};
    std::vector<bool> is_row(space.dims.size(), false);
    for (const int64_t a : axes) {
      if (a < 0 || a >= int64_t(is_row.size()))
        return bad("axis " + std::to_string(a) + " of " + to_string(space.dims));
      is_row[size_t(a)] = true;
    }
    for (size_t a = 0; a < is_row.size(); ++a) (is_row[a] ? space.row : space.outer).push_back(a);
    RowsPlan plan;
    plan.head_inputs = head_inputs;
    plan.n = space.row_size(), plan.rows = space.rows();
    if (const auto columns = as_columns(shapes)) return make_softmax_columns(*columns, isa_, shapes.threads);
    const std::span all(inputs);
    RK_TRY(plan.head, RowProgram::make_head(head_, all.first(head_inputs), space, isa_));
    RK_TRY(plan.tail, RowProgram::make_tail(tail_, all.subspan(head_inputs), outputs, space, isa_));
    plan.workers = worker_count(plan.n * plan.rows, kElementGrain, shapes.threads);
    return std::unique_ptr<Launch>(
        std::make_unique<RowsLaunch>(std::move(plan), params_.op, params_.epsilon, isa_));
  }

 private:
  /// A softmax alone, along an axis with others behind it.
  std::optional<SoftmaxColumns> as_columns(const LaunchShapes& shapes) const {
    const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
    const bool is_softmax = params_.op == RowsOp::softmax || params_.op == RowsOp::log_softmax;
    if (!is_softmax || params_.axes.size() != 1 || params_.groups > 0 || !params_.head.empty() ||
        !params_.tail.empty() || shapes.inputs.size() != 1 || shapes.outputs.size() != 1)
      return std::nullopt;
    if (x.dtype != DType::f32 || y.dtype != DType::f32 || x.dims != y.dims || !is_contiguous(x) ||
        !is_contiguous(y))
      return std::nullopt;
    const auto axis = y.dims.begin() + params_.axes[0];
    SoftmaxColumns columns{count_of(Dims(y.dims.begin(), axis)), *axis,
                           count_of(Dims(axis + 1, y.dims.end())), params_.op == RowsOp::log_softmax};
    if (columns.inner < 8) return std::nullopt;
    return columns;
  }

  Status split_all(std::vector<ArgShape>& inputs, std::vector<ArgShape>& outputs, std::vector<int64_t>& axes,
                   size_t head_inputs) const {
    const size_t rank = outputs[0].dims.size();
    if (rank < 2) return bad("groups of channels in shape " + to_string(outputs[0].dims));
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool is_per_channel = i >= head_inputs && i < head_inputs + size_t(params_.channel_inputs);
      RK_TRY(inputs[i], split_channels(inputs[i], rank, params_.groups, is_per_channel));
    }
    for (ArgShape& out : outputs) {
      RK_TRY(out, split_channels(out, rank, params_.groups, false));
      if (out.dims[1] != params_.groups)
        return bad("a single channel in " + std::to_string(params_.groups) + " groups");
    }
    for (size_t a = 2; a <= rank; ++a) axes.push_back(int64_t(a));
    return {};
  }

  RowsParams params_;
  KernelProgram head_{params_.head}, tail_{params_.tail};
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_rows(std::string_view params, Isa isa) {
  RK_TRY(RowsParams p, from_bytes<RowsParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<RowsKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
