// cpu.gemm: batches of products through the tile loops of contraction.h.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm.h"

#include "backends/cpu/contraction.h"
#include "backends/cpu/host_kernels.h"
#include "backends/cpu/nothing_to_do.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_gemm(std::string_view params, Isa isa);

namespace {

/// A matrix operand whose batch dims are loops of the nest.
struct MatrixArg {
  size_t place = 0;                       // among the nest's operands
  int64_t row_step = 0, column_step = 0;  // along M or K, and K or N
};

/// Where B comes from at run time.
enum class Source : uint8_t {
  weights,  // packed at build
  as_is,    // read where it lies
  shared,   // one B for all: packed by all workers, then used by all
  batched,  // a B for each position of the outer loops
};

struct GemmPlan {
  Contraction c;
  Tail tail;
  LoopNest nest;  // operands: outputs, tail inputs, A, B; its last loop is M
  MatrixArg a, b;
  Source source = Source::weights;
  bool turns_a = false;  // A's k is not contiguous: copied first
  bool has_bias = false;
  int64_t m = 0, n = 0, k = 0, outer = 1;
  int workers = 1;
  Grid grid;

  int64_t tiles() const { return (m + c.tile_height - 1) / c.tile_height; }
  int64_t b_bytes() const { return padded_bytes(c.panels.packed_floats(k) * int64_t(sizeof(float))); }
  int64_t a_bytes() const { return turns_a ? padded_bytes(outer * m * k * int64_t(sizeof(float))) : 0; }
  /// Batched B: each worker packs its own when there are enough products to go round, else all pack one
  /// together.
  bool packs_alone() const { return source == Source::batched && outer >= workers; }
  int64_t b_buffers() const {
    if (source == Source::weights || source == Source::as_is) return 0;
    return packs_alone() ? workers : 1;
  }
};

class GemmLaunch final : public Launch {
 public:
  explicit GemmLaunch(GemmPlan plan)
      : p_(std::move(plan)), worker_bytes_(padded_bytes(p_.c.worker_bytes(p_.tail))) {}

  int64_t workspace_bytes() const override {
    return p_.a_bytes() + p_.b_buffers() * p_.b_bytes() + p_.workers * worker_bytes_;
  }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    Call call{static_cast<const float*>(inputs[0]),
              static_cast<const float*>(inputs[1]),
              nullptr,
              inputs + 2,
              outputs,
              nullptr,
              nullptr};
    if (p_.has_bias) call.bias = static_cast<const float*>(*call.operands++);
    char* memory = static_cast<char*>(workspace);
    if (p_.turns_a) turn_a(call, reinterpret_cast<float*>(memory));
    memory += p_.a_bytes();
    call.b_buffers = memory;
    call.scratch = memory + p_.b_buffers() * p_.b_bytes();
    switch (p_.source) {
      case Source::shared:
        pack_together(call.b, reinterpret_cast<float*>(call.b_buffers));
        call.b = reinterpret_cast<const float*>(call.b_buffers);
        [[fallthrough]];
      case Source::weights:
      case Source::as_is:
        run_together(call, 0, p_.outer);
        break;
      case Source::batched:
        if (p_.packs_alone())
          run_batches(call);
        else
          run_batches_together(call);
        break;
    }
    return {};
  }

 private:
  struct Call {
    const float *a, *b, *bias;
    const void* const* operands;
    void* const* outputs;
    char *b_buffers, *scratch;
  };

  LoopPosition position(int64_t outer) const { return {p_.nest, p_.nest.depth() - 1, outer}; }

