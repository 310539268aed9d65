// Tensors as DLPack has them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "rekindle/rekindle.h"
#include "tensor/tensor.h"

namespace rekindle {

/// A view of the tensor's memory, which `owner` (null: the caller) keeps. Errors: not in host memory, gaps
/// between elements, a type that there is no DType for.
Result<Tensor> from_dlpack(const DLTensor& tensor, std::shared_ptr<const void> owner);
/// What a tensor in the memory of GPU 0 says of itself.
struct DeviceTensor {
  DType dtype = DType::f32;
  Dims dims;
  void* data = nullptr;
};
bool is_on_gpu(const DLTensor& tensor);
/// Errors: another GPU, gaps between elements, a type that there is no DType for.
Result<DeviceTensor> device_tensor_of(const DLTensor& tensor);
/// Shares the tensor's memory until its deleter is called.
Result<DLManagedTensor*> to_dlpack(const Tensor& tensor);

}  // namespace rekindle
