// From a TensorProto to a Tensor: every rule about where its values may be and how many there must be.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <unordered_map>

#include "base/result.h"
#include "onnx/external_data.h"
#include "onnx/model.h"
#include "tensor/tensor.h"

namespace rekindle::onnx {

/// Everything that can be wrong with a tensor without opening another file: element type, dims, where its
/// values are and how many. O(values) for typed fields, O(1) for raw_data.
Result<TensorType> check_tensor(const TensorProto& tensor);
Result<TensorType> check_tensor(const SparseTensorProto& tensor);

/// Makes tensors of a model's initializers and attributes. Values that lie aligned in the file are used where
/// they are; what must be copied or decoded counts against a budget, so that a small file cannot claim much
/// memory.
class TensorLoader {
 public:
  /// `owner` keeps the bytes of the model alive. `copy_budget`: bytes that may be copied or decoded;
  /// `most_bytes`: of all values together.
  TensorLoader(std::shared_ptr<const void> owner, ExternalFiles& files, int64_t copy_budget,
               int64_t most_bytes)
      : owner_(std::move(owner)),
        files_(files),
        copy_budget_(copy_budget),
        bytes_left_(most_bytes),
        most_bytes_(most_bytes) {}
  Result<Tensor> load(const TensorProto& tensor);
  Result<Tensor> load(const SparseTensorProto& tensor);
  /// Of all external data that was read, in order; 0 when there was none.
  uint64_t external_hash() const { return external_hash_; }

 private:
  Result<Tensor> make(const TensorProto& tensor);
  Result<Tensor> from_bytes(const TensorType& type, std::span<const std::byte> bytes,
                            std::shared_ptr<const void> owner);
  Result<Tensor> from_typed(const TensorProto& tensor, const TensorType& type);
  Status charge_copy(int64_t bytes);
  Status charge_total(int64_t bytes);

  std::shared_ptr<const void> owner_;
  ExternalFiles& files_;
  int64_t copy_budget_, copied_ = 0, bytes_left_, most_bytes_;
  uint64_t external_hash_ = 0;
  // a function's constant is made once however often it is called
  std::unordered_map<const TensorProto*, Tensor> made_;
  std::unordered_map<const SparseTensorProto*, Tensor> made_dense_;
};

}  // namespace rekindle::onnx
