// cpu.recurrent: chunks of steps; for each, one product with all inputs, then the steps themselves.
// SPDX-License-Identifier: Apache-2.0
//
//     gx[step][sequence][gate]  = x * W' + wb + rb         one GEMM for a chunk of steps, all threads
//     sums[sequence][gate]      = gx[step] + h * R'        one step; register tiles start from gx
//     h, c                      = cell(sums, h, c)         one pass over the gates
//
// Rows of gx are in the order in which the steps are taken, so a reversed or shorter sequence differs only in
// the address its rows are read from. Directions and sequences are independent and share the threads.
#include "backends/cpu/kernels/recurrent.h"

#include <cstring>
#include <limits>

#include "backends/cpu/contraction.h"
#include "backends/cpu/host_kernels.h"
#include "backends/cpu/kernels/recurrent_weights.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_recurrent(std::string_view params, Isa isa);

namespace {

constexpr size_t kMostInputs = 8;
constexpr int64_t kChunkFloats = 1 << 18;  // 1 MiB of gx: stays in L2 between the product and the steps

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, "recurrent: " + what); }

struct RecurrentPlan {
  RecurrentParams params;
  RecurrentSizes sizes;
  Contraction c;  // of the inputs
  Tail tail;
  const TileKernels* tiles = nullptr;
  const CellKernels* cells = nullptr;
  int64_t steps = 0, batch = 0, chunk_steps = 1;
  bool wide_lengths = true;
  int input_workers = 1, step_workers = 1;
  int batch_parts = 1;  // sequences of a direction are shared by so many workers
  Grid grid;

  int64_t chunk_rows() const { return chunk_steps * batch; }
  int64_t states() const { return params.directions * batch * sizes.hidden; }
};

/// Where everything lies in the workspace, in floats.
struct RecurrentMemory {
  int64_t w = 0, r = 0, bias = 0, gx = 0, sums = 0, h = 0, c = 0, extra = 0, rows = 0, scratch = 0, bytes = 0;
  explicit RecurrentMemory(const RecurrentPlan& p, int64_t worker_bytes) {
    int64_t floats = 0;
    const auto take = [&](int64_t count) {
      const int64_t at = floats;
      floats += padded_bytes(count * int64_t(sizeof(float))) / int64_t(sizeof(float));
      return at;
    };
    const int64_t d = p.params.directions, columns = p.sizes.columns();
    w = take(p.params.packed ? 0 : d * p.sizes.input_floats());
    r = take(p.params.packed ? 0 : d * p.sizes.state_floats());
    bias = take(d * (columns + p.sizes.hidden));
    gx = take(d * p.chunk_rows() * columns);
    sums = take(d * p.batch * columns);
    h = take(p.states());
    c = take(p.states());
    extra = take(p.params.cell == RecurrentCell::gru ? p.states() : 0);
    rows = take(2 * d * p.batch * int64_t(sizeof(float*)) / int64_t(sizeof(float)));
    scratch = take(p.input_workers * worker_bytes / int64_t(sizeof(float)));
    bytes = floats * int64_t(sizeof(float));
  }
};

class RecurrentLaunch final : public Launch {
 public:
  explicit RecurrentLaunch(RecurrentPlan plan)
      : p_(std::move(plan)),
        worker_bytes_(padded_bytes(p_.c.worker_bytes(p_.tail))),
        memory_(p_, worker_bytes_) {
    for (size_t i = 0; i < p_.params.functions.size(); ++i)
      activations_.push_back({p_.params.functions[i], p_.params.alphas[i], p_.params.betas[i]});
  }

  int64_t workspace_bytes() const override { return memory_.bytes; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    Call call{};
    for (size_t i = 0; i < kMostInputs; ++i) call.in[i] = inputs[i];
    call.y = static_cast<float*>(outputs[0]);
    call.last_h = static_cast<float*>(outputs[1]);
    call.last_c = p_.params.cell == RecurrentCell::lstm ? static_cast<float*>(outputs[2]) : nullptr;
    call.memory = static_cast<float*>(workspace);
    RK_CHECK(check_lengths(call));
    start(call);
    const int64_t directions = p_.params.directions;
    for (int64_t step = 0; step < p_.steps; step += p_.chunk_steps) {
      const int64_t count = std::min(p_.chunk_steps, p_.steps - step);
      for (int64_t d = 0; d < directions; ++d) multiply_inputs(call, d, step, count);
      const auto run_task = [&](int task) {
        const int64_t part = task / directions;
        run_steps(call, task % directions, p_.batch * part / p_.batch_parts,
                  p_.batch * (part + 1) / p_.batch_parts, step, count);
      };
      const int tasks = int(directions) * p_.batch_parts;
      if (p_.step_workers > 1) {
        run_workers(tasks, run_task);
      } else {
        for (int task = 0; task < tasks; ++task) run_task(task);
      }
    }
    finish(call);
    return {};
  }

