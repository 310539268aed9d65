// Ops that only move elements: cpu.copy (copy, slice, expand, transpose), cpu.pad, cpu.tile.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/copy.h"
#include "backends/cpu/kernels/pad.h"
#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"
#include "math/copy.h"

namespace rekindle::cpu {

namespace {

struct View {
  const Node* node = nullptr;
  CopyParams params;
  std::vector<Dim> starts;
};

Result<View> as_view(const Region& region) {
  View view;
  if (auto copy = only_node_as<ops::Copy>(region); copy.ok()) {
    view.node = *copy;
  } else if (auto expand = only_node_as<ops::Expand>(region); expand.ok()) {
    view.node = *expand;
  } else if (auto transpose = only_node_as<ops::Transpose>(region); transpose.ok()) {
    view.node = *transpose;
    view.params.perm = view.node->op.as<ops::Transpose>()->perm;
    const int rank = region.input_type(0).rank();
    if (view.params.perm.empty())
      for (int i = rank; i-- > 0;) view.params.perm.push_back(i);
    for (int64_t& axis : view.params.perm) axis += axis < 0 ? rank : 0;
  } else {
    RK_TRY(view.node, only_node_as<ops::Slice>(region));
    const auto& slice = *view.node->op.as<ops::Slice>();
    for (size_t i = 0; i < slice.starts.size(); ++i) {
      const int64_t axis = slice.axes.empty() ? int64_t(i) : slice.axes[i];
      view.params.axes.push_back(axis < 0 ? axis + region.input_type(0).rank() : axis);
      view.params.steps.push_back(slice.steps.empty() ? 1 : slice.steps[i]);
    }
    view.starts = slice.starts;
  }
  if (view.node->inputs.size() != 1) return refuse("its shape argument is known only at run time");
  RK_CHECK(needs_bytes(region, view.node->inputs[0]));
  return view;
}

class CopyTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.copy"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_view(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(View view, as_view(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.copy";
    kernel.image.params = to_bytes(view.params);
    kernel.scalars = std::move(view.starts);
    kernel.strided_inputs = kernel.strided_output = true;
    RK_CHECK(add_inputs(region, *view.node, 1, kernel));
    return kernel;
  }
};

class PadTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.pad"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Pad>(region));
    if (node->inputs.size() > 2) return refuse("its pads are known only at run time");
    RK_CHECK(needs_bytes(region, node->inputs[0]));
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Pad>(region));
    const auto& op = *node->op.as<ops::Pad>();
    BuiltKernel kernel;
    kernel.image.name = "cpu.pad";
    kernel.image.params = to_bytes(PadParams{op.mode});
    kernel.scalars = op.pads;
    kernel.strided_inputs = kernel.strided_output = true;
    RK_CHECK(add_inputs(region, *node, 2, kernel));
    return kernel;
  }
};

class TileTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.tile"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Tile>(region));
    if (node->inputs.size() != 1) return refuse("its repeats are known only at run time");
    RK_CHECK(needs_bytes(region, node->inputs[0]));
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Tile>(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.tile";
    kernel.strided_inputs = kernel.strided_output = true;
    RK_CHECK(add_inputs(region, *node, 1, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& copy_tactic() {
  static const CopyTactic tactic;
  return tactic;
}
const Tactic& pad_tactic() {
  static const PadTactic tactic;
  return tactic;
}
const Tactic& tile_tactic() {
  static const TileTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
