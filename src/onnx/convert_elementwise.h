// Converters of ops that are one elementwise IR op. For converters.cc; the others are in
// convert_elementwise.cc. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/elementwise.h"
#include "onnx/converter.h"

namespace rekindle::onnx {

/// One operand reshaped so that NumPy broadcasting does what the `broadcast` and `axis` attributes of opsets
/// below 7 say.
Result<Values> legacy_broadcast(NodeReader& node, Builder& build);

template <class T> Result<Values> unary(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  return build.finish(T{}, {node.input(0)});
}

template <class T> Result<Values> binary(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  RK_TRY(Values operands, legacy_broadcast(node, build));
  return build.finish(T{}, std::move(operands));
}

/// Max, Min, Sum of any number of operands: a chain.
template <class T> Result<Values> variadic(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  ValueId folded = node.input(0);
  for (size_t i = 1; i + 1 < node.inputs().size(); ++i) {
    RK_TRY(folded, build.add(T{}, {folded, node.input(i)}));
  }
  if (node.inputs().size() == 1) return Values{folded};
  return build.finish(T{}, {folded, node.inputs().back()});
}

/// Ops whose one attribute is `alpha`.
template <class T> Result<Values> with_alpha(NodeReader& node, Builder& build) {
  node.ignore("consumed_inputs");
  T op;
  op.alpha = node.real("alpha", op.alpha);
  return build.finish(op, {node.input(0)});
}

}  // namespace rekindle::onnx
