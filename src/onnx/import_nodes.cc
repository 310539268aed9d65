// Nodes in order: inputs by name, the converter from the table, outputs by name, problems with their node.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/importer.h"
#include "onnx/names.h"

namespace rekindle::onnx {
namespace {

constexpr size_t kMostProblems = 1000, kMostNotes = 1000;

/// The version of a domain that a scope imports.
std::optional<int64_t> opset_of(const Scope& scope, std::string_view domain) {
  for (const OpsetImport& opset : scope.opsets)
    if (normal_domain(opset.domain) == domain) return opset.version;
  return std::nullopt;
}

std::string full_name(std::string_view domain, std::string_view op_type) {
  return domain.empty() ? std::string(op_type) : std::string(domain) + "." + std::string(op_type);
}

/// Converters that look at what kind of value they get.
bool takes_sequences(std::string_view op_type) {
  return op_type.starts_with("Sequence") || op_type.starts_with("Optional") || op_type == "Identity" ||
         op_type == "ConcatFromSequence" || op_type == "Loop";
}

std::string count_text(size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

std::string Importer::label(const NodeProto& node, size_t index, int64_t opset) {
  std::string text = "node " + std::to_string(index);
  if (!node.name.empty()) text += " " + quote_name(node.name);
  // op types come from the file too; those that need quoting look odd, which is right
  std::string op = quote_name(full_name(normal_domain(node.domain), node.op_type));
  op = op.substr(1, op.size() - 2);
  return text + " (" + op + (opset > 0 ? ", opset " + std::to_string(opset) : "") + ")";
}

void Importer::report(Status problem) {
  if (++problem_count_ <= kMostProblems) problems_.add(std::move(problem));
}

void Importer::report(const Scope& scope, const NodeProto& node, size_t index, Status problem) {
  if (problem_count_ >= kMostProblems) return report(std::move(problem));
  const int64_t opset = opset_of(scope, normal_domain(node.domain)).value_or(0);
  report(Status::error(problem.code(), scope.where + label(node, index, opset) + ": " + problem.message()));
}

void Importer::note(std::string text) {
  if (result_.notes.size() < kMostNotes) result_.notes.push_back(std::move(text));
}

const Name* Importer::look_up(const Scope& scope, std::string_view name) const {
  for (const Scope* s = &scope; s != nullptr; s = s->parent)
    if (const auto found = s->names.find(name); found != s->names.end()) return &found->second;
  return nullptr;
}

Result<ValueId> Importer::find(Scope& scope, std::string_view name, bool& poisoned) {
  const Name* found = look_up(scope, name);
  if (found == nullptr) return invalid(quote_name(name) + " is made by no node, input or initializer");
  switch (found->state) {
    case Name::State::value:
      return found->value;
    case Name::State::absent:
      return ValueId::none;
    case Name::State::poisoned:
      poisoned = true;
      return ValueId::none;
    case Name::State::unmade:
      return unsupported(quote_name(name) + " is an output that its op does not make in this version");
    default:
      break;
  }
  auto* entry =
      const_cast<Name*>(found);  // the first use of an initializer loads it, whoever's scope it is in
  Result<Tensor> tensor = entry->tensor ? tensors_.load(*entry->tensor) : tensors_.load(*entry->sparse);
  if (!tensor.ok()) {
    report(tensor.status());
    entry->state = Name::State::poisoned;
    poisoned = true;
    return ValueId::none;
  }
  entry->value = tensor->dtype() == DType::string
                     ? scope.build.constant(*std::move(tensor))
                     : scope.build.graph().add_constant(std::string(name), *std::move(tensor));
  entry->state = Name::State::value;
  return entry->value;
}

void Importer::poison(Scope& scope, const NodeProto& node) {
  for (const std::string_view name : node.outputs)
    if (!name.empty()) scope.names.insert_or_assign(name, Name{.state = Name::State::poisoned});
}

void Importer::bind(Scope& scope, std::string_view name, ValueId value, size_t first_new) {
  Graph& graph = scope.build.graph();
  // a value made for this node gets its name; one that was there before keeps its own
  const std::string wanted = scope.path + std::string(name);
  if (size_t(value) >= first_new && graph[value].name != wanted) graph.rename(value, wanted);
  scope.names.insert_or_assign(name, Name{.value = value});
}

void Importer::convert_nodes(Scope& scope, std::span<const NodeProto> nodes,
                             std::span<const std::string_view> outputs) {
  std::unordered_map<std::string_view, size_t> makers;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string_view name : nodes[i].outputs) {
      if (name.empty()) continue;
      const auto [first, is_new] = makers.try_emplace(name, i);
      if (scope.names.contains(name))
        report(scope, nodes[i], i,
               invalid("output " + quote_name(name) + " is already an input or initializer"));
      else if (!is_new)
        report(scope, nodes[i], i,
               invalid("output " + quote_name(name) + " is already made by node " +
                       std::to_string(first->second)));
    }
    scope.used.insert(nodes[i].inputs.begin(), nodes[i].inputs.end());
    for (const std::string_view name : free_names(nodes[i])) scope.used.insert(name);
  }
  scope.used.insert(outputs.begin(), outputs.end());
  std::string cycle;
  const std::vector<uint32_t> order = order_nodes(nodes, cycle);
  if (!cycle.empty()) {
    report(invalid(scope.where + cycle));
    std::vector<bool> ordered(nodes.size());
    for (const uint32_t i : order) ordered[i] = true;
    for (size_t i = 0; i < nodes.size(); ++i)
      if (!ordered[i]) poison(scope, nodes[i]);
  }
  for (const uint32_t i : order) {
    if (converted_ > most_converted_) return;
    convert_node(scope, nodes[i], i);
  }
}

void Importer::convert_node(Scope& scope, const NodeProto& node, size_t index) {
  if (++converted_ > most_converted_)
    return report(invalid("functions and branches expand to more than " + std::to_string(most_converted_) +
                          " nodes, which a file with " + std::to_string(model_.node_count) +
                          " nodes may not"));
  const std::string_view domain = normal_domain(node.domain);
  const auto fail = [&](Status problem) {
    if (!problem.message().empty()) report(scope, node, index, std::move(problem));
    poison(scope, node);
  };
  const auto function = functions_.find({domain, node.op_type, node.overload});
  const auto opset = opset_of(scope, domain);
  if (!opset && function == functions_.end())
    return fail(
        invalid("no opset_import names the domain " + (domain.empty() ? "ai.onnx" : quote_name(domain))));
  const Converter* converter =
      function == functions_.end() ? find_converter(domain, node.op_type, int(*opset)) : nullptr;
  if (function == functions_.end() && converter == nullptr) {
    std::string problem = "op " + quote_name(node.op_type) + " of domain " +
                          (domain.empty() ? "ai.onnx" : quote_name(domain)) + " (opset " +
                          std::to_string(*opset) + ") is not supported";
    if (const std::string known = known_opsets(domain, node.op_type); !known.empty())
      problem += "; it is in " + known;
    auto& [count, first] = unknown_ops_[problem];
    ++unknown_count_;
    if (++count == 1) first = scope.where + label(node, index, *opset);
    return poison(scope, node);
  }
  Values inputs;
  bool poisoned = false, undefined = false;
  const auto resolve = [&](std::string_view name) {
    Result<ValueId> found = find(scope, name, poisoned);
    if (!found.ok()) {
      report(scope, node, index,
             Status::error(found.status().code(),
                           "input " + std::to_string(inputs.size()) + " " + found.status().message()));
      undefined = true;
    }
    return found.ok() ? *found : ValueId::none;
  };
  for (const std::string_view name : node.inputs)
    inputs.push_back(name.empty() ? ValueId::none : resolve(name));
  for (const std::string_view name : free_names(node)) (void)resolve(name);
  if (poisoned || undefined) return poison(scope, node);

  const std::string origin =
      scope.path +
      (node.name.empty() ? std::string(node.op_type) + "_" + std::to_string(index) : std::string(node.name));
  const auto where = [&] { return scope.where + label(node, index, opset.value_or(0)) + ", "; };
  Status status =
      function != functions_.end()
          ? call_function(scope, node, *function->second, inputs, origin, where())
          : convert_known(scope, node, int(*opset), *converter, std::move(inputs), origin, where());
  if (!status.ok()) fail(std::move(status));
}

Status Importer::convert_known(Scope& scope, const NodeProto& node, int opset, const Converter& converter,
                               Values inputs, const std::string& origin, const std::string& where) {
  while (!inputs.empty() && inputs.back() == ValueId::none) inputs.pop_back();
  if (inputs.size() > converter.most_inputs)
    return invalid("it has " + count_text(inputs.size(), "input") + ", expected at most " +
                   std::to_string(converter.most_inputs));
  for (size_t i = 0; i < converter.least_inputs; ++i)
    if (i >= inputs.size() || inputs[i] == ValueId::none)
      return invalid("input " + std::to_string(i) + " is missing, expected at least " +
                     count_text(converter.least_inputs, "input"));
  for (size_t i = 0; i < inputs.size(); ++i)
    if (scope.build.sequence_of(inputs[i]) && !takes_sequences(node.op_type))
      return invalid("input " + std::to_string(i) + " is a sequence or an optional, expected a tensor");
  std::vector<std::string> outputs;
  std::vector<bool> used;
  for (const std::string_view name : node.outputs) {
    outputs.push_back(scope.path + std::string(name));
    used.push_back(!name.empty() && scope.used.contains(name));
  }
  const size_t first_new = scope.build.graph().value_count();
  scope.build.begin_node(origin, std::move(outputs));
  NodeReader reader(node, opset, std::move(inputs), std::move(used), scope.bindings, tensors_);
  reader.set_importer(*this, scope, where);
  const Result<Values> made = converter.convert(reader, scope.build);
  RK_CHECK(reader.attribute_error());
  if (!made.ok()) return made.status();
  RK_CHECK(reader.finish());
  for (std::string& text : reader.notes()) note(where + std::move(text));
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    if (i < made->size() && (*made)[i] != ValueId::none)
      bind(scope, node.outputs[i], (*made)[i], first_new);
    else
      scope.names.insert_or_assign(node.outputs[i], Name{.state = Name::State::unmade});
  }
  return {};
}

}  // namespace rekindle::onnx
