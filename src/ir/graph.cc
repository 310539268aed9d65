// Building and editing a graph's list of nodes: values, uses, names, symbols, removal. Order labels are in
// graph_order.cc, patches in patch.cc. SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"

#include <algorithm>

namespace rekindle {

namespace {

/// Infer may answer with an unknown or with an expression over one; both are sizes that only running tells.
bool has_unknown(const Dim& d) { return d.is_symbolic() && d.to_string().find('?') != std::string::npos; }

}  // namespace

ValueId Graph::new_value(std::string wanted, TensorType type) {
  const ValueId v{uint32_t(values_.size())};
  values_.push_back({std::move(wanted), std::move(type), nullptr, NodeId::none});
  uses_.emplace_back();
  if (const std::string& n = values_.back().name; !n.empty()) names_.emplace(n, v);
  return v;
}

std::string Graph::unique_name(std::string_view wanted) const {
  std::string candidate(wanted.empty() ? "value" : wanted);
  if (!names_.contains(candidate)) return candidate;
  const std::string base = candidate;
  int& suffix = suffixes_[base];
  do candidate = base + "_" + std::to_string(++suffix);
  while (names_.contains(candidate));
  return candidate;
}

std::string Graph::unique_symbol(std::string_view value_name, size_t axis) const {
  const std::string base = sanitize_symbol(value_name) + ".d" + std::to_string(axis);
  std::string candidate = base;
  for (int suffix = 1; symbols_.contains(candidate); ++suffix)
    candidate = base + "_" + std::to_string(suffix);
  return candidate;
}

void Graph::define_symbols(const std::vector<ValueId>& values, std::map<std::string, Dim>& known) {
  for (ValueId v : values) {
    Value& value = values_[size_t(v)];
    for (size_t axis = 0; axis < value.type.shape.size(); ++axis) {
      Dim& dim = value.type.shape[axis];
      if (!has_unknown(dim)) continue;
      auto [found, is_new] = known.try_emplace(dim.to_string());
      if (is_new) {
        const std::string symbol = unique_symbol(value.name, axis);
        symbols_[symbol] = v;
        found->second = Dim::symbol(symbol);
      }
      dim = found->second;
    }
  }
}

ValueId Graph::add_input(std::string wanted, TensorType type) {
  const ValueId v = new_value(unique_name(wanted.empty() ? "input" : wanted), std::move(type));
  std::map<std::string, Dim> known;
  define_symbols({v}, known);
  std::set<std::string, std::less<>> symbols;
  for (const Dim& d : values_[size_t(v)].type.shape) d.collect_symbols(symbols);
  for (const std::string& s : symbols) symbols_[s] = ValueId::none;
  inputs.push_back(v);
  return v;
}

ValueId Graph::add_constant(std::string wanted, Tensor value) {
  const ValueId v = new_value(unique_name(wanted.empty() ? "constant" : wanted), value.type());
  values_[size_t(v)].constant = std::make_shared<const Tensor>(std::move(value));
  return v;
}

Result<std::vector<ValueId>> Graph::add(Op op, std::vector<ValueId> arguments, std::vector<std::string> names,
                                        std::string origin) {
  Types types;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != ValueId::none && !is_live(arguments[i]))
      return Status::error(Code::internal, std::string(op.name()) + ": input " + std::to_string(i) +
                                               " is not a value of the graph");
    types.push_back(arguments[i] == ValueId::none ? absent_type() : values_[size_t(arguments[i])].type);
  }
  Result<Types> inferred = op.infer(types);
  if (!inferred.ok()) return origin.empty() ? inferred.status() : inferred.status().note("at " + origin);
  if (names.size() > inferred->size())
    return Status::error(Code::invalid_argument, std::string(op.name()) + " has " +
                                                     std::to_string(inferred->size()) + " outputs, but " +
                                                     std::to_string(names.size()) + " are named");
  std::vector<ValueId> results;
  for (size_t i = 0; i < inferred->size(); ++i) {
    const bool named = i < names.size() && !names[i].empty();
    results.push_back(
        new_value(unique_name(named ? std::string_view(names[i]) : op.name()), std::move((*inferred)[i])));
  }
  std::map<std::string, Dim> known;
  define_symbols(results, known);
  new_node(std::move(op), std::move(arguments), results, std::move(origin), NodeId::none);
  return results;
}

