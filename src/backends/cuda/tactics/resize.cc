// cuda.resize: scales or sizes known at build; which elements make an output, and how much of each, are
// tables.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/flat_kernel.h"
#include "backends/cuda/tactics/formula.h"
#include "backends/cuda/tactics/single_node.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/writer.h"
#include "math/resize_taps.h"

namespace rekindle::cuda {

namespace {

/// One axis: for each output `taps` indices, then as many weights; or no table, and every element `repeats`
/// times.
struct AxisTable {
  int64_t repeats = 0;
  int64_t taps = 1;
  Tensor index, weight;
};

Result<AxisTable> make_table(const ops::Resize& op, int axis, int64_t in, int64_t out, float scale) {
  const ops::AxisTaps made = ops::make_taps(op, {axis, in, out, scale, 0, 1});
  AxisTable table;
  for (int64_t o = 0; o < out; ++o)
    table.taps = std::max(table.taps, int64_t(made.begin[size_t(o) + 1] - made.begin[size_t(o)]));
  RK_TRY(table.index, Tensor::make(DType::i32, {out, table.taps}));
  RK_TRY(table.weight, Tensor::make(DType::f32, {out, table.taps}));
  for (int64_t o = 0; o < out; ++o)
    for (int64_t t = 0; t < table.taps; ++t) {
      const size_t at = made.begin[size_t(o)] + size_t(t);
      const bool is_there = at < made.begin[size_t(o) + 1];
      table.index.data<int32_t>()[o * table.taps + t] = is_there ? int32_t(made.taps[at].index) : 0;
      table.weight.data<float>()[o * table.taps + t] = is_there ? float(made.taps[at].weight) : 0.0f;
    }
  return table;
}

class ResizeTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.resize"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(write(region, 256).status());
    return Space().axis("threads", {256, 128});
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    const int64_t threads = config[0].second;
    RK_TRY(FlatKernel written, write(region, threads));
    return written.finish("resize", region, threads, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_TRY(const FlatKernel written, write(region, 256));
    const auto* op = region.body[region.body.first()].op.as<ops::Resize>();
    const double of_axis = op->mode == ops::ResizeMode::nearest  ? 1
                           : op->mode == ops::ResizeMode::linear ? 2
                                                                 : 4;
    const double taps = of_axis * of_axis;
    FlatWork work;
    work.threads = size_at(region, region.output_type(0).count()) / double(written.width);
    work.instructions = 80 + taps * (10 + 3 * double(written.width));
    work.memory_bytes = bytes_touched(region);
    work.cache_bytes = bytes_of_output(region) * (1 + taps);
    work.steps = 2;
    return predict_flat(*target.gpu, work, resources_of({axis_of(config, "threads", 256), 40, 0, 0}, built));
  }