 private:
  struct Call {
    const void* in[kMostInputs];  // x, w, r, b, lengths, h, c, p; null where absent
    float *y, *last_h, *last_c, *memory;
    const float* floats(int i) const { return static_cast<const float*>(in[i]); }
  };

  int64_t length(const Call& call, int64_t b) const {
    if (!call.in[4]) return p_.steps;
    return p_.wide_lengths ? static_cast<const int64_t*>(call.in[4])[b]
                           : static_cast<const int32_t*>(call.in[4])[b];
  }
  Status check_lengths(const Call& call) const {
    for (int64_t b = 0; call.in[4] && b < p_.batch; ++b)
      if (length(call, b) < 0 || length(call, b) > p_.steps)
        return bad("sequence " + std::to_string(b) + " has the length " + std::to_string(length(call, b)) +
                   ", expected 0 to the " + std::to_string(p_.steps) + " steps of x");
    return {};
  }
  bool goes_back(int64_t d) const { return p_.params.starts_reversed || d == 1; }

  // Positions in floats, as in math/rnn.h.
  int64_t x_at(int64_t t, int64_t b) const {
    return (p_.params.batch_first ? b * p_.steps + t : t * p_.batch + b) * p_.sizes.inputs;
  }
  int64_t y_at(int64_t t, int64_t d, int64_t b) const {
    const int64_t directions = p_.params.directions;
    return (p_.params.batch_first ? (b * p_.steps + t) * directions + d
                                  : (t * directions + d) * p_.batch + b) *
           p_.sizes.hidden;
  }
  int64_t state_at(int64_t d, int64_t b) const {
    return (p_.params.batch_first ? b * p_.params.directions + d : d * p_.batch + b) * p_.sizes.hidden;
  }
  int64_t own_state(int64_t d, int64_t b) const { return (d * p_.batch + b) * p_.sizes.hidden; }

  const float* packed_w(const Call& call, int64_t d) const {
    return (p_.params.packed ? call.floats(1) : call.memory + memory_.w) + d * p_.sizes.input_floats();
  }
  const float* packed_r(const Call& call, int64_t d) const {
    return (p_.params.packed ? call.floats(2) : call.memory + memory_.r) + d * p_.sizes.state_floats();
  }
  /// What gx starts from; then, for the candidate of linear_before_reset, what its product starts from.
  float* bias(const Call& call, int64_t d) const {
    return call.memory + memory_.bias + d * (p_.sizes.columns() + p_.sizes.hidden);
  }

  /// Packed weights, biases, first states, and where rows of h are.
  void start(const Call& call) const {
    const int64_t columns = p_.sizes.columns(), hidden = p_.sizes.hidden;
    for (int64_t d = 0; d < p_.params.directions; ++d) {
      if (!p_.params.packed)
        pack_direction(p_.sizes, call.floats(1) + d * columns * p_.sizes.inputs,
                       call.floats(2) + d * columns * hidden,
                       call.memory + memory_.w + d * p_.sizes.input_floats(),
                       call.memory + memory_.r + d * p_.sizes.state_floats());
      float* const to = bias(call, d);
      std::fill(to, to + columns + hidden, 0.0f);
      if (const float* b = call.floats(3)) {
        b += 2 * d * columns;
        const int64_t summed = is_linear() ? 2 * hidden : columns;
        for (int64_t j = 0; j < columns; ++j) to[j] = b[j] + (j < summed ? b[columns + j] : 0);
        if (is_linear()) std::copy(b + columns + summed, b + 2 * columns, to + columns);
      }
      for (int64_t b = 0; b < p_.batch; ++b) {
        copy_or_zero(call.memory + memory_.h + own_state(d, b), call.floats(5), state_at(d, b));
        copy_or_zero(call.memory + memory_.c + own_state(d, b), call.floats(6), state_at(d, b));
      }
    }
    const float** rows = reinterpret_cast<const float**>(call.memory + memory_.rows);
    for (int64_t i = 0; i < p_.params.directions * p_.batch; ++i) {
      rows[i] = call.memory + memory_.h + i * hidden;
      rows[p_.params.directions * p_.batch + i] = call.memory + memory_.extra + i * hidden;
    }
  }
  bool is_linear() const { return p_.params.cell == RecurrentCell::gru && p_.params.linear_before_reset; }
  void copy_or_zero(float* to, const float* from, int64_t at) const {
    if (from)
      std::copy(from + at, from + at + p_.sizes.hidden, to);
    else
      std::fill(to, to + p_.sizes.hidden, 0.0f);
  }

