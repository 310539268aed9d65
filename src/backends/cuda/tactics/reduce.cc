// cuda.reduce: sums, means, extrema and norms over neighbouring axes, with elementwise head and tail.
// SPDX-License-Identifier: Apache-2.0
#include "math/reduce.h"

#include <algorithm>
#include <cmath>

#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/source.h"
#include "backends/cuda/tactics/table.h"

namespace rekindle::cuda {

namespace {

struct ReduceRegion {
  AnchoredRegion parts;
  const ops::Reduce* op = nullptr;
  Dim outer = 1, reduced = 1, inner = 1;
};

Result<ReduceRegion> as_reduce(const Region& region) {
  ReduceRegion made;
  RK_TRY(made.parts, split_at_anchor(region));
  const Node& node = *made.parts.anchor;
  made.op = node.op.as<ops::Reduce>();
  if (!made.op) return refuse("the anchor is " + std::string(node.op.name()) + ", not reduce");
  if (node.inputs.size() > 1 && node.inputs[1] != ValueId::none)
    return refuse("the axes are only known by running");
  if (made.op->op == ops::ReduceOp::log_sum_exp) return refuse("log_sum_exp needs two passes");
  const TensorType& x = region.body[node.inputs[0]].type;
  std::vector<bool> reduced(size_t(x.rank()), made.op->axes.empty());
  for (int64_t axis : made.op->axes) {
    RK_TRY(const int a, normalize_axis(axis, x.rank()));
    reduced[size_t(a)] = true;
  }
  int phase = 0;  // before, in and after the reduced axes; dims of 1 belong to all
  for (size_t d = 0; d < reduced.size(); ++d) {
    if (x.shape[d].is(1)) continue;
    if (reduced[d] ? phase == 2 : false) return refuse("the axes are no neighbours");
    if (reduced[d])
      phase = 1;
    else if (phase == 1)
      phase = 2;
    Dim& part = phase == 0 ? made.outer : phase == 1 ? made.reduced : made.inner;
    part = part * x.shape[d];
  }
  return made;
}

struct Formula {
  const char *fold, *map, *last;
};
Formula formula_of(ops::ReduceOp op) {
  constexpr const char *kSame = "x", *kKeep = "sum";
  switch (op) {
    case ops::ReduceOp::mean:
      return {"RkSum", kSame, "sum / float(count)"};
    case ops::ReduceOp::max:
      return {"RkMax", kSame, kKeep};
    case ops::ReduceOp::min:
      return {"RkMin", kSame, kKeep};
    case ops::ReduceOp::prod:
      return {"RkProduct", kSame, kKeep};
    case ops::ReduceOp::l1:
      return {"RkSum", "fabsf(x)", kKeep};
    case ops::ReduceOp::l2:
      return {"RkSum", "x * x", "sqrtf(sum)"};
    case ops::ReduceOp::log_sum:
      return {"RkSum", kSame, "logf(sum)"};
    case ops::ReduceOp::sum_square:
      return {"RkSum", "x * x", kKeep};
    default:
      return {"RkSum", kSame, kKeep};
  }
}

class ReduceTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.reduce"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(ReduceRegion made, as_reduce(region));
    RK_CHECK(write(region, made, 256).status());
    if (!made.inner.is(1)) return Space();
    return Space().axis("threads", {256, 128, 64, 32, 512});
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(ReduceRegion made, as_reduce(region));
    const int64_t threads = config.empty() ? 256 : config[0].second;
    RK_TRY(KernelWriter writer, write(region, made, threads));
    if (made.inner.is(1)) return writer.finish("reduce", {uint32_t(threads)}, {made.outer}, target);
    return writer.finish("reduce", {32, 8}, {ceil_div(made.outer * made.inner, Dim(32))}, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_TRY(ReduceRegion made, as_reduce(region));
    const double outer = size_at(region, made.outer), inner = size_at(region, made.inner);
    const int64_t threads = axis_of(config, "threads", 256);
    const double folders = made.inner.is(1) ? double(threads) : 8;  // threads that share one result
    const double each = std::ceil(size_at(region, made.reduced) / folders);
    FlatWork work;
    work.threads = std::ceil(outer * inner * folders / double(threads)) * double(threads);
    work.instructions = 60 + 14 * each;
    work.memory_bytes = work.cache_bytes = bytes_touched(region);
    work.steps = 1 + each / 4;
    work.barriers = 3;
    return predict_flat(*target.gpu, work, resources_of({threads, 32, 1056, 0}, built));
  }

 private:
  static Result<KernelWriter> write(const Region& region, const ReduceRegion& made, int64_t threads) {
    KernelWriter w;
    w.define("RK_THREADS", threads);
    w.include("reduce.cuh");
    RK_TRY(const WrittenSource source, write_source(w, region, made.parts, made.reduced));
    w.define("RK_WIDTH", made.inner.is(1) ? source.width : 1);
    RK_TRY(std::string epilogue, write_epilogue(w, region, made.parts, Dim(1), 1));
    const Formula f = formula_of(made.op->op);
    w.body(source.statement + epilogue);
    w.body(std::string("  const auto map = [](float x) { return ") + f.map + "; };\n");
    w.body(std::string("  const auto last = [](float sum, int count) { return ") + f.last + "; };\n");
    const std::string sizes = w.dim(made.outer) + ", " + w.dim(made.reduced);
    if (made.inner.is(1))
      w.body(std::string("  rk_reduce_rows<") + f.fold + ">(source, " + sizes + ", map, last, epilogue);\n");
    else
      w.body(std::string("  rk_reduce_columns<") + f.fold + ">(source, " + sizes + ", " + w.dim(made.inner) +
             ", map, last, epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& reduce_tactic() {
  static const ReduceTactic tactic;
  return tactic;
}

}  // namespace rekindle::cuda
