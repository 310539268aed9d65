// cuda.gemm_mma: matrix products over FP16 with an elementwise tail, on the tensor cores; on sm_61
// FP16 is storage and the plain cores multiply.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/index_split.h"
#include "backends/cuda/tactics/matmul_region.h"
#include "backends/cuda/tactics/mma_tile.h"
#include "backends/cuda/tactics/table.h"

namespace rekindle::cuda {

namespace {

struct HalfGemm : MatmulRegion {
  MmaProblem problem;
  std::vector<Shape> batches;  // of a and b
  Shape batch_shape;
};

Result<HalfGemm> as_half_gemm(const Region& region) {
  HalfGemm gemm;
  RK_TRY(static_cast<MatmulRegion&>(gemm), as_matmul(region, DType::f16));
  const ops::Matmul* const op = gemm.op;
  const Node& node = *gemm.parts.anchor;
  if (op->transpose_a) return refuse("the left side is transposed");
  const Shape& a = region.body[node.inputs[0]].type.shape;
  const Shape& b = region.body[node.inputs[1]].type.shape;
  const Shape& y = region.body[node.outputs[0]].type.shape;
  gemm.problem.depth = a.back();
  gemm.problem.columns = y.back();
  if (gemm.constant_b) {
    gemm.problem.rows = 1;  // every row of a, whatever its batch
    for (size_t d = 0; d + 1 < y.size(); ++d) gemm.problem.rows = gemm.problem.rows * y[d];
    return gemm;
  }
  const Dim& line = op->transpose_b ? gemm.problem.depth : gemm.problem.columns;
  if (!line.divisible_by(8))
    return refuse("the right side has lines of " + line.to_string() + " halves, needs a multiple of 8");
  gemm.problem.rows = y[y.size() - 2];
  gemm.batch_shape.assign(y.begin(), y.end() - 2);
  gemm.batches = {Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2)};
  for (const Dim& d : gemm.batch_shape) gemm.problem.items = gemm.problem.items * d;
  return gemm;
}

class GemmMma final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.gemm_mma"; }
  Result<Space> offer(const Region& region, const Target& target) const override {
    RK_TRY(HalfGemm gemm, as_half_gemm(region));
    RK_TRY(Space space, mma_space(gemm.problem, region.sizes, target));
    RK_CHECK(write(region, gemm, space.configs(0).front()).status());
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(HalfGemm gemm, as_half_gemm(region));
    RK_TRY(KernelWriter writer, write(region, gemm, config));
    const MmaTile& tile = mma_tile(config[0].second);
    return writer.finish("gemm_mma", {uint32_t(tile.threads())}, mma_grid(gemm.problem, config), target,
                         tile.min_blocks);
  }

 private:
  static Result<KernelWriter> write(const Region& region, const HalfGemm& gemm, const Config& config) {
    KernelWriter w;
    const Node& node = *gemm.parts.anchor;
    RK_CHECK(w.input(region, node.inputs[0], "a"));
    const MmaProblem& p = gemm.problem;
    const std::string m = w.dim(p.rows), n = w.dim(p.columns), k = w.dim(p.depth);
    std::string stride = gemm.op->transpose_b ? k : n;
    if (gemm.constant_b) {
      const Tensor& b = *gemm.constant_b;
      const int64_t depth = b.dims()[gemm.op->transpose_b ? 1 : 0],
                    columns = b.dims()[gemm.op->transpose_b ? 0 : 1];
      const f16_t* from = b.data<f16_t>();
      RK_TRY(Tensor packed, pack_half_lines(depth, columns, [&](int64_t i, int64_t j) {
               return float(gemm.op->transpose_b ? from[j * depth + i] : from[i * columns + j]);
             }));
      stride = std::to_string(packed.dims()[1]);
      w.constant(std::move(packed), "b", "f16");
    } else {
      RK_CHECK(w.input(region, node.inputs[1], "b"));
    }
    w.define("RK_A_VECTORS", p.depth.divisible_by(8) ? 1 : 0);
    write_mma(w, config, gemm.constant_b || gemm.op->transpose_b);
    w.include("rows_half.cuh");
    RK_TRY(std::string epilogue, write_epilogue(w, region, gemm.parts, p.columns, 8));
    std::string first_row = "0";
    if (!gemm.constant_b) {
      RK_TRY(IndexSplit split, IndexSplit::make(gemm.batch_shape, gemm.batches));
      w.body("  const int item = blockIdx.z / RK_SPLITS;\n" + split.declare(w, "item", "z"));
      w.body("  a += (i64)(" + split.offset(w, 0, "item", "z") + ") * " + m + " * " + k + ";\n");
      w.body("  b += (i64)(" + split.offset(w, 1, "item", "z") + ") * " + k + " * " + n + ";\n");
      first_row = "item * " + m;
    }
    w.body("  const RkHalfRows rows{a, " + m + ", " + k + "};\n" + epilogue);
    w.body("  rk_gemm_mma(rows, b, " + stride + ", " + m + ", " + n + ", " + k + ", " + first_row +
           ", epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& gemm_mma_tactic() {
  static const GemmMma tactic;
  return tactic;
}

}  // namespace rekindle::cuda
