// cuda.gemm: matrix products with an elementwise tail, in FP32 on the plain cores. Constant right sides are
// packed at build; others are read as vectors where their rows allow it, else one by one.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/index_split.h"
#include "backends/cuda/tactics/matmul_region.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/tile.h"

namespace rekindle::cuda {

namespace {

struct GemmRegion : MatmulRegion {
  SimtProblem problem;
  Shape batch_shape;           // none when every row of a, whatever its batch, is a row of one product
  std::vector<Shape> batches;  // of a and b
};

Result<GemmRegion> as_gemm(const Region& region) {
  GemmRegion gemm;
  RK_TRY(static_cast<MatmulRegion&>(gemm), as_matmul(region, DType::f32));
  const ops::Matmul* const op = gemm.op;
  const Node& node = *gemm.parts.anchor;
  const Shape& a = region.body[node.inputs[0]].type.shape;
  const Shape& b = region.body[node.inputs[1]].type.shape;
  const Shape& y = region.body[node.outputs[0]].type.shape;
  gemm.problem.depth = a[a.size() - (op->transpose_a ? 2 : 1)];
  gemm.problem.columns = y.back();
  gemm.problem.rows = y[y.size() - 2];
  if (b.size() == 2 && !op->transpose_a) {
    for (size_t d = 0; d + 2 < y.size(); ++d) gemm.problem.rows = gemm.problem.rows * y[d];
    return gemm;
  }
  gemm.batch_shape.assign(y.begin(), y.end() - 2);
  gemm.batches = {Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2)};
  for (const Dim& d : gemm.batch_shape) gemm.problem.batch = gemm.problem.batch * d;
  return gemm;
}

class Gemm final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.gemm"; }
  int version() const override { return 2; }
  Result<Space> offer(const Region& region, const Target& target) const override {
    RK_TRY(GemmRegion gemm, as_gemm(region));
    const Space space = simt_space(gemm.problem, region.sizes, target);
    RK_CHECK(write(region, gemm, simt_config(space.configs(0)[0], target)).status());
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(GemmRegion gemm, as_gemm(region));
    const SimtConfig simt = simt_config(config, target);
    RK_TRY(KernelWriter writer, write(region, gemm, simt));
    return finish_simt(writer, "gemm_simt", gemm.problem, simt, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    RK_TRY(GemmRegion gemm, as_gemm(region));
    SimtWork work;
    work.rows = size_at(region, gemm.problem.rows);
    work.columns = size_at(region, gemm.problem.columns);
    work.depth = size_at(region, gemm.problem.depth);
    work.items = size_at(region, gemm.problem.batch);
    work.scalar_loads = gemm.op->transpose_a || !gemm.problem.depth.divisible_by(4);
    work.load_instructions = work.scalar_loads ? 24 : 8;
    work.tail_bytes = tail_bytes(region, *gemm.parts.anchor);
    return predict_tile(work, config, target, built);
  }

 private:
  /// Adds b and declares `columns`.
  static Status write_columns(KernelWriter& w, const Region& region, const GemmRegion& gemm) {
    const SimtProblem& p = gemm.problem;
    if (gemm.constant_b) {
      const Tensor& b = *gemm.constant_b;
      const int64_t depth = b.dims()[gemm.op->transpose_b ? 1 : 0],
                    columns = b.dims()[gemm.op->transpose_b ? 0 : 1];
      const float* from = b.data<float>();
      RK_TRY(Tensor packed, pack_columns(depth, columns, [&](int64_t i, int64_t j) {
               return gemm.op->transpose_b ? from[j * depth + i] : from[i * columns + j];
             }));
      const std::string stride = std::to_string(packed.dims()[1]);
      w.constant(std::move(packed), "b");
      w.body("  const RkDenseColumns columns{b, " + stride + "};\n");
      return {};
    }
    RK_CHECK(w.input(region, gemm.parts.anchor->inputs[1], "b"));
    const std::string n = w.dim(p.columns), k = w.dim(p.depth);
    if (gemm.op->transpose_b)
      w.body("  const RkTurnedColumns columns{b, " + n + ", 1, " + k + "};\n");
    else if (!p.columns.divisible_by(4))
      w.body("  const RkTurnedColumns columns{b, " + n + ", " + n + ", 1};\n");
    else
      w.body("  const RkDenseColumns columns{b, " + n + "};\n");
    return {};
  }

  static Result<KernelWriter> write(const Region& region, const GemmRegion& gemm, const SimtConfig& config) {
    KernelWriter w;
    const SimtProblem& p = gemm.problem;
    w.define("RK_A_VECTORS", !gemm.op->transpose_a && p.depth.divisible_by(4) ? 1 : 0);
    RK_CHECK(w.input(region, gemm.parts.anchor->inputs[0], "a"));
    write_simt(w, p, config);
    w.include("rows_dense.cuh");
    const std::string m = w.dim(p.rows), n = w.dim(p.columns), k = w.dim(p.depth);
    std::string first_row = "0";
    std::string offsets;
    if (!gemm.batches.empty()) {
      RK_TRY(IndexSplit split, IndexSplit::make(gemm.batch_shape, gemm.batches));
      offsets = split.declare(w, "item", "z");
      offsets += "  a += (i64)(" + split.offset(w, 0, "item", "z") + ") * " + m + " * " + k + ";\n";
      offsets += "  b += (i64)(" + split.offset(w, 1, "item", "z") + ") * " + k + " * " + n + ";\n";
      first_row = "item * " + m;
    }
    w.body(offsets);
    RK_CHECK(write_columns(w, region, gemm));
    RK_TRY(std::string epilogue, write_epilogue(w, region, gemm.parts, p.columns, 4));
    const std::string steps = gemm.op->transpose_a ? "1, " + m : k + ", 1";
    w.body("  const RkDenseRows rows{a, " + m + ", " + steps + "};\n" + epilogue);
    call_simt(w, p, first_row, "0");
    return w;
  }
};

}  // namespace

const Tactic& gemm_tactic() {
  static const Gemm tactic;
  return tactic;
}

}  // namespace rekindle::cuda
