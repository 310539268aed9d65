// cpu.depthwise: convolutions in which every channel has one filter of its own.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/depthwise.h"

#include "backends/cpu/tactics/conv_region.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

namespace {

class Depthwise final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.depthwise"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const ConvRegion conv, as_conv(region));
    if (!conv.is_depthwise())
      return refuse("group " + std::to_string(conv.op->group) + " with " + std::to_string(conv.in_channels) +
                    " to " + std::to_string(conv.out_channels) + " channels is not depthwise");
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    DepthwiseParams params;
    params.window = conv.window;
    params.channels = conv.out_channels;
    params.has_bias = conv.tail.bias != ValueId::none;
    params.tail = conv.tail.rest.program;
    BuiltKernel kernel;
    kernel.image.name = "cpu.depthwise";
    kernel.image.params = to_bytes(params);
    RK_CHECK(add_conv_inputs(region, conv, pack_depthwise_weights(*conv.weight), kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& depthwise_tactic() {
  static const Depthwise tactic;
  return tactic;
}

}  // namespace rekindle::cpu
