// Writing programs from region bodies.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/tactics/program_of.h"

#include <algorithm>
#include <map>

#include "math/cast.h"

namespace rekindle::cpu {

namespace {

bool is_program_type(DType t) { return t == DType::f32 || t == DType::boolean; }

}  // namespace

Result<RegionProgram> program_of(const Region& region, const std::vector<NodeId>& nodes, const std::vector<ValueId>& outputs,
                                 ValueId first) {
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
      return refuse(std::string(node.op.name()) + " makes " + std::string(to_string(body[node.outputs[0]].type.dtype)) +
                    ", programs compute in f32");
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

Result<AnchoredRegion> split_at_anchor(const Region& region) {
  AnchoredRegion parts;
  parts.anchor = region.anchor_node();
  if (!parts.anchor || parts.anchor->op.kind() == OpKind::elementwise) return refuse("the region has no contraction or reduction");
  bool after = false;
  for (NodeId n = region.body.first(); n != NodeId::none; n = region.body.next(n)) {
    if (n == region.anchor) {
      after = true;
    } else if (region.body[n].op.kind() != OpKind::elementwise) {
      return refuse(std::string(region.body[n].op.name()) + " beside the " + std::string(parts.anchor->op.name()));
    } else {
      (after ? parts.tail : parts.head).push_back(n);
    }
  }
  // A node that stands before the anchor in order may still belong to the tail: it depends on nothing of it.
  std::set<ValueId> needed(parts.anchor->inputs.begin(), parts.anchor->inputs.end());
  std::vector<NodeId> head;
  for (auto n = parts.head.rbegin(); n != parts.head.rend(); ++n) {
    const Node& node = region.body[*n];
    if (needed.contains(node.outputs[0])) {
      needed.insert(node.inputs.begin(), node.inputs.end());
      head.insert(head.begin(), *n);
    } else {
      parts.tail.insert(parts.tail.begin(), *n);
    }
  }
  parts.head = std::move(head);
  return parts;
}

Result<RegionProgram> tail_program(const Region& region, const AnchoredRegion& parts) {
  return program_of(region, parts.tail, region.body.outputs, parts.anchor->outputs[0]);
}

Result<KernelInput> kernel_input(const Region& region, ValueId v) {
  if (v == ValueId::none) return KernelInput{};
  if (const auto index = region.input_index(v)) return KernelInput{int(*index), {}};
  if (const Tensor* constant = region.body.constant(v)) return KernelInput{-1, *constant};
  return Status::error(Code::internal, "%" + region.body[v].name + " is made inside the region, a kernel cannot read it");
}

Status needs_f32(const Region& region, ValueId v) {
  const DType t = region.body[v].type.dtype;
  return t == DType::f32 ? Status{} : refuse("the type is " + std::string(to_string(t)) + ", needs f32");
}

}  // namespace rekindle::cpu