Result<ValueId> Graph::add1(Op op, std::vector<ValueId> arguments, std::string wanted, std::string origin) {
  const std::string op_name(op.name());
  RK_TRY(std::vector<ValueId> results,
         add(std::move(op), std::move(arguments), {std::move(wanted)}, std::move(origin)));
  if (results.size() != 1)
    return Status::error(Code::internal,
                         op_name + " has " + std::to_string(results.size()) + " outputs, expected 1");
  return results[0];
}

NodeId Graph::new_node(Op op, std::vector<ValueId> arguments, std::vector<ValueId> results,
                       std::string origin, NodeId before) {
  const NodeId n{uint32_t(nodes_.size())};
  Slot slot{Node{std::move(op), std::move(arguments), std::move(results), std::move(origin)}, {}};
  slot.use_positions.resize(slot.node.inputs.size());
  nodes_.push_back(std::move(slot));
  const Node& node = nodes_.back().node;
  for (ValueId v : node.outputs) values_[size_t(v)].producer = n;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i] != ValueId::none) add_use(node.inputs[i], n, uint32_t(i));
  link_before(n, before);
  ++live_nodes_;
  return n;
}

void Graph::add_use(ValueId v, NodeId user, uint32_t slot) {
  Uses& uses = uses_[size_t(v)];
  nodes_[size_t(user)].use_positions[slot] = uint32_t(uses.nodes.size());
  uses.nodes.push_back(user);
  uses.slots.push_back(slot);
}

void Graph::remove_use(NodeId user, uint32_t slot) {
  Slot& s = nodes_[size_t(user)];
  Uses& uses = uses_[size_t(s.node.inputs[slot])];
  const uint32_t position = s.use_positions[slot];  // the last use takes this place
  uses.nodes[position] = uses.nodes.back();
  uses.slots[position] = uses.slots.back();
  nodes_[size_t(uses.nodes[position])].use_positions[uses.slots[position]] = position;
  uses.nodes.pop_back();
  uses.slots.pop_back();
}

void Graph::replace_uses(ValueId old, ValueId now) {
  Uses moved = std::move(uses_[size_t(old)]);
  uses_[size_t(old)] = {};
  for (size_t i = 0; i < moved.nodes.size(); ++i) {
    nodes_[size_t(moved.nodes[i])].node.inputs[moved.slots[i]] = now;
    add_use(now, moved.nodes[i], moved.slots[i]);
  }
  if (moved.as_output == 0) return;
  std::replace(outputs.begin(), outputs.end(), old, now);
  uses_[size_t(now)].as_output += moved.as_output;
}

void Graph::remove_value(ValueId v) {
  Value& value = values_[size_t(v)];
  if (auto found = names_.find(value.name); found != names_.end() && found->second == v) names_.erase(found);
  for (const Dim& d : value.type.shape)
    if (auto symbol = d.as_symbol())
      if (auto found = symbols_.find(std::string(*symbol)); found != symbols_.end() && found->second == v)
        symbols_.erase(found);
  value.name.clear();
  value.constant.reset();
  value.producer = NodeId::none;
}

void Graph::remove(NodeId n) {
  Slot& slot = nodes_[size_t(n)];
  for (size_t i = 0; i < slot.node.inputs.size(); ++i)
    if (slot.node.inputs[i] != ValueId::none) remove_use(n, uint32_t(i));
  for (ValueId v : slot.node.outputs) remove_value(v);
  slot.node.inputs.clear();
  slot.node.outputs.clear();
  unlink(n);
  slot.live = false;
  --live_nodes_;
}

/// Removes the candidates that nothing uses, and with them what they alone used.
void Graph::remove_unused(std::vector<NodeId> candidates, std::vector<NodeId>* removed) {
  while (!candidates.empty()) {
    const NodeId n = candidates.back();
    candidates.pop_back();
    const Slot& slot = nodes_[size_t(n)];
    if (!slot.live) continue;
    const auto& results = slot.node.outputs;
    if (std::any_of(results.begin(), results.end(), [&](ValueId v) { return use_count(v) > 0; })) continue;
    for (ValueId v : slot.node.inputs)
      if (v != ValueId::none && values_[size_t(v)].producer != NodeId::none)
        candidates.push_back(values_[size_t(v)].producer);
    remove(n);
    if (removed) removed->push_back(n);
  }
}

