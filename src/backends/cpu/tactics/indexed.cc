// cpu.indexed: gather_elements, gather_nd, scatter_elements, scatter_nd.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/indexed.h"

#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"
#include "math/gather.h"

namespace rekindle::cpu {

namespace {

struct Indexed {
  const Node* node = nullptr;
  IndexedParams params;
};

Result<Indexed> as_indexed(const Region& region) {
  if (region.body.node_count() != 1) return refuse("it takes one op at a time");
  const Node& node = region.body[region.body.first()];
  Indexed found{&node, {}};
  IndexedParams& p = found.params;
  if (const auto* elements = node.op.as<ops::GatherElements>()) {
    p.op = IndexedOp::gather_elements, p.axis = elements->axis;
  } else if (const auto* tuples = node.op.as<ops::GatherNd>()) {
    p.op = IndexedOp::gather_nd, p.batch_dims = tuples->batch_dims;
  } else if (const auto* scatter = node.op.as<ops::ScatterElements>()) {
    p.op = IndexedOp::scatter_elements, p.axis = scatter->axis, p.reduction = scatter->reduction;
  } else if (const auto* scatter_nd = node.op.as<ops::ScatterNd>()) {
    p.op = IndexedOp::scatter_nd, p.reduction = scatter_nd->reduction;
  } else {
    return refuse("the op is " + std::string(node.op.name()) + ", not a gather or scatter of elements");
  }
  RK_CHECK(needs_bytes(region, node.inputs[0]));
  const TensorType& x = region.body[node.inputs[0]].type;
  if (p.axis < 0) p.axis += x.rank();
  const bool is_number =
      x.dtype == DType::f32 || x.dtype == DType::f64 || x.dtype == DType::i32 || x.dtype == DType::i64;
  if (p.reduction != ops::ScatterReduction::none && !is_number)
    return refuse("elements of " + std::string(to_string(x.dtype)) +
                  " are combined, needs f32, f64, i32 or i64");
  return found;
}

class IndexedTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.indexed"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_indexed(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const Indexed found, as_indexed(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.indexed";
    kernel.image.params = to_bytes(found.params);
    RK_CHECK(add_inputs(region, *found.node, 3, kernel));
    if (found.node->inputs.size() == 3 && kernel.inputs[0].region_input >= 0)
      kernel.may_overwrite.push_back(uint32_t(kernel.inputs[0].region_input));
    return kernel;
  }
};

}  // namespace

const Tactic& indexed_tactic() {
  static const IndexedTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
