// Typing and running both branches of an if.
// SPDX-License-Identifier: Apache-2.0
#include "ops/if.h"

#include "ir/subgraph.h"

namespace rekindle::ops {

Result<Types> If::infer(std::span<const TensorType> in) const {
  if (!then_branch || !else_branch)
    return op_error(name, "a branch is missing, expected then_branch and else_branch");
  RK_CHECK(check_arity(name, in.size(), 1, SIZE_MAX));
  if (in[0].dtype != DType::boolean || is_absent(in[0]) ||
      !(in[0].count().is_symbolic() || in[0].count().is(1)))
    return op_error(name, "the condition is " + in[0].to_string() + ", expected one boolean");
  RK_TRY(Types types, infer_body("if: then_branch", *then_branch, in.subspan(1)));
  RK_TRY(const Types others, infer_body("if: else_branch", *else_branch, in.subspan(1)));
  if (types.size() != others.size())
    return op_error(name, "then_branch makes " + std::to_string(types.size()) + " values and else_branch " +
                              std::to_string(others.size()) + ", expected as many");
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i].dtype != others[i].dtype || types[i].rank() != others[i].rank())
      return Status::error(Code::unsupported, "if: output " + std::to_string(i) + " is " +
                                                  types[i].to_string() + " in then_branch and " +
                                                  others[i].to_string() +
                                                  " in else_branch, expected one element type and rank");
    for (size_t axis = 0; axis < types[i].shape.size(); ++axis)
      if (types[i].shape[axis] != others[i].shape[axis]) types[i].shape[axis] = Dim::unknown();
  }
  return types;
}

Result<Tensors> If::evaluate(std::span<const Tensor> in) const {
  if (in[0].count() != 1)
    return op_error(name, "the condition has " + std::to_string(in[0].count()) + " elements, expected 1");
  return interpret(in[0].as_double(0) != 0 ? *then_branch : *else_branch, in.subspan(1));
}

}  // namespace rekindle::ops
