// cpu.conv: any channels-last convolution, as an implicit matrix multiplication.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/tactics/conv_region.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

namespace {

class Conv final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.conv"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_conv(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target& target) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    ConvParams params;
    params.window = conv.window;
    params.group = conv.op->group;
    params.in_channels = conv.in_channels;
    params.out_channels = conv.out_channels;
    params.has_bias = conv.tail.bias != ValueId::none;
    params.tail = conv.tail.rest.program;
    BuiltKernel kernel;
    kernel.image.name = "cpu.conv";
    kernel.image.params = to_bytes(params);
    RK_CHECK(
        add_conv_inputs(region, conv, pack_conv_weights(*conv.weight, conv.op->group, target.isa), kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& conv_tactic() {
  static const Conv tactic;
  return tactic;
}

}  // namespace rekindle::cpu
