// Graphs inside nodes: calls of model-local functions are inlined, branches become graphs with explicit
// captures. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "math/copy.h"
#include "math/fail.h"
#include "math/movement.h"
#include "onnx/importer.h"
#include "onnx/names.h"

namespace rekindle::onnx {
namespace {

std::string shown(const FunctionProto& function) {
  return function.domain.empty()
             ? quote_name(function.name)
             : quote_name(std::string(function.domain) + "." + std::string(function.name));
}

/// Whether `to` is `from` without some of its dims.
bool drops_axes(const Shape& from, const Shape& to) {
  size_t next = 0;
  for (const Dim& d : from)
    if (next < to.size() && to[next] == d) ++next;
  return next == to.size() && to.size() < from.size();
}

/// The input whose copy is a body's only value, or with `dropping`, the input that it drops axes of.
ValueId passed_on(const Graph& body, bool dropping) {
  if (body.outputs.size() != 1 || body.node_count() != 1) return ValueId::none;
  const Node* node = body.producer(body.outputs[0]);
  if (!node || node->inputs.size() != 1) return ValueId::none;
  const ValueId from = node->inputs[0];
  const bool fits = dropping ? node->op.is<ops::Reshape>() &&
                                   drops_axes(body[from].type.shape, body[body.outputs[0]].type.shape)
                             : node->op.is<ops::Copy>();
  const bool is_input = std::find(body.inputs.begin(), body.inputs.end(), from) != body.inputs.end();
  return fits && is_input ? from : ValueId::none;
}

}  // namespace

TensorType BodyDims::type(const std::string& name, const TensorType& outer) {
  TensorType inner = outer;
  for (size_t axis = 0; axis < outer.shape.size(); ++axis) {
    const Dim& d = outer.shape[axis];
    if (!d.is_symbolic()) continue;
    if (const auto symbol = d.as_symbol())
      bound_.insert(std::string(*symbol));
    else
      inner.shape[axis] = mapped_
                              .try_emplace(d.to_string(), Dim::symbol(sanitize_symbol(name.substr(0, 200)) +
                                                                      ".in" + std::to_string(axis)))
                              .first->second;
  }
  return inner;
}

std::optional<Dim> BodyDims::dim(const Dim& outer) const {
  if (!outer.is_symbolic()) return outer;
  if (const auto found = mapped_.find(outer.to_string()); found != mapped_.end()) return found->second;
  std::set<std::string, std::less<>> symbols;
  outer.collect_symbols(symbols);
  for (const std::string& s : symbols)
    if (!bound_.contains(s)) return std::nullopt;
  return outer;
}

void declare_captured(Scope& scope, const std::vector<Importer::Captured>& captured, Scope& inner,
                      BodyDims& dims) {
  Graph& body = inner.build.graph();
  for (const auto& [name, value, parts] : captured) {
    if (const Sequence* outer = scope.build.sequence_of(value)) {
      Sequence kind = *outer;
      kind.element = without_symbols(kind.element);
      Values own;
      for (const ValueId part : parts) {
        const std::string named = std::string(name) + "." + std::to_string(own.size());
        own.push_back(body.add_input(named, dims.type(named, scope.build.type(part))));
      }
      inner.names[name] = Name{.value = inner.build.sequence_from(kind, own)};
      continue;
    }
    const Tensor* constant = scope.build.graph().constant(value);
    const ValueId seen =
        constant ? body.add_constant(std::string(name), *constant)
                 : body.add_input(std::string(name), dims.type(std::string(name), scope.build.type(value)));
    inner.names[name] = Name{.value = seen};
  }
  for (const auto& [name, value, parts] : captured) {  // all sizes are known now
    auto contents = scope.build.contents_of(value);
    if (!contents || scope.build.graph().constant(value)) continue;
    bool known = true;
    for (SymbolicNumber& n : *contents) {
      const auto seen = dims.dim(n.numerator);
      known = known && seen;
      if (seen) n.numerator = *seen;
    }
    if (known) inner.build.set_contents(inner.names[name].value, *std::move(contents));
  }
}

Result<std::vector<Importer::Captured>> Importer::capture(Scope& scope, NodeReader& node) {
  std::vector<Captured> captured;
  for (const std::string_view name : free_names(node.proto())) {
    bool poisoned = false;
    RK_TRY(const ValueId value, find(scope, name, poisoned));
    if (value == ValueId::none) return invalid("a branch uses " + quote_name(name) + ", which is absent");
    Captured c{name, value, {}};
    if (scope.build.sequence_of(value)) {
      RK_TRY(c.parts, scope.build.parts_of(value));
    }
    captured.push_back(std::move(c));
  }
  return captured;
}

Values Importer::captures_of(const Scope& scope, const std::vector<Captured>& captured) {
  Values values;
  for (const Captured& c : captured) {
    if (scope.build.sequence_of(c.value))
      values.insert(values.end(), c.parts.begin(), c.parts.end());
    else if (scope.build.graph().constant(c.value) == nullptr)
      values.push_back(c.value);
  }
  return values;
}

Values Importer::gather_outputs(Builder& build, const Values& made, const std::vector<OutputKind>& kinds) {
  Values outputs;
  size_t at = 0;
  for (const OutputKind& kind : kinds) {
    const size_t count = kind ? kind->parts() : 1;
    if (at + count > made.size()) break;
    outputs.push_back(kind ? build.sequence_from(*kind, std::span(made).subspan(at, count)) : made[at]);
    at += count;
  }
  return outputs;
}

Result<AttributeBindings> Importer::bind_attributes(const Scope& scope, const NodeProto& node,
                                                    const FunctionProto& function) {
  AttributeBindings bindings;
  for (const AttributeProto& attribute : function.attribute_defaults) bindings[attribute.name] = &attribute;
  for (const AttributeProto& attribute : node.attributes) {
    const bool is_declared =
        bindings.contains(attribute.name) || std::find(function.attributes.begin(), function.attributes.end(),
                                                       attribute.name) != function.attributes.end();
    if (!is_declared)
      return invalid("function " + shown(function) + " has no attribute " + quote_name(attribute.name));
    const AttributeProto* value = &attribute;
    if (!attribute.ref_attr_name.empty()) {
      const auto outer = scope.bindings ? scope.bindings->find(attribute.ref_attr_name)
                                        : AttributeBindings::const_iterator();
      if (!scope.bindings)
        return invalid("attribute " + quote_name(attribute.name) +
                       " refers to a function's attribute, but the node is in no function");
      if (outer == scope.bindings->end()) continue;
      value = outer->second;
    }
    bindings[attribute.name] = value;
  }
  return bindings;
}

Status Importer::call_function(Scope& scope, const NodeProto& node, const FunctionProto& function,
                               const Values& inputs, const std::string& origin, const std::string& where) {
  for (size_t i = 0; i < active_functions_.size(); ++i) {
    if (active_functions_[i] != &function) continue;
    std::string path;
    for (; i < active_functions_.size(); ++i) path += shown(*active_functions_[i]) + " -> ";
    return invalid("function " + shown(function) + " calls itself: " + path + shown(function));
  }
  if (depth_ >= kDeepest)
    return invalid("functions and branches are more than " + std::to_string(kDeepest) + " deep");
  if (inputs.size() > function.inputs.size() || node.outputs.size() > function.outputs.size())
    return invalid("function " + shown(function) + " takes " + std::to_string(function.inputs.size()) +
                   " inputs and makes " + std::to_string(function.outputs.size()) + ", but the call has " +
                   std::to_string(inputs.size()) + " and " + std::to_string(node.outputs.size()));
  RK_TRY(const AttributeBindings bindings, bind_attributes(scope, node, function));
  Scope body{.build = scope.build,
             .opsets = function.opset_imports.empty() ? scope.opsets : function.opset_imports,
             .bindings = &bindings,
             .path = origin + "/",
             .where = where + "function " + shown(function) + ", "};
  for (size_t i = 0; i < function.inputs.size(); ++i) {
    const ValueId value = i < inputs.size() ? inputs[i] : ValueId::none;
    body.names[function.inputs[i]] =
        value == ValueId::none ? Name{.state = Name::State::absent} : Name{.value = value};
  }
  const size_t first_new = scope.build.graph().value_count();
  active_functions_.push_back(&function), ++depth_;
  convert_nodes(body, function.nodes, function.outputs);
  active_functions_.pop_back(), --depth_;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    bool poisoned = false;
    Result<ValueId> value = find(body, function.outputs[i], poisoned);
    if (!value.ok() && !scope.used.contains(node.outputs[i])) continue;
    if (!value.ok()) return invalid("function " + shown(function) + ": output " + value.status().message());
    if (poisoned)
      scope.names.insert_or_assign(node.outputs[i], Name{.state = Name::State::poisoned});
    else if (*value == ValueId::none)
      scope.names.insert_or_assign(node.outputs[i], Name{.state = Name::State::absent});
    else
      bind(scope, node.outputs[i], *value, first_new);
  }
  return {};
}

