// cpu.conv_transpose: transposed convolutions, one convolution a phase.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv_transpose.h"

#include <algorithm>

#include "backends/cpu/tactics/conv_region.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

namespace {

class ConvTranspose final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.conv_transpose"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const ConvTransposeRegion conv, as_conv_transpose(region));
    for (const int64_t d : conv.window.dilations)
      if (d != 1) return refuse("a dilation of " + std::to_string(d) + ", needs 1");
    for (const int64_t s : conv.window.strides)
      if (s > 8) return refuse("a stride of " + std::to_string(s) + " makes too many phases");
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target& target) const override {
    RK_TRY(ConvTransposeRegion conv, as_conv_transpose(region));
    ConvTransposeParams params{conv.window,
                               conv.op->group,
                               conv.in_channels,
                               conv.out_channels,
                               conv.tail.bias != ValueId::none,
                               conv.tail.rest.program};
    BuiltKernel kernel;
    kernel.image.name = "cpu.conv_transpose";
    kernel.image.params = to_bytes(params);
    RK_TRY(KernelInput x, kernel_input(region, conv.node->inputs[0]));
    kernel.inputs.push_back(std::move(x));
    for (Tensor& packed : pack_conv_transpose_weights(*conv.weight, conv.window, conv.op->group, target.isa))
      kernel.inputs.push_back({-1, std::move(packed)});
    kernel.strided_inputs = kernel.strided_output = true;
    RK_CHECK(add_tail_inputs(region, conv.tail, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& conv_transpose_tactic() {
  static const ConvTranspose tactic;
  return tactic;
}

}  // namespace rekindle::cpu
