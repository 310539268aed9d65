// cuda.movement: ops whose output elements are copies of input elements at places that arithmetic tells:
// transpose, slice, expand, tile, pad with a constant.
// SPDX-License-Identifier: Apache-2.0
#include "math/movement.h"

#include <algorithm>

#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/flat_kernel.h"
#include "backends/cuda/tactics/formula.h"
#include "backends/cuda/tactics/single_node.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/writer.h"

namespace rekindle::cuda {

namespace {

/// How one dim of the output walks through the input.
struct Walk {
  Dim size;    // of the output
  Dim stride;  // elements of the input for one step
  Dim start;   // added to the index first (a pad's is negative)
  int64_t step = 1;
  Dim wrap;   // tile: the index is taken modulo this; 0 for none
  Dim limit;  // pad: indices outside 0 … limit are the constant; 0 for none
  bool is_plain() const { return start.is(0) && step == 1 && wrap.is(0) && limit.is(0); }
};

std::vector<Dim> strides_of(const Shape& shape) {
  std::vector<Dim> strides(shape.size());
  Dim step = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    strides[d] = step;
    step = step * shape[d];
  }
  return strides;
}

struct Movement {
  const Node* node = nullptr;
  std::vector<Walk> walks;
  bool pads = false;
};

Status set_pad(const Region& region, const ops::Pad& op, const Node& node, Movement& made) {
  if (op.mode != ops::PadMode::constant) return refuse("it pads with copies");
  if (node.inputs.size() > 2) return refuse("the pads are only known by running");
  if (node.inputs.size() > 1 && node.inputs[1] != ValueId::none) {
    const Tensor* value = region.constant(node.inputs[1]);
    if (!value || value->as_double(0) != 0) return refuse("it pads with other than zeros");
  }
  const Shape& x = region.body[node.inputs[0]].type.shape;
  for (size_t d = 0; d < x.size(); ++d) {
    if (op.pads[d].is(0) && op.pads[x.size() + d].is(0)) continue;
    made.walks[d].start = Dim(0) - op.pads[d];
    made.walks[d].limit = x[d];
    made.pads = true;
  }
  return {};
}

Status set_slice(const ops::Slice& op, const Node& node, int rank, Movement& made) {
  if (node.inputs.size() > 1) return refuse("its bounds are only known by running");
  for (size_t i = 0; i < op.starts.size(); ++i) {
    RK_TRY(const int axis, normalize_axis(op.axes.empty() ? int64_t(i) : op.axes[i], rank));
    made.walks[size_t(axis)].start = op.starts[i];
    made.walks[size_t(axis)].step = op.steps.empty() ? 1 : op.steps[i];
  }
  return {};
}

Result<Movement> as_movement(const Region& region) {
  Movement made;
  RK_TRY(made.node, only_node(region));
  const Node& node = *made.node;
  const Shape& x = region.body[node.inputs[0]].type.shape;
  const Shape& y = region.output_type(0).shape;
  const std::vector<Dim> strides = strides_of(x);
  const size_t added = y.size() - std::min(x.size(), y.size());
  for (size_t d = 0; d < y.size(); ++d)
    made.walks.push_back({y[d], d < added ? Dim(0) : strides[d - added], 0, 1, 0, 0});
  if (const auto* transpose = node.op.as<ops::Transpose>()) {
    for (size_t d = 0; d < y.size(); ++d)
      made.walks[d].stride = strides[transpose->perm.empty() ? y.size() - 1 - d : size_t(transpose->perm[d])];
  } else if (node.op.is<ops::Expand>()) {
    if (node.inputs.size() > 1) return refuse("the shape is only known by running");
    for (size_t d = added; d < y.size(); ++d) {
      if (x[d - added].is(1) && !y[d].is(1))
        made.walks[d].stride = 0;
      else if (x[d - added] != y[d])
        return refuse("whether it is broadcast is only known by running");
    }
  } else if (node.op.is<ops::Tile>()) {
    if (node.inputs.size() > 1) return refuse("the repeats are only known by running");
    for (size_t d = 0; d < y.size(); ++d)
      if (x[d] != y[d]) made.walks[d].wrap = x[d];
  } else if (const auto* slice = node.op.as<ops::Slice>()) {
    RK_CHECK(set_slice(*slice, node, int(x.size()), made));
  } else if (const auto* pad = node.op.as<ops::Pad>()) {
    RK_CHECK(set_pad(region, *pad, node, made));
  } else {
    return refuse("the op is " + std::string(node.op.name()) + ", which is no walk through its input");
  }
  return made;
}

/// Neighbouring dims that are one walk become one.
std::vector<Walk> merged(const std::vector<Walk>& walks) {
  std::vector<Walk> result;
  for (const Walk& walk : walks) {
    if (walk.size.is(1) && walk.is_plain()) continue;
    if (!result.empty() && result.back().is_plain() && walk.is_plain() &&
        result.back().stride == walk.stride * walk.size) {
      result.back().size = result.back().size * walk.size;
      result.back().stride = walk.stride;
    } else {
      result.push_back(walk);
    }
  }
  if (result.empty()) result.push_back({1, 0, 0, 1, 0, 0});
  return result;
}

class MovementTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.movement"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(Movement made, as_movement(region));
    RK_CHECK(write(region, made, 256).status());
    return Space().axis("threads", {256, 128, 512});
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(Movement made, as_movement(region));
    const int64_t threads = config[0].second;
    RK_TRY(FlatKernel written, write(region, made, threads));
    return written.finish("movement", region, threads, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_TRY(Movement made, as_movement(region));
    RK_TRY(const FlatKernel written, write(region, made, 256));
    const std::vector<Walk> walks = merged(made.walks);
    // An element at a time from places apart reads a whole sector for each.
    const bool scattered = !walks.back().stride.is(1) && !walks.back().stride.is(0);
    const double element = double(bits_of(region.output_type(0).dtype)) / 8;
    FlatWork work;
    const double written_bytes = bytes_of_output(region);
    work.threads = size_at(region, region.output_type(0).count()) / double(written.width);
    work.instructions = 20 + 24 * double(walks.size());
    work.memory_bytes = std::min(bytes_touched(region), 2 * written_bytes);
    work.cache_bytes = written_bytes * (1 + (scattered ? 32 / element / 4 : 1));
    work.steps = 1;
    return predict_flat(*target.gpu, work, resources_of({axis_of(config, "threads", 256), 24, 0, 0}, built));
  }

