// cpu.arg_reduce: positions of extremes among floats.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/arg_reduce.h"

#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

namespace {

class ArgReduceTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.arg_reduce"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::ArgReduce>(region));
    RK_CHECK(needs_f32(region, node->inputs[0]));
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::ArgReduce>(region));
    const auto& op = *node->op.as<ops::ArgReduce>();
    const int64_t axis = op.axis < 0 ? op.axis + region.body[node->inputs[0]].type.rank() : op.axis;
    BuiltKernel kernel;
    kernel.image.name = "cpu.arg_reduce";
    kernel.image.params = to_bytes(ArgReduceParams{op.op, axis, op.select_last});
    RK_CHECK(add_inputs(region, *node, 1, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& arg_reduce_tactic() {
  static const ArgReduceTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
