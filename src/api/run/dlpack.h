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
/// Shares the tensor's memory until its deleter is called.
Result<DLManagedTensor*> to_dlpack(const Tensor& tensor);

}  // namespace rekindle