  float* gx(const Call& call, int64_t d) const {
    return call.memory + memory_.gx + d * p_.chunk_rows() * p_.sizes.columns();
  }

  void multiply_inputs(const Call& call, int64_t d, int64_t step, int64_t count) const {
    void* const out[] = {gx(call, d)};
    LoopNest nest;
    nest.dims = {count * p_.batch};
    nest.strides = {{p_.sizes.columns()}};
    const Tail::Frame frame = p_.tail.frame(out, nullptr, LoopPosition(nest, 0, 0));
    const RightSide right{packed_w(call, d), true, 0};
    char* const scratch = reinterpret_cast<char*>(call.memory + memory_.scratch);
    run_grid(p_.grid, p_.c, count * p_.batch, 0, 1, [&](int worker, int64_t, const Share& share) {
      ShareLoop loop(p_.c, right, bias(call, d), p_.tail, frame, share, scratch + worker * worker_bytes_);
      loop.run([&](int64_t row, int64_t height, const float** to) {
        for (int64_t i = 0; i < height; ++i) to[i] = input_row(call, d, step, row + i);
      });
    });
  }
  /// Past its end a sequence has no input: any row does, since the result is not used.
  const float* input_row(const Call& call, int64_t d, int64_t step, int64_t row) const {
    const int64_t b = row % p_.batch, i = step + row / p_.batch;
    const int64_t t = goes_back(d) ? length(call, b) - 1 - i : i;
    return call.floats(0) + x_at(std::max<int64_t>(t, 0), b);
  }

  /// to = start + rows * R' for one of the products and `count` sequences.
  void multiply_state(const StateProduct& product, const float* packed, const float* const* rows,
                      const float* start, int64_t start_step, float* to, int64_t to_step,
                      int64_t count) const {
    TileJob job;
    job.k = p_.sizes.hidden;
    job.start_step = start_step;
    job.c_step = to_step;
    for (int64_t p = 0; p < product.panels.count; ++p) {
      const int vectors = product.panels.vectors_of(p);
      const int64_t column = product.panels.first_column(p);
      job.b = packed + product.start + job.k * column;
      job.b_step = product.panels.floats_of(p);
      job.columns = product.panels.columns_of(p);
      for (int64_t row = 0, height; row < count; row += height) {
        height = std::min<int64_t>(count - row, p_.tiles->height[vectors]);
        job.rows = rows + row;
        job.start = start + row * start_step + column;
        job.c = to + row * to_step + column;
        p_.tiles->run[vectors][height](job);
      }
    }
  }

  /// The sequences first … last-1 of a direction, with what all their steps share.
  struct Task {
    const Call& call;
    int64_t d, first, last;
    const float* packed;       // r
    const float* const* rows;  // of h
    float* sums;
    float* extra;
    int64_t count() const { return last - first; }
  };

  void run_steps(const Call& call, int64_t d, int64_t first, int64_t last, int64_t step,
                 int64_t count) const {
    const int64_t columns = p_.sizes.columns(), place = d * p_.batch + first;
    const Task task{call,
                    d,
                    first,
                    last,
                    packed_r(call, d),
                    reinterpret_cast<const float* const*>(call.memory + memory_.rows) + place,
                    call.memory + memory_.sums + place * columns,
                    call.memory + memory_.extra + place * p_.sizes.hidden};
    for (int64_t i = 0; i < count; ++i)
      run_step(task, step + i, gx(call, d) + (i * p_.batch + first) * columns);
  }

  void run_step(const Task& task, int64_t step, const float* gx) const {
    const int64_t columns = p_.sizes.columns();
    multiply_state(p_.sizes.state[0], task.packed, task.rows, gx, columns, task.sums, columns, task.count());
    if (p_.params.cell == RecurrentCell::gru) multiply_candidate(task, gx);
    for (int64_t b = task.first; b < task.last; ++b) {
      const int64_t own = length(task.call, b);
      if (step >= own) continue;
      CellJob job = cell_job(task, b, gx);
      if (task.call.y) job.y = task.call.y + y_at(goes_back(task.d) ? own - 1 - step : step, task.d, b);
      switch (p_.params.cell) {
        case RecurrentCell::rnn:
          p_.cells->rnn(job);
          break;
        case RecurrentCell::gru:
          p_.cells->gru(job);
          break;
        case RecurrentCell::lstm:
          p_.cells->lstm(job);
          break;
      }
    }
  }

