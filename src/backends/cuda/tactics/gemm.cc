// cuda.gemm: matrix products with an elementwise tail, in FP32 on the plain cores. Constant right sides are
// packed at build; others must have rows that vectors can be loaded from.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/index_split.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/tile.h"
#include "math/matmul.h"

namespace rekindle::cuda {

namespace {

struct GemmRegion {
  AnchoredRegion parts;
  const Tensor* constant_b = nullptr;
  bool transpose_b = false;
  Dim rows, columns, depth, batch = 1;  // rows and columns of one item
  std::vector<Shape> batches;           // of a and b
  Shape batch_shape;
};

Result<GemmRegion> as_gemm(const Region& region) {
  GemmRegion gemm;
  RK_TRY(gemm.parts, split_at_anchor(region));
  const Node& node = *gemm.parts.anchor;
  const auto* op = node.op.as<ops::Matmul>();
  if (!op) return refuse("the anchor is " + std::string(node.op.name()) + ", not matmul");
  if (!gemm.parts.head.empty()) return refuse("something elementwise comes before the matmul");
  for (ValueId v : node.inputs) {
    const TensorType& type = region.body[v].type;
    if (type.dtype != DType::f32)
      return refuse("the type is " + std::string(to_string(type.dtype)) + ", needs f32");
    if (type.rank() < 2) return refuse("an operand is a vector");
  }
  if (op->transpose_a) return refuse("the left side is transposed");
  const Shape& a = region.body[node.inputs[0]].type.shape;
  const Shape& b = region.body[node.inputs[1]].type.shape;
  const Shape& y = region.body[node.outputs[0]].type.shape;
  gemm.transpose_b = op->transpose_b;
  gemm.depth = a.back();
  gemm.columns = y.back();
  const Tensor* constant = region.constant(node.inputs[1]);
  if (constant && constant->rank() == 2 && constant->count() > 0) {
    gemm.constant_b = constant;
    gemm.rows = 1;  // every row of a, whatever its batch
    for (size_t d = 0; d + 1 < y.size(); ++d) gemm.rows = gemm.rows * y[d];
    return gemm;
  }
  if (op->transpose_b) return refuse("the right side is transposed and no constant");
  if (!gemm.columns.divisible_by(4))
    return refuse("the right side has rows of " + gemm.columns.to_string() +
                  " floats, needs a multiple of 4");
  gemm.rows = y[y.size() - 2];
  gemm.batch_shape.assign(y.begin(), y.end() - 2);
  gemm.batches = {Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2)};
  for (const Dim& d : gemm.batch_shape) gemm.batch = gemm.batch * d;
  return gemm;
}

class Gemm final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.gemm"; }
  Result<Space> offer(const Region& region, const Target& target) const override {
    RK_TRY(GemmRegion gemm, as_gemm(region));
    RK_CHECK(write(region, gemm, simt_tile(0)).status());
    return simt_space(gemm.rows, gemm.columns, region.sizes, target);
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(GemmRegion gemm, as_gemm(region));
    const SimtTile& tile = simt_tile(config[0].second);
    RK_TRY(KernelWriter writer, write(region, gemm, tile));
    return writer.finish("gemm_simt", {uint32_t(tile.threads())},
                         {ceil_div(gemm.columns, Dim(tile.n)), ceil_div(gemm.rows, Dim(tile.m)), gemm.batch},
                         target, tile.min_blocks);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    RK_TRY(GemmRegion gemm, as_gemm(region));
    SimtWork work;
    work.rows = size_at(region, gemm.rows);
    work.columns = size_at(region, gemm.columns);
    work.depth = size_at(region, gemm.depth);
    work.items = size_at(region, gemm.batch);
    work.scalar_loads = !gemm.depth.divisible_by(4);
    work.load_instructions = work.scalar_loads ? 24 : 8;
    work.tail_bytes = tail_bytes(region, *gemm.parts.anchor);
    return predict_tile(work, config, target, built);
  }

 private:
  static Result<KernelWriter> write(const Region& region, const GemmRegion& gemm, const SimtTile& tile) {
    KernelWriter w;
    const Node& node = *gemm.parts.anchor;
    RK_CHECK(w.input(region, node.inputs[0], "a"));
    const std::string m = w.dim(gemm.rows), n = w.dim(gemm.columns), k = w.dim(gemm.depth);
    std::string stride = n;
    if (gemm.constant_b) {
      const Tensor& b = *gemm.constant_b;
      const int64_t depth = b.dims()[gemm.transpose_b ? 1 : 0], columns = b.dims()[gemm.transpose_b ? 0 : 1];
      const float* from = b.data<float>();
      RK_TRY(Tensor packed, pack_columns(depth, columns, [&](int64_t i, int64_t j) {
               return gemm.transpose_b ? from[j * depth + i] : from[i * columns + j];
             }));
      stride = std::to_string(packed.dims()[1]);
      w.constant(std::move(packed), "b");
    } else {
      RK_CHECK(w.input(region, node.inputs[1], "b"));
    }
    w.define("RK_A_VECTORS", gemm.depth.divisible_by(4) ? 1 : 0);
    write_simt(w, tile);
    w.include("rows_dense.cuh");
    RK_TRY(std::string epilogue, write_epilogue(w, region, gemm.parts, gemm.columns, 4));
    std::string first_row = "0";
    if (!gemm.constant_b) {
      RK_TRY(IndexSplit split, IndexSplit::make(gemm.batch_shape, gemm.batches));
      w.body("  const int item = blockIdx.z;\n" + split.declare(w, "item", "z"));
      w.body("  a += (i64)(" + split.offset(w, 0, "item", "z") + ") * " + m + " * " + k + ";\n");
      w.body("  b += (i64)(" + split.offset(w, 1, "item", "z") + ") * " + k + " * " + n + ";\n");
      first_row = "item * " + m;
    }
    w.body("  const RkDenseRows rows{a, " + m + ", " + k + ", " + k + "};\n" + epilogue);
    w.body("  rk_gemm_simt(rows, b, " + k + ", " + stride + ", " + m + ", " + n + ", 0, " + k + ", " +
           first_row + ", epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& gemm_tactic() {
  static const Gemm tactic;
  return tactic;
}

}  // namespace rekindle::cuda
