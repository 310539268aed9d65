// cpu.attention: attention of floats, with a mask of floats or booleans.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/attention.h"

#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"
#include "math/matmul.h"

namespace rekindle::cpu {

namespace {

class AttentionTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.attention"; }
  int version() const override { return 2; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Attention>(region));
    for (size_t i = 0; i < 3; ++i) RK_CHECK(needs_f32(region, node->inputs[i]));
    if (has_node_input(*node, 3)) {
      const DType mask = region.body[node->inputs[3]].type.dtype;
      if (mask != DType::f32 && mask != DType::boolean)
        return refuse("the mask is " + std::string(to_string(mask)) + ", needs f32 or boolean");
    }
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Attention>(region));
    const auto& op = *node->op.as<ops::Attention>();
    BuiltKernel kernel;
    kernel.image.name = "cpu.attention";
    kernel.image.params = to_bytes(AttentionParams{op.scale, op.causal, has_node_input(*node, 3)});
    if (op.causal) kernel.scalars = {op.causal_offset};
    kernel.strided_inputs = kernel.strided_output = true;
    RK_CHECK(add_inputs(region, *node, has_node_input(*node, 3) ? 4 : 3, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& attention_tactic() {
  static const AttentionTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
