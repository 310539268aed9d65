// Bodies of loops. Which sizes stay is not written anywhere: the body is imported with those that come in,
// and again with a symbol for each that comes out otherwise, until they agree.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/import_loops.h"

#include <algorithm>
#include <utility>

#include "math/copy.h"
#include "math/sequence.h"
#include "onnx/compose.h"
#include "onnx/names.h"
#include "ops/loop.h"

namespace rekindle::onnx {

namespace {

using Carried = Importer::LoopParts::Carried;
using Form = Importer::LoopParts::Form;
constexpr int kMostAttempts = 8;

/// Inputs of the body for what is carried, named after the ONNX input.
Values declare_carried(Builder& build, const Carried& c, const std::string& name, bool all_grow,
                       BodyDims& dims) {
  Values inputs;
  for (size_t p = 0; p < c.parts.size(); ++p) {
    const std::string own = name + (c.kind ? "." + std::to_string(p) : std::string());
    TensorType type = dims.type(own, c.types[p]);
    for (size_t d = 0; d < type.shape.size(); ++d)
      if (all_grow || c.grows[p][d])
        type.shape[d] = Dim::symbol(sanitize_symbol(own.substr(0, 200)) + ".now" + std::to_string(d));
    inputs.push_back(build.graph().add_input(own, std::move(type)));
  }
  return inputs;
}

TensorType control_type(DType dtype, const GraphProto& graph, size_t input) {
  TensorType type{dtype, {}};
  if (input < graph.inputs.size() && graph.inputs[input].type.shape.size() == 1) type.shape.emplace_back(1);
  return type;
}

/// What the body of a scan or map sees of one extra.
ValueId seen_part(Composition& c, const Importer::LoopParts& parts, size_t extra, ValueId whole,
                  ValueId iteration) {
  if (parts.form == Form::scan) {
    ValueId index = iteration;
    if (parts.reversed[extra])
      index = c.sub(c.sub(c.size(c.dim(whole, parts.axes[extra])), c.number(DType::i64, 1)), iteration);
    return c.gather(whole, index, parts.axes[extra]);
  }
  const Sequence* s = c.build().sequence_of(whole);
  if (s == nullptr) return whole;
  if (!s->element) return c.fail(unsupported("the rank of a sequence's elements is not known")), whole;
  const Shape element = *s->element;
  const ValueId data = s->data, shapes = s->shapes;
  return c(ops::SequenceAt{.shape = element}, {data, shapes, iteration});
}

/// A body may take an optional sequence and hand on a sequence: from then on it is there.
void make_optional(Builder& build, Scope& inner, const Importer::LoopParts& parts) {
  for (size_t k = 0; k < parts.carried.size() && parts.form == Form::loop; ++k) {
    const auto& kind = parts.carried[k].kind;
    if (!kind || kind->parts() != 3 || k + 1 >= parts.graph->outputs.size()) continue;
    const auto name = inner.names.find(parts.graph->outputs[k + 1].name);
    const Sequence* made = name == inner.names.end() ? nullptr : build.sequence_of(name->second.value);
    if (made == nullptr || made->is_optional) continue;
    Sequence there = *made;
    there.is_optional = there.holds_sequence = true;
    name->second.value = build.add_sequence(std::move(there));
  }
}

/// Outside, what the body declares as a sequence is one.
void make_plain(Builder& build, const GraphProto& graph, size_t carried, Values& outputs) {
  for (size_t k = 0; k < carried; ++k) {
    const Sequence* s = build.sequence_of(outputs[k]);
    if (!s || s->parts() != 3 || graph.outputs[k + 1].type.kind != TypeProto::Kind::sequence) continue;
    Sequence plain = *s;
    plain.is_optional = plain.holds_sequence = false;
    plain.present = ValueId::none;
    outputs[k] = build.add_sequence(std::move(plain));
  }
}

/// Marks what comes out otherwise than it went in; true when nothing did. An error when no symbol helps.
Result<bool> settle(Importer::LoopParts& parts, const Importer::LoopParts& before, const Graph& body,
                    const std::vector<Importer::OutputKind>& outputs) {
  bool settled = true;
  size_t in = 2, out = 1;
  for (size_t k = 0; k < parts.carried.size(); ++k) {
    Carried& c = parts.carried[k];
    const auto& kind = outputs[k];
    const std::string shown = "carried value " + std::to_string(k);
    if (bool(c.kind) != bool(kind) ||
        (kind && (kind->parts() != c.kind->parts() || kind->dtype != c.kind->dtype)))
      return unsupported(shown + " is of another kind after the body than before it");
    if (kind) {
      const auto joined = c.is_empty ? kind->element : common_shape(c.kind->element, kind->element);
      settled = settled && joined == c.kind->element;
      c.kind->element = joined;
      c.is_empty = false;
    }
    for (size_t p = 0; p < c.parts.size(); ++p, ++in, ++out) {
      const TensorType &from = body[body.inputs[in]].type, &to = body[body.outputs[out]].type;
      if (from.dtype != to.dtype || from.rank() != to.rank())
        return unsupported(shown + " is " + from.to_string() + " before the body and " + to.to_string() +
                           " after it, expected one element type and rank");
      for (size_t d = 0; d < from.shape.size(); ++d)
        if (from.shape[d] != to.shape[d] && !c.grows[p][d] && !before.all_grow) {
          c.grows[p][d] = true;
          settled = false;
        }
    }
  }
  return settled;
}

}  // namespace

Result<Carried> carried_value(Builder& build, ValueId value) {
  if (value == ValueId::none) return invalid("a carried value is absent");
  Carried c;
  if (const Sequence* s = build.sequence_of(value)) {
    c.kind = *s;
    c.is_empty = s->items && s->items->empty();
    c.kind->items.reset();
    c.kind->element = without_symbols(c.kind->element);
    RK_TRY(c.parts, build.parts_of(value));
  } else {
    c.parts = {value};
  }
  for (const ValueId v : c.parts) {
    c.types.push_back(build.type(v));
    c.grows.emplace_back(c.types.back().shape.size(), false);
  }
  if (c.kind) c.grows[0][0] = c.grows[1][0] = true;
  return c;
}

namespace {

/// Iteration and condition: the body's first inputs, whatever the form.
std::pair<ValueId, ValueId> declare_control(Builder& build, const Importer::LoopParts& parts, Scope& inner) {
  const GraphProto& graph = *parts.graph;
  Graph& body = build.graph();
  if (parts.form != Form::loop) {
    const ValueId iteration = body.add_input("iteration", {DType::i64, {}});
    return {iteration, body.add_input("condition", {DType::boolean, {}})};
  }
  const auto add = [&](size_t i, DType dtype) {
    const ValueId v = body.add_input(std::string(graph.inputs[i].name), control_type(dtype, graph, i));
    inner.names[graph.inputs[i].name] = Name{.value = v};
    return v;
  };
  const ValueId iteration = add(0, DType::i64);
  return {iteration, add(1, DType::boolean)};
}

/// The carried values as the body sees them; those of a map have no name in it.
Values declare_all_carried(Builder& build, const Importer::LoopParts& parts, Scope& inner, BodyDims& dims) {
  const GraphProto& graph = *parts.graph;
  const size_t first = parts.form == Form::loop ? 2 : 0;
  Values carried;
  for (size_t k = 0; k < parts.carried.size(); ++k) {
    const Carried& c = parts.carried[k];
    const bool is_map = parts.form == Form::map;
    const std::string_view name = is_map ? graph.outputs[k].name : graph.inputs[first + k].name;
    const Values own =
        declare_carried(build, c, std::string(name) + (is_map ? "/all" : ""), parts.all_grow, dims);
    carried.push_back(c.kind ? build.sequence_from(*c.kind, own) : own[0]);
    if (!is_map) inner.names[name] = Name{.value = carried.back()};
  }
  return carried;
}

}  // namespace

/// A map puts each output at the end of its sequence.
Status Importer::append_outputs(Scope& inner, const LoopParts& parts, const Values& carried) {
  Builder& build = inner.build;
  for (size_t k = 0; k < carried.size(); ++k) {
    const std::string_view name = parts.graph->outputs[k].name;
    bool poisoned = false;
    RK_TRY(const ValueId value, find(inner, name, poisoned));
    const Sequence s = *build.sequence_of(carried[k]);
    if (value == ValueId::none || build.sequence_of(value)) return invalid("the body makes no tensor");
    build.begin_node(std::string(name), {std::string(name)});
    RK_TRY(const Values longer, build.add_all(ops::SequenceInsert{}, {s.data, s.shapes, value}));
    Sequence now = s;
    now.element = parts.carried[k].is_empty ? std::optional(build.type(value).shape)
                                            : common_shape(s.element, build.type(value).shape);
    inner.names[name] = Name{.value = build.sequence_from(std::move(now), longer)};
  }
  return {};
}

Result<Importer::Body> Importer::import_loop_body(Scope& scope, LoopParts& parts,
                                                  const std::vector<Captured>& captured) {
  const GraphProto& graph = *parts.graph;
  auto body = std::make_shared<Graph>();
  body->set_name_hint(graph.name.empty() ? "body" : sanitize_symbol(graph.name.substr(0, 200)));
  Builder build(*body);
  Scope inner{
      .build = build, .opsets = scope.opsets, .bindings = scope.bindings, .path = {}, .where = parts.where};
  const auto [iteration, condition] = declare_control(build, parts, inner);
  BodyDims dims;
  const Values carried = declare_all_carried(build, parts, inner, dims);
  const size_t problems = problem_count_ + unknown_count_;
  declare_captured(scope, captured, inner, dims);
  Composition c(build);
  build.begin_node("loop", {"loop"});
  for (size_t i = 0; i < parts.extras.size(); ++i) {
    Name& name = inner.names[parts.extras[i].name];
    name.value = seen_part(c, parts, i, name.value, iteration);
  }
  RK_CHECK(c.status());
  declare_initializers(inner, graph);
  std::vector<std::string_view> outputs;
  for (const ValueInfoProto& output : graph.outputs) outputs.push_back(output.name);
  ++depth_;
  convert_nodes(inner, graph.nodes, outputs);
  --depth_;
  if (parts.form == Form::map && problem_count_ + unknown_count_ == problems)
    RK_CHECK(append_outputs(inner, parts, carried));
  make_optional(build, inner, parts);
  Body made;
  made.outputs = set_outputs(inner, graph);
  if (problem_count_ + unknown_count_ != problems)
    return Status::error(Code::invalid_argument, "");  // reported
  if (parts.form == Form::loop) {
    if (!made.outputs.empty()) made.outputs.erase(made.outputs.begin());
  } else {
    Values all = body->outputs;
    RK_TRY(const ValueId goes_on, build.add(ops::Copy{}, {condition}));
    all.insert(all.begin(), goes_on);
    body->set_outputs(std::move(all));
  }
  body->remove_dead();
  made.graph = GraphRef(std::move(body));
  return made;
}

Result<Values> Importer::import_loop(Scope& scope, NodeReader& node, LoopParts& parts) {
  if (depth_ >= kDeepest)
    return invalid("functions and branches are more than " + std::to_string(kDeepest) + " deep");
  const GraphProto& graph = *parts.graph;
  const size_t carried = parts.carried.size(), control = parts.form == Form::loop ? 2 : 0;
  const size_t wanted =
      parts.form == Form::map ? parts.extras.size() : control + carried + parts.extras.size();
  const size_t least = (parts.form == Form::loop ? 1 : 0) + carried;
  if (graph.inputs.size() != wanted || graph.outputs.size() < least)
    return invalid("the body takes " + std::to_string(graph.inputs.size()) + " values and makes " +
                   std::to_string(graph.outputs.size()) + ", expected " + std::to_string(wanted) +
                   " and at least " + std::to_string(least));
  RK_TRY(std::vector<Captured> captured, capture(scope, node));
  captured.insert(captured.end(), parts.extras.begin(), parts.extras.end());
  Body body;
  for (int attempt = 0;; ++attempt) {
    Diagnostics outer = std::exchange(problems_, {});
    const size_t count = std::exchange(problem_count_, 0);
    Result<Body> made = import_loop_body(scope, parts, captured);
    const Diagnostics found = std::exchange(problems_, std::move(outer));
    problem_count_ = count;
    if (!made.ok()) {
      if (!parts.all_grow &&
          made.status().message().empty()) {  // it may only fit other sizes than the first ones
        parts.all_grow = true;
        continue;
      }
      for (const Status& problem : found.all()) report(problem);
      return made.status();
    }
    body = *std::move(made);
    if (body.outputs.size() < carried) return invalid("the body makes too few values");
    RK_TRY(const bool settled, settle(parts, parts, *body.graph, body.outputs));
    if (settled) break;
    if (attempt >= kMostAttempts) parts.all_grow = true;
    if (attempt >= 2 * kMostAttempts) return unsupported("the sizes of the carried values do not settle");
  }
  for (size_t i = carried; i < body.outputs.size(); ++i)
    if (body.outputs[i])
      return unsupported("scan output " + std::to_string(i - carried) + " is a sequence, expected a tensor");
  ops::Loop op{.body = body.graph, .carried = 0};
  Values inputs = {parts.trips, parts.condition};
  for (const Carried& c : parts.carried) {
    inputs.insert(inputs.end(), c.parts.begin(), c.parts.end());
    op.carried += int64_t(c.parts.size());
  }
  const Values captures = captures_of(scope, captured);
  inputs.insert(inputs.end(), captures.begin(), captures.end());
  std::vector<OutputKind> kinds = body.outputs;
  for (size_t k = 0; k < carried; ++k) kinds[k] = parts.carried[k].kind;
  Builder& build = scope.build;
  const bool tensors_only =
      std::none_of(kinds.begin(), kinds.end(), [](const auto& k) { return k.has_value(); });
  RK_TRY(const Values made, tensors_only&& parts.form == Form::loop ? build.finish(op, std::move(inputs))
                                                                    : build.add_all(op, std::move(inputs)));
  Values outputs = gather_outputs(build, made, kinds);
  if (parts.form == Form::loop) make_plain(build, graph, carried, outputs);
  return outputs;
}

}  // namespace rekindle::onnx
