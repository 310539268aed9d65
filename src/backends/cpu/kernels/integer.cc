// cpu.integer: chunks of elements in lanes of one type; types that are the lanes' own are read where they
// lie.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/integer.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/isa/integer_rows.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/program.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_integer(std::string_view params, Isa isa);

namespace {

constexpr int64_t kChunk = 1024;          // lanes worked on at once: four buffers of 8 KiB stay in L1
constexpr int64_t kShortRow = 64;         // below this rows are gathered into chunks first
constexpr int64_t kElementGrain = 32768;  // the least elements worth a thread
constexpr size_t kMostInputs = 3;

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, "integer: " + what); }

/// How an input is read.
enum class Reading : uint8_t {
  linear,  // it lies like the output
  still,   // one element for all
  rows,    // row by row, advancing along a row or not
};

struct IntegerPlan {
  LoopNest nest;  // operands: output, inputs
  DType out = DType::i64;
  int64_t out_bytes = 8;
  struct Input {
    DType dtype = DType::i64;
    int64_t bytes = 8, row_stride = 0;
    Reading reading = Reading::linear;
  };
  std::vector<Input> inputs;
  int64_t row = 1, rows = 1;
  int64_t item_rows = 1;  // short rows that make a chunk
  int64_t pieces = 1;     // chunks of a long row
  int workers = 1;
  int64_t items() const { return row == 0 ? 0 : (rows + item_rows - 1) / item_rows * pieces; }
};

/// A type's lanes are its own storage when neither direction converts.
template <class R> constexpr DType kOwn = DType::boolean;
template <> constexpr DType kOwn<int32_t> = DType::i32;
template <> constexpr DType kOwn<int64_t> = DType::i64;

template <class R> class IntegerLaunch final : public Launch {
 public:
  IntegerLaunch(IntegerPlan plan, const IntegerKernels<R>& kernels, BoundOp op)
      : p_(std::move(plan)), kernels_(kernels), op_(std::move(op)) {
    for (const auto& in : p_.inputs) widen_.push_back(kernels.widen[int(in.dtype)]);
  }

  int64_t workspace_bytes() const override { return p_.workers * worker_bytes(); }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    share_items(p_.items(), p_.workers, [&](int worker, int64_t begin, int64_t end) {
      R* const lanes = reinterpret_cast<R*>(static_cast<char*>(workspace) + worker * worker_bytes());
      fill_still(inputs, lanes);
      LoopPosition at(p_.nest, p_.nest.depth() - std::min<size_t>(1, p_.nest.depth()),
                      begin / p_.pieces * p_.item_rows);
      for (int64_t item = begin; item < end; ++item) {
        const int64_t piece = item % p_.pieces, first_row = item / p_.pieces * p_.item_rows;
        const int64_t rows = std::min(p_.item_rows, p_.rows - first_row);
        const int64_t from = p_.row * piece / p_.pieces, to = p_.row * (piece + 1) / p_.pieces;
        run_chunk(inputs, outputs[0], at, first_row * p_.row + from, from, to - from, rows, lanes);
        if (p_.pieces > 1 && piece + 1 == p_.pieces) at.next();
      }
    });
    return {};
  }

 private:
  static constexpr bool kConverts = sizeof(R) == 1;
  int64_t worker_bytes() const {
    return padded_bytes(kChunk * int64_t(sizeof(R)) * int64_t(p_.inputs.size() + 1));
  }
  R* buffer(R* lanes, size_t k) const { return lanes + int64_t(k) * kChunk; }
  bool is_direct(DType t) const { return !kConverts && t == kOwn<R>; }

  void fill_still(const void* const* inputs, R* lanes) const {
    for (size_t k = 0; k < p_.inputs.size(); ++k) {
      if (p_.inputs[k].reading != Reading::still) continue;
      R value{};
      widen_[k](inputs[k], &value, 1);
      std::fill_n(buffer(lanes, k), kChunk, value);
    }
  }
  /// `n` lanes of each of `rows` rows, from lane `from` of a row on; rows are whole when there are several.
  void run_chunk(const void* const* inputs, void* output, LoopPosition& at, int64_t linear, int64_t from,
                 int64_t n, int64_t rows, R* lanes) const {
    const R* in[kMostInputs] = {};
    for (size_t k = 0; k < p_.inputs.size(); ++k) {
      const IntegerPlan::Input& input = p_.inputs[k];
      in[k] = buffer(lanes, k);
      if (input.reading == Reading::linear) {
        const char* const start = static_cast<const char*>(inputs[k]) + linear * input.bytes;
        if (is_direct(input.dtype))
          in[k] = reinterpret_cast<const R*>(start);
        else
          widen_[k](start, buffer(lanes, k), n * rows);
      }
    }
    gather(inputs, at, from, n, rows, lanes);
    char* const to = static_cast<char*>(output) + linear * p_.out_bytes;
    R* const out = is_direct(p_.out) ? reinterpret_cast<R*>(to) : buffer(lanes, p_.inputs.size());
    kernels_.formulas[op_.index](op_.op.get(), in, out, n * rows);
    if (!is_direct(p_.out)) kernels_.narrow[int(p_.out)](out, to, n * rows);
  }

  /// The first lane in all n, by copies that double.
  static void repeat(R* lanes, int64_t n) {
    for (int64_t done = 1; done < n; done *= 2)
      std::memcpy(lanes + done, lanes, size_t(std::min(done, n - done)) * sizeof(R));
  }

  /// Inputs that are read row by row; leaves `at` behind the rows when they are whole.
  void gather(const void* const* inputs, LoopPosition& at, int64_t from, int64_t n, int64_t rows,
              R* lanes) const {
    LoopPosition row = at;
    for (int64_t r = 0; r < rows; ++r) {
      for (size_t k = 0; k < p_.inputs.size(); ++k) {
        const IntegerPlan::Input& input = p_.inputs[k];
        if (input.reading != Reading::rows) continue;
        R* const to = buffer(lanes, k) + r * n;
        const char* const start =
            static_cast<const char*>(inputs[k]) + (row.offset(k + 1) + from * input.row_stride) * input.bytes;
        widen_[k](start, to, input.row_stride == 0 ? 1 : n);
        if (input.row_stride == 0) repeat(to, n);
      }
      if (p_.pieces == 1) row.next();
    }
    if (p_.pieces == 1) at = row;
  }

  IntegerPlan p_;
  const IntegerKernels<R>& kernels_;
  BoundOp op_;
  std::vector<void (*)(const void*, R*, int64_t)> widen_;
};

