// Taking nodes out of a graph and putting them back.
// SPDX-License-Identifier: Apache-2.0
#include "ir/subgraph.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ir/patch.h"

namespace rekindle {

namespace {

/// Copies nodes into another graph under the same names and types.
class Copier {
 public:
  Copier(const Graph& from, Graph& to) : from_(from), to_(to) {}

  void map(ValueId outer, ValueId inner) { copies_[uint32_t(outer)] = inner; }
  const ValueId* find(ValueId outer) const {
    auto found = copies_.find(uint32_t(outer));
    return found == copies_.end() ? nullptr : &found->second;
  }
  void copy_constant(ValueId v) { map(v, to_.add_constant(from_[v].name, *from_[v].constant)); }
  void copy_input(ValueId v) { map(v, to_.add_input(from_[v].name, from_[v].type)); }

  Status copy_node(NodeId n) {
    const Node& node = from_[n];
    std::vector<ValueId> inputs;
    for (ValueId v : node.inputs) inputs.push_back(v == ValueId::none ? v : *find(v));
    std::vector<std::string> names;
    for (ValueId v : node.outputs) names.push_back(from_[v].name);
    RK_TRY(std::vector<ValueId> outputs, to_.add(node.op, std::move(inputs), std::move(names), node.origin));
    for (size_t i = 0; i < outputs.size(); ++i) {
      RK_CHECK(to_.declare_type(outputs[i], from_[node.outputs[i]].type));
      map(node.outputs[i], outputs[i]);
    }
    return {};
  }

 private:
  const Graph& from_;
  Graph& to_;
  std::unordered_map<uint32_t, ValueId> copies_;
};

/// Error when something between the nodes depends on one of them and feeds another.
Status check_convex(const Graph& graph, const std::vector<NodeId>& ordered,
                    const std::unordered_set<uint32_t>& inside) {
  std::unordered_set<uint32_t> outside;  // nodes after a member that depend on one, members excepted
  for (NodeId n = ordered.front();; n = graph.next(n)) {
    bool depends = false, through_outside = false;
    for (ValueId v : graph[n].inputs) {
      if (v == ValueId::none || graph[v].producer == NodeId::none) continue;
      const uint32_t from = uint32_t(graph[v].producer);
      depends = depends || inside.contains(from);
      through_outside = through_outside || outside.contains(from);
    }
    if (inside.contains(uint32_t(n))) {
      if (through_outside)
        return Status::error(Code::invalid_argument,
                             "nodes cannot be taken out as one: %" + graph[graph[n].outputs[0]].name +
                                 " depends on one of them through a node that is not");
    } else if (depends || through_outside) {
      outside.insert(uint32_t(n));
    }
    if (n == ordered.back()) return {};
  }
}

}  // namespace

Result<Graph> clone(const Graph& graph) {
  Graph copy;
  copy.name = graph.name;
  Copier copier(graph, copy);
  for (ValueId v : graph.inputs) copier.copy_input(v);
  for (size_t i = 0; i < graph.value_count(); ++i)
    if (graph.constant(ValueId(i))) copier.copy_constant(ValueId(i));
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) RK_CHECK(copier.copy_node(n));
  std::vector<ValueId> outputs;
  for (ValueId v : graph.outputs) outputs.push_back(*copier.find(v));
  copy.set_outputs(std::move(outputs));
  return copy;
}

Result<Subgraph> extract(const Graph& graph, std::span<const NodeId> nodes, int64_t most_inside) {
  std::vector<NodeId> ordered(nodes.begin(), nodes.end());
  std::sort(ordered.begin(), ordered.end(), [&](NodeId a, NodeId b) { return graph.precedes(a, b); });
  ordered.erase(std::unique(ordered.begin(), ordered.end()), ordered.end());
  if (ordered.empty())
    return Status::error(Code::invalid_argument, "no nodes are to be taken out, expected one at least");
  std::unordered_set<uint32_t> inside;
  for (NodeId n : ordered) inside.insert(uint32_t(n));
  RK_CHECK(check_convex(graph, ordered, inside));

  Subgraph result;
  result.body.name = "region";
  Copier copier(graph, result.body);
  for (NodeId n :
       ordered)  // inputs first, so that their symbols are known before a node could take one of the names
    for (ValueId v : graph[n].inputs) {
      if (v == ValueId::none || copier.find(v) ||
          (graph[v].producer != NodeId::none && inside.contains(uint32_t(graph[v].producer))))
        continue;
      const Tensor* constant = graph.constant(v);
      if (constant && constant->count() <= most_inside) {
        copier.copy_constant(v);
      } else {
        copier.copy_input(v);
        result.inputs.push_back(v);
      }
    }
  std::vector<ValueId> outputs;
  for (NodeId n : ordered) {
    RK_CHECK(copier.copy_node(n));
    for (ValueId v : graph[n].outputs) {
      const auto& users = graph.users(v);
      const bool leaves = graph.is_output(v) || std::any_of(users.begin(), users.end(), [&](NodeId user) {
                            return !inside.contains(uint32_t(user));
                          });
      if (!leaves) continue;
      result.outputs.push_back(v);
      outputs.push_back(*copier.find(v));
    }
  }
  result.body.set_outputs(std::move(outputs));
  return result;
}

