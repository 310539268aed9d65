// The order of nodes, and the names that subgraphs take from outside.
// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <queue>

#include "onnx/importer.h"
#include "onnx/names.h"

namespace rekindle::onnx {
namespace {

void collect_free(const GraphProto& graph, std::vector<std::unordered_set<std::string_view>>& defined,
                  std::unordered_set<std::string_view>& seen, std::vector<std::string_view>& into) {
  auto& own = defined.emplace_back();
  for (const auto& input : graph.inputs) own.insert(input.name);
  for (const auto& tensor : graph.initializers) own.insert(tensor.name);
  for (const auto& tensor : graph.sparse_initializers) own.insert(tensor.values.name);
  for (const auto& node : graph.nodes) own.insert(node.outputs.begin(), node.outputs.end());
  const auto use = [&](std::string_view name) {
    if (name.empty() || seen.contains(name)) return;
    for (const auto& names : defined)
      if (names.contains(name)) return;
    seen.insert(name);
    into.push_back(name);
  };
  for (const auto& node : graph.nodes) {
    for (const std::string_view name : node.inputs) use(name);
    for (const auto& attribute : node.attributes)
      if (const auto* g = std::get_if<const GraphProto*>(&attribute.value))
        collect_free(**g, defined, seen, into);
  }
  for (const auto& output : graph.outputs) use(output.name);
  defined.pop_back();
}

bool has_graphs(const NodeProto& node) {
  for (const auto& attribute : node.attributes)
    if (std::holds_alternative<const GraphProto*>(attribute.value)) return true;
  return false;
}

}  // namespace

std::vector<std::string_view> free_names(const GraphProto& graph) {
  std::vector<std::unordered_set<std::string_view>> defined;
  std::unordered_set<std::string_view> seen;
  std::vector<std::string_view> names;
  collect_free(graph, defined, seen, names);
  return names;
}

std::vector<std::string_view> free_names(const NodeProto& node) {
  std::vector<std::unordered_set<std::string_view>> defined;
  std::unordered_set<std::string_view> seen;
  std::vector<std::string_view> names;
  for (const auto& attribute : node.attributes)
    if (const auto* g = std::get_if<const GraphProto*>(&attribute.value))
      collect_free(**g, defined, seen, names);
  return names;
}

namespace {

/// One way around, for the message: follows makers among the nodes that could not be ordered.
std::string describe_cycle(std::span<const NodeProto> nodes, const std::vector<std::vector<uint32_t>>& makers,
                           const std::vector<uint32_t>& waiting, uint32_t start) {
  std::vector<uint32_t> path;
  std::unordered_map<uint32_t, size_t> position;
  uint32_t at = start;
  while (!position.contains(at)) {
    position[at] = path.size();
    path.push_back(at);
    for (const uint32_t maker : makers[at]) {
      if (waiting[maker] == 0) continue;
      at = maker;
      break;
    }
  }
  std::string text = "the nodes form a cycle: ";
  const size_t from = position[at];
  for (size_t i = path.size(); i-- > from;) {
    if (path.size() - i > 8) {
      text += " -> …";
      break;
    }
    const NodeProto& node = nodes[path[i]];
    text += (i + 1 == path.size() ? "" : " -> ") + std::string("node ") + std::to_string(path[i]) + " " +
            quote_name(node.name.empty() ? node.op_type : node.name);
  }
  return text;
}

}  // namespace

std::vector<uint32_t> order_nodes(std::span<const NodeProto> nodes, std::string& cycle) {
  std::unordered_map<std::string_view, uint32_t> maker_of;
  for (uint32_t i = 0; i < nodes.size(); ++i)
    for (const std::string_view name : nodes[i].outputs)
      if (!name.empty()) maker_of.try_emplace(name, i);
  std::vector<std::vector<uint32_t>> makers(nodes.size());
  bool in_order = true;
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const auto add = [&](std::string_view name) {
      const auto found = maker_of.find(name);
      if (name.empty() || found == maker_of.end()) return;
      in_order = in_order && found->second < i;
      makers[i].push_back(found->second);
    };
    for (const std::string_view name : nodes[i].inputs) add(name);
    if (has_graphs(nodes[i]))
      for (const std::string_view name : free_names(nodes[i])) add(name);
  }
  std::vector<uint32_t> order;
  if (in_order) {
    for (uint32_t i = 0; i < nodes.size(); ++i) order.push_back(i);
    return order;
  }
  std::vector<std::vector<uint32_t>> users(nodes.size());
  std::vector<uint32_t> waiting(nodes.size());
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>>
      ready;  // the given order where it is free
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    for (const uint32_t maker : makers[i]) users[maker].push_back(i);
    waiting[i] = uint32_t(makers[i].size());
    if (waiting[i] == 0) ready.push(i);
  }
  while (!ready.empty()) {
    const uint32_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (const uint32_t user : users[i])
      if (--waiting[user] == 0) ready.push(user);
  }
  for (uint32_t i = 0; i < nodes.size() && cycle.empty(); ++i)
    if (waiting[i] != 0) cycle = describe_cycle(nodes, makers, waiting, i);
  return order;
}

}  // namespace rekindle::onnx