  void multiply_candidate(const Task& task, const float* gx) const {
    const int64_t columns = p_.sizes.columns(), hidden = p_.sizes.hidden;
    if (p_.params.linear_before_reset)
      return multiply_state(p_.sizes.state[1], task.packed, task.rows, bias(task.call, task.d) + columns, 0,
                            task.extra, hidden, task.count());
    for (int64_t b = task.first; b < task.last; ++b) p_.cells->gru_reset(cell_job(task, b, gx));
    multiply_state(p_.sizes.state[1], task.packed, task.rows + p_.params.directions * p_.batch,
                   gx + 2 * hidden, columns, task.sums + 2 * hidden, columns, task.count());
  }

  CellJob cell_job(const Task& task, int64_t b, const float* gx) const {
    const int64_t columns = p_.sizes.columns(), hidden = p_.sizes.hidden, at = b - task.first;
    const GateActivation* const functions =
        activations_.data() + task.d * int64_t(activations_.size()) / p_.params.directions;
    CellJob job;
    job.hidden = hidden;
    job.sums = task.sums + at * columns;
    job.clip = p_.params.clip > 0 ? p_.params.clip : std::numeric_limits<float>::infinity();
    job.state = task.call.memory + memory_.h + own_state(task.d, b);
    job.cell = task.call.memory + memory_.c + own_state(task.d, b);
    job.f = functions[0];
    if (p_.params.cell != RecurrentCell::rnn) job.g = functions[1];
    if (p_.params.cell == RecurrentCell::lstm) job.h = functions[2];
    if (const float* p = task.call.floats(7)) job.peepholes = p + 3 * task.d * hidden;
    job.input_forget = p_.params.input_forget;
    job.candidate = (is_linear() ? gx : task.sums) + at * columns + 2 * hidden;
    job.reset = task.extra + at * hidden;
    if (is_linear()) job.product = job.reset;
    return job;
  }

  /// Last states, and zeros past the ends.
  void finish(const Call& call) const {
    const int64_t hidden = p_.sizes.hidden;
    for (int64_t d = 0; d < p_.params.directions; ++d)
      for (int64_t b = 0; b < p_.batch; ++b) {
        const bool is_empty = length(call, b) == 0;
        const auto put = [&](float* last, int64_t from) {
          if (!last) return;
          const float* const state = call.memory + from + own_state(d, b);
          std::transform(state, state + hidden, last + state_at(d, b),
                         [&](float x) { return is_empty ? 0.0f : x; });
        };
        put(call.last_h, memory_.h);
        put(call.last_c, memory_.c);
        for (int64_t t = length(call, b); call.y && t < p_.steps; ++t)
          std::fill_n(call.y + y_at(t, d, b), hidden, 0.0f);
      }
  }

  RecurrentPlan p_;
  int64_t worker_bytes_;
  RecurrentMemory memory_;
  std::vector<GateActivation> activations_;
};

class RecurrentKernel final : public Kernel {
 public:
  RecurrentKernel(RecurrentParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    RK_TRY(const Dims x, check(shapes));
    RecurrentPlan plan;
    plan.params = params_;
    plan.sizes = RecurrentSizes::of(params_, isa_);
    plan.steps = x[params_.batch_first ? 1 : 0], plan.batch = x[params_.batch_first ? 0 : 1];
    plan.tiles = &tile_kernels(isa_), plan.cells = &cell_kernels(isa_);
    plan.wide_lengths = shapes.inputs.size() <= 4 || shapes.inputs[4].dtype == DType::i64;
    const int64_t columns = plan.sizes.columns();
    plan.chunk_steps = std::clamp<int64_t>(kChunkFloats / std::max<int64_t>(1, plan.batch * columns), 1,
                                           std::max<int64_t>(1, plan.steps));
    const int64_t rows = plan.chunk_rows();
    const ArgShape gx{DType::f32, {rows, columns}, {}, true};
    RK_TRY(plan.tail, Tail::make(no_tail_, {}, std::span(&gx, 1), isa_));
    LoopNest nest;
    nest.dims = {rows};
    nest.strides = {{columns}};
    plan.c = Contraction::plan(columns, 1, params_.inputs, isa_);
    RK_CHECK(plan.tail.set_rows(nest, plan.c.tile_floats()));
    const double width = double(rows) * double(columns);
    plan.input_workers = contraction_workers(width * double(params_.inputs), shapes.threads);
    plan.grid =
        Grid::choose((rows + plan.c.tile_height - 1) / plan.c.tile_height, plan.c, plan.input_workers);
    plan.step_workers =
        contraction_workers(width * double(params_.directions) * double(params_.hidden), shapes.threads);
    plan.batch_parts =
        int(std::clamp<int64_t>(plan.step_workers / params_.directions, 1, std::max<int64_t>(1, plan.batch)));
    return std::unique_ptr<Launch>(std::make_unique<RecurrentLaunch>(std::move(plan)));
  }