Status inline_region(Graph& graph, NodeId id) {
  const Node node = graph[id];
  const std::vector<GraphRef> bodies = node.op.graphs();
  if (bodies.size() != 1 || bodies[0]->inputs.size() != node.inputs.size() ||
      bodies[0]->outputs.size() != node.outputs.size())
    return Status::error(Code::internal,
                         std::string(node.op.name()) + " does not hold one body with its inputs and outputs");
  const Graph& body = *bodies[0];
  Patch patch(graph);
  std::unordered_map<uint32_t, ValueId> outer;
  for (size_t i = 0; i < body.inputs.size(); ++i) outer[uint32_t(body.inputs[i])] = node.inputs[i];
  for (size_t i = 0; i < body.value_count(); ++i)
    if (const Tensor* constant = body.constant(ValueId(i)); constant && body.use_count(ValueId(i)) > 0)
      outer[uint32_t(i)] = patch.add_constant(*constant);
  for (NodeId n = body.first(); n != NodeId::none; n = body.next(n)) {
    std::vector<ValueId> inputs;
    for (ValueId v : body[n].inputs) inputs.push_back(v == ValueId::none ? v : outer.at(uint32_t(v)));
    std::vector<std::string> names;
    for (ValueId v : body[n].outputs) names.push_back(body[v].name);
    RK_TRY(std::vector<ValueId> outputs,
           patch.add(body[n].op, std::move(inputs), std::move(names), body[n].origin));
    for (size_t i = 0; i < outputs.size(); ++i) outer[uint32_t(body[n].outputs[i])] = outputs[i];
  }
  for (size_t i = 0; i < node.outputs.size(); ++i)
    patch.replace(node.outputs[i], outer.at(uint32_t(body.outputs[i])));
  return graph.apply(patch);
}

Result<Types> infer_body(std::string_view op, const Graph& body, std::span<const TensorType> inputs) {
  RK_CHECK(check_arity(op, inputs.size(), body.inputs.size(), body.inputs.size()));
  const auto mismatch = [&](size_t i) {
    return op_error(op, "input " + std::to_string(i) + " is " + inputs[i].to_string() +
                            ", but the body takes " + body[body.inputs[i]].type.to_string());
  };
  DimMap bound;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorType& wanted = body[body.inputs[i]].type;
    if (wanted.dtype != inputs[i].dtype || wanted.rank() != inputs[i].rank()) return mismatch(i);
    for (size_t axis = 0; axis < wanted.shape.size(); ++axis)
      if (auto symbol = wanted.shape[axis].as_symbol()) bound.emplace(*symbol, inputs[i].shape[axis]);
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    for (size_t axis = 0; axis < inputs[i].shape.size(); ++axis)
      if (body[body.inputs[i]].type.shape[axis].substitute(bound) != inputs[i].shape[axis])
        return mismatch(i);
  Types types;
  for (ValueId v : body.outputs) {
    TensorType type = body[v].type;
    for (Dim& d : type.shape) {
      std::set<std::string, std::less<>> symbols;
      d.collect_symbols(symbols);
      for (const std::string& s : symbols)  // sizes the body defines: one unknown each
        if (body.defines_symbol(s)) bound.try_emplace(s, Dim::unknown());
      d = d.substitute(bound);
    }
    types.push_back(std::move(type));
  }
  return types;
}

}  // namespace rekindle
