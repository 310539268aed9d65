// cpu.reduce: rows that are folded away lie along the innermost axis, or stay and are folded into each other.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/reduce.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/isa/rows.h"
#include "backends/cpu/row_program.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_reduce(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 16384;  // the least elements worth a thread
constexpr int64_t kFew = 8;               // so few elements make a bad row
constexpr int64_t kLongRow = 8192;        // of results that are folded at once: two rows stay in L1 or L2
constexpr int64_t kPartial = 64;  // rows folded before they join the total, which keeps sums of many exact

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

Fold fold_of(ops::ReduceOp op) {
  switch (op) {
    case ops::ReduceOp::max:
      return Fold::max;
    case ops::ReduceOp::min:
      return Fold::min;
    case ops::ReduceOp::prod:
      return Fold::prod;
    case ops::ReduceOp::l1:
      return Fold::sum_abs;
    case ops::ReduceOp::l2:
    case ops::ReduceOp::sum_square:
      return Fold::sum_square;
    default:
      return Fold::sum;
  }
}
float none_of(Fold fold) {
  return fold == Fold::max ? -INFINITY : fold == Fold::min ? INFINITY : fold == Fold::prod ? 1.0f : 0.0f;
}

struct ReducePlan {
  RowProgram head, tail;
  size_t head_inputs = 1;
  bool rows_vanish = true;  // each row becomes one number; else rows are folded into each other
  int64_t row = 1;          // elements of a row of the head
  int64_t items = 1;        // results, or rows of results
  int64_t folded = 1;       // rows that fold into one
  int64_t parts = 1;        // pieces in which the rows of an item are folded
  int64_t count = 0;        // elements that make one result
  int64_t tail_row = 1, tail_rows = 1;
  bool results_are_output = false;
  int workers = 1;
  int64_t results() const { return rows_vanish ? items : items * row; }
};

