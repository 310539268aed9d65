// Deciding which values share memory.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/storage.h"

#include <algorithm>
#include <optional>

#include "math/movement.h"

namespace rekindle {

namespace {

int64_t bytes_of_element(const Graph& graph, ValueId v) { return bits_of(graph[v].type.dtype) / 8; }

/// Storage with strides spelled out, as arithmetic wants them.
struct Placement {
  ValueId root = ValueId::none;
  Dim offset;
  Strides strides;
};

Storage stored(const Shape& shape, Placement at) {
  normalize_ones(shape, at.strides);
  if (is_contiguous(shape, at.strides)) at.strides.clear();
  return {at.root, at.offset, std::move(at.strides)};
}

Placement part_placement(const Graph& graph, const Node& concat, size_t i, Placement whole) {
  const TensorType& type = graph[concat.outputs[0]].type;
  const auto axis = size_t(*normalize_axis(concat.op.as<ops::Concat>()->axis, type.rank()));
  Dim start = 0;
  for (size_t k = 0; k < i; ++k) start = start + graph[concat.inputs[k]].type.shape[axis];
  whole.offset = whole.offset + start * whole.strides[axis] * Dim(bytes_of_element(graph, concat.outputs[0]));
  return whole;
}

}  // namespace

/// Places values backwards first (a value is made where its user wants it), then makes views forwards. A
/// value is placed at most once, and only where all its readers take the strides it gets there.
class StoragePlanner {
 public:
  StoragePlanner(const Graph& graph, LoweredNodes& nodes, StorageMap& map, int64_t alignment)
      : graph_(graph), nodes_(nodes), map_(map), alignment_(alignment) {}

  void run() {
    const std::vector<NodeId> order = graph_.order();
    for (auto n = order.rbegin(); n != order.rend(); ++n) {
      if (nodes_.at(*n).role == Role::concat) place_parts(*n);
      if (is_index_map<ops::Transpose>(*n)) place_input(*n);
    }
    for (NodeId n : order) make_view(n);
  }

 private:
  /// A slice or a transpose that has a kernel so far.
  template <class T> bool is_index_map(NodeId n) const {
    return nodes_.at(n).role == Role::kernel && graph_[n].op.is<T>() && graph_[n].inputs.size() == 1 &&
           nodes_.at(n).choice.kernel.strided_inputs;
  }

  bool is_placed(ValueId v) const { return map_.placed_.contains(v); }
  const Shape& shape_of(ValueId v) const { return graph_[v].type.shape; }

  Placement placement_of(ValueId v) const {
    Storage at = map_.of(v);
    if (at.strides.empty()) at.strides = contiguous_strides(shape_of(v));
    return {at.root, at.offset, std::move(at.strides)};
  }

  /// Whether every reader of v but `except` takes these strides.
  bool is_readable(ValueId v, const Strides& strides, NodeId except = NodeId::none) const {
    if (is_contiguous(shape_of(v), strides)) return true;
    if (graph_.is_output(v)) return false;
    const auto& users = graph_.users(v);
    return std::all_of(users.begin(), users.end(),
                       [&](NodeId user) { return user == except || reads(user, v, strides); });
  }

  bool reads(NodeId user, ValueId v, const Strides& strides) const {
    const auto& lowered = nodes_.at(user);
    switch (lowered.role) {
      case Role::kernel:
        // A copy reads anything; what is a view in the end is checked again with the strides it gets.
        if (is_index_map<ops::Transpose>(user) || is_index_map<ops::Slice>(user)) return true;
        return lowered.choice.kernel.strided_inputs && has_contiguous_rows(shape_of(v), strides);
      case Role::view: {
        const ValueId out = graph_[user].outputs[0];
        const auto made = reshaped(shape_of(v), strides, shape_of(out));
        return made && !is_placed(out) && is_readable(out, *made);
      }
      case Role::concat:
        return true;  // copied, or placed there itself
      case Role::branch:
        return false;
    }
    return false;
  }

  /// Makes v lie where `user` wants it, if what makes v can write there: a kernel with strided output, a
  /// concatenation, or an index map whose input can be made there in turn.
  bool place(ValueId v, const Placement& at, NodeId user) {
    if (v == ValueId::none || graph_.is_output(v) || is_placed(v)) return false;
    const NodeId producer = graph_[v].producer;
    const auto& inputs = graph_[user].inputs;
    if (producer == NodeId::none || std::count(inputs.begin(), inputs.end(), v) != 1 ||
        !is_readable(v, at.strides, user))
      return false;
    if (!at.offset.divisible_by(alignment_) || nodes_.at(producer).choice.on_host) return false;
    if (!can_write(producer, v, at)) return false;
    map_.placed_[v] = stored(shape_of(v), at);
    return true;
  }

  bool can_write(NodeId producer, ValueId v, const Placement& at) {
    const Node& node = graph_[producer];
    LoweredNode& made = nodes_.at(producer);
    const bool contiguous = is_contiguous(shape_of(v), at.strides);
    if (made.role == Role::concat) return true;
    if (made.role == Role::view) {
      const auto strides = reshaped(shape_of(v), at.strides, shape_of(node.inputs[0]));
      return strides && place(node.inputs[0], {at.root, at.offset, *strides}, producer);
    }
    if (made.role != Role::kernel || made.choice.makes_outputs) return false;
    if (is_index_map<ops::Transpose>(producer) && place_untransposed(producer, at)) return true;
    if (contiguous) return !shape_of(v).empty();
    return made.choice.kernel.strided_output && node.outputs.size() == 1 &&
           has_contiguous_rows(shape_of(v), at.strides) && (alignment_ == 1 || has_even_rows(v, at.strides));
  }

