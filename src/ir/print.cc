// Graphs as text: canonical, one statement a line.
// SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"
#include "ir/text_reader.h"

namespace rekindle {

namespace {

constexpr int64_t kMostInline = 16;  // elements of a constant that stand in the text itself

class Printer {
 public:
  Printer(const Graph& graph, ConstantTable& constants, bool origins)
      : graph_(graph), constants_(constants), origins_(origins) {}

  std::string run() {
    out_ = "graph ";
    if (graph_.name != "main") out_ += "@" + printed_name(graph_.name) + " ";
    out_ += "(";
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      if (i > 0) out_ += ", ";
      value(graph_.inputs[i]);
      out_ += ": " + graph_[graph_.inputs[i]].type.to_string();
    }
    out_ += ") {\n";
    for (size_t i = 0; i < graph_.value_count(); ++i) constant(ValueId(i));
    for (NodeId n = graph_.first(); n != NodeId::none; n = graph_.next(n)) node(graph_[n]);
    out_ += "  return";
    for (size_t i = 0; i < graph_.outputs.size(); ++i) {
      out_ += i ? ", " : " ";
      value(graph_.outputs[i]);
    }
    out_ += "\n}\n";
    return std::move(out_);
  }

 private:
  void value(ValueId v) {
    if (v == ValueId::none)
      out_ += "_";
    else
      out_ += "%", out_ += printed_name(graph_[v].name);
  }

  void constant(ValueId v) {
    const Tensor* tensor = graph_.constant(v);
    if (!tensor || graph_.use_count(v) == 0) return;
    out_ += "  ";
    value(v);
    out_ += " = const ";
    if (tensor->count() <= kMostInline) {
      out_ += print_value(*tensor);
    } else {
      out_ += "#" + std::to_string(constants_.constants.size()) + " : " + graph_[v].type.to_string();
      constants_.constants.push_back(graph_[v].constant);
    }
    out_ += "\n";
  }

  void node(const Node& node) {
    out_ += "  ";
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (i > 0) out_ += ", ";
      value(node.outputs[i]);
    }
    out_ += " = ";
    out_ += node.op.name();
    out_ += "(";
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (i > 0) out_ += ", ";
      value(node.inputs[i]);
    }
    out_ += ")";
    attributes(node);
    for (size_t i = 0; i < node.outputs.size(); ++i)
      out_ += (i ? ", " : " : ") + graph_[node.outputs[i]].type.to_string();
    if (origins_ && !node.origin.empty()) out_ += " from " + quote(node.origin);
    out_ += "\n";
  }

  /// Line ends occur in nested graphs only (quoted text has none), so indenting every line is safe.
  void attributes(const Node& node) {
    const std::string text = node.op.attributes(&constants_);
    if (text.empty()) return;
    out_ += " ";
    for (const char c : text) {
      out_ += c;
      if (c == '\n') out_ += "  ";
    }
  }

  const Graph& graph_;
  ConstantTable& constants_;
  bool origins_;
  std::string out_;
};

}  // namespace

std::string print(const Graph& graph, ConstantTable& constants, bool origins) {
  return Printer(graph, constants, origins).run();
}

std::string print(const Graph& graph) {
  ConstantTable constants;
  return print(graph, constants);
}

}  // namespace rekindle