class ReduceLaunch final : public Launch {
 public:
  ReduceLaunch(ReducePlan plan, ops::ReduceOp op, Isa isa)
      : plan_(std::move(plan)), lines_(line_kernels(isa)), op_(op), fold_(fold_of(op)) {
    constexpr auto kFloat = int64_t(sizeof(float));
    results_bytes_ = plan_.results_are_output ? 0 : padded_bytes(plan_.results() * kFloat);
    const bool has_parts = !plan_.rows_vanish && plan_.parts > 1;
    parts_bytes_ = has_parts ? padded_bytes(plan_.items * plan_.parts * plan_.row * kFloat) : 0;
    worker_bytes_ =
        padded_bytes((2 * plan_.row + plan_.head.scratch_floats() + plan_.tail.scratch_floats()) * kFloat);
  }
  int64_t workspace_bytes() const override {
    return results_bytes_ + parts_bytes_ + worker_bytes_ * plan_.workers;
  }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    if (plan_.results() == 0) return {};
    char* const memory = static_cast<char*>(workspace);
    auto* const results = static_cast<float*>(plan_.results_are_output ? outputs[0] : workspace);
    const auto scratch = [&](int w) {
      return reinterpret_cast<float*>(memory + results_bytes_ + parts_bytes_ + w * worker_bytes_);
    };
    if (plan_.rows_vanish)
      fold_rows(inputs, results, scratch);
    else
      fold_together(inputs, results, reinterpret_cast<float*>(memory + results_bytes_), scratch);
    share_items(plan_.tail_rows, plan_.workers, [&](int w, int64_t begin, int64_t end) {
      finish(results + begin * plan_.tail_row, (end - begin) * plan_.tail_row);
      if (plan_.results_are_output) return;
      LoopPosition at = plan_.tail.at_row(begin);
      for (int64_t r = begin; r < end; ++r, at.next())
        plan_.tail.run(at, inputs + plan_.head_inputs, outputs, results + r * plan_.tail_row,
                       scratch(w) + plan_.head.scratch_floats());
    });
    return {};
  }

 private:
  /// The next row of the head: where it lies, or computed into the buffer.
  const float* row(const LoopPosition& at, const void* const* inputs, float* scratch) const {
    if (plan_.head.is_direct()) return plan_.head.row(at, inputs[0]);
    float* const buffer = scratch + plan_.head.scratch_floats() + plan_.tail.scratch_floats();
    plan_.head.run(at, inputs, nullptr, buffer, scratch);
    return buffer;
  }

  template <class S> void fold_rows(const void* const* inputs, float* results, S&& scratch) const {
    share_items(plan_.items, plan_.workers, [&](int w, int64_t begin, int64_t end) {
      LoopPosition at = plan_.head.at_row(begin);
      for (int64_t i = begin; i < end; ++i, at.next())
        results[i] =
            plan_.row == 0 ? none_of(fold_) : lines_.fold[int(fold_)](row(at, inputs, scratch(w)), plan_.row);
    });
  }

  template <class S>
  void fold_together(const void* const* inputs, float* results, float* parts, S&& scratch) const {
    const int64_t n = plan_.row, pieces = plan_.parts;
    float* const to = pieces > 1 ? parts : results;
    share_items(plan_.items * pieces, plan_.workers, [&](int w, int64_t begin, int64_t end) {
      float* const partial = scratch(w) + plan_.head.scratch_floats() + plan_.tail.scratch_floats() + n;
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t piece = unit % pieces, first = plan_.folded * piece / pieces,
                      last = plan_.folded * (piece + 1) / pieces;
        float* const total = to + unit * n;
        std::fill_n(total, n, none_of(fold_));
        if (first == last) continue;
        LoopPosition at = plan_.head.at_row(unit / pieces * plan_.folded + first);
        for (int64_t f = first; f < last; f += kPartial) {
          std::fill_n(partial, n, none_of(fold_));
          for (int64_t k = f; k < std::min(f + kPartial, last); ++k, at.next())
            lines_.fold_into[int(fold_)](partial, row(at, inputs, scratch(w)), n);
          lines_.merge_into[int(fold_)](total, partial, n);
        }
      }
    });
    if (pieces == 1) return;
    for (int64_t item = 0; item < plan_.items; ++item) {
      std::copy_n(parts + item * pieces * n, n, results + item * n);
      for (int64_t piece = 1; piece < pieces; ++piece)
        lines_.merge_into[int(fold_)](results + item * n, parts + (item * pieces + piece) * n, n);
    }
  }

  void finish(float* values, int64_t n) const {
    if (op_ == ops::ReduceOp::mean)
      for (int64_t i = 0; i < n; ++i) values[i] /= float(plan_.count);
    else if (op_ == ops::ReduceOp::l2)
      for (int64_t i = 0; i < n; ++i) values[i] = std::sqrt(values[i]);
    else if (op_ == ops::ReduceOp::log_sum)
      for (int64_t i = 0; i < n; ++i) values[i] = std::log(values[i]);
  }

  ReducePlan plan_;
  const LineKernels& lines_;
  ops::ReduceOp op_;
  Fold fold_;
  int64_t results_bytes_ = 0, parts_bytes_ = 0, worker_bytes_ = 0;
};