Result<Importer::Body> Importer::import_body(Scope& scope, const GraphProto& graph, const std::string& where,
                                             const std::vector<Captured>& captured) {
  if (!graph.inputs.empty())
    return invalid("a branch has " + std::to_string(graph.inputs.size()) + " inputs, expected none");
  auto body = std::make_shared<Graph>();
  body->set_name_hint(graph.name.empty() ? "body" : sanitize_symbol(graph.name.substr(0, 200)));
  Builder build(*body);
  Scope inner{.build = build, .opsets = scope.opsets, .bindings = scope.bindings, .path = {}, .where = where};
  BodyDims dims;
  declare_captured(scope, captured, inner, dims);
  const size_t problems = problem_count_ + unknown_count_;
  declare_initializers(inner, graph);
  std::vector<std::string_view> outputs;
  for (const ValueInfoProto& output : graph.outputs) outputs.push_back(output.name);
  ++depth_;
  convert_nodes(inner, graph.nodes, outputs);
  --depth_;
  Body made;
  made.outputs = set_outputs(inner, graph);
  if (problem_count_ + unknown_count_ != problems)
    return Status::error(Code::invalid_argument, "");  // reported
  body->remove_dead();
  made.graph = GraphRef(std::move(body));
  return made;
}

namespace {

/// The kinds of outputs of two branches: what is known about elements is what is known in both.
Status join_kinds(std::vector<Importer::OutputKind>& kinds, const std::vector<Importer::OutputKind>& others) {
  for (size_t i = 0; i < std::min(kinds.size(), others.size()); ++i) {
    const bool same =
        bool(kinds[i]) == bool(others[i]) &&
        (!kinds[i] || (kinds[i]->dtype == others[i]->dtype && kinds[i]->parts() == others[i]->parts()));
    if (!same)
      return unsupported(
          "output " + std::to_string(i) +
          " is not of one kind in all branches: a tensor, a sequence or an optional of one type");
    if (kinds[i]) kinds[i]->element = common_shape(kinds[i]->element, others[i]->element);
  }
  return {};
}

}  // namespace

