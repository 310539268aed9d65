// One application of a patch, from checks (patch.cc) to the edit itself (patch_commit.cc). Only those two
// include it. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ir/patch.h"

namespace rekindle {

/// One application. Ids from Patch::kNew on are the patch's until commit() gives them places in the graph.
class PatchApplication {
 public:
  PatchApplication(Graph& graph, const Patch& patch) : graph_(&graph), patch_(patch) {}
  Status run();

 private:
  struct Replacement {
    ValueId old, now;
    std::string name;  // the old value's
    bool was_output;
  };
  Status resolve();
  Status check_names() const;
  Status infer();
  void resolve_unknowns(const Patch::NewNode& node);
  std::string new_symbol(std::string_view value_name, size_t axis) const;
  Dim take_over(ValueId now, size_t axis) const;
  bool may_release(ValueId old, const std::string& symbol) const;
  Status match_types();
  Status place();
  Status sort_window(NodeId first, NodeId last);
  void commit();
  void insert_nodes();
  void reorder_window();
  void inherit_origins();
  void give_name(ValueId now, const Replacement& from);
  void pass_names_on();
  void renew_symbols();

  bool is_new(ValueId v) const { return Patch::is_new(v); }
  size_t index(ValueId v) const { return uint32_t(v) - Patch::kNew; }
  const TensorType& type(ValueId v) const { return is_new(v) ? types_[index(v)] : (*graph_)[v].type; }
  const ValueId* target(ValueId v) const {
    auto found = targets_.find(uint32_t(v));
    return found == targets_.end() ? nullptr : &found->second;
  }
  std::string name_of(ValueId v) const { return is_new(v) ? "a new value" : "%" + (*graph_)[v].name; }
  ValueId placed(ValueId v) const { return is_new(v) ? ids_[index(v)] : v; }

  Graph* graph_;
  const Patch& patch_;
  std::vector<Replacement> replacements_;
  std::unordered_map<uint32_t, ValueId> targets_;
  std::unordered_set<uint32_t> read_by_patch_;            // existing values that new nodes take
  Types types_;                                           // of the patch's values
  std::map<std::string, Dim> unknowns_;                   // what the patch's unknown sizes are called
  std::vector<std::pair<std::string, ValueId>> symbols_;  // who will define them
  std::map<std::string, Dim> renewed_;
  DimMap with_;  // old symbols that become other dims everywhere
  NodeId before_ = NodeId::none;
  std::vector<NodeId> window_;    // existing nodes that must move, with …
  std::vector<uint32_t> sorted_;  // … their new order: window_ first, then the patch's nodes
  std::vector<ValueId> ids_;      // where the patch's values went
  std::vector<NodeId> nodes_;     // where its nodes went
};

}  // namespace rekindle
