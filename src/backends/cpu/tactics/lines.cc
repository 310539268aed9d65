// Ops that walk along one axis: cpu.top_k, cpu.cumulative.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/cumulative.h"
#include "backends/cpu/kernels/top_k.h"
#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"
#include "math/selection.h"

namespace rekindle::cpu {

namespace {

int64_t from_front(int64_t axis, const TensorType& x) { return axis < 0 ? axis + x.rank() : axis; }

class TopKTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.top_k"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::TopK>(region));
    RK_CHECK(needs_f32(region, node->inputs[0]));
    if (has_node_input(*node, 1)) return refuse("k is known only at run time");
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::TopK>(region));
    const auto& op = *node->op.as<ops::TopK>();
    BuiltKernel kernel;
    kernel.image.name = "cpu.top_k";
    kernel.image.params =
        to_bytes(TopKParams{from_front(op.axis, region.body[node->inputs[0]].type), op.largest});
    RK_CHECK(add_inputs(region, *node, 1, kernel));
    return kernel;
  }
};

class CumulativeTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.cumulative"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Cumulative>(region));
    const DType t = region.body[node->inputs[0]].type.dtype;
    if (t != DType::f32 && t != DType::i32 && t != DType::i64)
      return refuse("the type is " + std::string(to_string(t)) + ", needs f32, i32 or i64");
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Cumulative>(region));
    const auto& op = *node->op.as<ops::Cumulative>();
    BuiltKernel kernel;
    kernel.image.name = "cpu.cumulative";
    kernel.image.params = to_bytes(CumulativeParams{
        op.op, from_front(op.axis, region.body[node->inputs[0]].type), op.exclusive, op.reverse});
    RK_CHECK(add_inputs(region, *node, 1, kernel));
    if (kernel.inputs[0].region_input >= 0)
      kernel.may_overwrite.push_back(uint32_t(kernel.inputs[0].region_input));
    return kernel;
  }
};

}  // namespace

const Tactic& top_k_tactic() {
  static const TopKTactic tactic;
  return tactic;
}
const Tactic& cumulative_tactic() {
  static const CumulativeTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
