// cpu.gather: rows of a table by their numbers.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gather.h"

#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"
#include "math/gather.h"

namespace rekindle::cpu {

namespace {

class GatherTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.gather"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Gather>(region));
    RK_CHECK(needs_bytes(region, node->inputs[0]));
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Gather>(region));
    const int64_t axis = node->op.as<ops::Gather>()->axis;
    BuiltKernel kernel;
    kernel.image.name = "cpu.gather";
    kernel.image.params =
        to_bytes(GatherParams{axis < 0 ? axis + region.body[node->inputs[0]].type.rank() : axis});
    RK_CHECK(add_inputs(region, *node, 2, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& gather_tactic() {
  static const GatherTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
