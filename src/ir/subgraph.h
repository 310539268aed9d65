// Graphs inside graphs: taking nodes out into a body with explicit inputs and outputs, typing a body, putting
// it back. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

#include "ir/graph.h"

namespace rekindle {

/// A copy without what was removed: ids are numbered anew, names, types and origins stay.
Result<Graph> clone(const Graph& graph);

struct Subgraph {
  Graph body;
  std::vector<ValueId> inputs, outputs;  // the outer values that the body's inputs and outputs stand for
};
/// The nodes as a graph of their own, named as outside. Its inputs are what they read from elsewhere, in
/// order of first use; constants of at most `most_inside` elements go into the body instead. Its outputs are
/// what others use of them. An error when a path leaves the set and comes back: as one node it would make a
/// cycle.
Result<Subgraph> extract(const Graph& graph, std::span<const NodeId> nodes, int64_t most_inside = 1);

/// Replaces a node that holds one graph (a region) by that graph's nodes.
Status inline_region(Graph& graph, NodeId node);

/// Types of the body's outputs for these inputs: symbols of the body's inputs are bound to the sizes that
/// come in, and sizes that only the body's nodes know are unknown outside. Errors name the op that holds the
/// body.
Result<Types> infer_body(std::string_view op, const Graph& body, std::span<const TensorType> inputs);

/// Binds the symbols of `shape` so that it equals `dims`; an error when it cannot. An expression such as 2*N
/// binds N.
Status bind_shape(std::string_view what, const Shape& shape, const Dims& dims, Bindings& bound);

}  // namespace rekindle
