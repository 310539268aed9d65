// Making regions of nodes, and naming them.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/region.h"

#include <set>

#include "ops/region.h"

namespace rekindle {

std::optional<size_t> Region::input_index(ValueId v) const {
  for (size_t i = 0; i < body.inputs.size(); ++i)
    if (body.inputs[i] == v) return i;
  return std::nullopt;
}

const Tensor* Region::constant(ValueId v) const {
  if (v == ValueId::none) return nullptr;
  if (const Tensor* inside = body.constant(v)) return inside;
  const auto index = input_index(v);
  return index ? constants[*index].get() : nullptr;
}

bool Region::is_static() const {
  for (ValueId v : body.inputs)
    if (!body[v].type.is_static()) return false;
  for (ValueId v : body.outputs)
    if (!body[v].type.is_static()) return false;
  return true;
}

std::string Region::label() const {
  std::string text;
  for (NodeId n = body.first(); n != NodeId::none; n = body.next(n))
    text += (text.empty() ? "" : " + ") + std::string(body[n].op.name());
  return text;
}

std::string Region::key() const {
  // Names differ between equal regions, so values are numbered in order of appearance.
  std::map<ValueId, size_t> number;
  std::set<std::string, std::less<>> symbols;
  const auto name = [&](ValueId v) {
    return v == ValueId::none ? std::string("_")
                              : "%" + std::to_string(number.emplace(v, number.size()).first->second);
  };
  const auto type = [&](ValueId v) {
    for (const Dim& d : body[v].type.shape) d.collect_symbols(symbols);
    return body[v].type.to_string();
  };
  std::string text = "(";
  for (size_t i = 0; i < body.inputs.size(); ++i) {
    text += (i ? ", " : "") + name(body.inputs[i]) + ": " + type(body.inputs[i]);
    if (constants[i]) text += " const";
    if (constants[i] && constants[i]->count() == 1) text += constants[i]->to_string();
  }
  text += ")";
  for (NodeId n = body.first(); n != NodeId::none; n = body.next(n)) {
    const Node& node = body[n];
    text += "\n";
    for (size_t i = 0; i < node.outputs.size(); ++i) text += (i ? ", " : "") + name(node.outputs[i]);
    text += " = " + std::string(node.op.name()) + "(";
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Tensor* inside = body.constant(node.inputs[i]);
      text += (i ? ", " : "") + (inside ? inside->to_string() : name(node.inputs[i]));
    }
    text += ")" + node.op.attributes();
    for (ValueId v : node.outputs) text += " " + type(v);
  }
  text += "\nreturn";
  for (ValueId v : body.outputs) text += " " + name(v);
  for (const std::string& s : symbols)
    if (const auto found = sizes.find(s); found != sizes.end())
      text += "\n" + s + "=" + std::to_string(found->second);
  return text;
}

namespace {

/// A body of the one node, each present input a body input of its own.
Result<Graph> body_of_one(const Graph& graph, const Node& node, std::vector<ValueId>& outer_inputs) {
  Graph body;
  body.name = "region";
  std::vector<ValueId> inputs;
  for (ValueId v : node.inputs) {
    if (v == ValueId::none) {
      inputs.push_back(v);
      continue;
    }
    inputs.push_back(body.add_input(graph[v].name, graph[v].type));
    outer_inputs.push_back(v);
  }
  std::vector<std::string> names;
  for (ValueId v : node.outputs) names.push_back(graph[v].name);
  RK_TRY(std::vector<ValueId> outputs, body.add(node.op, inputs, names, node.origin));
  for (size_t i = 0; i < outputs.size(); ++i)
    RK_CHECK(body.declare_type(outputs[i], graph[node.outputs[i]].type));
  body.set_outputs(outputs);
  return body;
}

NodeId find_anchor(const Graph& body) {
  NodeId only = NodeId::none;
  for (NodeId n = body.first(); n != NodeId::none; n = body.next(n)) {
    const OpKind kind = body[n].op.kind();
    if (kind == OpKind::contraction || kind == OpKind::reduction || kind == OpKind::opaque) return n;
    only = body.node_count() == 1 ? n : NodeId::none;
  }
  return only;
}

}  // namespace

Result<Region> region_of(const Graph& graph, NodeId id, const Bindings& sizes) {
  const Node& node = graph[id];
  Region region;
  if (const auto* fused = node.op.as<ops::Region>()) {
    region.body = *fused->body;
    region.outer_inputs = node.inputs;
  } else {
    RK_TRY(region.body, body_of_one(graph, node, region.outer_inputs));
  }
  region.outer_outputs = node.outputs;
  for (ValueId v : region.outer_inputs) region.constants.push_back(graph[v].constant);
  region.anchor = find_anchor(region.body);
  region.sizes = sizes;
  region.origin = node.origin;
  return region;
}

}  // namespace rekindle
