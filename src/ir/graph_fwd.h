// Names of the IR's types for headers that only pass them along.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
namespace rekindle {
class Graph;
class Op;
struct OpTable;
struct ConstantTable;
using GraphRef = std::shared_ptr<const Graph>;
}  // namespace rekindle
