// Compiled kernels on a GPU: a module of the driver, and launches of its function.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "backends/cuda/code.h"
#include "backends/cuda/context.h"

namespace rekindle::cuda {

/// The stream's handle; every stream that reaches a CUDA kernel is one of these.
class CudaStream final : public Stream {
 public:
  static Result<std::unique_ptr<Stream>> create(std::shared_ptr<const GpuContext> context);
  /// Around a stream that somebody else made and destroys.
  static std::unique_ptr<Stream> wrap(std::shared_ptr<const GpuContext> context, StreamHandle handle);
  ~CudaStream() override;
  Status synchronize() override;
  StreamHandle handle() const { return handle_; }

 private:
  explicit CudaStream(std::shared_ptr<const GpuContext> context) : context_(std::move(context)) {}
  std::shared_ptr<const GpuContext> context_;
  StreamHandle handle_ = nullptr;
  bool is_own_ = true;
};

/// A module of the driver with its one function.
struct Module {
  std::shared_ptr<const GpuContext> context;
  ModuleHandle module = nullptr;
  FunctionHandle function = nullptr;
  ~Module();
};

/// A kernel's function with its grid, block and sizes; every launch that reaches a CUDA device is one of
/// these.
class CudaLaunch final : public Launch {
 public:
  static constexpr size_t kMostArguments = 64;
  /// What the driver reads a launch's arguments from.
  struct Arguments {
    std::array<const void*, kMostArguments> pointers;
    std::array<void*, kMostArguments> places;
  };

  CudaLaunch(std::shared_ptr<const Module> module, const LaunchParams& params)
      : module_(std::move(module)), params_(params) {}
  Status set(const LaunchShapes& shapes, const std::string& name);

  int64_t workspace_bytes() const override { return workspace_bytes_; }
  Status run(Stream& stream, const void* const* inputs, void* const* outputs, void* workspace) override;

  /// No block at all: there is nothing to compute.
  bool is_empty() const { return grid_[0] == 0 || grid_[1] == 0 || grid_[2] == 0; }
  size_t cleared_bytes() const { return params_.zeroed_workspace_bytes; }  // of the workspace, before it runs
  /// The launch as a graph takes it; valid as long as `arguments`.
  KernelNode node(Arguments& arguments, const void* const* inputs, void* const* outputs, void* workspace);

 private:
  std::shared_ptr<const Module> module_;
  LaunchParams params_;
  std::vector<int32_t> scalars_;
  size_t inputs_ = 0, outputs_ = 0;
  int64_t workspace_bytes_ = 0;
  std::shared_ptr<void> counters_;
  unsigned grid_[3] = {1, 1, 1}, block_[3] = {1, 1, 1};
};

/// Loads the first image that the GPU can run. Errors: none of them can, with what they were made for.
Result<std::shared_ptr<const Kernel>> load_kernel(std::shared_ptr<const GpuContext> context,
                                                  const KernelImage& image, std::span<const std::byte> code);

}  // namespace rekindle::cuda
