// The main graph: versions, inputs, initializers, outputs, and what the file declares about types.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/copy.h"
#include "math/sequence.h"
#include "onnx/importer.h"
#include "onnx/names.h"

namespace rekindle::onnx {
namespace {

constexpr int64_t kNewestIrVersion = 14;
constexpr size_t kMostRank = 32;

const char* kind_text(TypeProto::Kind kind) {
  switch (kind) {
    case TypeProto::Kind::sequence:
      return "a sequence";
    case TypeProto::Kind::map:
      return "a map";
    case TypeProto::Kind::optional:
      return "an optional";
    case TypeProto::Kind::sparse_tensor:
      return "a sparse tensor";
    case TypeProto::Kind::opaque:
      return "an opaque type";
    default:
      return "of no type";
  }
}

}  // namespace

Importer::Importer(const ModelProto& model, TensorLoader& tensors, const ImportOptions& options,
                   Imported& result)
    : model_(model), tensors_(tensors), options_(options), result_(result) {
  // functions repeat nodes; a small file must not become a huge graph by calling functions that call
  // functions
  most_converted_ = std::min<int64_t>(1'000'000, 10'000 + 16 * model.node_count);
}

Status Importer::check_versions() {
  if (model_.ir_version > kNewestIrVersion)
    note("the file is of IR version " + std::to_string(model_.ir_version) + "; this version knows up to " +
         std::to_string(kNewestIrVersion));
  if (model_.opset_imports.empty())
    return invalid("the model has no opset_import, expected at least one for ai.onnx");
  std::set<std::string_view> domains;
  for (const OpsetImport& opset : model_.opset_imports) {
    const std::string_view domain = normal_domain(opset.domain);
    const std::string shown = domain.empty() ? "ai.onnx" : quote_name(domain);
    if (!domains.insert(domain).second) return invalid("opset_import names the domain " + shown + " twice");
    if (domain.empty()) result_.opset = opset.version;
    if (opset.version < 1 || (domain.empty() && opset.version > kNewestOpset))
      return unsupported("the model uses opset " + std::to_string(opset.version) + " of " + shown +
                         ", expected 1 to " + std::to_string(kNewestOpset));
  }
  return {};
}

Dim Importer::input_dim(const std::string& input, size_t axis, const DimProto& dim) {
  if (dim.has_value && dim.value >= 0) return dim.value;
  // "?" is what some writers put for a dim without a name: two of them are not the same size
  const bool is_named = !dim.has_value && !dim.param.empty() && dim.param != "?";
  const std::string name = is_named ? std::string(dim.param) : input + "_d" + std::to_string(axis);
  const std::string base = sanitize_symbol(name.substr(0, 200));
  std::string symbol = base;
  for (int suffix = 2;; ++suffix) {  // "a-b" and "a_b" are different symbols
    const auto [known, is_new] = symbols_.try_emplace(symbol, name);
    if (is_new || known->second == name) return Dim::symbol(symbol);
    symbol = base + "_" + std::to_string(suffix);
  }
}

Result<TensorType> Importer::input_type(const ValueInfoProto& input) {
  const std::string shown = "input " + quote_name(input.name);
  if (input.type.kind != TypeProto::Kind::tensor)
    return unsupported(shown + " is " + kind_text(input.type.kind) + ", expected a tensor");
  const auto dtype = dtype_from_onnx(input.type.elem_type);
  if (!dtype)
    return invalid(shown + " has element type " + std::to_string(input.type.elem_type) +
                   ", which this version does not know");
  TensorType type{*dtype, {}};
  if (input.type.shape.size() > kMostRank)
    return invalid(shown + " has rank " + std::to_string(input.type.shape.size()) + ", expected at most 32");
  for (size_t axis = 0; axis < input.type.shape.size(); ++axis) {
    const DimProto& dim = input.type.shape[axis];
    if (dim.has_value && dim.value < -1)
      return invalid(shown + " has dim " + std::to_string(dim.value) + " at axis " + std::to_string(axis) +
                     ", expected at least 0, or -1 for any");
    type.shape.push_back(input_dim(std::string(input.name), axis, dim));
  }
  if (const auto given = options_.shapes.find(input.name); given != options_.shapes.end()) {
    if (input.type.has_shape && given->second.size() != type.shape.size())
      return invalid(shown + " is " + type.to_string() + ", but the shape given for it is " +
                     to_string(given->second));
    type.shape = given->second;
  } else if (!input.type.has_shape) {
    return invalid(
        shown + " has no shape, and its rank must be known; expected one in the file or among the options");
  }
  if (const auto dims = to_dims(type.shape))
    if (auto count = checked_count(*dims); !count.ok())
      return invalid(shown + " has bad dims: " + count.status().message());
  return type;
}

Result<Sequence> sequence_kind(const TypeProto& type) {
  using Kind = TypeProto::Kind;
  Sequence s;
  s.is_optional = type.kind == Kind::optional;
  s.holds_sequence = s.is_optional && type.of_sequence;
  const auto dtype = dtype_from_onnx(type.elem_type);
  if (!dtype || !(type.held == Kind::tensor || s.holds_sequence))
    return unsupported(std::string("it is ") + kind_text(type.kind) +
                       " of something else than tensors of a known element type, or sequences of them");
  s.dtype = *dtype;
  if (type.has_shape && type.shape.size() <= size_t(ops::kSequenceRank)) {
    s.element.emplace();
    for (const DimProto& d : type.shape) s.element->emplace_back(d.has_value && d.value >= 0 ? d.value : -1);
  }
  return s;
}

Status Importer::declare_sequence(Scope& scope, const ValueInfoProto& input) {
  auto kind = sequence_kind(input.type);
  if (!kind.ok()) return invalid("input " + quote_name(input.name) + ": " + kind.status().message());
  const std::string name(input.name), symbol = sanitize_symbol(name.substr(0, 200));
  Graph& graph = scope.build.graph();
  const auto named = [&](size_t i) { return name + std::string(kSequencePartNames[i]); };
  Values parts = {
      graph.add_input(named(0), {kind->dtype, {input_dim(symbol + ".elements", 0, {})}}),
      graph.add_input(named(1), {DType::i64, {input_dim(symbol + ".count", 0, {}), ops::kSequenceColumns}})};
  if (kind->parts() == 3) parts.push_back(graph.add_input(named(2), {DType::boolean, {}}));
  result_.sequences.push_back({name, true, kind->is_optional, kind->holds_sequence});
  scope.build.begin_node(name, {name});
  scope.names[input.name] = Name{.value = scope.build.sequence_from(*kind, parts)};
  return {};
}

void Importer::declare_initializers(Scope& scope, const GraphProto& graph) {
  const auto declare = [&](std::string_view name, Name entry, Status checked) {
    if (!checked.ok()) {
      report(Status::error(checked.code(), scope.where + checked.message()));
      entry = Name{.state = Name::State::poisoned};
    }
    if (name.empty()) return report(invalid(scope.where + "an initializer has no name"));
    if (!scope.names.try_emplace(name, entry).second)
      report(invalid(scope.where + "initializer " + quote_name(name) + " is there twice"));
  };
  for (const TensorProto& tensor : graph.initializers)
    declare(tensor.name, Name{.state = Name::State::initializer, .tensor = &tensor},
            check_tensor(tensor).status());
  for (const SparseTensorProto& sparse : graph.sparse_initializers)
    declare(sparse.values.name, Name{.state = Name::State::sparse_initializer, .sparse = &sparse},
            check_tensor(sparse).status());
}

void Importer::declare_inputs(Scope& scope, const GraphProto& graph) {
  std::set<std::string_view> seen;
  size_t overridable = 0;
  for (const ValueInfoProto& input : graph.inputs) {
    if (input.name.empty()) {
      report(invalid("an input has no name"));
      continue;
    }
    if (!seen.insert(input.name).second) {
      report(invalid("input " + quote_name(input.name) + " is there twice"));
      continue;
    }
    if (scope.names.contains(input.name)) {  // up to IR version 3 every initializer is an input too
      overridable += model_.ir_version >= 4;
      continue;
    }
    if (input.type.kind == TypeProto::Kind::sequence || input.type.kind == TypeProto::Kind::optional) {
      if (const Status declared = declare_sequence(scope, input); !declared.ok()) {
        report(declared);
        scope.names[input.name] = Name{.state = Name::State::poisoned};
      }
      continue;
    }
    Result<TensorType> type = input_type(input);
    if (type.ok()) {
      scope.names[input.name] =
          Name{.value = scope.build.graph().add_input(std::string(input.name), *std::move(type))};
    } else {
      report(type.status());
      scope.names[input.name] = Name{.state = Name::State::poisoned};
    }
  }
  if (overridable > 0)
    note(std::to_string(overridable) + " inputs have an initializer and are taken as constants");
  for (const auto& [name, shape] : options_.shapes)
    if (!seen.contains(name))
      report(invalid("a shape is given for " + quote_name(name) + ", which is no input of the model"));
}

void Importer::set_output(Scope& scope, const std::string& shown, const std::string& name, ValueId value,
                          Values& outputs) {
  Graph& ir = scope.build.graph();
  if (ir.is_input(value) || std::find(outputs.begin(), outputs.end(), value) != outputs.end()) {
    // outputs are values of their own in the IR, so an alias becomes a copy
    scope.build.begin_node(name, {name});
    auto copy = scope.build.finish(ops::Copy{}, {value});
    if (!copy.ok())
      return report(Status::error(copy.status().code(), shown + ": " + copy.status().message()));
    value = (*copy)[0];
  }
  if (ir[value].name != name) {
    if (const ValueId other = ir.find(name); other != ValueId::none) ir.rename(other, name + "/inner");
    ir.rename(value, name);
  }
  outputs.push_back(value);
}

std::vector<Importer::OutputKind> Importer::set_outputs(Scope& scope, const GraphProto& graph) {
  std::set<std::string_view> names;
  Values outputs;
  std::vector<OutputKind> kinds;
  for (const ValueInfoProto& output : graph.outputs) {
    const std::string shown = scope.where + "output " + quote_name(output.name);
    if (output.name.empty()) {
      report(invalid(scope.where + "an output of the graph has no name"));
      continue;
    }
    if (!names.insert(output.name).second) {
      report(invalid(shown + " is listed twice"));
      continue;
    }
    bool poisoned = false;
    Result<ValueId> found = find(scope, output.name, poisoned);
    if (!found.ok() || poisoned || *found == ValueId::none) {
      if (!poisoned) report(invalid(shown + (found.ok() ? " is absent" : ": " + found.status().message())));
      continue;
    }
    const std::string name(output.name);
    const Sequence* sequence = scope.build.sequence_of(*found);
    if (sequence == nullptr) {
      kinds.emplace_back();
      set_output(scope, shown, name, *found, outputs);
      continue;
    }
    Sequence kind = *sequence;
    kind.element = without_symbols(kind.element);
    kind.items.reset();
    kinds.emplace_back(std::move(kind));
    scope.build.begin_node(name, {name});
    auto parts = scope.build.parts_of(*found);
    if (!parts.ok()) {
      report(Status::error(parts.status().code(), shown + ": " + parts.status().message()));
      continue;
    }
    for (size_t i = 0; i < parts->size(); ++i)
      set_output(scope, shown, name + std::string(kSequencePartNames[i]), (*parts)[i], outputs);
  }
  if (graph.outputs.empty()) report(invalid(scope.where + "the graph has no outputs"));
  scope.build.graph().set_outputs(std::move(outputs));
  return kinds;
}

void Importer::note_declared_types(const Scope& scope, const GraphProto& graph) {
  const auto compare = [&](const ValueInfoProto& declared) {
    const Name* name = look_up(scope, declared.name);
    if (name == nullptr || name->state != Name::State::value ||
        declared.type.kind != TypeProto::Kind::tensor || scope.build.sequence_of(name->value))
      return;
    const TensorType& type = scope.build.type(name->value);
    const auto dtype = dtype_from_onnx(declared.type.elem_type);
    bool agrees = !dtype || *dtype == type.dtype;
    if (declared.type.has_shape) {
      agrees = agrees && declared.type.shape.size() == type.shape.size();
      for (size_t i = 0; agrees && i < type.shape.size(); ++i) {
        const DimProto& dim = declared.type.shape[i];
        agrees =
            !dim.has_value || dim.value <= 0 || type.shape[i].is_symbolic() || type.shape[i].is(dim.value);
      }
    }
    if (agrees) return;
    std::string shown = dtype ? std::string(to_string(*dtype)) : "?";
    if (declared.type.has_shape) {
      shown += "[";
      for (size_t i = 0; i < declared.type.shape.size(); ++i) {
        const DimProto& dim = declared.type.shape[i];
        shown += (i ? ", " : "") + (dim.has_value       ? std::to_string(dim.value)
                                    : dim.param.empty() ? "?"
                                                        : sanitize_symbol(dim.param));
      }
      shown += "]";
    }
    note(quote_name(declared.name) + " is declared as " + shown + " but is " + type.to_string());
  };
  for (const ValueInfoProto& output : graph.outputs) compare(output);
  for (const ValueInfoProto& value : graph.value_infos) compare(value);
}

Status Importer::run() {
  result_.producer = std::string(model_.producer_name);
  if (!model_.producer_version.empty()) result_.producer += " " + std::string(model_.producer_version);
  result_.model_name = std::string(model_.graph.name);
  result_.node_count = model_.node_count;
  result_.ir_version = model_.ir_version;
  for (const StringEntry& entry : model_.metadata) result_.metadata.emplace(entry.key, entry.value);
  if (model_.has_training_info) note("training_info is ignored");
  RK_CHECK(check_versions());
  for (const FunctionProto& function : model_.functions) {
    const std::tuple key{normal_domain(function.domain), function.name, function.overload};
    if (!functions_.emplace(key, &function).second)
      report(invalid("function " + quote_name(function.name) + " is there twice"));
  }
  Builder build(result_.graph);
  Scope scope{.build = build, .opsets = model_.opset_imports};
  if (!model_.graph.name.empty())
    result_.graph.set_name_hint(sanitize_symbol(model_.graph.name.substr(0, 200)));
  declare_initializers(scope, model_.graph);
  declare_inputs(scope, model_.graph);
  std::vector<std::string_view> outputs;
  for (const ValueInfoProto& output : model_.graph.outputs) outputs.push_back(output.name);
  convert_nodes(scope, model_.graph.nodes, outputs);
  const auto kinds = set_outputs(scope, model_.graph);
  for (size_t i = 0; i < kinds.size() && i < model_.graph.outputs.size(); ++i)
    if (kinds[i])
      result_.sequences.push_back({std::string(model_.graph.outputs[i].name), false, kinds[i]->is_optional,
                                   kinds[i]->holds_sequence});
  note_declared_types(scope, model_.graph);
  for (const auto& [problem, where] : unknown_ops_) {
    const auto& [count, first] = where;
    report(unsupported(problem + ": " +
                       (count == 1 ? first : std::to_string(count) + " nodes, the first is " + first)));
  }
  if (problem_count_ > problems_.size())
    problems_.add(invalid("and " + std::to_string(problem_count_ - problems_.size()) + " more problems"));
  RK_CHECK(problems_.to_status("the model"));
  result_.graph.remove_dead();
  return {};
}

}  // namespace rekindle::onnx