int Graph::remove_dead() {
  const size_t before = live_nodes_;
  for (NodeId n = last_; n != NodeId::none;) {
    const NodeId previous = nodes_[size_t(n)].previous;
    const auto& results = nodes_[size_t(n)].node.outputs;
    if (std::all_of(results.begin(), results.end(), [&](ValueId v) { return use_count(v) == 0; })) remove(n);
    n = previous;
  }
  for (size_t i = 0; i < values_.size(); ++i)
    if (values_[i].constant && use_count(ValueId(i)) == 0) remove_value(ValueId(i));
  return int(before - live_nodes_);
}

const Node* Graph::producer(ValueId v) const {
  if (v == ValueId::none) return nullptr;
  const NodeId n = values_[size_t(v)].producer;
  return n == NodeId::none ? nullptr : &nodes_[size_t(n)].node;
}

size_t Graph::use_count(ValueId v) const {
  return uses_[size_t(v)].nodes.size() + uses_[size_t(v)].as_output;
}

bool Graph::is_input(ValueId v) const {
  if (v == ValueId::none) return false;
  const Value& value = values_[size_t(v)];
  return !value.name.empty() && value.producer == NodeId::none && !value.constant;
}

bool Graph::defines_symbol(ValueId v, std::string_view symbol) const {
  const NodeId n = values_[size_t(v)].producer;
  auto found = symbols_.find(std::string(symbol));
  return n != NodeId::none && found != symbols_.end() && found->second != ValueId::none &&
         values_[size_t(found->second)].producer == n;
}

bool Graph::defines_symbol(std::string_view symbol) const {
  auto found = symbols_.find(std::string(symbol));
  return found != symbols_.end() && found->second != ValueId::none;
}

ValueId Graph::find(std::string_view wanted) const {
  auto found = names_.find(std::string(wanted));
  return found == names_.end() ? ValueId::none : found->second;
}

Types Graph::input_types(const Node& node) const {
  Types types;
  types.reserve(node.inputs.size());
  for (ValueId v : node.inputs) types.push_back(v == ValueId::none ? absent_type() : values_[size_t(v)].type);
  return types;
}

void Graph::set_outputs(std::vector<ValueId> values) {
  for (ValueId v : outputs) --uses_[size_t(v)].as_output;
  outputs = std::move(values);
  for (ValueId v : outputs) ++uses_[size_t(v)].as_output;
}

void Graph::rename(ValueId v, std::string wanted) {
  Value& value = values_[size_t(v)];
  if (value.name == wanted) return;
  if (auto found = names_.find(value.name); found != names_.end() && found->second == v) names_.erase(found);
  value.name = unique_name(wanted);
  names_.emplace(value.name, v);
}

void Graph::rename_symbol(NodeId producer, const std::string& from, const std::string& to) {
  const DimMap with{{from, Dim::symbol(to)}};
  for (ValueId v : nodes_[size_t(producer)].node.outputs)
    for (Dim& d : values_[size_t(v)].type.shape) d = d.substitute(with);
  symbols_[to] = symbols_[from];
  symbols_.erase(from);
}

Status Graph::declare_type(ValueId v, const TensorType& type) {
  const auto mismatch = [&] {
    return Status::error(Code::invalid_argument, "%" + values_[size_t(v)].name + " is " +
                                                     values_[size_t(v)].type.to_string() +
                                                     ", but the text says " + type.to_string());
  };
  const TensorType& own = values_[size_t(v)].type;
  if (own.dtype != type.dtype || own.rank() != type.rank()) return mismatch();
  for (size_t i = 0; i < type.shape.size(); ++i) {
    if (own.shape[i] == type.shape[i]) continue;
    const auto from = own.shape[i].as_symbol(), to = type.shape[i].as_symbol();
    if (!from || !to || !defines_symbol(v, *from)) return mismatch();
    if (symbols_.contains(std::string(*to)))
      return Status::error(Code::invalid_argument, "%" + values_[size_t(v)].name + " defines the size " +
                                                       std::string(*to) +
                                                       ", but that symbol has a meaning already");
    rename_symbol(values_[size_t(v)].producer, std::string(*from), std::string(*to));
  }
  return {};
}

