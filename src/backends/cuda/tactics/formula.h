// Elementwise nodes as C statements.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <vector>

#include "compiler/tactic.h"

namespace rekindle::cuda {

using ValueNames = std::map<ValueId, std::string>;  // the C text of each value

/// One statement a node, in order: "const float v12 = (a + b);". `names` has the values that come from
/// outside and gets those that are made. Refuses ops without a formula and types kernels do not compute in.
Result<std::string> statements_of(const Region& region, const std::vector<NodeId>& nodes, ValueNames& names);

/// An element of that type, read from memory, as formulas take it: "float(x)" of FP16.
std::string in_register(DType type, const std::string& element);

/// How many neighbours of `bytes` bytes each one access of at most 16 bytes takes, when runs are `count`
/// long.
int vector_width(const Dim& count, int64_t bytes);

/// The values that `nodes` read and do not make, in the order of their first use, without `except`.
std::vector<ValueId> inputs_of(const Region& region, const std::vector<NodeId>& nodes,
                               const std::vector<ValueId>& outputs, ValueId except = ValueId::none);

}  // namespace rekindle::cuda
