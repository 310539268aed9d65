// What tactics for single ops share: checks of the region, and the op's inputs as the kernel's.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "backends/cpu/tactics/program_of.h"

namespace rekindle::cpu {

/// The region's only node when it is a T whose output sizes are known before it runs.
template <class T> Result<const Node*> only_node_as(const Region& region) {
  if (region.body.node_count() != 1) return refuse("it takes one op at a time");
  const Node& node = region.body[region.body.first()];
  if (!node.op.is<T>())
    return refuse("the op is " + std::string(node.op.name()) + ", not " + std::string(T::name));
  for (ValueId v : region.body.outputs)
    for (const Dim& d : region.body[v].type.shape)
      if (const auto symbol = d.as_symbol(); symbol && region.body.defines_symbol(v, *symbol))
        return refuse("its output size is known only when it has run");
  return &node;
}

/// Refuses elements that are no whole bytes: packed ones and strings.
inline Status needs_bytes(const Region& region, ValueId v) {
  const DType t = region.body[v].type.dtype;
  return bits_of(t) >= 8 ? Status{}
                         : refuse("elements of " + std::string(to_string(t)) + " are no whole bytes");
}

/// The first `count` inputs of the node become inputs of the kernel; absent ones stay absent.
inline Status add_inputs(const Region& region, const Node& node, size_t count, BuiltKernel& kernel) {
  for (size_t i = 0; i < count && i < node.inputs.size(); ++i) {
    RK_TRY(KernelInput input, kernel_input(region, node.inputs[i]));
    kernel.inputs.push_back(std::move(input));
  }
  return {};
}

inline bool has_node_input(const Node& node, size_t i) {
  return i < node.inputs.size() && node.inputs[i] != ValueId::none;
}

}  // namespace rekindle::cpu
