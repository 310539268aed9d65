// The edit that an applied patch makes. Nothing here can fail: patch.cc has checked everything.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ir/patch_application.h"

namespace rekindle {

void PatchApplication::insert_nodes() {
  for (size_t i = 0; i < patch_.values_.size(); ++i) {
    ids_.push_back(graph_->new_value("", types_[i]));
    graph_->values_[size_t(ids_.back())].constant = patch_.values_[i].constant;
  }
  for (const Replacement& r : replacements_) graph_->replace_uses(r.old, placed(r.now));
  for (const auto& node : patch_.nodes_) {
    std::vector<ValueId> in, out;
    for (ValueId v : node.inputs) in.push_back(v == ValueId::none ? v : placed(v));
    for (ValueId v : node.outputs) out.push_back(placed(v));
    nodes_.push_back(graph_->new_node(node.op, std::move(in), std::move(out), "", before_));
  }
}

void PatchApplication::reorder_window() {
  if (sorted_.empty()) return;
  std::vector<NodeId> order;
  for (uint32_t i : sorted_) order.push_back(i < window_.size() ? window_[i] : nodes_[i - window_.size()]);
  for (NodeId n : order) graph_->unlink(n);
  for (NodeId n : order) graph_->link_before(n, before_);
}

/// Removes what the patch made useless, and lets the new nodes answer for it.
void PatchApplication::inherit_origins() {
  constexpr size_t kMostOrigins = 64;  // a longer list tells a reader nothing and would cost quadratic time
  std::vector<NodeId> from;
  for (const Replacement& r : replacements_)
    if (NodeId n = (*graph_)[r.old].producer; n != NodeId::none) from.push_back(n);
  std::vector<NodeId> candidates = from;
  candidates.insert(candidates.end(), nodes_.begin(), nodes_.end());
  graph_->remove_unused(std::move(candidates), &from);
  std::sort(from.begin(), from.end(), [&](NodeId a, NodeId b) {
    return graph_->precedes(a, b) || (!graph_->precedes(b, a) && uint32_t(a) < uint32_t(b));
  });
  from.erase(std::unique(from.begin(), from.end()), from.end());
  std::vector<std::string> parts;
  std::unordered_set<std::string> seen;
  for (NodeId n : from) {
    const std::string& origin = (*graph_)[n].origin;
    for (size_t at = 0; at < origin.size();) {
      const size_t end = std::min(origin.find(", ", at), origin.size());
      std::string part = origin.substr(at, end - at);
      if (seen.insert(part).second) parts.push_back(std::move(part));
      at = end + 2;
    }
    if (!graph_->is_live(n)) graph_->nodes_[size_t(n)].node.origin.clear();
  }
  std::string all;
  for (size_t i = 0; i < parts.size() && i < kMostOrigins; ++i) all += (i ? ", " : "") + parts[i];
  if (parts.size() > kMostOrigins) all += ", …";
  for (size_t k = 0; k < nodes_.size(); ++k)
    if (graph_->is_live(nodes_[k]))
      graph_->nodes_[size_t(nodes_[k])].node.origin =
          patch_.nodes_[k].origin.empty() ? all : patch_.nodes_[k].origin;
}

/// Takes the name from the replaced value; if that lives on, it gets another.
void PatchApplication::give_name(ValueId now, const Replacement& from) {
  Value& value = graph_->values_[size_t(now)];
  Value& old = graph_->values_[size_t(from.old)];
  const bool old_lives = !old.name.empty();
  if (old_lives) graph_->names_.erase(old.name);
  if (!value.name.empty()) graph_->names_.erase(value.name);
  value.name = from.name;
  graph_->names_[from.name] = now;
  if (!old_lives) return;
  old.name = graph_->unique_name(from.name);
  graph_->names_[old.name] = from.old;
}

void PatchApplication::pass_names_on() {
  for (const Replacement& r : replacements_)
    if (r.was_output) give_name(placed(r.now), r);
  for (const Replacement& r : replacements_)  // an input's name stays: it is part of the model's interface
    if (is_new(r.now) && graph_->values_[size_t(placed(r.now))].name.empty() && !graph_->is_input(r.old))
      give_name(placed(r.now), r);
  const auto name_newcomer = [&](ValueId v, std::string_view wanted) {
    Value& value = graph_->values_[size_t(v)];
    if (!value.name.empty()) return;
    value.name = graph_->unique_name(wanted);
    graph_->names_[value.name] = v;
  };
  for (size_t k = 0; k < nodes_.size(); ++k) {
    if (!graph_->is_live(nodes_[k])) continue;
    for (ValueId v : patch_.nodes_[k].outputs) {
      const std::string& wanted = patch_.values_[index(v)].name;
      name_newcomer(placed(v), wanted.empty() ? patch_.nodes_[k].op.name() : wanted);
    }
  }
  for (ValueId v : ids_)
    if (graph_->constant(v) && graph_->use_count(v) > 0) name_newcomer(v, "constant");
  for (const Replacement& r : replacements_)
    if (graph_->constant(r.old) && graph_->use_count(r.old) == 0) graph_->remove_value(r.old);
}

/// A replaced value that stays as an unused output beside others must not define a symbol that has moved to
/// its successor.
void PatchApplication::renew_symbols() {
  for (const Replacement& r : replacements_) {
    const NodeId n = (*graph_)[r.old].producer;
    if (n == NodeId::none) continue;
    std::map<std::string, Dim> known;
    const auto& outputs = (*graph_)[n].outputs;
    for (ValueId v : outputs)
      for (Dim& d : graph_->values_[size_t(v)].type.shape) {
        const auto moved = [&](const auto& s) {
          return d.as_symbol() == s.first && (*graph_)[placed(s.second)].producer != n;
        };
        if (std::none_of(symbols_.begin(), symbols_.end(), moved)) continue;
        d = renewed_.try_emplace(std::string(*d.as_symbol()), Dim::unknown()).first->second;
      }
    graph_->define_symbols(outputs, known);
  }
}

void PatchApplication::commit() {
  insert_nodes();
  reorder_window();
  for (const auto& [symbol, owner] : symbols_) graph_->symbols_[symbol] = placed(owner);
  for (const auto& [symbol, dim] : with_) graph_->symbols_.erase(symbol);
  inherit_origins();
  renew_symbols();
  pass_names_on();
}

}  // namespace rekindle