 private:
  /// The dims of x, when every argument is what the others make it.
  Result<Dims> check(const LaunchShapes& shapes) const {
    const bool is_lstm = params_.cell == RecurrentCell::lstm;
    if (shapes.inputs.size() != kMostInputs || shapes.outputs.size() != (is_lstm ? 3 : 2))
      return bad(std::to_string(shapes.inputs.size()) + " inputs and " +
                 std::to_string(shapes.outputs.size()) + " outputs, expected 8 and " + (is_lstm ? "3" : "2"));
    const Dims x = shapes.inputs[0].dims;
    if (x.size() != 3 || x[2] != params_.inputs)
      return bad("x is " + to_string(x) + ", expected rank 3 with " + std::to_string(params_.inputs) +
                 " inputs");
    const int64_t steps = x[params_.batch_first ? 1 : 0], batch = x[params_.batch_first ? 0 : 1];
    const int64_t d = params_.directions, hidden = params_.hidden, columns = gates_of(params_.cell) * hidden;
    const RecurrentSizes sizes = RecurrentSizes::of(params_, isa_);
    const Dims state = params_.batch_first ? Dims{batch, d, hidden} : Dims{d, batch, hidden};
    const Dims y = params_.batch_first ? Dims{batch, steps, d, hidden} : Dims{steps, d, batch, hidden};
    const Dims w = params_.packed ? Dims{d * sizes.input_floats()} : Dims{d, columns, params_.inputs};
    const Dims r = params_.packed ? Dims{d * sizes.state_floats()} : Dims{d, columns, hidden};
    const Dims expected[] = {x, w, r, {d, 2 * columns}, {batch}, state, state, {d, 3 * hidden}};
    for (size_t i = 0; i < kMostInputs; ++i) RK_CHECK(check_arg(shapes.inputs[i], i, expected[i], i < 3));
    for (size_t i = 0; i < shapes.outputs.size(); ++i)
      RK_CHECK(check_arg(shapes.outputs[i], kMostInputs, i == 0 ? y : state, false));
    return x;
  }
  static Status check_arg(const ArgShape& arg, size_t i, const Dims& expected, bool is_needed) {
    if (!arg.present && !is_needed) return {};
    const bool is_number =
        i == 4 ? arg.dtype == DType::i64 || arg.dtype == DType::i32 : arg.dtype == DType::f32;
    if (!arg.present || !is_number || arg.dims != expected || !is_contiguous(arg))
      return bad((i < kMostInputs ? "input " + std::to_string(i) : std::string("an output")) + " is " +
                 std::string(to_string(arg.dtype)) + to_string(arg.dims) + ", expected " +
                 to_string(expected) + " without gaps");
    return {};
  }

  RecurrentParams params_;
  KernelProgram no_tail_{Program{}};
  Isa isa_;
};

Status check_params(const RecurrentParams& p) {
  constexpr int64_t kMost = 1 << 24;
  if (p.hidden < 1 || p.hidden > kMost || p.inputs < 0 || p.inputs > kMost ||
      p.inputs * p.hidden > int64_t(1) << 40)
    return bad(std::to_string(p.inputs) + " inputs and " + std::to_string(p.hidden) + " hidden units");
  if (p.directions < 1 || p.directions > 2) return bad(std::to_string(p.directions) + " directions");
  const size_t functions = p.cell == RecurrentCell::lstm ? 3 : p.cell == RecurrentCell::gru ? 2 : 1;
  if (p.functions.size() != functions * size_t(p.directions) || p.alphas.size() != p.functions.size() ||
      p.betas.size() != p.functions.size())
    return bad(std::to_string(p.functions.size()) + " activations, expected " +
               std::to_string(functions * size_t(p.directions)));
  return {};
}

}  // namespace

Result<std::shared_ptr<const Kernel>> make_recurrent(std::string_view params, Isa isa) {
  RK_TRY(RecurrentParams p, from_bytes<RecurrentParams>(params));
  RK_CHECK(check_params(p));
  return std::shared_ptr<const Kernel>(std::make_shared<RecurrentKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
