// cpu.pool: channels-last max and average pools. cpu.max_unpool undoes max pools in either layout.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pool.h"

#include "backends/cpu/kernels/max_unpool.h"
#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"
#include "math/pool.h"

namespace rekindle::cpu {

namespace {

template <class T> Status fill(const T& op, size_t axes, PoolParams& params) {
  if (op.layout != ops::Layout::nhwc) return refuse("the layout is nchw, needs nhwc");
  params.window.kernel = op.kernel;
  params.window.strides = op.strides.empty() ? std::vector<int64_t>(axes, 1) : op.strides;
  params.window.dilations = op.dilations.empty() ? std::vector<int64_t>(axes, 1) : op.dilations;
  params.window.begin.assign(axes, 0);
  params.end.assign(axes, 0);
  for (size_t i = 0; i < axes && !op.pads.empty(); ++i) {
    params.window.begin[i] = op.pads[i];
    params.end[i] = op.pads[axes + i];
  }
  params.window.same_upper = op.auto_pad == ops::AutoPad::same_upper;
  params.window.same_lower = op.auto_pad == ops::AutoPad::same_lower;
  return {};
}

Result<PoolParams> as_pool(const Region& region) {
  if (region.body.node_count() != 1) return refuse("a pool takes no tail");
  const Node& node = region.body[region.body.first()];
  const auto* max = node.op.as<ops::MaxPool>();
  const auto* average = node.op.as<ops::AveragePool>();
  if (!max && !average) return refuse("the op is " + std::string(node.op.name()) + ", not a pool");
  RK_CHECK(needs_f32(region, node.inputs[0]));
  if (max && max->with_indices && max->storage_order != 0)
    return refuse("indices are wanted in column-major order");
  const int axes = region.body[node.inputs[0]].type.rank() - 2;
  if (axes != 1 && axes != 2) return refuse("it has " + std::to_string(axes) + " spatial axes, needs 1 or 2");
  PoolParams params;
  params.op = max ? PoolOp::max : PoolOp::average;
  if (max) {
    RK_CHECK(fill(*max, size_t(axes), params));
    params.with_indices = max->with_indices;
  }
  if (average) {
    RK_CHECK(fill(*average, size_t(axes), params));
    params.count_include_pad = average->count_include_pad;
  }
  return params;
}

class Pool final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.pool"; }
  int version() const override { return 2; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_pool(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const PoolParams params, as_pool(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.pool";
    kernel.image.params = to_bytes(params);
    RK_TRY(KernelInput x, kernel_input(region, region.body[region.body.first()].inputs[0]));
    kernel.inputs.push_back(std::move(x));
    kernel.strided_inputs = kernel.strided_output = true;
    return kernel;
  }
};

Result<MaxUnpoolParams> as_unpool(const Region& region) {
  RK_TRY(const Node* node, only_node_as<ops::MaxUnpool>(region));
  RK_CHECK(needs_f32(region, node->inputs[0]));
  if (has_node_input(*node, 2)) return refuse("its output shape is known only at run time");
  const auto& op = *node->op.as<ops::MaxUnpool>();
  MaxUnpoolParams params;
  params.channels_last = op.layout == ops::Layout::nhwc;
  const bool is_padded = !op.pads.empty() && (op.pads[0] != 0 || op.pads[op.pads.size() / 2] != 0);
  if (!op.strides.empty() && op.strides[0] == op.kernel[0] && !is_padded) params.rows_each = op.kernel[0];
  return params;
}

class MaxUnpoolTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.max_unpool"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_unpool(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const MaxUnpoolParams params, as_unpool(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.max_unpool";
    kernel.image.params = to_bytes(params);
    RK_CHECK(add_inputs(region, region.body[region.body.first()], 2, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& max_unpool_tactic() {
  static const MaxUnpoolTactic tactic;
  return tactic;
}
const Tactic& pool_tactic() {
  static const Pool tactic;
  return tactic;
}

}  // namespace rekindle::cpu
