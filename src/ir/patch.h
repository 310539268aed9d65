// A proposed edit: new nodes, and which old values they stand for. Graph::apply checks it and commits it
// whole. New nodes see the graph as it was: one that takes a replaced value as input keeps reading the old
// one, so f(v) can stand for v. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "ir/graph.h"

namespace rekindle {

class Patch {
 public:
  explicit Patch(const Graph& graph) : graph_(graph) {}
  /// Types are inferred at once, so a later step can ask type(). Ids of new values are only valid inside this
  /// patch. A value that replaces another takes its name; others get theirs from `names` or from the op.
  /// Without an `origin` the node inherits those of what it replaces.
  Result<std::vector<ValueId>> add(Op op, std::vector<ValueId> inputs, std::vector<std::string> names = {},
                                   std::string origin = {});
  Result<ValueId> add1(Op op, std::vector<ValueId> inputs, std::string name = {}, std::string origin = {});
  ValueId add_constant(Tensor value);
  /// Every use of `old`, by nodes and as a graph output, becomes a use of `now`: a new or an existing value.
  void replace(ValueId old, ValueId now) { replaced_.push_back({old, now}); }
  const TensorType& type(ValueId v) const;
  const Tensor* constant(ValueId v) const;
  const Graph& graph() const { return graph_; }
  bool empty() const { return replaced_.empty(); }

 private:
  friend class Graph;
  friend class PatchApplication;
  struct NewNode {
    Op op;
    std::vector<ValueId> inputs, outputs;
    std::string origin;
  };
  struct NewValue {
    TensorType type;
    std::shared_ptr<const Tensor> constant;
    std::string name;  // wanted; empty: the op's
  };
  static constexpr uint32_t kNew = 0x80000000u;  // ids from here on belong to the patch
  static bool is_new(ValueId v) { return v != ValueId::none && uint32_t(v) >= kNew; }
  const Graph& graph_;
  std::vector<NewNode> nodes_;
  std::vector<NewValue> values_;
  std::vector<std::pair<ValueId, ValueId>> replaced_;
};

}  // namespace rekindle