 private:
  static Status check(const Node& node, const ops::Resize& op, const TensorType& x) {
    for (size_t i = 1; i < node.inputs.size(); ++i)
      if (node.inputs[i] != ValueId::none)
        return refuse("its region, scales or sizes are known only at run time");
    if (op.coordinates == ops::ResizeCoordinates::tf_crop_and_resize) return refuse("it crops");
    if (op.keep_aspect_ratio != ops::AspectRatio::stretch) return refuse("it keeps the aspect ratio");
    if (op.exclude_outside) return refuse("weights outside are excluded");
    if (x.dtype != DType::f32 && x.dtype != DType::f16)
      return refuse("the type is " + std::string(to_string(x.dtype)) + ", needs f32 or f16");
    return {};
  }
  struct Axis {
    size_t axis;
    AxisTable table;
  };
  /// How often each element comes where a size is symbolic: nearest neighbours, a whole number of times as
  /// many.
  static Result<int64_t> repeats_of(const ops::Resize& op, const Dim& in, const Dim& out) {
    const bool floors =
        op.coordinates == ops::ResizeCoordinates::asymmetric && op.nearest_mode == ops::NearestMode::floor;
    const bool rounds = op.coordinates == ops::ResizeCoordinates::half_pixel &&
                        (op.nearest_mode == ops::NearestMode::round_prefer_floor ||
                         op.nearest_mode == ops::NearestMode::round_prefer_ceil);
    if (op.mode == ops::ResizeMode::nearest && (floors || rounds))
      for (int64_t times = 2; times <= 16; ++times)
        if (in * Dim(times) == out) return times;
    return refuse("a size is only known by running, and elements are not just repeated");
  }
  static Result<std::vector<Axis>> resized_axes(const ops::Resize& op, const Shape& x, const Shape& y) {
    std::vector<Axis> axes;
    for (size_t d = 0; d < y.size(); ++d) {
      if (x[d] == y[d]) continue;
      const auto in = x[d].as_int(), out = y[d].as_int();
      if (!in || !out) {
        RK_TRY(const int64_t repeats, repeats_of(op, x[d], y[d]));
        axes.push_back({d, {repeats, 1, {}, {}}});
        continue;
      }
      float scale = float(*out) / float(*in);
      for (size_t i = 0; i < op.scales.size(); ++i) {
        const int64_t axis = op.axes.empty() ? int64_t(i) : op.axes[i];
        if ((axis + int64_t(y.size())) % int64_t(y.size()) == int64_t(d)) scale = op.scales[i];
      }
      RK_TRY(AxisTable table, make_table(op, int(d), *in, *out, scale));
      axes.push_back({d, std::move(table)});
    }
    return axes;
  }
  static Result<FlatKernel> write(const Region& region, int64_t threads) {
    FlatKernel written;
    KernelWriter& w = written.writer;
    RK_TRY(const Node* node, only_node(region));
    const auto* op = node->op.as<ops::Resize>();
    if (!op) return refuse("the op is " + std::string(node->op.name()) + ", not resize");
    const TensorType& x = region.body[node->inputs[0]].type;
    const Shape& y = region.output_type(0).shape;
    RK_CHECK(check(*node, *op, x));
    RK_CHECK(w.input(region, node->inputs[0], "in"));
    RK_TRY(const std::vector<Axis> axes, resized_axes(*op, x.shape, y));
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i].table.repeats > 0) continue;
      w.constant(axes[i].table.index, "index" + std::to_string(i), "i32");
      w.constant(axes[i].table.weight, "weight" + std::to_string(i));
    }
    RK_CHECK(w.output(region.output_type(0), "out"));
    const bool inner_moves = !axes.empty() && axes.back().axis + 1 == y.size();
    RK_TRY(const std::string element, element_type(x.dtype));
    written.width = inner_moves || y.empty() ? 1 : vector_width(y.back(), x.dtype == DType::f16 ? 2 : 4);
    const std::string lanes = std::to_string(written.width);
    written.begin(region, threads);
    w.body("  int rest = e, base = 0;\n");
    Dim stride = 1;
    std::vector<std::string> strides(y.size());
    for (size_t d = y.size(); d-- > 0;) {
      const std::string name = "i" + std::to_string(d);
      strides[d] = w.dim(stride);
      w.body("  const int " + name + " = rest % " + w.dim(y[d]) + ";\n  rest /= " + w.dim(y[d]) + ";\n");
      const auto axis = std::find_if(axes.begin(), axes.end(), [&](const Axis& a) { return a.axis == d; });
      if (axis == axes.end())
        w.body("  base += " + name + " * " + strides[d] + ";\n");
      else if (axis->table.repeats > 0)
        w.body("  base += " + name + " / " + std::to_string(axis->table.repeats) + " * " + strides[d] +
               ";\n");
      stride = stride * x.shape[d];
    }
    w.body("  Vector<float, " + lanes + "> y{};\n");
    std::string at = "base", factor = "1.f", close;
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i].table.repeats > 0) continue;
      const std::string t = "t" + std::to_string(i), taps = std::to_string(axes[i].table.taps),
                        n = std::to_string(i);
      const std::string slot = "i" + std::to_string(axes[i].axis) + " * " + taps + " + " + t;
      w.body("#pragma unroll\n  for (int " + t + " = 0; " + t + " < " + taps + "; ++" + t +
             ") {\n  const int at" + n + " = " + at + " + index" + n + "[" + slot + "] * " +
             strides[axes[i].axis] + ";\n  const float f" + n + " = " + factor + " * weight" + n + "[" +
             slot + "];\n");
      at = "at" + n;
      factor = "f" + n;
      close += "  }\n";
    }
    w.body("  const auto v = rk_load<" + element + ", " + lanes + ">(in + " + at +
           ");\n#pragma unroll\n  for (int j = 0; j < " + lanes + "; ++j) y.at[j] = fmaf(float(v.at[j]), " +
           factor + ", y.at[j]);\n" + close);
    w.body("  Vector<" + element + ", " + lanes + "> rounded;\n#pragma unroll\n  for (int j = 0; j < " +
           lanes + "; ++j) rounded.at[j] = y.at[j];\n  rk_store(out + e, rounded);\n");
    return written;
  }
};

}  // namespace

const Tactic& resize_tactic() {
  static const ResizeTactic tactic;
  return tactic;
}

}  // namespace rekindle::cuda
