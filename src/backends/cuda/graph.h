// Launches recorded as a graph of the driver, which starts them all with one call.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <vector>

#include "backends/cuda/context.h"

namespace rekindle::cuda {

class CudaLaunch;

class GraphRecording final : public Recording {
 public:
  static Result<std::unique_ptr<Recording>> create(std::shared_ptr<const GpuContext> context);
  ~GraphRecording() override;
  Status add(Launch& launch, const void* const* inputs, void* const* outputs, void* workspace,
             std::span<const uint32_t> after) override;
  Status replace(uint32_t index, const void* const* inputs, void* const* outputs, void* workspace) override;
  Status finish() override;
  Status replay(Stream& stream) override;

 private:
  /// A launch's nodes. Without blocks it is an empty node; others may depend on it all the same.
  struct Entry {
    CudaLaunch* launch = nullptr;
    NodeHandle clearing = nullptr, kernel = nullptr;
  };
  explicit GraphRecording(std::shared_ptr<const GpuContext> context) : context_(std::move(context)) {}
  std::shared_ptr<const GpuContext> context_;
  GraphHandle graph_ = nullptr;
  GraphExecHandle exec_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<NodeHandle> after_;
};

}  // namespace rekindle::cuda
