// cpu.cast: casts between numbers and booleans that no program takes.
// SPDX-License-Identifier: Apache-2.0
#include "math/cast.h"

#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

namespace {

class CastTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.cast"; }
  int version() const override { return 2; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Cast>(region));
    for (const DType t : {region.body[node->inputs[0]].type.dtype, node->op.as<ops::Cast>()->to})
      if (!is_integer(t) && !is_float(t) && t != DType::boolean)
        return refuse("the type " + std::string(to_string(t)) + " is no number");
      else
        RK_CHECK(bits_of(t) >= 8 ? Status{} : refuse("the type " + std::string(to_string(t)) + " is packed"));
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Node* node, only_node_as<ops::Cast>(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.cast";
    RK_CHECK(add_inputs(region, *node, 1, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& cast_tactic() {
  static const CastTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