template <class R>
Result<std::unique_ptr<Launch>> make_launch(IntegerPlan plan, const IntegerKernels<R>& kernels, BoundOp op) {
  if (!kernels.formulas[op.index]) return bad("the op has no formula in these lanes");
  bool fits = kernels.narrow[int(plan.out)] != nullptr;
  for (const auto& in : plan.inputs) fits = fits && kernels.widen[int(in.dtype)];
  if (!fits) return bad("inputs and output have types that do not compute together");
  return std::unique_ptr<Launch>(std::make_unique<IntegerLaunch<R>>(std::move(plan), kernels, std::move(op)));
}

class IntegerKernel final : public Kernel {
 public:
  IntegerKernel(BoundOp op, Isa isa) : op_(std::move(op)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != op_.arity || shapes.outputs.size() != 1 || op_.arity > kMostInputs)
      return bad(std::to_string(shapes.inputs.size()) + " inputs, expected " + std::to_string(op_.arity));
    RK_TRY(IntegerPlan plan, make_plan(shapes));
    const IntegerTables& tables = integer_tables(isa_);
    switch (shapes.inputs.back().dtype) {  // a condition comes first
      case DType::boolean:
        return make_launch(std::move(plan), tables.i8, op_);
      case DType::i64:
      case DType::u32:
        return make_launch(std::move(plan), tables.i64, op_);
      default:
        return make_launch(std::move(plan), tables.i32, op_);
    }
  }

 private:
  static Result<IntegerPlan> make_plan(const LaunchShapes& shapes) {
    const ArgShape& y = shapes.outputs[0];
    IntegerPlan plan;
    std::vector<Dims> strides{strides_of(y)};
    plan.out = y.dtype, plan.out_bytes = bits_of(y.dtype) / 8;
    bool is_contiguous_all = is_contiguous(y);
    for (const ArgShape& in : shapes.inputs) {
      is_contiguous_all = is_contiguous_all && in.present && is_contiguous(in);
      RK_TRY(Dims s, broadcast_strides(in, y.dims));
      strides.push_back(std::move(s));
      plan.inputs.push_back({in.dtype, bits_of(in.dtype) / 8});
    }
    if (!is_contiguous_all) return bad("a strided or absent argument");
    RK_TRY(plan.nest, LoopNest::make(y.dims, strides, false));
    const size_t depth = plan.nest.depth();
    if (depth > 0) plan.row = plan.nest.dims.back(), plan.rows = plan.nest.iterations(depth - 1);
    for (size_t k = 0; k < plan.inputs.size(); ++k) choose_reading(plan, k);
    if (plan.row < kShortRow)
      plan.item_rows = std::max<int64_t>(1, kChunk / std::max<int64_t>(1, plan.row));
    else
      plan.pieces = (plan.row + kChunk - 1) / kChunk;
    plan.workers = worker_count(plan.row * plan.rows, kElementGrain, shapes.threads);
    return plan;
  }
  static void choose_reading(IntegerPlan& plan, size_t k) {
    const Dims& strides = plan.nest.strides[k + 1];
    IntegerPlan::Input& input = plan.inputs[k];
    input.row_stride = strides.empty() ? 0 : strides.back();
    if (strides == plan.nest.strides[0] && !strides.empty())
      input.reading = Reading::linear;
    else if (std::all_of(strides.begin(), strides.end(), [](int64_t s) { return s == 0; }))
      input.reading = Reading::still;
    else
      input.reading = Reading::rows;
  }

  BoundOp op_;
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_integer(std::string_view params, Isa isa) {
  RK_TRY(IntegerParams p, from_bytes<IntegerParams>(params));
  RK_TRY(BoundOp op, bind_op(p.op, p.op_params));
  return std::shared_ptr<const Kernel>(std::make_shared<IntegerKernel>(std::move(op), isa));
}

}  // namespace rekindle::cpu
