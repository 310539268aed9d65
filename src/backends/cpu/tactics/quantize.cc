// cpu.quantize: quantize_linear and dequantize_linear by tensor or by axis.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/quantize.h"

#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"
#include "math/quantize.h"

namespace rekindle::cpu {

namespace {

struct Quantize {
  const Node* node = nullptr;
  QuantizeParams params;
};

Result<Quantize> as_quantize(const Region& region) {
  if (region.body.node_count() != 1) return refuse("it takes one op at a time");
  Quantize found{&region.body[region.body.first()], {}};
  const auto* there = found.node->op.as<ops::QuantizeLinear>();
  const auto* back = found.node->op.as<ops::DequantizeLinear>();
  if (!there && !back)
    return refuse("the op is " + std::string(found.node->op.name()) + ", not a quantization");
  if ((there ? there->block_size : back->block_size) != 0) return refuse("scales belong to blocks");
  const TensorType &x = region.body[found.node->inputs[0]].type,
                   &scale = region.body[found.node->inputs[1]].type;
  const DType small = there ? there->to : x.dtype;
  const bool fits = small == DType::i8 || small == DType::u8 || small == DType::i16 || small == DType::u16 ||
                    (back && small == DType::i32 && !has_node_input(*found.node, 2));
  if (!fits)
    return refuse("the integers are " + std::string(to_string(small)) + ", needs i8, u8, i16 or u16");
  RK_CHECK(needs_f32(region, found.node->inputs[1]));
  if (there) RK_CHECK(needs_f32(region, found.node->inputs[0]));
  found.params.back = back != nullptr;
  found.params.axis = there ? there->axis : back->axis;
  if (found.params.axis < 0) found.params.axis += x.rank();
  if (scale.rank() == 0 || found.params.axis < 0) found.params.axis = 0;
  return found;
}

class QuantizeTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.quantize"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_quantize(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Quantize found, as_quantize(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.quantize";
    kernel.image.params = to_bytes(found.params);
    RK_CHECK(add_inputs(region, *found.node, 3, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& quantize_tactic() {
  static const QuantizeTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
