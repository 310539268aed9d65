// cpu.resize: scales or sizes known at build.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/resize.h"

#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

namespace {

class ResizeTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.resize"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Resize>(region));
    const auto& op = *node->op.as<ops::Resize>();
    for (size_t i = 1; i < 4; ++i)
      if (has_node_input(*node, i)) return refuse("its region, scales or sizes are known only at run time");
    if (op.coordinates == ops::ResizeCoordinates::tf_crop_and_resize) return refuse("it crops");
    if (op.keep_aspect_ratio != ops::AspectRatio::stretch) return refuse("it keeps the aspect ratio");
    if (op.exclude_outside) return refuse("weights outside are excluded, which may leave no element");
    if (op.mode == ops::ResizeMode::nearest)
      RK_CHECK(needs_bytes(region, node->inputs[0]));
    else
      RK_CHECK(needs_f32(region, node->inputs[0]));
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Resize>(region));
    ResizeParams params{*node->op.as<ops::Resize>()};
    const int rank = region.body[node->inputs[0]].type.rank();
    for (int64_t& axis : params.op.axes) axis += axis < 0 ? rank : 0;
    if (params.op.axes.empty())
      for (int a = 0; a < rank; ++a) params.op.axes.push_back(a);
    params.op.sizes.clear();  // the output's dims tell
    BuiltKernel kernel;
    kernel.image.name = "cpu.resize";
    kernel.image.params = to_bytes(params);
    kernel.strided_inputs = kernel.strided_output = params.op.mode == ops::ResizeMode::nearest;
    RK_CHECK(add_inputs(region, *node, 1, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& resize_tactic() {
  static const ResizeTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
