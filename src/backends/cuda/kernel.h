// Compiled kernels on a GPU: a module of the driver, and launches of its function.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <span>

#include "backends/cuda/code.h"
#include "backends/cuda/context.h"

namespace rekindle::cuda {

/// The stream's handle; every stream that reaches a CUDA kernel is one of these.
class CudaStream final : public Stream {
 public:
  static Result<std::unique_ptr<Stream>> create(std::shared_ptr<const GpuContext> context);
  ~CudaStream() override;
  Status synchronize() override;
  StreamHandle handle() const { return handle_; }

 private:
  explicit CudaStream(std::shared_ptr<const GpuContext> context) : context_(std::move(context)) {}
  std::shared_ptr<const GpuContext> context_;
  StreamHandle handle_ = nullptr;
};

/// Loads the first image that the GPU can run. Errors: none of them can, with what they were made for.
Result<std::shared_ptr<const Kernel>> load_kernel(std::shared_ptr<const GpuContext> context,
                                                  const KernelImage& image, std::span<const std::byte> code);

}  // namespace rekindle::cuda
