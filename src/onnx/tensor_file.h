// One tensor in a file of its own (a TensorProto message): the test data that come with ONNX models.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>

#include "base/result.h"
#include "tensor/tensor.h"

namespace rekindle::onnx {

/// Reads a file whose bytes are one TensorProto. External data are an error.
Result<Tensor> read_tensor_file(const std::filesystem::path& path);

}  // namespace rekindle::onnx
