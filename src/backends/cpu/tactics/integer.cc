// cpu.integer: single elementwise ops on integers and booleans, which programs do not compute in.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/integer.h"

#include "backends/cpu/tactics/program_of.h"
#include "backends/cpu/tactics/table.h"
#include "math/cast.h"

namespace rekindle::cpu {

namespace {

bool is_lane_type(DType t) {
  return t == DType::boolean || (is_integer(t) && bits_of(t) >= 8 && t != DType::u64);
}

Result<const Node*> as_integer(const Region& region) {
  if (region.body.node_count() != 1) return refuse("it takes one op at a time");
  const Node& node = region.body[region.body.first()];
  if (node.op.kind() != OpKind::elementwise || node.op.arity() == 0)
    return refuse(std::string(node.op.name()) + " has no formula");
  for (ValueId v : node.inputs)
    if (const DType t = region.body[v].type.dtype; !is_lane_type(t))
      return refuse("the type is " + std::string(to_string(t)) +
                    ", needs booleans or integers of 8 to 64 bits but u64");
  return &node;
}

class Integer final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.integer"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_integer(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, as_integer(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.integer";
    kernel.image.params = to_bytes(IntegerParams{std::string(node->op.name()), node->op.params()});
    for (ValueId v : node->inputs) {
      RK_TRY(KernelInput input, kernel_input(region, v));
      if (input.region_input >= 0 && region.body[v].type == region.output_type(0))
        kernel.may_overwrite.push_back(uint32_t(input.region_input));
      kernel.inputs.push_back(std::move(input));
    }
    return kernel;
  }
};

}  // namespace

const Tactic& integer_tactic() {
  static const Integer tactic;
  return tactic;
}

}  // namespace rekindle::cpu
