// cuda.gather: whole rows picked by index, as embeddings are.
// SPDX-License-Identifier: Apache-2.0
#include "math/gather.h"

#include <algorithm>

#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/flat_kernel.h"
#include "backends/cuda/tactics/formula.h"
#include "backends/cuda/tactics/single_node.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/writer.h"

namespace rekindle::cuda {

namespace {

class GatherTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.gather"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(write(region, 256).status());
    return Space().axis("threads", {256, 128});
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    const int64_t threads = config[0].second;
    RK_TRY(FlatKernel written, write(region, threads));
    return written.finish("gather", region, threads, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_TRY(const FlatKernel written, write(region, 256));
    FlatWork work;
    const double written_bytes = bytes_of_output(region);
    work.threads = size_at(region, region.output_type(0).count()) / double(written.width);
    work.instructions = 60;
    work.memory_bytes = std::min(bytes_touched(region), 3 * written_bytes);
    work.cache_bytes = 2 * written_bytes;
    work.steps = 2;
    return predict_flat(*target.gpu, work, resources_of({axis_of(config, "threads", 256), 24, 0, 0}, built));
  }

 private:
  static Result<FlatKernel> write(const Region& region, int64_t threads) {
    FlatKernel written;
    KernelWriter& w = written.writer;
    RK_TRY(const Node* node, only_node(region));
    const auto* op = node->op.as<ops::Gather>();
    if (!op) return refuse("the op is " + std::string(node->op.name()) + ", not gather");
    const TensorType& x = region.body[node->inputs[0]].type;
    const TensorType& indices = region.body[node->inputs[1]].type;
    if (indices.dtype != DType::i64 && indices.dtype != DType::i32)
      return refuse("the indices are " + std::string(to_string(indices.dtype)));
    RK_TRY(const int axis, normalize_axis(op->axis, x.rank()));
    Dim inner = 1;
    for (size_t d = size_t(axis) + 1; d < x.shape.size(); ++d) inner = inner * x.shape[d];
    written.width = vector_width(inner, std::max(bits_of(x.dtype) / 8, 2));
    RK_TRY(std::string element, element_type(x.dtype));
    RK_CHECK(w.input(region, node->inputs[0], "in"));
    RK_CHECK(w.input(region, node->inputs[1], "indices"));
    RK_CHECK(w.output(region.output_type(0), "out"));
    const std::string lanes = std::to_string(written.width), row = w.dim(inner),
                      count = w.dim(indices.count());
    const std::string size = w.dim(x.shape[size_t(axis)]);
    written.begin(region, threads);
    w.body("  const int column = e % " + row + ", pick = e / " + row + " % " + count + ", outer = e / " +
           row + " / " + count + ";\n  i64 index = indices[pick];\n  if (index < 0) index += " + size +
           ";\n");
    // A kernel cannot raise an error: an index outside takes the nearest element, so that no memory is
    // touched that is not the tensor's.
    w.body("  index = rk_min<i64>(rk_max<i64>(index, 0), " + size + " - 1);\n");
    w.body("  rk_store(out + e, rk_load<" + element + ", " + lanes + ">(in + ((i64)outer * " + size +
           " + index) * " + row + " + column));\n");
    return written;
  }
};

}  // namespace

const Tactic& gather_tactic() {
  static const GatherTactic tactic;
  return tactic;
}

}  // namespace rekindle::cuda
