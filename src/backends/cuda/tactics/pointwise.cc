// cuda.pointwise: any region of elementwise ops.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/flat_kernel.h"
#include "backends/cuda/tactics/formula.h"
#include "backends/cuda/tactics/index_split.h"
#include "backends/cuda/tactics/table.h"
#include "math/copy.h"

namespace rekindle::cuda {

namespace {

struct PointwiseRegion {
  std::vector<NodeId> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> results;  // what each output is
};

Result<PointwiseRegion> as_pointwise(const Region& region) {
  PointwiseRegion made;
  const TensorType& type = region.output_type(0);
  for (size_t i = 1; i < region.body.outputs.size(); ++i)
    if (region.output_type(i).shape != type.shape) return refuse("its outputs have different shapes");
  if (region.body[region.body.first()].op.is<ops::Copy>()) return refuse("a copy has a kernel of its own");
  for (NodeId n = region.body.first(); n != NodeId::none; n = region.body.next(n)) made.nodes.push_back(n);
  made.results = region.body.outputs;
  made.inputs = inputs_of(region, made.nodes, made.results);
  return made;
}

/// How many neighbours a thread takes.
int width_of(const IndexSplit& split, int64_t wanted) {
  for (int64_t v = wanted; v > 1; v /= 2)
    if (split.inner().divisible_by(v)) return int(v);
  return 1;
}

class Pointwise final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.pointwise"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(PointwiseRegion made, as_pointwise(region));
    RK_CHECK(write(region, made, 1, 256).status());
    const bool has_halves = std::any_of(made.inputs.begin(), made.inputs.end(),
                                        [&](ValueId v) { return region.body[v].type.dtype == DType::f16; });
    const std::vector<int64_t> widths =
        has_halves ? std::vector<int64_t>{8, 4, 2, 1} : std::vector<int64_t>{4, 2, 1};
    return Space().axis("vector", widths).axis("threads", {256, 128, 512});
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(PointwiseRegion made, as_pointwise(region));
    const int64_t threads = config[1].second;
    RK_TRY(FlatKernel written, write(region, made, config[0].second, threads));
    return written.finish("pointwise", region, threads, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_TRY(PointwiseRegion made, as_pointwise(region));
    RK_TRY(const FlatKernel written, write(region, made, axis_of(config, "vector", 1), 256));
    const double width = written.width;
    FlatWork work;
    work.threads = size_at(region, region.output_type(0).count()) / width;
    // Index arithmetic once, a formula of about eight instructions for each node and element.
    work.instructions = 24 + 6 * double(made.inputs.size()) + 8 * width * double(made.nodes.size());
    work.memory_bytes = work.cache_bytes = bytes_touched(region);
    work.steps = 1;
    return predict_flat(*target.gpu, work,
                        resources_of({axis_of(config, "threads", 256), 24 + 4 * width, 0, 0}, built));
  }

 private:
  static Result<FlatKernel> write(const Region& region, const PointwiseRegion& made, int64_t wanted,
                                  int64_t threads) {
    FlatKernel written;
    KernelWriter& w = written.writer;
    const TensorType& out = region.output_type(0);
    std::vector<Shape> shapes;
    for (ValueId v : made.inputs) shapes.push_back(region.body[v].type.shape);
    RK_TRY(IndexSplit split, IndexSplit::make(out.shape, shapes));
    const int width = written.width = width_of(split, wanted);
    const std::string lanes = std::to_string(width);
    for (size_t i = 0; i < made.inputs.size(); ++i)
      RK_CHECK(w.input(region, made.inputs[i], "in" + std::to_string(i)));
    for (size_t i = 0; i < made.results.size(); ++i)
      RK_CHECK(w.output(region.output_type(i), "out" + std::to_string(i)));
    written.begin(region, threads);
    w.body(split.declare(w, "e", "i"));
    ValueNames names;
    for (size_t i = 0; i < made.inputs.size(); ++i) {
      const DType type = region.body[made.inputs[i]].type.dtype;
      RK_TRY(std::string element, element_type(type));
      const std::string number = std::to_string(i);
      const bool steps = split.steps_along_inner(i) && width > 1;
      w.body("  const auto x" + number + " = rk_load<" + element + ", " + (steps ? lanes : "1") + ">(in" +
             number + " + " + split.offset(w, i, "e", "i") + ");\n");
      const std::string text = "x" + number + ".at[" + (steps ? "j" : "0") + "]";
      // What is only copied keeps its bits.
      names[made.inputs[i]] = made.nodes.empty() ? text : in_register(type, text);
    }
    for (size_t i = 0; i < made.results.size(); ++i) {
      RK_TRY(std::string element, element_type(region.output_type(i).dtype));
      w.body("  Vector<" + element + ", " + lanes + "> y" + std::to_string(i) + ";\n");
    }
    w.body("#pragma unroll\n  for (int j = 0; j < " + lanes + "; ++j) {\n");
    RK_TRY(std::string statements, statements_of(region, made.nodes, names));
    w.body(statements);
    for (size_t i = 0; i < made.results.size(); ++i)
      w.body("    y" + std::to_string(i) + ".at[j] = " + names.at(made.results[i]) + ";\n");
    w.body("  }\n");
    for (size_t i = 0; i < made.results.size(); ++i)
      w.body("  rk_store(out" + std::to_string(i) + " + e, y" + std::to_string(i) + ");\n");
    return written;
  }
};

}  // namespace

const Tactic& pointwise_tactic() {
  static const Pointwise tactic;
  return tactic;
}

}  // namespace rekindle::cuda