  void turn_a(Call& call, float* to) const {
    const float* const a = call.a;
    share_items(p_.outer, p_.workers, [&](int, int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o)
        pack_panel(a + position(o).offset(p_.a.place), p_.a.row_step, p_.a.column_step, p_.m, p_.k, p_.k,
                   to + o * p_.m * p_.k);
    });
    call.a = to;
  }

  void pack_panels(const float* b, int64_t first, int64_t last, float* to) const {
    const Panels& panels = p_.c.panels;
    for (int64_t panel = first; panel < last; ++panel)
      pack_panel(b + panels.first_column(panel) * p_.b.column_step, p_.b.row_step, p_.b.column_step, p_.k,
                 panels.columns_of(panel), panels.floats_of(panel), to + p_.k * panels.first_column(panel));
  }
  void pack_together(const float* b, float* to) const {
    share_items(p_.c.panels.count, p_.workers,
                [&](int, int64_t begin, int64_t end) { pack_panels(b, begin, end, to); });
  }

  /// One position of the outer loops, some of its rows and panels.
  void run_rows(const Call& call, int64_t outer, const RightSide& b, const Share& share, int worker) const {
    const LoopPosition at = position(outer);
    const Tail::Frame frame = p_.tail.frame(call.outputs, call.operands, at);
    const float* const a = p_.turns_a ? call.a + outer * p_.m * p_.k : call.a + at.offset(p_.a.place);
    const int64_t step = p_.turns_a ? p_.k : p_.a.row_step;
    ShareLoop loop(p_.c, b, call.bias, p_.tail, frame, share, call.scratch + worker * worker_bytes_);
    loop.run([&](int64_t row, int64_t height, const float** to) {
      for (int64_t i = 0; i < height; ++i) to[i] = a + (row + i) * step;
    });
  }

  /// All workers on outer positions first … last-1, with a B that is the same for all or lies as it is.
  void run_together(const Call& call, int64_t first, int64_t last) const {
    const bool as_is = p_.source == Source::as_is;
    run_grid(p_.grid, p_.c, p_.m, first, last, [&](int worker, int64_t outer, const Share& share) {
      const int64_t offset = as_is ? position(outer).offset(p_.b.place) : 0;
      run_rows(call, outer, {call.b + offset, !as_is, p_.b.row_step}, share, worker);
    });
  }

  void run_batches(const Call& call) const {
    share_items(p_.outer, p_.workers, [&](int w, int64_t begin, int64_t end) {
      float* const packed = reinterpret_cast<float*>(call.b_buffers + w * p_.b_bytes());
      int64_t packed_offset = -1;
      for (int64_t o = begin; o < end; ++o) {
        const int64_t offset = position(o).offset(p_.b.place);
        if (offset != packed_offset) pack_panels(call.b + offset, 0, p_.c.panels.count, packed);
        packed_offset = offset;
        run_rows(call, o, {packed, true, 0}, {0, p_.m, 0, p_.c.panels.count}, w);
      }
    });
  }
  void run_batches_together(const Call& call) const {
    Call one = call;
    one.b = reinterpret_cast<const float*>(call.b_buffers);
    for (int64_t o = 0; o < p_.outer; ++o) {
      pack_together(call.b + position(o).offset(p_.b.place), reinterpret_cast<float*>(call.b_buffers));
      run_together(one, o, o + 1);
    }
  }

  GemmPlan p_;
  int64_t worker_bytes_;
};

Status bad_shapes(const std::string& what) { return Status::error(Code::invalid_argument, "gemm: " + what); }

class GemmKernel final : public Kernel {
 public:
  GemmKernel(GemmParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    RK_TRY(GemmPlan plan, make_plan(shapes));
    if (plan.m * plan.n * plan.outer == 0) return NothingToDo::make();
    return std::unique_ptr<Launch>(std::make_unique<GemmLaunch>(std::move(plan)));
  }

 private:
  size_t fixed_inputs() const { return params_.has_bias ? 3 : 2; }

  Status check(const LaunchShapes& shapes) const {
    if (shapes.inputs.size() < fixed_inputs() || shapes.outputs.empty())
      return bad_shapes(std::to_string(shapes.inputs.size()) + " inputs and " +
                        std::to_string(shapes.outputs.size()) + " outputs, expected at least " +
                        std::to_string(fixed_inputs()) + " and 1");
    const ArgShape &a = shapes.inputs[0], &b = shapes.inputs[1];
    if (a.dtype != DType::f32 || b.dtype != DType::f32) return bad_shapes("A and B must be f32");
    if (a.dims.size() < 2 || shapes.outputs[0].dims.size() < 2 || (!params_.packed && b.dims.size() < 2))
      return bad_shapes("A, B and the result need at least rank 2");
    if (params_.has_bias && !is_vector(shapes.inputs[2], shapes.outputs[0].dims.back()))
      return bad_shapes("the bias has shape " + to_string(shapes.inputs[2].dims) + ", expected f32[" +
                        std::to_string(shapes.outputs[0].dims.back()) + "] without gaps");
    return {};
  }

  /// Strides of A or B along the batch dims of the result, then along M: `steps` for A, 0 for B.
  static Result<Dims> batch_strides(ArgShape arg, const Dims& batch, int64_t along_m) {
    arg.strides = strides_of(arg);
    arg.dims.resize(arg.dims.size() - 2);
    arg.strides.resize(arg.dims.size());
    RK_TRY(Dims strides, broadcast_strides(arg, batch));
    strides.push_back(along_m);
    return strides;
  }

  /// M, N and K, and the steps inside A and B; errors where the shapes contradict each other.
  Status read_sizes(const LaunchShapes& shapes, GemmPlan& plan) const {
    const ArgShape &a = shapes.inputs[0], &b = shapes.inputs[1];
    const Dims& out = shapes.outputs[0].dims;
    plan.m = out[out.size() - 2], plan.n = out.back();
    const size_t ra = a.dims.size(), rb = b.dims.size();
    const Dims sa = strides_of(a), sb = strides_of(b);
    const size_t m_axis = params_.transpose_a ? ra - 1 : ra - 2,
                 k_axis = params_.transpose_a ? ra - 2 : ra - 1;
    plan.k = a.dims[k_axis];
    plan.a.row_step = sa[m_axis], plan.a.column_step = plan.k == 1 ? 1 : sa[k_axis];
    plan.turns_a = plan.a.column_step != 1;
    bool fits = a.dims[m_axis] == plan.m;
    if (params_.packed) {
      fits = fits && params_.k == plan.k && params_.n == plan.n && is_contiguous(b) &&
             count_of(b.dims) == Panels::of(plan.n, isa_).packed_floats(plan.k);
    } else {
      const size_t bk = params_.transpose_b ? rb - 1 : rb - 2, bn = params_.transpose_b ? rb - 2 : rb - 1;
      fits = fits && b.dims[bk] == plan.k && b.dims[bn] == plan.n;
      plan.b.row_step = sb[bk], plan.b.column_step = plan.n == 1 ? 1 : sb[bn];
    }
    if (!fits)
      return bad_shapes("A " + to_string(a.dims) + " and B " + to_string(b.dims) +
                        (params_.packed ? " (packed for K=" + std::to_string(params_.k) +
                                              ", N=" + std::to_string(params_.n) + ")"
                                        : "") +
                        " do not make " + to_string(out));
    return {};
  }

