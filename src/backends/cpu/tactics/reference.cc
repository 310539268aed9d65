// cpu.reference: one op, evaluated as its struct says. Takes everything that is a single op; what holds
// graphs is lowered apart.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/reference.h"

#include "backends/cpu/tactics/program_of.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

namespace {

/// Whether a size of the outputs is only known by running the op, or there are strings, which lie in no
/// buffer.
bool makes_outputs(const Region& region) {
  for (const auto* values : {&region.body.inputs, &region.body.outputs})
    for (ValueId v : *values)
      if (region.body[v].type.dtype == DType::string) return true;
  for (ValueId v : region.body.outputs)
    for (const Dim& d : region.body[v].type.shape)
      if (const auto symbol = d.as_symbol(); symbol && region.body.defines_symbol(v, *symbol)) return true;
  return false;
}

class Reference final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.reference"; }
  bool is_last_resort() const override { return true; }
  Result<Space> offer(const Region& region, const Target&) const override {
    if (region.body.node_count() != 1) return refuse("it takes one op at a time");
    const Node& node = region.body[region.body.first()];
    if (!node.op.graphs().empty()) return refuse(std::string(node.op.name()) + " holds graphs");
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    const Node& node = region.body[region.body.first()];
    BuiltKernel kernel;
    kernel.image.name = "cpu.reference";
    ReferenceParams params{std::string(node.op.name()), node.op.params(), makes_outputs(region), {}};
    std::set<std::string, std::less<>> symbols;
    node.op.collect_symbols(symbols);
    for (const std::string& s : symbols) {
      params.symbols.push_back(s);
      kernel.scalars.push_back(Dim::symbol(s));
    }
    kernel.image.params = to_bytes(params);
    for (ValueId v : node.inputs) {
      RK_TRY(KernelInput input, kernel_input(region, v));
      kernel.inputs.push_back(std::move(input));
    }
    return kernel;
  }
};

}  // namespace

const Tactic& reference_tactic() {
  static const Reference tactic;
  return tactic;
}

}  // namespace rekindle::cpu
