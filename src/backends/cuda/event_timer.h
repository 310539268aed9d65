// Time between two events of a stream, as the GPU sees it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "backends/cuda/context.h"

namespace rekindle::cuda {

class EventTimer final : public Timer {
 public:
  static Result<std::unique_ptr<Timer>> create(std::shared_ptr<const GpuContext> context);
  ~EventTimer() override;
  Status start(Stream& stream) override;
  Status stop(Stream& stream) override;
  Result<double> microseconds() override;

 private:
  explicit EventTimer(std::shared_ptr<const GpuContext> context) : context_(std::move(context)) {}
  Status record(EventHandle event, Stream& stream);
  std::shared_ptr<const GpuContext> context_;
  EventHandle start_ = nullptr, stop_ = nullptr;
};

}  // namespace rekindle::cuda
