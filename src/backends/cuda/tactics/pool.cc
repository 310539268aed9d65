// cuda.pool: max and average pools with an elementwise tail, channels last.
// SPDX-License-Identifier: Apache-2.0
#include "math/pool.h"

#include "backends/cuda/tactics/conv_shape.h"
#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/table.h"

namespace rekindle::cuda {

namespace {

struct PoolRegion {
  AnchoredRegion parts;
  WindowShape shape;
  bool is_max = false, counts_padding = false;
  int64_t end_h = 0, end_w = 0;
};

template <class T> Status fill(const Region& region, const T& op, PoolRegion& pool) {
  const Node& node = *pool.parts.anchor;
  Shape kernel(op.kernel.begin(), op.kernel.end());
  RK_TRY(const ops::Window window,
         ops::make_window({T::name, op.strides, op.dilations, op.pads, op.auto_pad, op.ceil_mode},
                          std::move(kernel)));
  const TensorType& x = region.body[node.inputs[0]].type;
  RK_TRY(pool.shape, window_shape(x, region.body[node.outputs[0]].type, window, op.layout));
  const size_t axes = window.rank();
  const auto end_of = [&](size_t axis, const Dim& size) {
    const auto known = size.as_int();  // otherwise the padding is explicit
    return known ? window.padding(axis, *known).second : window.end[axis];
  };
  pool.end_w = end_of(axes - 1, pool.shape.in_w);
  if (axes == 2) pool.end_h = end_of(0, pool.shape.in_h);
  return {};
}

Result<PoolRegion> as_pool(const Region& region) {
  PoolRegion pool;
  RK_TRY(pool.parts, split_at_anchor(region));
  if (!pool.parts.head.empty()) return refuse("something elementwise comes before the pool");
  const Node& node = *pool.parts.anchor;
  if (const auto* max = node.op.as<ops::MaxPool>()) {
    if (node.outputs.size() != 1) return refuse("indices are wanted too");
    pool.is_max = true;
    RK_CHECK(fill(region, *max, pool));
  } else if (const auto* average = node.op.as<ops::AveragePool>()) {
    pool.counts_padding = average->count_include_pad;
    RK_CHECK(fill(region, *average, pool));
  } else {
    return refuse("the anchor is " + std::string(node.op.name()) + ", not a pool");
  }
  return pool;
}

class Pool final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.pool"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(PoolRegion pool, as_pool(region));
    RK_CHECK(write(region, pool).status());
    return Space().axis("threads", {128, 256, 64});
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(PoolRegion pool, as_pool(region));
    RK_TRY(KernelWriter writer, write(region, pool));
    const WindowShape& s = pool.shape;
    const Dim work = s.rows() * Dim((s.channels + 3) / 4);
    const int64_t threads = config[0].second;
    return writer.finish("pool", {uint32_t(threads)}, {ceil_div(work, Dim(threads))}, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_CHECK(check_spills(built, target));
    RK_TRY(PoolRegion pool, as_pool(region));
    const WindowShape& s = pool.shape;
    const double taps = double(s.kernel_h * s.kernel_w);
    FlatWork work;
    work.threads = size_at(region, s.rows()) * double((s.channels + 3) / 4);
    work.instructions = 60 + 14 * taps;
    work.memory_bytes = bytes_touched(region);
    work.cache_bytes = work.threads * (taps + 1) * 16;
    work.steps = 2 + taps / 8;  // the compiler keeps about eight loads on their way
    return predict_flat(*target.gpu, work, resources_of({axis_of(config, "threads", 128), 40, 0, 0}, built));
  }

 private:
  static Result<KernelWriter> write(const Region& region, const PoolRegion& pool) {
    KernelWriter w;
    RK_CHECK(w.input(region, pool.parts.anchor->inputs[0], "a"));
    const std::string picture = define_window(w, pool.shape);
    w.define("RK_PAD_END_H", pool.end_h);
    w.define("RK_PAD_END_W", pool.end_w);
    w.define("RK_POOL", pool.is_max ? "RkMax" : "RkSum");
    w.define("RK_AVERAGE", pool.is_max ? 0 : 1);
    w.define("RK_COUNT_PADDING", pool.counts_padding ? 1 : 0);
    w.include("pool.cuh");
    RK_TRY(std::string epilogue, write_epilogue(w, region, pool.parts, Dim(pool.shape.channels), 4));
    w.body(epilogue + picture + "  rk_pool(a, " + w.dim(pool.shape.batch) + ", window, epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& pool_tactic() {
  static const Pool tactic;
  return tactic;
}

}  // namespace rekindle::cuda
