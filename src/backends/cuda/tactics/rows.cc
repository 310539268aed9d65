// cuda.rows: softmax, log_softmax, layer_norm and rms_norm along the last axes, with elementwise head and
// tail.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/source.h"
#include "backends/cuda/tactics/table.h"
#include "math/norm.h"
#include "math/softmax.h"

namespace rekindle::cuda {

namespace {

// Floats of a row that a thread keeps: what compiles without spills for sm_61.
constexpr int64_t kMostInWarp = 24, kMostInTwoWarps = 8, kMostInRegisters = 12;

struct RowsRegion {
  AnchoredRegion parts;
  Dim rows = 1;
  int64_t columns = 1;
};

Result<RowsRegion> as_rows(const Region& region) {
  RowsRegion made;
  RK_TRY(made.parts, split_at_anchor(region));
  const Node& node = *made.parts.anchor;
  int64_t axis = -1;
  bool is_softmax = true;
  if (const auto* op = node.op.as<ops::Softmax>())
    axis = op->axis;
  else if (const auto* log = node.op.as<ops::LogSoftmax>())
    axis = log->axis;
  else if (const auto* norm = node.op.as<ops::LayerNorm>())
    axis = norm->axis, is_softmax = false;
  else if (const auto* rms = node.op.as<ops::RmsNorm>())
    axis = rms->axis, is_softmax = false;
  else
    return refuse("the anchor is " + std::string(node.op.name()) + ", not a softmax or norm");
  if (node.outputs.size() != 1) return refuse("its statistics are wanted too");
  const TensorType& type = region.body[node.outputs[0]].type;
  RK_TRY(const int first, normalize_axis(axis, type.rank()));
  if (is_softmax && first + 1 != type.rank()) return refuse("the axis is not the last");
  for (int d = 0; d < type.rank(); ++d) {
    const Dim& dim = type.shape[size_t(d)];
    if (d < first) {
      made.rows = made.rows * dim;
    } else {
      const auto size = dim.as_int();
      if (!size) return refuse("the length of its rows is only known by running");
      made.columns *= *size;
    }
  }
  if (made.columns == 0) return refuse("its rows are empty");
  if (made.columns > kMostInRegisters * 1024)
    return refuse("its rows have " + std::to_string(made.columns) + " elements, " +
                  std::to_string(kMostInRegisters * 1024) + " fit into registers");
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == ValueId::none) continue;
    const TensorType& type = region.body[node.inputs[i]].type;
    if (type.dtype != region.body[node.inputs[0]].type.dtype)
      return refuse("its scale or shift is of another type");
    const auto count = type.count().as_int();
    if (!count || *count != made.columns) return refuse("its scale or shift is broadcast");
  }
  return made;
}

class Rows final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.rows"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(RowsRegion made, as_rows(region));
    RK_CHECK(write(region, made, 1024).status());
    Space space;
    space.axis("threads", order_of(made.columns));
    // Halves come eight at a time, which takes registers beside those of the row.
    const bool half = region.body[made.parts.anchor->inputs[0]].type.dtype == DType::f16;
    const int64_t in_warp = half ? kMostInWarp * 2 / 3 : kMostInWarp;
    space.require("a row fits into registers", [columns = made.columns, in_warp](const Config& config) {
      const int64_t threads = config[0].second, most = threads == 32   ? in_warp
                                                       : threads == 64 ? kMostInTwoWarps
                                                                       : kMostInRegisters;
      return (columns + threads - 1) / threads <= most;
    });
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(RowsRegion made, as_rows(region));
    const int64_t threads = config[0].second, rows = threads == 32 ? 4 : 1;
    RK_TRY(KernelWriter writer, write(region, made, threads));
    return writer.finish("rows", {uint32_t(threads), uint32_t(rows)}, {ceil_div(made.rows, Dim(rows))},
                         target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_CHECK(check_spills(built, target));
    RK_TRY(RowsRegion made, as_rows(region));
    const int64_t threads = axis_of(config, "threads", 256), rows = threads == 32 ? 4 : 1;
    const double each = std::ceil(double(made.columns) / double(threads));
    FlatWork work;
    work.threads = std::ceil(size_at(region, made.rows) / double(rows)) * double(threads * rows);
    work.instructions = 100 + 30 * each;
    work.memory_bytes = work.cache_bytes = bytes_touched(region);
    work.steps = 2 + 0.2 * each;
    work.barriers = threads == 32 ? 1 : 6;
    return predict_flat(*target.gpu, work, resources_of({threads * rows, 28 + 3 * each, 128, 0}, built));
  }

 private:
  /// Eight elements a thread first.
  static std::vector<int64_t> order_of(int64_t columns) {
    int64_t best = 32;
    while (best < 1024 && columns > best * 8) best *= 2;
    std::vector<int64_t> order{best};
    for (int64_t threads : {32, 64, 128, 256, 512, 1024})
      if (threads != best) order.push_back(threads);
    return order;
  }
  static Result<KernelWriter> write(const Region& region, const RowsRegion& made, int64_t threads) {
    KernelWriter w;
    const Node& node = *made.parts.anchor;
    w.define("RK_COLUMNS", made.columns);
    w.define("RK_THREADS", threads);
    w.include("rows.cuh");
    const TensorType& type = region.body[node.outputs[0]].type;
    RK_TRY(const WrittenSource source, write_source(w, region, made.parts, type.shape.back()));
    // Short rows keep more threads busy with fewer neighbours each.
    int width = source.width;
    while (width > 1 && made.columns < threads * width) width /= 2;
    w.define("RK_WIDTH", width);
    std::string work = "RkSoftmax<" + std::string(node.op.is<ops::LogSoftmax>() ? "true" : "false") + ">{}";
    if (!node.op.is<ops::Softmax>() && !node.op.is<ops::LogSoftmax>()) {
      std::string arguments;
      for (size_t i = 1; i < 3; ++i) {
        const bool given = i < node.inputs.size() && node.inputs[i] != ValueId::none;
        const std::string name = i == 1 ? "scale" : "shift";
        if (given) RK_CHECK(w.input(region, node.inputs[i], name));
        arguments += (given ? name : std::string("nullptr")) + ", ";
      }
      const auto* norm = node.op.as<ops::LayerNorm>();
      const float epsilon = norm ? norm->epsilon : node.op.as<ops::RmsNorm>()->epsilon;
      RK_TRY(const std::string element, element_type(type.dtype));
      work =
          "RkNorm<" + element + (norm ? ", true" : ", false") + ">{" + arguments + Expr(epsilon).text + "}";
    }
    RK_TRY(std::string epilogue, write_epilogue(w, region, made.parts, Dim(made.columns), width));
    w.body(source.statement + epilogue);
    w.body("  rk_rows(source, " + w.dim(made.rows) + ", " + work + ", epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& rows_tactic() {
  static const Rows tactic;
  return tactic;
}

}  // namespace rekindle::cuda
