// verify(): everything a graph promises, checked from scratch.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <unordered_set>

#include "ir/graph.h"

namespace rekindle {

namespace {

constexpr int kMostNesting = 64;

class Verifier {
 public:
  Verifier(const Graph& graph, int depth) : graph_(graph), depth_(depth) {}

  Status run() {
    if (depth_ > kMostNesting)
      return broken("graphs are nested more than " + std::to_string(kMostNesting) + " deep");
    RK_CHECK(check_inputs());
    size_t count = 0;
    NodeId previous = NodeId::none;
    for (NodeId n = graph_.first(); n != NodeId::none; previous = n, n = graph_.next(n), ++count) {
      if (count > graph_.node_count()) return broken("the list of nodes does not end");
      if (previous != NodeId::none && !graph_.precedes(previous, n))
        return broken("the order labels contradict the list");
      const Node& node = graph_[n];
      Status status = check_node(n, node);
      if (!status.ok())
        return std::move(status).note("at " +
                                      (node.origin.empty() ? std::string(node.op.name()) : node.origin));
    }
    if (count != graph_.node_count())
      return broken(std::to_string(count) + " nodes are in order, expected " +
                    std::to_string(graph_.node_count()));
    RK_CHECK(check_outputs());
    return check_values();
  }

 private:
  Status broken(std::string what) const {
    return Status::error(Code::internal, "graph @" + graph_.name + ": " + std::move(what));
  }
  std::string name(ValueId v) const { return "%" + graph_[v].name; }

  Status check_inputs() {
    for (ValueId v : graph_.inputs) {
      if (v == ValueId::none || size_t(v) >= graph_.value_count() || !graph_.is_input(v))
        return broken("an input is not a value of its own");
      if (!known_.insert(uint32_t(v)).second) return broken("the input " + name(v) + " is listed twice");
      for (const Dim& d : graph_[v].type.shape) d.collect_symbols(given_);
    }
    return {};
  }

  Status check_outputs() {
    std::unordered_set<uint32_t> seen;
    for (ValueId v : graph_.outputs) {
      if (v == ValueId::none || size_t(v) >= graph_.value_count() || !is_known(v))
        return broken("an output is not a value");
      if (!seen.insert(uint32_t(v)).second) return broken("the output " + name(v) + " is listed twice");
      ++uses_[uint32_t(v)];
    }
    return {};
  }

  /// Whether v is defined by now: names alone are not enough, since a later node's values exist already.
  bool is_known(ValueId v) const { return known_.contains(uint32_t(v)) || graph_[v].constant; }

  Status check_node(NodeId n, const Node& node) {
    const std::string op(node.op.name());
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      if (v == ValueId::none) continue;
      if (size_t(v) >= graph_.value_count() || !graph_.is_live(v))
        return broken(op + " reads a value that was removed");
      if (!is_known(v)) return broken(op + " reads " + name(v) + " before it is made");
      ++uses_[uint32_t(v)];
    }
    for (ValueId v : node.outputs) {
      if (size_t(v) >= graph_.value_count() || !graph_.is_live(v) || graph_[v].producer != n ||
          graph_[v].constant)
        return broken(op + " and its output disagree on who makes it");
      if (!known_.insert(uint32_t(v)).second) return broken(name(v) + " is made twice");
    }
    for (const GraphRef& nested : node.op.graphs()) {
      Status status = Verifier(*nested, depth_ + 1).run();
      if (!status.ok()) return std::move(status).note("inside " + op);
    }
    return check_types(node);
  }

  Status check_types(const Node& node) {
    RK_TRY(Types inferred, node.op.infer(graph_.input_types(node)));
    if (inferred.size() != node.outputs.size())
      return broken(std::string(node.op.name()) + " has " + std::to_string(node.outputs.size()) +
                    " outputs, expected " + std::to_string(inferred.size()));
    std::set<std::string, std::less<>> defined;
    for (size_t i = 0; i < inferred.size(); ++i) {
      const TensorType &own = graph_[node.outputs[i]].type, &type = inferred[i];
      bool same = own.dtype == type.dtype && own.rank() == type.rank();
      for (size_t axis = 0; same && axis < own.shape.size(); ++axis) {
        if (own.shape[axis] == type.shape[axis]) continue;
        const auto symbol = own.shape[axis].as_symbol();
        same = symbol && type.shape[axis].to_string().find('?') != std::string::npos &&
               graph_.defines_symbol(node.outputs[i], *symbol);
        if (same) defined.emplace(*symbol);
      }
      if (!same)
        return broken(name(node.outputs[i]) + " is " + own.to_string() + ", but " +
                      std::string(node.op.name()) + " makes " + type.to_string());
    }
    for (const std::string& symbol : defined)
      if (!given_.insert(symbol).second) return broken("the size " + symbol + " is defined twice");
    return {};
  }

  Status check_values() const {
    for (size_t i = 0; i < graph_.value_count(); ++i) {
      const ValueId v{uint32_t(i)};
      if (!graph_.is_live(v)) continue;
      if (graph_.find(graph_[v].name) != v) return broken("the name " + name(v) + " leads to another value");
      if (graph_[v].constant && graph_[v].constant->type() != graph_[v].type)
        return broken("the constant " + name(v) + " is " + graph_[v].constant->type().to_string() +
                      ", expected " + graph_[v].type.to_string());
      auto found = uses_.find(uint32_t(i));
      const size_t counted = found == uses_.end() ? 0 : found->second;
      if (counted != graph_.use_count(v))
        return broken(name(v) + " is used " + std::to_string(counted) + " times, but " +
                      std::to_string(graph_.use_count(v)) + " uses are recorded");
      for (NodeId user : graph_.users(v)) {
        const auto& in = graph_[user].inputs;
        if (!graph_.is_live(user) || std::find(in.begin(), in.end(), v) == in.end())
          return broken("a recorded user of " + name(v) + " does not read it");
      }
    }
    return {};
  }

  const Graph& graph_;
  int depth_;
  std::unordered_set<uint32_t> known_;        // defined so far
  std::set<std::string, std::less<>> given_;  // symbols with a meaning so far
  std::unordered_map<uint32_t, size_t> uses_;
};

}  // namespace

Status Graph::verify() const { return Verifier(*this, 0).run(); }

}  // namespace rekindle
