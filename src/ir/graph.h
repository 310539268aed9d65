// A graph is a list of nodes in topological order; values and nodes are small ids, never pointers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/op.h"

namespace rekindle {

enum class ValueId : uint32_t { none = UINT32_MAX };  // none: an absent optional input
enum class NodeId : uint32_t { none = UINT32_MAX };

struct Value {
  std::string name;  // unique in its graph; empty once the value is removed
  TensorType type;
  std::shared_ptr<const Tensor> constant;  // set for weights and folded results; such a value has no producer
  NodeId producer = NodeId::none;          // none for inputs and constants
};

/// A graph inside an op (If, Loop, region) is a GraphRef: shared, never changed in place. It sees nothing of
/// the graph around it but its inputs, so what it captures is passed to it explicitly.
struct Node {
  Op op;
  std::vector<ValueId> inputs;  // ValueId::none where an optional input is absent
  std::vector<ValueId> outputs;
  std::string origin;  // the ONNX nodes it came from: "/encoder/layer.0/MatMul, /encoder/layer.0/Add"
};

class Patch;  // ir/patch.h: new nodes, plus which old values they stand for

class Graph {
 public:
  std::string name = "main";
  std::vector<ValueId> inputs, outputs;

  ValueId add_input(std::string name, TensorType type);
  ValueId add_constant(std::string name, Tensor value);
  /// Appends a node; infers the types of its outputs. Names are made unique; unknown dims get symbols of
  /// their own.
  Result<std::vector<ValueId>> add(Op op, std::vector<ValueId> inputs, std::vector<std::string> names = {},
                                   std::string origin = {});
  /// The same for ops with one output.
  Result<ValueId> add1(Op op, std::vector<ValueId> inputs, std::string name = {}, std::string origin = {});

  /// The only way to change what exists: all or nothing. Types must match, except that a symbol which the
  /// replaced value defines (see defines_symbol()) may become any dim: it is then replaced in every type and
  /// attribute after it. New nodes inherit the origins of what they replace; what becomes unused is removed;
  /// replaced values pass their names on. A graph output keeps its name, so an input or another output cannot
  /// stand for it: that patch is refused as `unsupported`.
  Status apply(const Patch&);
  /// Replaces symbols in all types and attributes, inputs first, and infers again. All or nothing.
  Status substitute(const DimMap& with);
  /// What a reader does with a type it was told: an error unless it is the inferred one, where a symbol that
  /// v's node defines may get another name.
  Status declare_type(ValueId v, const TensorType& type);
  /// Removes nodes and constants that no output depends on; returns how many nodes.
  int remove_dead();
  /// Order, arity, types (inferred again), names, uses. Run after every pass.
  Status verify() const;

  const Value& operator[](ValueId v) const { return values_[size_t(v)]; }
  const Node& operator[](NodeId n) const { return nodes_[size_t(n)].node; }
  /// Null when v is an input or a constant.
  const Node* producer(ValueId v) const;
  /// Uses by nodes plus uses as graph output.
  size_t use_count(ValueId v) const;
  const std::vector<NodeId>& users(ValueId v) const {
    return uses_[size_t(v)].nodes;
  }  // one entry a use, in no order
  bool is_output(ValueId v) const { return uses_[size_t(v)].as_output > 0; }
  bool is_input(ValueId v) const;
  bool is_live(ValueId v) const { return size_t(v) < values_.size() && !values_[size_t(v)].name.empty(); }
  /// Whether `symbol` is a size that only running v's node tells; such symbols are named after the value and
  /// the axis.
  bool defines_symbol(ValueId v, std::string_view symbol) const;
  bool defines_symbol(std::string_view symbol) const;  // whether some node does
  const Tensor* constant(ValueId v) const {
    return v == ValueId::none ? nullptr : values_[size_t(v)].constant.get();
  }
  size_t value_count() const { return values_.size(); }
  size_t node_count() const { return live_nodes_; }
  ValueId find(std::string_view name) const;  // none when there is no such value
  Types input_types(const Node&) const;       // absent_type() for absent inputs

