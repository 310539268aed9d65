// cpu.gemm: matrix multiplications with any elementwise tail; constant right sides are packed at build.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm.h"

#include "backends/cpu/tactics/program_of.h"
#include "backends/cpu/tactics/table.h"
#include "math/elementwise.h"
#include "math/matmul.h"

namespace rekindle::cpu {

namespace {

struct GemmRegion {
  const ops::Matmul* op = nullptr;
  AnchoredRegion parts;
  const Tensor* packed_b = nullptr;  // the constant to pack
  TailWithBias tail;
};

Result<GemmRegion> as_gemm(const Region& region) {
  GemmRegion gemm;
  RK_TRY(gemm.parts, split_at_anchor(region));
  const Node& node = *gemm.parts.anchor;
  gemm.op = node.op.as<ops::Matmul>();
  if (!gemm.op) return refuse("the anchor is " + std::string(node.op.name()) + ", not matmul");
  if (!gemm.parts.head.empty()) return refuse("something elementwise comes before the matmul");
  for (ValueId v : node.inputs) {
    RK_CHECK(needs_f32(region, v));
    if (region.body[v].type.rank() < 2) return refuse("an operand is a vector");
  }
  const Tensor* b = region.constant(node.inputs[1]);
  if (b && b->rank() == 2 && b->count() > 0) gemm.packed_b = b;
  RK_TRY(gemm.tail, tail_with_bias(region, gemm.parts, region.body[node.outputs[0]].type.shape.back()));
  return gemm;
}

class Gemm final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.gemm"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_gemm(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target& target) const override {
    RK_TRY(GemmRegion gemm, as_gemm(region));
    const Node& node = *gemm.parts.anchor;
    GemmParams params;
    params.transpose_a = gemm.op->transpose_a;
    BuiltKernel kernel;
    RK_TRY(KernelInput a, kernel_input(region, node.inputs[0]));
    kernel.inputs.push_back(std::move(a));
    if (gemm.packed_b) {
      params.packed = true;
      params.k = gemm.packed_b->dims()[gemm.op->transpose_b ? 1 : 0];
      params.n = gemm.packed_b->dims()[gemm.op->transpose_b ? 0 : 1];
      kernel.inputs.push_back({-1, pack_gemm_weights(*gemm.packed_b, gemm.op->transpose_b, target.isa)});
    } else {
      params.transpose_b = gemm.op->transpose_b;
      RK_TRY(KernelInput b, kernel_input(region, node.inputs[1]));
      kernel.inputs.push_back(std::move(b));
    }
    params.has_bias = gemm.tail.bias != ValueId::none;
    RK_CHECK(add_tail_inputs(region, gemm.tail, kernel));
    params.tail = std::move(gemm.tail.rest.program);
    kernel.image.name = "cpu.gemm";
    kernel.image.params = to_bytes(params);
    kernel.strided_inputs = kernel.strided_output = true;
    return kernel;
  }
};

}  // namespace

const Tactic& gemm_tactic() {
  static const Gemm tactic;
  return tactic;
}

}  // namespace rekindle::cpu
