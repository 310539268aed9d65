// The state of one import: name scopes, problems found so far, and the walk over graphs, functions and nodes.
// Internal to this module; import.h is its face. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "onnx/converter.h"
#include "onnx/import.h"
#include "onnx/model.h"
#include "onnx/tensor_data.h"

namespace rekindle::onnx {

/// What a name in a scope stands for.
struct Name {
  enum class State : uint8_t {
    value,
    poisoned,     // its node has a problem that was reported; users of it are passed over
    absent,       // a function's input that the caller left out
    unmade,       // an output that the op has but the converter does not make
    initializer,  // not used yet
    sparse_initializer,
  };
  State state = State::value;
  ValueId value = ValueId::none;
  const TensorProto* tensor = nullptr;
  const SparseTensorProto* sparse = nullptr;
};

/// The names of one graph, branch or function body, and where its ops go.
struct Scope {
  Builder& build;
  std::span<const OpsetImport> opsets;
  const AttributeBindings* bindings = nullptr;  // inside functions
  const Scope* parent = nullptr;                // whose names are visible too; of the same IR graph
  std::string path = {};                        // before origins: "block1/"
  std::string where = {};  // before messages: "node 3 'cond' (If, opset 17), then_branch, "
  std::unordered_map<std::string_view, Name> names = {};
  std::unordered_set<std::string_view> used = {};  // names that something reads
};

class Importer {
 public:
  Importer(const ModelProto& model, TensorLoader& tensors, const ImportOptions& options, Imported& result);
  Status run();

  /// A value from outside that a body uses: one tensor, or those of a sequence.
  struct Captured {
    std::string_view name;
    ValueId value = ValueId::none;
    Values parts;  // of a sequence
  };
  /// What a body hands out: a tensor, or the kind of a sequence, whose tensors take as many outputs.
  using OutputKind = std::optional<Sequence>;
  /// Bodies of a control-flow node as graphs that all take `captures`, and the values captured.
  struct Bodies {
    std::vector<GraphRef> graphs;
    Values captures;
    std::vector<Captured> captured;  // with constants
    std::vector<OutputKind> outputs;
  };
  /// What the names that the node's graphs take from outside stand for.
  Result<std::vector<Captured>> capture(Scope& scope, NodeReader& node);
  /// Those that are no constants: the last inputs of every body.
  static Values captures_of(const Scope& scope, const std::vector<Captured>& captured);
  /// Outputs of a control-flow op as values of ONNX: tensors, or sequences of several.
  static Values gather_outputs(Builder& build, const Values& made, const std::vector<OutputKind>& kinds);
  /// An ONNX Loop or Scan as a loop op; see import_loops.cc.
  struct LoopParts;
  Result<Values> import_loop(Scope& scope, NodeReader& node, LoopParts& parts);
  Result<Bodies> import_bodies(Scope& scope, NodeReader& node, const std::vector<std::string_view>& names);
  /// A value keeps its rank: where one branch drops axes of a value and the other passes it on, the other
  /// becomes an error when it is taken. That is how PyTorch exports squeeze(axis).
  Status settle_ranks(Scope& scope, NodeReader& node, Bodies& bodies);
  /// The nodes of a branch that is known to be taken, in place.
  Result<Values> inline_branch(Scope& scope, NodeReader& node, const GraphProto& graph) {
    return inline_graph(scope, node, graph, {});
  }
  /// The nodes of a graph attribute in place, its inputs being these values.
  Result<Values> inline_graph(Scope& scope, NodeReader& node, const GraphProto& graph, const Values& inputs);

  /// The tensor that a name stands for; for attributes that name values.
  Result<ValueId> value_named(Scope& scope, std::string_view name) {
    bool poisoned = false;
    RK_TRY(const ValueId value, find(scope, name, poisoned));
    if (value != ValueId::none) return value;
    return Status::error(Code::invalid_argument, "a value that an attribute names is not made");
  }

  static std::string label(const NodeProto& node, size_t index, int64_t opset);