  /// Topological order. A loop may apply patches: next() of a node that was removed goes on with the one that
  /// followed it.
  NodeId first() const { return first_; }
  NodeId next(NodeId n) const {
    do n = nodes_[size_t(n)].next;
    while (n != NodeId::none && !nodes_[size_t(n)].live);
    return n;
  }
  bool is_live(NodeId n) const { return nodes_[size_t(n)].live; }
  bool precedes(NodeId a, NodeId b) const { return nodes_[size_t(a)].rank < nodes_[size_t(b)].rank; }
  /// A snapshot of the order, for loops that edit.
  std::vector<NodeId> order() const;

  void set_outputs(std::vector<ValueId> values);  // each value at most once; names stay
  void rename(ValueId v, std::string name);
  void set_origin(NodeId n, std::string origin) { nodes_[size_t(n)].node.origin = std::move(origin); }
  void set_name_hint(std::string name) { this->name = std::move(name); }

 private:
  friend class PatchApplication;  // ir/patch_application.h
  struct Slot {
    Node node;
    std::vector<uint32_t> use_positions;  // where each input's use stands in uses_[input].nodes
    NodeId previous = NodeId::none, next = NodeId::none;
    int64_t rank = 0;  // orders the list; gaps are left for insertions
    bool live = true;
  };
  struct Uses {
    std::vector<NodeId> nodes;
    std::vector<uint32_t> slots;  // which input of the node
    uint32_t as_output = 0;
  };
  ValueId new_value(std::string name, TensorType type);
  std::string unique_name(std::string_view wanted) const;
  std::string unique_symbol(std::string_view value_name, size_t axis) const;
  /// Gives each unknown dim a symbol that `producer` defines; equal unknowns get one symbol.
  void define_symbols(const std::vector<ValueId>& values, std::map<std::string, Dim>& known);
  void rename_symbol(NodeId producer, const std::string& from, const std::string& to);
  Status infer_again(NodeId n, DimMap& with);
  NodeId new_node(Op op, std::vector<ValueId> inputs, std::vector<ValueId> outputs, std::string origin,
                  NodeId before);
  void link_before(NodeId n, NodeId before);
  void unlink(NodeId n);
  void make_room(NodeId n);
  void add_use(ValueId v, NodeId user, uint32_t slot);
  void remove_use(NodeId user, uint32_t slot);
  void remove(NodeId n);
  void remove_value(ValueId v);
  void remove_unused(std::vector<NodeId> candidates, std::vector<NodeId>* removed);
  void replace_uses(ValueId old, ValueId now);

  std::vector<Value> values_;
  std::vector<Uses> uses_;
  std::vector<Slot> nodes_;
  NodeId first_ = NodeId::none, last_ = NodeId::none;
  size_t live_nodes_ = 0;
  std::unordered_map<std::string, ValueId> names_;
  std::unordered_map<std::string, ValueId> symbols_;  // who defines a symbol; none: the graph's inputs
  mutable std::unordered_map<std::string, int> suffixes_;
};

/// The canonical text; constants of more than 16 elements print as "#k" and need the table to come back.
std::string print(const Graph&);
struct ConstantTable {
  std::vector<std::shared_ptr<const Tensor>> constants;  // "#0", "#1", … in order
};
/// With `origins`, each line ends in `from "/layer/MatMul"`, so that a saved graph keeps them.
std::string print(const Graph&, ConstantTable& constants, bool origins = false);
/// Errors name line and column. print(*parse(print(g))) == print(g).
Result<Graph> parse(std::string_view text, const OpTable& ops, const ConstantTable* constants = nullptr);
/// The next graph of a longer text, such as a file of test cases.
Result<Graph> parse_graph(TextReader& in);

/// Runs the graph with the references of its ops. `watch`, when given, sees every value as it is made.
using Watch = std::function<Status(ValueId, const Tensor&)>;
Result<Tensors> interpret(const Graph&, std::span<const Tensor> inputs, const Watch& watch = {});

}  // namespace rekindle
