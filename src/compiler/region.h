// The subgraph that becomes exactly one kernel, as tactics see it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "tensor/target.h"

namespace rekindle {

/// A body with explicit inputs and outputs. A node that fusion left alone is a region of one node.
struct Region {
  Graph body;
  /// The contraction or reduction, else the only node; none when all are elementwise or index maps.
  NodeId anchor = NodeId::none;
  std::vector<std::shared_ptr<const Tensor>> constants;  // one a body input; null when it is no constant
  /// The values outside that the body's inputs and outputs stand for. An absent optional input of the node
  /// has no entry.
  std::vector<ValueId> outer_inputs, outer_outputs;
  Bindings sizes;  // what symbols are taken to be when one size has to stand for all (the profile's opt)
  std::string origin;

  const Node* anchor_node() const { return anchor == NodeId::none ? nullptr : &body[anchor]; }
  const TensorType& input_type(size_t i) const { return body[body.inputs[i]].type; }
  const TensorType& output_type(size_t i) const { return body[body.outputs[i]].type; }
  /// Number of the body input that v is; nullopt when v is made inside.
  std::optional<size_t> input_index(ValueId v) const;
  const Tensor* constant(ValueId v) const;  // of a body input that is a constant
  bool is_static() const;
  std::string label() const;  // "conv + add + relu"
  /// The region's text without names: two regions with equal keys can use the same kernel and the same
  /// measurements.
  std::string key() const;
};

/// The region of a node: the body of a `region` op, or a body of just that node.
Result<Region> region_of(const Graph&, NodeId, const Bindings& sizes);

}  // namespace rekindle
