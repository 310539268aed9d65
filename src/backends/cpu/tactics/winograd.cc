// cpu.winograd: 3 x 3 convolutions of stride 1 with fewer multiplications; taken where it measures faster.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/winograd.h"

#include "backends/cpu/tactics/conv_region.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

namespace {

using Sizes = std::vector<int64_t>;

Result<ConvRegion> as_winograd(const Region& region) {
  RK_TRY(ConvRegion conv, as_conv(region));
  if (conv.window.kernel != Sizes{3, 3})
    return refuse("the kernel is " + to_string(conv.window.kernel) + ", needs [3, 3]");
  if (conv.window.strides != Sizes{1, 1} || conv.window.dilations != Sizes{1, 1})
    return refuse("strides or dilations are not 1");
  if (conv.op->group != 1) return refuse("it has " + std::to_string(conv.op->group) + " groups");
  return conv;
}

class Winograd final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.winograd"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_winograd(region).status());
    Space space;
    space.axis("tile", {4, 2});
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(ConvRegion conv, as_winograd(region));
    WinogradParams params;
    params.tile = config.at(0).second;
    // With stride 1 both kinds of SAME padding put one zero on each side of a 3 x 3 kernel.
    const bool same = conv.window.same_upper || conv.window.same_lower;
    params.begin_y = same ? 1 : conv.window.begin[0];
    params.begin_x = same ? 1 : conv.window.begin[1];
    params.in_channels = conv.in_channels;
    params.out_channels = conv.out_channels;
    params.has_bias = conv.tail.bias != ValueId::none;
    params.tail = conv.tail.rest.program;
    BuiltKernel kernel;
    kernel.image.name = "cpu.winograd";
    kernel.image.params = to_bytes(params);
    RK_CHECK(
        add_conv_inputs(region, conv, pack_winograd_weights(*conv.weight, params.tile, target.isa), kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& winograd_tactic() {
  static const Winograd tactic;
  return tactic;
}

}  // namespace rekindle::cpu
