// Which values share memory: reshapes and slices are views of their input, parts of a concatenation are
// written where it lies, and everything else has a buffer of its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <vector>

#include "compiler/tune.h"

namespace rekindle {

/// What lowering does with a node.
enum class Role : uint8_t {
  kernel,  // one step
  view,    // no step: the output is the input's memory under another shape
  slice,   // no step: the output is a part of the input's memory, with the input's strides
  concat,  // steps only for inputs that could not be made in place
  branch,  // an `if`: two sub-plans
};

struct LoweredNode {
  Role role = Role::kernel;
  Choice choice;  // of kernels
};
using LoweredNodes = std::map<NodeId, LoweredNode>;

/// Where a value's elements are: in `root`'s buffer, `offset` bytes from its start.
struct Storage {
  ValueId root = ValueId::none;
  Dim offset;
  std::vector<Dim> strides;  // elements; empty means contiguous
};

class StorageMap {
 public:
  /// Walks the graph once. Slices that cannot be views and concatenation inputs that cannot be made in place
  /// are reported by is_copied() and needs_copy(), so that lowering gives them steps.
  static StorageMap assign(const Graph& graph, const LoweredNodes& nodes);
  Storage of(ValueId v) const;
  /// The inputs of a concat node that must be copied into it, by position.
  const std::vector<size_t>& copied_inputs(NodeId concat) const;

 private:
  struct Link {
    ValueId parent = ValueId::none;
    Dim offset;            // bytes in the parent
    bool strided = false;  // has the parent's strides, or those of its shape when it is contiguous
  };
  bool can_be_made_in(const Graph&, const LoweredNodes&, ValueId part, NodeId concat, bool strided) const;
  void place_concat(const Graph&, const LoweredNodes&, NodeId concat);

  const Graph* graph_ = nullptr;
  std::map<ValueId, Link> links_;
  std::map<NodeId, std::vector<size_t>> copied_;
};

/// Whether a slice can be a view of its input at all: steps of 1, and its users read strided memory (or it is
/// contiguous).
bool slice_is_view(const Graph& graph, NodeId slice, const LoweredNodes& nodes);
/// Whether the elements of axis `axis` (and those inside it) are one contiguous run: every dim before it
/// is 1.
bool is_outermost(const Shape& shape, size_t axis);
/// Row-major strides with symbolic dims, in elements.
std::vector<Dim> symbolic_strides(const Shape& shape);

}  // namespace rekindle
