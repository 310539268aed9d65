// EventTimer: two events of the driver, and the time between them.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/event_timer.h"

#include "backends/cuda/kernel.h"

namespace rekindle::cuda {

Result<std::unique_ptr<Timer>> EventTimer::create(std::shared_ptr<const GpuContext> context) {
  RK_CHECK(context->make_current());
  std::unique_ptr<EventTimer> timer(new EventTimer(std::move(context)));
  for (EventHandle* event : {&timer->start_, &timer->stop_})
    RK_DRIVER_CHECK(timer->context_->driver(), create_event(event, 0), "making an event");
  return std::unique_ptr<Timer>(std::move(timer));
}

EventTimer::~EventTimer() {
  if (!context_->make_current().ok()) return;
  for (EventHandle event : {start_, stop_})
    if (event) context_->driver().destroy_event(event);
}

Status EventTimer::record(EventHandle event, Stream& stream) {
  RK_CHECK(context_->make_current());
  RK_DRIVER_CHECK(context_->driver(), record_event(event, static_cast<CudaStream&>(stream).handle()),
                  "recording an event");
  return {};
}

Status EventTimer::start(Stream& stream) { return record(start_, stream); }
Status EventTimer::stop(Stream& stream) { return record(stop_, stream); }

Result<double> EventTimer::microseconds() {
  RK_CHECK(context_->make_current());
  RK_DRIVER_CHECK(context_->driver(), synchronize_event(stop_), "waiting for an event");
  float milliseconds = 0;
  RK_DRIVER_CHECK(context_->driver(), elapsed_time(&milliseconds, start_, stop_), "asking for elapsed time");
  return double(milliseconds) * 1e3;
}

}  // namespace rekindle::cuda
