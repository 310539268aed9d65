// Deciding which values share memory.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/storage.h"

#include <algorithm>

#include "math/movement.h"

namespace rekindle {

bool is_outermost(const Shape& shape, size_t axis) {
  return std::all_of(shape.begin(), shape.begin() + int64_t(axis), [](const Dim& d) { return d.is(1); });
}

std::vector<Dim> symbolic_strides(const Shape& shape) {
  std::vector<Dim> strides(shape.size());
  Dim stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride = stride * shape[i];
  }
  return strides;
}

namespace {

/// Dims from `axis` on, multiplied: the elements of one step along the axis before it.
Dim run_after(const Shape& shape, size_t axis) {
  Dim run = 1;
  for (size_t i = axis + 1; i < shape.size(); ++i) run = run * shape[i];
  return run;
}

/// The start of a slice in elements, and whether the result is one contiguous run; nullopt when steps are
/// not 1.
struct SliceWindow {
  Dim first;  // elements
  bool contiguous = true;
};
std::optional<SliceWindow> window_of(const ops::Slice& slice, const Shape& in, const Shape& out) {
  SliceWindow window;
  const std::vector<Dim> strides = symbolic_strides(in);
  for (size_t i = 0; i < slice.axes.size(); ++i) {
    if (!slice.steps.empty() && slice.steps[i] != 1) return std::nullopt;
    const auto axis = normalize_axis(slice.axes[i], int(in.size()));
    if (!axis.ok()) return std::nullopt;
    window.first = window.first + slice.starts[i] * strides[size_t(*axis)];
    if (out[size_t(*axis)] != in[size_t(*axis)]) window.contiguous &= is_outermost(out, size_t(*axis));
  }
  return window;
}

bool reads_strided(const Graph& graph, ValueId v, const LoweredNodes& nodes) {
  for (NodeId user : graph.users(v)) {
    const auto found = nodes.find(user);
    if (found == nodes.end() || found->second.role != Role::kernel ||
        !found->second.choice.kernel.strided_inputs)
      return false;
  }
  return !graph.is_output(v);
}

}  // namespace

bool slice_is_view(const Graph& graph, NodeId id, const LoweredNodes& nodes) {
  const Node& node = graph[id];
  const auto* slice = node.op.as<ops::Slice>();
  if (!slice || node.inputs.size() != 1 || graph.is_output(node.outputs[0])) return false;
  const TensorType &in = graph[node.inputs[0]].type, &out = graph[node.outputs[0]].type;
  if (bits_of(in.dtype) < 8) return false;
  const auto window = window_of(*slice, in.shape, out.shape);
  return window && (window->contiguous || reads_strided(graph, node.outputs[0], nodes));
}

bool StorageMap::can_be_made_in(const Graph& graph, const LoweredNodes& nodes, ValueId part, NodeId concat,
                                bool strided) const {
  if (part == ValueId::none || graph.is_output(part) || links_.contains(part)) return false;
  const NodeId producer = graph[part].producer;
  const auto made = nodes.find(producer);
  if (producer == NodeId::none || made == nodes.end()) return false;
  const auto& inputs = graph[concat].inputs;
  if (std::count(inputs.begin(), inputs.end(), part) != 1) return false;
  if (made->second.role == Role::concat) return !strided;
  if (made->second.role != Role::kernel) return false;
  if (!strided) return graph[part].type.shape.size() > 0 && !made->second.choice.makes_outputs;
  if (!made->second.choice.kernel.strided_output || graph[producer].outputs.size() != 1) return false;
  for (NodeId user : graph.users(part)) {
    if (user == concat) continue;
    const auto found = nodes.find(user);
    if (found == nodes.end() || found->second.role != Role::kernel ||
        !found->second.choice.kernel.strided_inputs)
      return false;
  }
  return true;
}

void StorageMap::place_concat(const Graph& graph, const LoweredNodes& nodes, NodeId id) {
  const Node& node = graph[id];
  const TensorType& out = graph[node.outputs[0]].type;
  const size_t axis = size_t(*normalize_axis(node.op.as<ops::Concat>()->axis, out.rank()));
  const bool strided = !is_outermost(out.shape, axis);
  const Dim run = run_after(out.shape, axis);
  const int64_t element = bits_of(out.dtype) / 8;
  Dim at = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId part = node.inputs[i];
    if (can_be_made_in(graph, nodes, part, id, strided))
      links_[part] = {node.outputs[0], at * run * Dim(element), strided};
    else
      copied_[id].push_back(i);
    at = at + graph[part].type.shape[axis];
  }
}

StorageMap StorageMap::assign(const Graph& graph, const LoweredNodes& nodes) {
  StorageMap map;
  map.graph_ = &graph;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    const Node& node = graph[n];
    const Role role = nodes.at(n).role;
    if (role == Role::view) {
      map.links_[node.outputs[0]] = {node.inputs[0], 0, false};
    } else if (role == Role::slice) {
      const TensorType &in = graph[node.inputs[0]].type, &out = graph[node.outputs[0]].type;
      const auto window = window_of(*node.op.as<ops::Slice>(), in.shape, out.shape);
      RK_ASSERT(window.has_value(), "a slice became a view although it cannot be one");
      map.links_[node.outputs[0]] = {node.inputs[0], window->first * Dim(bits_of(in.dtype) / 8),
                                     !window->contiguous};
    } else if (role == Role::concat) {
      map.place_concat(graph, nodes, n);
    }
  }
  return map;
}

Storage StorageMap::of(ValueId v) const {
  Storage storage{v, 0, {}};
  ValueId at = v;
  bool strided = false;
  for (auto link = links_.find(at); link != links_.end(); link = links_.find(at)) {
    storage.offset = storage.offset + link->second.offset;
    at = link->second.parent;
    // The outermost strided link decides: parts keep the rank of what they are parts of.
    if (link->second.strided) strided = true, storage.strides = symbolic_strides((*graph_)[at].type.shape);
  }
  storage.root = at;
  if (!strided) storage.strides.clear();
  return storage;
}

const std::vector<size_t>& StorageMap::copied_inputs(NodeId concat) const {
  static const std::vector<size_t> none;
  const auto found = copied_.find(concat);
  return found == copied_.end() ? none : found->second;
}

}  // namespace rekindle
