// Applying a patch: everything that can be wrong is found first, then the edit is made in one go that cannot
// fail. SPDX-License-Identifier: Apache-2.0
#include "ir/patch.h"

#include <algorithm>
#include <queue>

#include "ir/patch_application.h"

namespace rekindle {

const TensorType& Patch::type(ValueId v) const {
  static const TensorType absent = absent_type();
  if (v == ValueId::none) return absent;
  return is_new(v) ? values_[uint32_t(v) - kNew].type : graph_[v].type;
}

const Tensor* Patch::constant(ValueId v) const {
  if (v == ValueId::none) return nullptr;
  return is_new(v) ? values_[uint32_t(v) - kNew].constant.get() : graph_.constant(v);
}

Result<std::vector<ValueId>> Patch::add(Op op, std::vector<ValueId> inputs, std::vector<std::string> names,
                                        std::string origin) {
  Types types;
  for (ValueId v : inputs) types.push_back(type(v));
  RK_TRY(Types inferred, op.infer(types));
  std::vector<ValueId> outputs;
  names.resize(inferred.size());
  for (size_t i = 0; i < inferred.size(); ++i) {
    outputs.push_back(ValueId(kNew + uint32_t(values_.size())));
    values_.push_back({std::move(inferred[i]), nullptr, std::move(names[i])});
  }
  nodes_.push_back({std::move(op), std::move(inputs), outputs, std::move(origin)});
  return outputs;
}

Result<ValueId> Patch::add1(Op op, std::vector<ValueId> inputs, std::string name, std::string origin) {
  const std::string op_name(op.name());
  RK_TRY(std::vector<ValueId> outputs,
         add(std::move(op), std::move(inputs), {std::move(name)}, std::move(origin)));
  if (outputs.size() != 1)
    return Status::error(Code::internal,
                         op_name + " has " + std::to_string(outputs.size()) + " outputs, expected 1");
  return outputs[0];
}

ValueId Patch::add_constant(Tensor value) {
  const ValueId v{kNew + uint32_t(values_.size())};
  TensorType type = value.type();
  values_.push_back({std::move(type), std::make_shared<const Tensor>(std::move(value)), {}});
  return v;
}

/// Follows each replacement to its end and checks that it can be made at all.
Status PatchApplication::resolve() {
  std::unordered_map<uint32_t, ValueId> direct;
  for (auto [old, now] : patch_.replaced_) {
    if (old == now) continue;
    if (old == ValueId::none || is_new(old) || !graph_->is_live(old))
      return Status::error(Code::internal, "a patch replaces something that is not a value of the graph");
    if (now == ValueId::none || (is_new(now) ? index(now) >= patch_.values_.size() : !graph_->is_live(now)))
      return Status::error(Code::internal,
                           "a patch replaces %" + (*graph_)[old].name + " by something that is not a value");
    if (!direct.emplace(uint32_t(old), now).second)
      return Status::error(Code::internal, "a patch replaces %" + (*graph_)[old].name + " twice");
  }
  for (auto [old, unused] : patch_.replaced_) {
    auto found = direct.find(uint32_t(old));
    if (found == direct.end()) continue;
    ValueId now = found->second;
    for (size_t steps = 0; direct.contains(uint32_t(now)); now = direct[uint32_t(now)])
      if (++steps > direct.size())
        return Status::error(Code::internal, "a patch replaces %" + (*graph_)[old].name + " in a circle");
    targets_.emplace(uint32_t(old), now);
    replacements_.push_back({old, now, (*graph_)[old].name, graph_->is_output(old)});
  }
  for (const auto& node : patch_.nodes_)
    for (ValueId v : node.inputs) {
      if (v == ValueId::none || is_new(v)) continue;
      if (!graph_->is_live(v))
        return Status::error(Code::internal, "a patch uses a value that is no longer in the graph, in " +
                                                 std::string(node.op.name()));
      read_by_patch_.insert(uint32_t(v));
    }
  return check_names();
}

/// An output's name is part of the model's interface, so it must be free to move to the value that stands for
/// it.
Status PatchApplication::check_names() const {
  std::unordered_set<uint32_t> named;
  for (const Replacement& r : replacements_) {
    if (!r.was_output) continue;
    const bool taken = !is_new(r.now) && (graph_->is_input(r.now) || graph_->is_output(r.now));
    if (taken || graph_->is_input(r.old) || !named.insert(uint32_t(r.now)).second)
      return Status::error(Code::unsupported, "the output %" + r.name + " would lose its name to " +
                                                  name_of(r.now) +
                                                  ", expected a value that is no input and no other output");
  }
  return {};
}

/// Whether the symbol of a replaced value may change its meaning: only if no one goes on using the value that
/// defines it.
bool PatchApplication::may_release(ValueId old, const std::string& symbol) const {
  if (!graph_->defines_symbol(old, symbol)) return false;
  for (ValueId v : graph_->producer(old)->outputs) {
    std::set<std::string, std::less<>> mentioned;
    for (const Dim& d : (*graph_)[v].type.shape) d.collect_symbols(mentioned);
    if (!mentioned.contains(symbol)) continue;
    if (read_by_patch_.contains(uint32_t(v)) || (graph_->use_count(v) > 0 && !target(v))) return false;
  }
  return true;
}

/// The symbol that a new value of unknown size inherits from the value it stands for.
Dim PatchApplication::take_over(ValueId now, size_t axis) const {
  for (const Replacement& r : replacements_) {
    if (r.now != now || (*graph_)[r.old].type.shape.size() <= axis) continue;
    const Dim dim = (*graph_)[r.old].type.shape[axis];
    const auto symbol = dim.as_symbol();
    if (!symbol || !may_release(r.old, std::string(*symbol))) continue;
    const auto taken = [&](const auto& s) { return s.first == *symbol; };
    if (std::none_of(symbols_.begin(), symbols_.end(), taken)) return dim;
  }
  return Dim::unknown();
}

/// A symbol that neither the graph nor this patch has yet.
std::string PatchApplication::new_symbol(std::string_view value_name, size_t axis) const {
  const std::string wanted = graph_->unique_symbol(value_name, axis);
  std::string symbol = wanted;
  const auto taken = [&](const auto& s) { return s.first == symbol; };
  for (int k = 1; graph_->symbols_.contains(symbol) || std::any_of(symbols_.begin(), symbols_.end(), taken);
       ++k)
    symbol = wanted + "_" + std::to_string(k);
  return symbol;
}

/// Names the unknown sizes of a new node's outputs; equal unknowns get one symbol.
void PatchApplication::resolve_unknowns(const Patch::NewNode& node) {
  for (ValueId v : node.outputs) {
    TensorType& t = types_[index(v)];
    for (size_t axis = 0; axis < t.shape.size(); ++axis) {
      const std::string text = t.shape[axis].is_symbolic() ? t.shape[axis].to_string() : "";
      if (text.find('?') == std::string::npos) continue;
      auto [found, is_first] = unknowns_.try_emplace(text);
      if (is_first) {
        found->second = take_over(v, axis);
        if (found->second.is_unknown()) {
          std::string name = patch_.values_[index(v)].name.empty() ? std::string(node.op.name())
                                                                   : patch_.values_[index(v)].name;
          for (const Replacement& r : replacements_)
            if (r.now == v) name = r.name;
          found->second = Dim::symbol(new_symbol(name, axis));
        }
        symbols_.emplace_back(std::string(*found->second.as_symbol()), v);
      }
      t.shape[axis] = found->second;
    }
  }
}

/// Types of the new values as they will be in the graph, where every size has a name.
Status PatchApplication::infer() {
  types_.resize(patch_.values_.size());
  for (size_t i = 0; i < types_.size(); ++i)
    if (patch_.values_[i].constant) types_[i] = patch_.values_[i].type;
  for (const auto& node : patch_.nodes_) {
    Types in;
    for (ValueId v : node.inputs) in.push_back(v == ValueId::none ? absent_type() : type(v));
    RK_TRY(Types inferred, node.op.infer(in));
    RK_ASSERT(inferred.size() == node.outputs.size(),
              "an op changed its number of outputs between two inferences");
    for (size_t i = 0; i < inferred.size(); ++i) types_[index(node.outputs[i])] = std::move(inferred[i]);
    resolve_unknowns(node);
  }
  return {};
}

Status PatchApplication::match_types() {
  for (const Replacement& r : replacements_) {
    const TensorType &old = (*graph_)[r.old].type, &now = type(r.now);
    const auto mismatch = [&] {
      return Status::error(Code::invalid_argument, "patch would change the type of %" + r.name + " from " +
                                                       old.to_string() + " to " + now.to_string());
    };
    if (old.dtype != now.dtype || old.rank() != now.rank()) return mismatch();
    for (size_t i = 0; i < old.shape.size(); ++i) {
      if (old.shape[i] == now.shape[i]) continue;
      const auto symbol = old.shape[i].as_symbol();
      if (!symbol || !may_release(r.old, std::string(*symbol))) return mismatch();
      auto [found, is_first] = with_.emplace(*symbol, now.shape[i]);
      if (!is_first && found->second != now.shape[i]) return mismatch();
    }
  }
  // A new dim may itself speak of a symbol that goes: settle in as many rounds as there are symbols.
  for (size_t round = 0; round < with_.size(); ++round)
    for (auto& [symbol, dim] : with_) dim = dim.substitute(with_);
  for (const auto& [symbol, dim] : with_) {
    std::set<std::string, std::less<>> mentioned;
    dim.collect_symbols(mentioned);
    for (const std::string& s : mentioned)
      if (with_.contains(s))
        return Status::error(Code::invalid_argument,
                             "patch would define the size " + symbol + " by itself: " + dim.to_string());
  }
  return {};
}

/// Finds where the new nodes go: after all they read, before all that will read them.
Status PatchApplication::place() {
  NodeId last_read = NodeId::none, first_user = NodeId::none;
  const auto read = [&](ValueId v) {
    if (v == ValueId::none || is_new(v)) return;
    const NodeId n = (*graph_)[v].producer;
    if (n != NodeId::none && (last_read == NodeId::none || graph_->precedes(last_read, n))) last_read = n;
  };
  for (const auto& node : patch_.nodes_)
    for (ValueId v : node.inputs) read(v);
  for (const Replacement& r : replacements_) {
    read(r.now);
    for (NodeId n : graph_->users(r.old))
      if (first_user == NodeId::none || graph_->precedes(n, first_user)) first_user = n;
  }
  before_ = first_user;
  if (first_user == NodeId::none || last_read == NodeId::none || graph_->precedes(last_read, first_user))
    return {};
  return sort_window(first_user, last_read);
}

/// Some user stands before something the new nodes read: sorts the nodes between, the new ones among them, by
/// what they will depend on. Ties keep the old order; new nodes come as early as they can.
Status PatchApplication::sort_window(NodeId first, NodeId last) {
  std::unordered_map<uint32_t, uint32_t> place_of;
  for (NodeId n = first;; n = graph_->next(n)) {
    place_of[uint32_t(n)] = uint32_t(window_.size());
    window_.push_back(n);
    if (n == last) break;
  }
  before_ = graph_->next(last);
  const size_t count = window_.size() + patch_.nodes_.size();
  std::unordered_map<uint32_t, uint32_t> made_by;
  for (size_t k = 0; k < patch_.nodes_.size(); ++k)
    for (ValueId v : patch_.nodes_[k].outputs) made_by[uint32_t(v)] = uint32_t(window_.size() + k);
  std::vector<std::vector<uint32_t>> readers(count);
  std::vector<uint32_t> waits(count, 0);
  const auto depends = [&](uint32_t reader, ValueId v) {
    if (v == ValueId::none) return;
    const auto* from = is_new(v) ? &made_by : &place_of;
    auto found = from->find(is_new(v) ? uint32_t(v) : uint32_t((*graph_)[v].producer));
    if (found == from->end()) return;
    readers[found->second].push_back(reader);
    ++waits[reader];
  };
  for (uint32_t i = 0; i < window_.size(); ++i)
    for (ValueId v : (*graph_)[window_[i]].inputs) {
      const ValueId* now = v == ValueId::none ? nullptr : target(v);
      depends(i, now ? *now : v);
    }
  for (uint32_t k = 0; k < patch_.nodes_.size(); ++k)
    for (ValueId v : patch_.nodes_[k].inputs) depends(uint32_t(window_.size() + k), v);

  const auto key = [&](uint32_t i) { return i < window_.size() ? i + count : i - window_.size(); };
  const auto later = [&](uint32_t a, uint32_t b) { return key(a) > key(b); };
  std::priority_queue<uint32_t, std::vector<uint32_t>, decltype(later)> ready(later);
  for (uint32_t i = 0; i < count; ++i)
    if (waits[i] == 0) ready.push(i);
  while (!ready.empty()) {
    const uint32_t i = ready.top();
    ready.pop();
    sorted_.push_back(i);
    for (uint32_t reader : readers[i])
      if (--waits[reader] == 0) ready.push(reader);
  }
  if (sorted_.size() == count) return {};
  return Status::error(Code::invalid_argument, "patch would make a cycle through %" + replacements_[0].name);
}

Status PatchApplication::run() {
  RK_CHECK(resolve());
  RK_CHECK(infer());
  RK_CHECK(match_types());
  RK_CHECK(place());
  if (with_.empty()) return commit(), Status{};
  // Sizes change meaning all over the graph, and an op may refuse the new ones: try it on a copy. This is
  // rare.
  Graph* const original = graph_;
  Graph trial = *graph_;
  graph_ = &trial;
  commit();
  DimMap with = with_;
  for (NodeId n = trial.first(); n != NodeId::none; n = trial.next(n)) RK_CHECK(trial.infer_again(n, with));
  *original = std::move(trial);
  return {};
}

Status Graph::apply(const Patch& patch) {
  RK_ASSERT(&patch.graph() == this, "a patch is applied to another graph than it was made for");
  return PatchApplication(*this, patch).run();
}

}  // namespace rekindle