  /// Whether the rows lie all at the same distance, one that keeps them aligned: what kernels of a device
  /// other than the host ask for.
  bool has_even_rows(ValueId v, const Strides& strides) const {
    const Shape& shape = shape_of(v);
    std::optional<Dim> next;
    for (size_t i = shape.size(); i-- > 0;) {
      if (i + 1 == shape.size() || shape[i].is(1)) continue;
      if (next ? strides[i] != *next
               : !(strides[i] * Dim(bytes_of_element(graph_, v))).divisible_by(alignment_))
        return false;
      next = strides[i] * shape[i];
    }
    return true;
  }

  /// Makes the input of a transpose where its output lies, so that the transpose is no step.
  bool place_untransposed(NodeId transpose, const Placement& output) {
    const auto& perm = graph_[transpose].op.as<ops::Transpose>()->perm;
    const Placement at{output.root, output.offset,
                       permuted(output.strides, inverse_permutation(perm, output.strides.size()))};
    if (!place(graph_[transpose].inputs[0], at, transpose)) return false;
    nodes_.at(transpose).role = Role::view;
    return true;
  }

  void place_parts(NodeId concat) {
    const Node& node = graph_[concat];
    const Placement whole = placement_of(node.outputs[0]);
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (!place(node.inputs[i], part_placement(graph_, node, i, whole), concat))
        map_.copied_[concat].push_back(i);
  }

  /// Where the readers of a transpose do not take its output as a view, its input is made transposed.
  void place_input(NodeId transpose) {
    const Node& node = graph_[transpose];
    const ValueId in = node.inputs[0], out = node.outputs[0];
    const Strides view = permuted(contiguous_strides(shape_of(in)), node.op.as<ops::Transpose>()->perm);
    if (!is_placed(out) && !is_placed(in) && !graph_.is_output(out) && is_readable(out, view)) return;
    place_untransposed(transpose, placement_of(out));
  }

  /// A reshape whose output was not placed; a slice or transpose whose readers take it as it lies.
  void make_view(NodeId n) {
    const Node& node = graph_[n];
    if (is_placed(node.outputs[0])) return;
    if (nodes_.at(n).role == Role::view && node.op.is<ops::Reshape>()) view_reshaped(n);
    if (is_index_map<ops::Slice>(n)) view_slice(n);
    if (is_index_map<ops::Transpose>(n)) {
      Placement at = placement_of(node.inputs[0]);
      at.strides = permuted(at.strides, node.op.as<ops::Transpose>()->perm);
      make_view_at(n, std::move(at));
    }
  }

  void view_reshaped(NodeId n) {
    const ValueId in = graph_[n].inputs[0], out = graph_[n].outputs[0];
    const Storage from = map_.of(in);
    Placement at{from.root, from.offset, contiguous_strides(shape_of(out))};
    if (!from.strides.empty()) {
      const auto strides = reshaped(shape_of(in), from.strides, shape_of(out));
      RK_ASSERT(strides.has_value(), "a value was placed where its reshape cannot be a view");
      at.strides = *strides;
    }
    map_.placed_[out] = stored(shape_of(out), std::move(at));
  }

  void view_slice(NodeId n) {
    const ValueId in = graph_[n].inputs[0];
    const auto& slice = *graph_[n].op.as<ops::Slice>();
    Placement at = placement_of(in);
    const Strides strides = at.strides;
    for (size_t i = 0; i < slice.starts.size(); ++i) {
      const auto axis = normalize_axis(slice.axes.empty() ? int64_t(i) : slice.axes[i], int(strides.size()));
      const int64_t step = slice.steps.empty() ? 1 : slice.steps[i];
      if (!axis.ok() || step < 1) return;
      at.offset = at.offset + slice.starts[i] * strides[size_t(*axis)] * Dim(bytes_of_element(graph_, in));
      at.strides[size_t(*axis)] = strides[size_t(*axis)] * Dim(step);
    }
    make_view_at(n, std::move(at));
  }

  void make_view_at(NodeId n, Placement at) {
    const ValueId out = graph_[n].outputs[0];
    // An output is copied anyway: by the kernel of the index map, straight into the caller's memory.
    if (graph_.is_output(out) || !is_readable(out, at.strides) || !at.offset.divisible_by(alignment_)) return;
    nodes_.at(n).role = Role::view;
    map_.placed_[out] = stored(shape_of(out), std::move(at));
  }

  const Graph& graph_;
  LoweredNodes& nodes_;
  StorageMap& map_;
  const int64_t alignment_;
};

StorageMap StorageMap::assign(const Graph& graph, LoweredNodes& nodes, int64_t alignment) {
  StorageMap map;
  StoragePlanner(graph, nodes, map, alignment).run();
  return map;
}

Storage StorageMap::of(ValueId v) const {
  const auto found = placed_.find(v);
  return found == placed_.end() ? Storage{v, 0, {}} : found->second;
}

const std::vector<size_t>& StorageMap::copied_inputs(NodeId concat) const {
  static const std::vector<size_t> none;
  const auto found = copied_.find(concat);
  return found == copied_.end() ? none : found->second;
}

Storage StorageMap::part_of(const Graph& graph, NodeId concat, size_t i) const {
  const Node& node = graph[concat];
  Storage whole = of(node.outputs[0]);
  if (whole.strides.empty()) whole.strides = contiguous_strides(graph[node.outputs[0]].type.shape);
  return stored(graph[node.inputs[i]].type.shape,
                part_placement(graph, node, i, {whole.root, whole.offset, std::move(whole.strides)}));
}

}  // namespace rekindle
