// fold-constants: runs the reference on nodes whose inputs are all known.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ir/patch.h"
#include "passes/passes.h"

namespace rekindle::passes {

namespace {

/// What folding a node would make, when all its inputs are constants and the result stays within bounds.
Result<Tensors> fold(const Graph& graph, const Node& node, int64_t budget_bytes) {
  Tensors inputs;
  int64_t count_in = 0, count_out = 0, bytes_out = 0, bytes_freed = 0;
  for (ValueId v : node.inputs) {
    if (v == ValueId::none) {
      inputs.emplace_back();
      continue;
    }
    const Tensor* c = graph.constant(v);
    if (!c) return Status::error(Code::unsupported, "an input is no constant");
    inputs.push_back(*c);
    count_in += c->count();
    if (graph.use_count(v) == 1) bytes_freed += c->bytes();
  }
  for (ValueId v : node.outputs) {
    if (graph[v].type.dtype == DType::string)
      return Status::error(Code::unsupported, "an engine has no weights that are strings");
    const auto dims = to_dims(graph[v].type.shape);
    if (!dims) return Status::error(Code::unsupported, "an output's size is not known");
    RK_TRY(int64_t count, checked_count(*dims));
    count_out += count;
    bytes_out += bytes_for(graph[v].type.dtype, count);
  }
  // An op that makes more elements than it gets (expand, tile, range) is better run than stored, unless the
  // result is small. Elements may grow: weights stored as integers are multiplied as floats.
  constexpr int64_t kSmall = 1 << 16;
  if ((bytes_out > kSmall && count_out > 2 * count_in) || bytes_out - bytes_freed > budget_bytes)
    return Status::error(Code::unsupported, "the result has " + std::to_string(bytes_out) + " bytes");
  return node.op.evaluate(inputs);
}

}  // namespace

Result<int> fold_constants(Graph& graph, PassContext& context) {
  int changes = 0;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    const Node& node = graph[n];
    const bool is_source =
        std::all_of(node.inputs.begin(), node.inputs.end(), [](ValueId v) { return v == ValueId::none; });
    if (is_source && node.op.kind() == OpKind::opaque) continue;  // random numbers and the like
    if (node.op.name() == "loop") continue;                       // may run for long: not while building
    auto made = fold(graph, node, context.fold_bytes);
    if (!made.ok() || !context.take_budget())
      continue;  // an op that fails on its constants fails when it runs
    Patch patch(graph);
    for (size_t i = 0; i < node.outputs.size(); ++i)
      patch.replace(node.outputs[i], patch.add_constant((*made)[i]));
    const std::vector<ValueId> inputs = node.inputs;
    std::vector<int64_t> bytes;
    for (ValueId v : inputs) bytes.push_back(v == ValueId::none ? 0 : graph.constant(v)->bytes());
    // A graph output must have a producer of its own, so a node that makes one stays.
    if (!graph.apply(patch).ok()) continue;
    ++changes;
    for (const Tensor& t : *made) context.fold_bytes -= t.bytes();
    for (size_t i = 0; i < inputs.size(); ++i)  // what nobody reads any more gives its memory back
      if (inputs[i] != ValueId::none && (!graph.is_live(inputs[i]) || graph.use_count(inputs[i]) == 0) &&
          std::find(inputs.begin(), inputs.begin() + int64_t(i), inputs[i]) == inputs.begin() + int64_t(i))
        context.fold_bytes += bytes[i];
  }
  return changes;
}

}  // namespace rekindle::passes
