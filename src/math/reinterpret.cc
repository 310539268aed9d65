// bit_cast. A byte that becomes a boolean keeps being 0 or 1: other bits would be no boolean.
// SPDX-License-Identifier: Apache-2.0
#include "math/reinterpret.h"

#include <cstring>

#include "math/op_checks.h"

namespace rekindle::ops {

Result<Types> BitCast::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  if (in[0].dtype == DType::string || to == DType::string || bits_of(in[0].dtype) != bits_of(to))
    return op_error(name, "the element types are " + std::string(to_string(in[0].dtype)) + " and " +
                              std::string(to_string(to)) + ", expected two of the same width");
  return Types{{to, in[0].shape}};
}

Result<Tensors> BitCast::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensor out, make_tensor(name, to, in[0].dims()));
  if (out.bytes() > 0) std::memcpy(out.raw(), in[0].raw(), size_t(out.bytes()));
  if (to == DType::boolean)
    for (int64_t i = 0; i < out.bytes(); ++i) {
      auto* bytes = static_cast<uint8_t*>(out.raw());
      bytes[i] = bytes[i] != 0;
    }
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
