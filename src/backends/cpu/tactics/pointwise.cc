// cpu.pointwise: any region of elementwise ops.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pointwise.h"

#include "backends/cpu/tactics/program_of.h"
#include "backends/cpu/tactics/table.h"
#include "math/copy.h"

namespace rekindle::cpu {

namespace {

Result<RegionProgram> whole_program(const Region& region) {
  if (const Node& node = region.body[region.body.first()]; node.op.is<ops::Copy>()) {
    const DType type = region.output_type(0).dtype;
    if (type != DType::f32 && type != DType::boolean)
      return refuse("copies " + std::string(to_string(type)) + ", not f32");
    return RegionProgram{{1, {}, {0}}, {node.inputs[0]}};
  }
  std::vector<NodeId> nodes;
  for (NodeId n = region.body.first(); n != NodeId::none; n = region.body.next(n)) nodes.push_back(n);
  const TensorType& type = region.output_type(0);
  for (size_t i = 1; i < region.body.outputs.size(); ++i)
    if (region.output_type(i).shape != type.shape) return refuse("its outputs have different shapes");
  return program_of(region, nodes, region.body.outputs);
}

class Pointwise final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.pointwise"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(whole_program(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(RegionProgram made, whole_program(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.pointwise";
    kernel.image.params = to_bytes(PointwiseParams{std::move(made.program)});
    kernel.strided_inputs = kernel.strided_output = true;
    for (ValueId v : made.inputs) {
      RK_TRY(KernelInput input, kernel_input(region, v));
      const TensorType& type = region.body[v].type;
      if (region.body.outputs.size() == 1 && input.region_input >= 0 && type == region.output_type(0))
        kernel.may_overwrite.push_back(uint32_t(input.region_input));
      kernel.inputs.push_back(std::move(input));
    }
    return kernel;
  }
};

}  // namespace

const Tactic& pointwise_tactic() {
  static const Pointwise tactic;
  return tactic;
}

}  // namespace rekindle::cpu
