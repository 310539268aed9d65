// The reference of cast.
// SPDX-License-Identifier: Apache-2.0
#include "math/cast.h"

#include "math/op_checks.h"

namespace rekindle::ops {

Result<Types> Cast::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  if (is_complex(in[0].dtype) != is_complex(to))
    return op_error(name, "from " + std::string(to_string(in[0].dtype)) + " to " +
                              std::string(to_string(to)) +
                              " is not defined, expected both complex or neither");
  return Types{{to, in[0].shape}};
}

Result<Tensors> Cast::evaluate(std::span<const Tensor> in) const {
  if (in[0].dtype() == to) return Tensors{in[0]};
  auto y = cast(in[0], to, saturate);
  if (!y.ok()) return y.status();
  return Tensors{*std::move(y)};
}

}  // namespace rekindle::ops
