// One tensor in a file of its own (a TensorProto message): the test data that come with ONNX models.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>

#include "base/result.h"
#include "onnx/import.h"
#include "tensor/tensor.h"

namespace rekindle::onnx {

/// Reads a file whose bytes are one TensorProto. External data are an error.
Result<Tensor> read_tensor_file(const std::filesystem::path& path);
/// A SequenceProto or OptionalProto as the tensors of math/sequence.h: data, shapes and, for an optional
/// sequence, whether it is there. The element type is for what is empty.
Result<Tensors> read_sequence_file(const std::filesystem::path& path, const SequenceBinding& binding,
                                   DType dtype);

}  // namespace rekindle::onnx