Result<Importer::Bodies> Importer::import_bodies(Scope& scope, NodeReader& node,
                                                 const std::vector<std::string_view>& names) {
  if (depth_ >= kDeepest)
    return invalid("functions and branches are more than " + std::to_string(kDeepest) + " deep");
  Bodies bodies;
  RK_TRY(std::vector<Captured> captured, capture(scope, node));
  // the condition too: a branch without any input could be evaluated at build
  const ValueId condition = node.input(0);
  if (std::none_of(captured.begin(), captured.end(), [&](const auto& c) { return c.value == condition; }))
    captured.push_back({node.proto().inputs[0], condition, {}});
  bodies.captures = captures_of(scope, captured);
  bodies.graphs.resize(names.size());
  std::vector<Diagnostics> failures(names.size());
  GraphRef good;
  for (size_t i = 0; i < names.size(); ++i) {
    const GraphProto* graph = node.graph(names[i]);
    RK_CHECK(node.attribute_error());
    Diagnostics outer = std::exchange(problems_, {});
    const size_t count = std::exchange(problem_count_, 0);
    Result<Body> body = import_body(scope, *graph, node.where() + std::string(names[i]) + ", ", captured);
    failures[i] = std::exchange(problems_, std::move(outer));
    problem_count_ = count;
    if (!body.ok() && !body.status().message().empty()) return body.status();
    if (!body.ok()) continue;
    if (good)
      RK_CHECK(join_kinds(bodies.outputs, body->outputs));
    else
      bodies.outputs = body->outputs;
    good = bodies.graphs[i] = body->graph;
  }
  bool failed = false;
  for (size_t i = 0; i < names.size(); ++i) {
    if (bodies.graphs[i]) continue;
    const auto& all = failures[i].all();
    const bool is_ruled_out = good && !all.empty() &&
                              std::all_of(all.begin(), all.end(),
                                          [](const Status& s) { return s.code() == Code::invalid_argument; });
    if (is_ruled_out) {
      // another branch fits these shapes; this one would fail for every input, so it may when it is taken
      RK_TRY(bodies.graphs[i], failing_body(scope, good, all[0].message(), captured));
      note(all[0].message() + "; taking this branch will be an error");
      continue;
    }
    failed = true;
    for (const Status& problem : all) report(problem);
  }
  if (failed) return Status::error(Code::invalid_argument, "");
  bodies.captured = std::move(captured);
  return bodies;
}

