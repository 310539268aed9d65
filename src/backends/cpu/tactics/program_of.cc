// Writing programs from region bodies.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/tactics/program_of.h"

#include <algorithm>
#include <map>

#include "math/cast.h"
#include "math/elementwise.h"

namespace rekindle::cpu {

namespace {

bool is_program_type(DType t) { return t == DType::f32 || t == DType::boolean; }

}  // namespace

Result<RegionProgram> program_of(const Region& region, const std::vector<NodeId>& nodes,
                                 const std::vector<ValueId>& outputs, ValueId first) {
  const Graph& body = region.body;
  std::set<ValueId> made;
  for (NodeId n : nodes) made.insert(body[n].outputs[0]);
  RegionProgram result;
  std::map<ValueId, uint32_t> registers;
  const auto add_input = [&](ValueId v) {
    if (registers.emplace(v, uint32_t(result.inputs.size())).second) result.inputs.push_back(v);
  };
  if (first != ValueId::none) add_input(first);
  for (NodeId n : nodes) {
    const Node& node = body[n];
    if (node.op.kind() != OpKind::elementwise || (node.op.arity() == 0 && !node.op.is<ops::Cast>()))
      return refuse(std::string(node.op.name()) + " has no formula");
    for (ValueId v : node.inputs) {
      if (!is_program_type(body[v].type.dtype))
        return refuse(std::string(node.op.name()) + " reads " + std::string(to_string(body[v].type.dtype)) +
                      ", programs compute in f32");
      if (!made.contains(v)) add_input(v);
    }
    if (!is_program_type(body[node.outputs[0]].type.dtype))
      return refuse(std::string(node.op.name()) + " makes " +
                    std::string(to_string(body[node.outputs[0]].type.dtype)) + ", programs compute in f32");
  }
  for (ValueId v : outputs)
    if (!made.contains(v)) add_input(v);
  result.program.input_count = uint32_t(result.inputs.size());
  for (NodeId n : nodes) {
    const Node& node = body[n];
    Instruction instruction{std::string(node.op.name()), node.op.params(), {}};
    for (ValueId v : node.inputs) instruction.args.push_back(registers.at(v));
    registers[node.outputs[0]] = result.program.input_count + uint32_t(result.program.instructions.size());
    result.program.instructions.push_back(std::move(instruction));
  }
  for (ValueId v : outputs) result.program.outputs.push_back(registers.at(v));
  return result;
}

Result<RegionProgram> tail_program(const Region& region, const AnchoredRegion& parts) {
  return program_of(region, parts.tail, region.body.outputs, parts.anchor->outputs[0]);
}

Result<TailWithBias> tail_with_bias(const Region& region, const AnchoredRegion& parts, const Dim& channels,
                                    ValueId already) {
  const Graph& body = region.body;
  TailWithBias tail;
  tail.bias = already;
  ValueId result = parts.anchor->outputs[0];
  std::vector<NodeId> nodes = parts.tail;
  if (already == ValueId::none && !nodes.empty() && body[nodes[0]].op.is<ops::Add>() &&
      body.use_count(result) == 1) {
    const Node& add = body[nodes[0]];
    const ValueId other = add.inputs[add.inputs[0] == result ? 1 : 0];
    const TensorType& type = body[other].type;
    const bool reads_result = add.inputs[0] == result || add.inputs[1] == result;
    if (reads_result && type.dtype == DType::f32 && type.shape == Shape{channels} && region.constant(other)) {
      tail.bias = other;
      result = add.outputs[0];
      nodes.erase(nodes.begin());
    }
  }
  RK_TRY(tail.rest, program_of(region, nodes, body.outputs, result));
  if (tail.rest.program.instructions.empty()) tail.rest = {};
  return tail;
}

Status add_tail_inputs(const Region& region, const TailWithBias& tail, BuiltKernel& kernel) {
  if (tail.bias != ValueId::none) {
    RK_TRY(KernelInput bias, kernel_input(region, tail.bias));
    kernel.inputs.push_back(std::move(bias));
  }
  for (size_t i = 1; i < tail.rest.inputs.size(); ++i) {
    const ValueId v = tail.rest.inputs[i];
    RK_TRY(KernelInput input, kernel_input(region, v));
    if (region.body.outputs.size() == 1 && input.region_input >= 0 &&
        region.body[v].type == region.output_type(0))
      kernel.may_overwrite.push_back(uint32_t(input.region_input));
    kernel.inputs.push_back(std::move(input));
  }
  return {};
}

Status needs_f32(const Region& region, ValueId v) {
  const DType t = region.body[v].type.dtype;
  return t == DType::f32 ? Status{} : refuse("the type is " + std::string(to_string(t)) + ", needs f32");
}

}  // namespace rekindle::cpu
