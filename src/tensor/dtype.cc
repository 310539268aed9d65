// Looking element types up by name and by ONNX number.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"

namespace rekindle {

namespace {
constexpr std::array kOnnxNumbers{
#define RK_DTYPE(name, bits, onnx) onnx,
#include "tensor/dtype.def"
#undef RK_DTYPE
};
}  // namespace

std::optional<DType> dtype_from_name(std::string_view name) {
  for (size_t i = 0; i < kDTypeNames.size(); ++i)
    if (kDTypeNames[i] == name) return DType(i);
  return std::nullopt;
}

std::optional<DType> dtype_from_onnx(int data_type) {
  for (size_t i = 0; i < kOnnxNumbers.size(); ++i)
    if (kOnnxNumbers[i] == data_type) return DType(i);
  return std::nullopt;
}

int dtype_to_onnx(DType t) { return kOnnxNumbers[size_t(t)]; }

}  // namespace rekindle
