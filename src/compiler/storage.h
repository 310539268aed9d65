// Which values share memory: index maps are views of their input, or their input is made right where the
// result of the map lies; parts of a concatenation are written where it lies; everything else has a buffer of
// its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <vector>

#include "compiler/strides.h"
#include "compiler/tune.h"

namespace rekindle {

/// What lowering does with a node.
enum class Role : uint8_t {
  kernel,  // one step
  view,    // no step: input and output are the same memory
  concat,  // steps only for inputs that could not be made in place
  branch,  // an `if`: two sub-plans
};

struct LoweredNode {
  Role role = Role::kernel;
  Choice choice;      // of kernels, and of index maps until they become views
  std::string label;  // of the region
};
using LoweredNodes = std::map<NodeId, LoweredNode>;

/// Where a value's elements are: in `root`'s buffer, `offset` bytes from its start.
struct Storage {
  ValueId root = ValueId::none;
  Dim offset;
  Strides strides;  // elements; empty means contiguous
};

class StorageMap {
 public:
  /// Slices and transposes come in with the kernel that copies them; those that need none become views.
  /// Views begin at multiples of `alignment` bytes: kernels of some devices load whole vectors.
  static StorageMap assign(const Graph& graph, LoweredNodes& nodes, int64_t alignment = 1);
  Storage of(ValueId v) const;
  /// The inputs of a concat node that must be copied into it, by position.
  const std::vector<size_t>& copied_inputs(NodeId concat) const;
  /// Where input i of a concat node lies in its output.
  Storage part_of(const Graph& graph, NodeId concat, size_t i) const;

 private:
  friend class StoragePlanner;
  std::map<ValueId, Storage> placed_;  // values that lie in another one's buffer
  std::map<NodeId, std::vector<size_t>> copied_;
};

}  // namespace rekindle