 private:
  friend class Topology;
  // import_graph.cc
  Status check_versions();
  void declare_inputs(Scope& scope, const GraphProto& graph);
  void declare_initializers(Scope& scope, const GraphProto& graph);
  Result<TensorType> input_type(const ValueInfoProto& input);
  Dim input_dim(const std::string& input, size_t axis, const DimProto& dim);
  std::vector<OutputKind> set_outputs(Scope& scope, const GraphProto& graph);
  void set_output(Scope& scope, const std::string& shown, const std::string& name, ValueId value,
                  Values& outputs);
  Status declare_sequence(Scope& scope, const ValueInfoProto& input);
  void note_declared_types(const Scope& scope, const GraphProto& graph);

  // import_nodes.cc
  void convert_nodes(Scope& scope, std::span<const NodeProto> nodes,
                     std::span<const std::string_view> outputs);
  void convert_node(Scope& scope, const NodeProto& node, size_t index);
  Status convert_known(Scope& scope, const NodeProto& node, int opset, const Converter& converter,
                       Values inputs, const std::string& origin, const std::string& where);
  /// The value of a name; an error when it is not defined or not made, none when absent. `poisoned` is set
  /// instead of an error when the reason was reported.
  Result<ValueId> find(Scope& scope, std::string_view name, bool& poisoned);
  const Name* look_up(const Scope& scope, std::string_view name) const;
  void bind(Scope& scope, std::string_view name, ValueId value, size_t first_new);
  void poison(Scope& scope, const NodeProto& node);
  void report(const Scope& scope, const NodeProto& node, size_t index, Status problem);
  void report(Status problem);
  void note(std::string text);

  // import_bodies.cc
  Status call_function(Scope& scope, const NodeProto& node, const FunctionProto& function,
                       const Values& inputs, const std::string& origin, const std::string& where);
  Result<AttributeBindings> bind_attributes(const Scope& scope, const NodeProto& node,
                                            const FunctionProto& function);
  /// What stands for a branch that cannot be: a graph whose values are errors when they are asked for.
  Result<GraphRef> failing_body(Scope& scope, const GraphRef& other, const std::string& message,
                                const std::vector<Captured>& captured);
  struct Body {
    GraphRef graph;
    std::vector<OutputKind> outputs;
  };
  Result<Body> import_body(Scope& scope, const GraphProto& graph, const std::string& where,
                           const std::vector<Captured>& captured);

  // import_loops.cc
  Status append_outputs(Scope& inner, const LoopParts& parts, const Values& carried);
  Result<Body> import_loop_body(Scope& scope, LoopParts& parts, const std::vector<Captured>& captured);

  const ModelProto& model_;
  TensorLoader& tensors_;
  const ImportOptions& options_;
  Imported& result_;
  Diagnostics problems_;
  size_t problem_count_ = 0;
  std::map<std::string, std::pair<size_t, std::string>> unknown_ops_;  // message → how often, first node
  size_t unknown_count_ = 0;
  std::map<std::string, std::string, std::less<>> symbols_;  // symbol → the dim_param it stands for
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, const FunctionProto*> functions_;
  std::vector<const FunctionProto*> active_functions_;
  int depth_ = 0;
  int64_t converted_ = 0, most_converted_ = 0;
};

/// Dims of an outer graph as a body sees them. A plain symbol keeps its name; an expression becomes a symbol
/// of its own, since a body only knows the sizes of what it is given.
class BodyDims {
 public:
  TensorType type(const std::string& name, const TensorType& outer);
  /// Nullopt when the body cannot know it.
  std::optional<Dim> dim(const Dim& outer) const;

 private:
  std::set<std::string, std::less<>> bound_;
  std::map<std::string, Dim> mapped_;
};
/// What a declared sequence or optional is; an error for those of other things than tensors.
Result<Sequence> sequence_kind(const TypeProto& type);
/// The captured values in a body: constants as they are, others as inputs.
void declare_captured(Scope& scope, const std::vector<Importer::Captured>& captured, Scope& inner,
                      BodyDims& dims);
inline constexpr int kDeepest = 64;  // calls and branches inside each other

/// Names that a graph reads but does not define, each once, in order of first use; `defined` are those known
/// outside it.
std::vector<std::string_view> free_names(const GraphProto& graph);
/// The same of a node's graph attributes.
std::vector<std::string_view> free_names(const NodeProto& node);

/// An order of the nodes in which every value is made before it is used, the given one if it is such. Nodes
/// on a cycle are left out and described in `cycle`.
std::vector<uint32_t> order_nodes(std::span<const NodeProto> nodes, std::string& cycle);

inline std::string_view normal_domain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

}  // namespace rekindle::onnx