Status Importer::settle_ranks(Scope& scope, NodeReader& node, Bodies& bodies) {
  if (bodies.graphs.size() != 2) return {};
  for (const size_t kept : {0, 1}) {
    const Graph &squeezed = *bodies.graphs[kept], &other = *bodies.graphs[1 - kept];
    const ValueId from = passed_on(squeezed, true), same = passed_on(other, false);
    if (from == ValueId::none || same == ValueId::none || squeezed[from].name != other[same].name) continue;
    const std::string message =
        node.where() + "only sizes for which it drops axes are supported: its value is " +
        squeezed[squeezed.outputs[0]].type.to_string() + ", not " + other[same].type.to_string();
    RK_TRY(bodies.graphs[1 - kept], failing_body(scope, bodies.graphs[kept], message, bodies.captured));
    note(message);
    return {};
  }
  return {};
}

Result<GraphRef> Importer::failing_body(Scope& scope, const GraphRef& other, const std::string& message,
                                        const std::vector<Captured>& captured) {
  auto body = std::make_shared<Graph>();
  Builder build(*body);
  Scope inner{.build = build, .opsets = scope.opsets};
  BodyDims dims;
  declare_captured(scope, captured, inner, dims);
  Values outputs;
  for (const ValueId v : other->outputs) {
    const auto& [name, type, constant, producer] = (*other)[v];
    ops::Fail op{.message = message, .dtype = type.dtype, .shape = type.shape};
    for (Dim& d : op.shape) {
      std::set<std::string, std::less<>> symbols;
      d.collect_symbols(symbols);
      for (const std::string& s : symbols)
        if (other->defines_symbol(s)) d = 1;  // only that branch's run would tell
    }
    RK_TRY(outputs.emplace_back(), body->add1(op, body->inputs, name));
  }
  body->set_outputs(std::move(outputs));
  return GraphRef(std::move(body));
}

Result<Values> Importer::inline_graph(Scope& scope, NodeReader& node, const GraphProto& graph,
                                      const Values& inputs) {
  if (depth_ >= kDeepest)
    return invalid("functions and branches are more than " + std::to_string(kDeepest) + " deep");
  if (graph.inputs.size() != inputs.size())
    return invalid("a graph has " + std::to_string(graph.inputs.size()) + " inputs, expected " +
                   std::to_string(inputs.size()));
  Scope inner{.build = scope.build,
              .opsets = scope.opsets,
              .bindings = scope.bindings,
              .parent = &scope,
              .path = scope.path,
              .where = node.where()};
  for (size_t i = 0; i < inputs.size(); ++i) inner.names[graph.inputs[i].name] = Name{.value = inputs[i]};
  declare_initializers(inner, graph);
  std::vector<std::string_view> outputs;
  for (const ValueInfoProto& output : graph.outputs) outputs.push_back(output.name);
  ++depth_;
  convert_nodes(inner, graph.nodes, outputs);
  --depth_;
  Values values;
  for (const std::string_view name : outputs) {
    bool poisoned = false;
    RK_TRY(const ValueId value, find(inner, name, poisoned));
    if (poisoned) return Status::error(Code::invalid_argument, "");
    values.push_back(value);
  }
  return values;
}

}  // namespace rekindle::onnx
