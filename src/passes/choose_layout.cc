// choose-layout: convolutions and pools over f32 (on GPUs f16 too) become nhwc, with a transpose before and
// one after each. cancel-transposes then removes nearly all of them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ir/patch.h"
#include "math/conv.h"
#include "math/movement.h"
#include "passes/passes.h"

namespace rekindle::passes {

namespace {

/// 0, 2, 3, 1: from n c h w to n h w c. The other way is its inverse.
std::vector<int64_t> channels_last(size_t rank) {
  std::vector<int64_t> perm{0};
  for (size_t i = 2; i < rank; ++i) perm.push_back(int64_t(i));
  perm.push_back(1);
  return perm;
}
std::vector<int64_t> channels_first(size_t rank) {
  std::vector<int64_t> perm{0, int64_t(rank) - 1};
  for (size_t i = 1; i + 1 < rank; ++i) perm.push_back(int64_t(i));
  return perm;
}

/// Sets `with` to the op in nhwc when it is a T in nchw.
template <class T> bool set_layout(const Op& op, std::optional<Op>& with) {
  const T* is = op.as<T>();
  if (!is || is->layout != ops::Layout::nchw) return false;
  T changed = *is;
  changed.layout = ops::Layout::nhwc;
  with = Op(std::move(changed));
  return true;
}

std::optional<Op> in_nhwc(const Op& op) {
  std::optional<Op> with;
  if (set_layout<ops::Conv>(op, with) || set_layout<ops::ConvTranspose>(op, with) ||
      set_layout<ops::MaxPool>(op, with) || set_layout<ops::AveragePool>(op, with) ||
      set_layout<ops::MaxUnpool>(op, with))
    return with;
  return std::nullopt;
}

Result<bool> convert(Graph& graph, NodeId id, bool with_f16) {
  const Node& node = graph[id];
  const auto with = in_nhwc(node.op);
  const TensorType& type = graph[node.outputs[0]].type;
  const bool fits = type.dtype == DType::f32 || (with_f16 && type.dtype == DType::f16);
  if (!with || !fits || (type.rank() != 3 && type.rank() != 4)) return false;
  const auto rank = size_t(type.rank());
  Patch patch(graph);
  std::vector<ValueId> inputs = node.inputs;
  RK_TRY(inputs[0], patch.add1(ops::Transpose{channels_last(rank)}, {inputs[0]}));
  if (node.op.is<ops::MaxUnpool>()) {  // so that the indices' transposes meet those of the pool
    RK_TRY(inputs[1], patch.add1(ops::Transpose{channels_last(rank)}, {inputs[1]}));
  }
  RK_TRY(auto outputs, patch.add(*with, inputs));
  for (size_t i = 0; i < outputs.size(); ++i) {
    RK_TRY(ValueId back, patch.add1(ops::Transpose{channels_first(rank)}, {outputs[i]}));
    patch.replace(node.outputs[i], back);
  }
  RK_CHECK(graph.apply(patch));
  return true;
}

}  // namespace

Result<int> choose_layout(Graph& graph, PassContext& context) {
  int changes = 0;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    if (!context.take_budget()) break;
    RK_TRY(bool changed, convert(graph, n, context.target.device != "cpu"));
    changed ? ++changes : ++context.budget;
  }
  return changes;
}

}  // namespace rekindle::passes