 private:
  static Result<FlatKernel> write(const Region& region, const Movement& made, int64_t threads) {
    FlatKernel written;
    KernelWriter& w = written.writer;
    const std::vector<Walk> walks = merged(made.walks);
    const Walk& last = walks.back();
    const bool runs = last.stride.is(1) && last.step == 1 && last.wrap.is(0) && last.limit.is(0);
    const int64_t bytes = std::max(bits_of(region.output_type(0).dtype) / 8, 1);
    written.width = runs ? vector_width(last.size, std::max<int64_t>(bytes, 2)) : 1;
    if (runs) written.width = std::min(written.width, vector_width(last.start, std::max<int64_t>(bytes, 2)));
    for (size_t d = 0; d + 1 < walks.size(); ++d)
      written.width = std::min(written.width, vector_width(walks[d].stride, std::max<int64_t>(bytes, 2)));
    const std::string lanes = std::to_string(written.width);
    RK_TRY(std::string element, element_type(region.output_type(0).dtype));
    RK_CHECK(w.input(region, made.node->inputs[0], "in"));
    RK_CHECK(w.output(region.output_type(0), "out"));
    written.begin(region, threads);
    w.body("  int rest = e, from = 0;\n");
    if (made.pads) w.body("  bool inside = true;\n");
    for (size_t d = walks.size(); d-- > 0;) {
      const Walk& walk = walks[d];
      std::string index = "rest % " + w.dim(walk.size);
      if (d == 0) index = "rest";
      w.body("  {\n    int i = " + index + ";\n");
      if (d > 0) w.body("    rest /= " + w.dim(walk.size) + ";\n");
      if (walk.step != 1) w.body("    i *= " + std::to_string(walk.step) + ";\n");
      if (!walk.start.is(0)) w.body("    i += " + w.dim(walk.start) + ";\n");
      if (!walk.wrap.is(0)) w.body("    i %= " + w.dim(walk.wrap) + ";\n");
      if (!walk.limit.is(0))
        w.body("    inside = inside && unsigned(i) < unsigned(" + w.dim(walk.limit) + ");\n");
      if (!walk.stride.is(0)) w.body("    from += i * " + w.dim(walk.stride) + ";\n");
      w.body("  }\n");
    }
    const std::string load = "rk_load<" + element + ", " + lanes + ">(in + from)";
    if (made.pads)
      w.body("  Vector<" + element + ", " + lanes + "> v{};\n  if (inside) v = " + load + ";\n");
    else
      w.body("  const auto v = " + load + ";\n");
    w.body("  rk_store(out + e, v);\n");
    return written;
  }
};

}  // namespace

const Tactic& movement_tactic() {
  static const MovementTactic tactic;
  return tactic;
}

}  // namespace rekindle::cuda