/// Substitutes in the attributes of n, infers its outputs from its inputs' new types, and adds to `with` what
/// became of the symbols it defined.
Status Graph::infer_again(NodeId n, DimMap& with) {
  Node& node = nodes_[size_t(n)].node;
  node.op = node.op.substitute(with);
  Result<Types> inferred = node.op.infer(input_types(node));
  if (!inferred.ok())
    return inferred.status().note("at " + (node.origin.empty() ? std::string(node.op.name()) : node.origin));
  if (inferred->size() != node.outputs.size())
    return Status::error(Code::internal,
                         std::string(node.op.name()) + ": the number of outputs changed with the types");
  std::map<std::string, Dim> known;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId v = node.outputs[i];
    TensorType& own = values_[size_t(v)].type;
    TensorType& type = (*inferred)[i];
    if (own.dtype != type.dtype || own.rank() != type.rank())
      return Status::error(Code::internal, std::string(node.op.name()) + ": " + own.to_string() + " became " +
                                               type.to_string());
    for (size_t axis = 0; axis < type.shape.size(); ++axis) {
      const auto symbol = own.shape[axis].as_symbol();
      if (!symbol || !defines_symbol(v, *symbol)) continue;
      const std::string name(*symbol);
      if (has_unknown(type.shape[axis])) {
        if (!with.contains(name)) known.try_emplace(type.shape[axis].to_string(), own.shape[axis]);
      } else {  // what was only known by running is known now
        const Dim now = type.shape[axis];
        for (auto& [key, dim] : with) dim = dim.substitute({{name, now}});
        with.emplace(name, now);
        symbols_.erase(name);
      }
    }
    own = std::move(type);
  }
  define_symbols(node.outputs, known);
  return {};
}

Status Graph::substitute(const DimMap& with) {
  Graph changed = *this;
  DimMap all = with;
  for (const auto& [symbol, dim] : with) {
    auto found = symbols_.find(symbol);
    if (found != symbols_.end() && found->second != ValueId::none)
      return Status::error(Code::invalid_argument, "the size " + symbol + " is defined by %" +
                                                       values_[size_t(found->second)].name +
                                                       ", expected a symbol of the inputs");
    changed.symbols_.erase(symbol);
  }
  for (ValueId v : changed.inputs) {
    std::set<std::string, std::less<>> symbols;
    for (Dim& d : changed.values_[size_t(v)].type.shape) d = d.substitute(with), d.collect_symbols(symbols);
    for (const std::string& s : symbols) changed.symbols_[s] = ValueId::none;
  }
  for (NodeId n = changed.first(); n != NodeId::none; n = changed.next(n))
    RK_CHECK(changed.infer_again(n, all));
  *this = std::move(changed);
  return {};
}

void collect_free_symbols(const Graph& graph, std::set<std::string, std::less<>>& into) {
  std::set<std::string, std::less<>> used, own;
  for (ValueId v : graph.inputs)
    for (const Dim& d : graph[v].type.shape)
      if (auto symbol = d.as_symbol())
        own.emplace(*symbol);
      else
        d.collect_symbols(used);
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    graph[n].op.collect_symbols(used);
    for (ValueId v : graph[n].outputs)
      for (const Dim& d : graph[v].type.shape)
        if (auto symbol = d.as_symbol(); symbol && graph.defines_symbol(v, *symbol)) own.emplace(*symbol);
  }
  for (const std::string& s : used)
    if (!own.contains(s)) into.insert(s);
}

GraphRef substitute_graph(const GraphRef& graph, const DimMap& with) {
  // Only what is free inside: a symbol that the graph's inputs or nodes define hides one of the same name
  // outside, and the sizes of the inputs follow from what is passed in.
  std::set<std::string, std::less<>> free;
  collect_free_symbols(*graph, free);
  DimMap visible;
  for (const std::string& s : free)
    if (auto found = with.find(s); found != with.end()) visible.insert(*found);
  if (visible.empty()) return nullptr;
  auto changed = std::make_shared<Graph>(*graph);
  if (!changed->substitute(visible).ok()) return nullptr;  // verification will say what does not fit
  return changed;
}

}  // namespace rekindle