/// What the shapes broadcast to.
Result<Dims> broadcast_all(std::span<const ArgShape> args) {
  Dims dims;
  for (const ArgShape& arg : args)
    if (arg.dims.size() > dims.size()) dims.insert(dims.begin(), arg.dims.size() - dims.size(), 1);
  for (const ArgShape& arg : args)
    for (size_t i = 0; i < arg.dims.size(); ++i) {
      int64_t& d = dims[dims.size() - arg.dims.size() + i];
      if (d != 1 && arg.dims[i] != 1 && arg.dims[i] != d)
        return bad("operands do not broadcast: " + to_string(arg.dims));
      if (arg.dims[i] != 1) d = arg.dims[i];
    }
  return dims;
}

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(ReduceParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    const size_t head_inputs = params_.head.empty() ? 1 : params_.head.input_count;
    const size_t tail_inputs = params_.tail.input_count == 0 ? 0 : params_.tail.input_count - 1;
    if (shapes.outputs.empty() || shapes.inputs.size() != head_inputs + tail_inputs)
      return bad("reduce has " + std::to_string(shapes.inputs.size()) + " inputs and " +
                 std::to_string(shapes.outputs.size()) + " outputs, expected " +
                 std::to_string(head_inputs + tail_inputs) + " and at least 1");
    RK_TRY(const Dims dims, broadcast_all(shapes.inputs.first(head_inputs)));
    RK_TRY(const std::vector<bool> folded, folded_axes(dims, shapes.outputs[0].dims));
    ReducePlan plan;
    plan.head_inputs = head_inputs;
    const RowSpace space = arrange(dims, folded, plan);
    const int64_t elements = count_of(dims);
    plan.workers = worker_count(elements, kElementGrain, shapes.threads);
    if (!plan.rows_vanish)
      plan.parts = std::clamp<int64_t>(plan.workers / std::max<int64_t>(1, plan.items), 1,
                                       std::max<int64_t>(1, plan.folded));
    RK_TRY(plan.head, RowProgram::make_head(head_, shapes.inputs.first(head_inputs), space, isa_));
    RowSpace out{shapes.outputs[0].dims, {}, {}};
    for (size_t a = 0; a < out.dims.size(); ++a)
      (a + 1 == out.dims.size() ? out.row : out.outer).push_back(a);
    plan.tail_row = out.row_size(), plan.tail_rows = out.rows();
    RK_TRY(plan.tail,
           RowProgram::make_tail(tail_, shapes.inputs.subspan(head_inputs), shapes.outputs, out, isa_));
    plan.results_are_output = plan.tail.is_direct() && is_contiguous(shapes.outputs[0]);
    if (plan.results() != count_of(out.dims))
      return bad("an output of shape " + to_string(out.dims) + " for a reduction of " + to_string(dims));
    return std::unique_ptr<Launch>(std::make_unique<ReduceLaunch>(std::move(plan), params_.op, isa_));
  }

 private:
  Result<std::vector<bool>> folded_axes(const Dims& dims, const Dims& out) const {
    std::vector<bool> folded(dims.size(), false);
    for (const int64_t a : params_.axes) {
      if (a < 0 || a >= int64_t(dims.size()))
        return bad("axis " + std::to_string(a) + " of " + to_string(dims));
      folded[size_t(a)] = true;
    }
    Dims expected;
    for (size_t a = 0; a < dims.size(); ++a) {
      if (!folded[a])
        expected.push_back(dims[a]);
      else if (params_.keepdims)
        expected.push_back(1);
    }
    if (expected != out)
      return bad("an output of shape " + to_string(out) + ", expected " + to_string(expected));
    return folded;
  }

  static RowSpace arrange(const Dims& dims, const std::vector<bool>& folded, ReducePlan& plan) {
    RowSpace space{dims, {}, {}};
    plan.count = 1;
    size_t inner = dims.size();  // one past the innermost axis of more than one element
    while (inner > 0 && dims[inner - 1] == 1) --inner;
    plan.rows_vanish = inner == 0 || folded[inner - 1];
    std::vector<size_t> kept, gone;
    for (size_t a = 0; a < dims.size(); ++a)
      if (folded[a]) plan.count *= dims[a];
    // Few elements, such as the two of a complex number, are folded for many results at once.
    size_t last_kept = inner;
    while (last_kept > 0 && folded[last_kept - 1]) --last_kept;
    const bool are_few =
        plan.rows_vanish && plan.count <= kFew && last_kept > 0 && dims[last_kept - 1] > kFew;
    if (are_few) plan.rows_vanish = false, inner = last_kept;
    size_t first_row = inner;  // the axes from here on make the rows that stay
    for (int64_t row = 1; !plan.rows_vanish && first_row > 0 && !folded[first_row - 1]; --first_row) {
      row *= dims[first_row - 1];
      if (are_few && first_row < inner && row > kLongRow) break;
    }
    for (size_t a = 0; a < dims.size(); ++a) {
      if (!plan.rows_vanish && a >= first_row && !folded[a])
        space.row.push_back(a);
      else
        (folded[a] ? gone : kept).push_back(a);
    }
    for (const size_t a : kept) plan.items *= dims[a];
    space.outer = kept;
    if (plan.rows_vanish)
      space.row = gone;
    else
      space.outer.insert(space.outer.end(), gone.begin(), gone.end()), plan.folded = plan.count;
    plan.row = space.row_size();
    return space;
  }

  ReduceParams params_;
  KernelProgram head_{params_.head}, tail_{params_.tail};
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_reduce(std::string_view params, Isa isa) {
  RK_TRY(ReduceParams p, from_bytes<ReduceParams>(params));
  if (p.op == ops::ReduceOp::log_sum_exp)
    return Status::error(Code::unsupported, "reduce has no log_sum_exp");
  return std::shared_ptr<const Kernel>(std::make_shared<ReduceKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