  Source choose_source(const GemmPlan& plan, bool is_batched) const {
    if (params_.packed) return Source::weights;
    // Packing pays from some tiles on; before, B is read where it lies, if every panel has whole vectors.
    const bool whole = plan.b.column_step == 1 && plan.n % plan.c.panels.width == 0;
    const int64_t uses = is_batched ? plan.m : plan.m * plan.outer;
    if (whole && uses <= 3 * plan.c.tile_height) return Source::as_is;
    return is_batched ? Source::batched : Source::shared;
  }

  Result<GemmPlan> make_plan(const LaunchShapes& shapes) const {
    RK_CHECK(check(shapes));
    GemmPlan plan;
    plan.has_bias = params_.has_bias;
    RK_CHECK(read_sizes(shapes, plan));
    RK_TRY(plan.tail, Tail::make(tail_, shapes.inputs.subspan(fixed_inputs()), shapes.outputs, isa_));
    std::vector<Dims> strides = plan.tail.row_strides();
    const Dims& out = shapes.outputs[0].dims;
    const Dims batch(out.begin(), out.end() - 2), rows(out.begin(), out.end() - 1);
    plan.a.place = strides.size(), plan.b.place = strides.size() + 1;
    RK_TRY(Dims a_strides, batch_strides(shapes.inputs[0], batch, plan.a.row_step));
    strides.push_back(std::move(a_strides));
    Dims b_strides(rows.size(), 0);
    if (!params_.packed) {
      RK_TRY(b_strides, batch_strides(shapes.inputs[1], batch, 0));
    }
    const bool is_batched = b_strides != Dims(rows.size(), 0);
    strides.push_back(std::move(b_strides));
    RK_TRY(plan.nest, LoopNest::make(rows, strides, false));
    end_with_rows(plan);
    plan.c = Contraction::plan(plan.n, 1, plan.k, isa_);
    RK_CHECK(plan.tail.set_rows(plan.nest, plan.c.tile_floats()));
    if (plan.m * plan.n * plan.outer == 0) return plan;
    plan.source = choose_source(plan, is_batched);
    plan.workers =
        contraction_workers(double(plan.m * plan.outer) * double(plan.n) * double(plan.k), shapes.threads);
    const bool one_by_one = plan.source == Source::batched && !plan.packs_alone();
    plan.grid = Grid::choose(plan.tiles() * (one_by_one ? 1 : plan.outer), plan.c, plan.workers);
    return plan;
  }

  /// The last loop must be rows that share a B and have even steps; a loop of one row where there is none.
  static void end_with_rows(GemmPlan& plan) {
    LoopNest& nest = plan.nest;
    if (nest.depth() == 0 || nest.strides[plan.b.place].back() != 0) nest.add_single();
    plan.m = nest.dims.back();
    plan.outer = nest.iterations(nest.depth() - 1);
    plan.a.row_step = nest.strides[plan.a.place].back();
  }

  GemmParams params_;
  KernelProgram tail_{params_.tail};
  Isa isa_;
};

}  // namespace

Tensor pack_gemm_weights(const Tensor& b, bool transpose_b, Isa isa) {
  RK_ASSERT(b.rank() == 2, "packed weights are matrices");
  const int64_t k = b.dims()[transpose_b ? 1 : 0], n = b.dims()[transpose_b ? 0 : 1];
  const Panels panels = Panels::of(n, isa);
  Tensor packed(DType::f32, {panels.packed_floats(k)});
  const int64_t row_step = transpose_b ? 1 : n, column_step = transpose_b ? k : 1;
  for (int64_t p = 0; p < panels.count; ++p)
    pack_panel(b.data<float>() + panels.first_column(p) * column_step, row_step, column_step, k,
               panels.columns_of(p), panels.floats_of(p), packed.data<float>() + k * panels.first_column(p));
  return packed;
}

Result<std::shared_ptr<const Kernel>> make_gemm(std::string_view params, Isa isa) {
  RK_TRY(GemmParams p, from_bytes<GemmParams>(params));
  if (p.k < 0 || p.n < 0) return bad_shapes("a packed B has negative sizes");
  return std::shared_ptr<const Kernel>(std::make_shared<GemmKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
