// The defaults of the device interface: the host's memory and the host's clock.
// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include <chrono>
#include <cstring>

namespace rekindle {

namespace {

/// Waits for the stream at both ends.
class ClockTimer final : public Timer {
 public:
  Status start(Stream& stream) override {
    RK_CHECK(stream.synchronize());
    start_ = Clock::now();
    return {};
  }
  Status stop(Stream& stream) override {
    RK_CHECK(stream.synchronize());
    stop_ = Clock::now();
    return {};
  }
  Result<double> microseconds() override {
    return std::chrono::duration<double, std::micro>(stop_ - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_, stop_;
};

Status host_only(const Device& device, const char* what) {
  return Status::error(Code::unsupported, std::string(device.name()) + " cannot " + what);
}

}  // namespace

Result<Tensors> Kernel::make_outputs(std::span<const Tensor>, std::span<const int64_t>) const {
  return Status::error(Code::internal, "this kernel does not make its outputs");
}

Status Device::copy_within(Stream&, void* to, const void* from, int64_t bytes) {
  if (!is_host()) return host_only(*this, "copy within its memory");
  if (bytes > 0) std::memmove(to, from, size_t(bytes));
  return {};
}

Status Device::fill(Stream&, void* to, uint8_t value, int64_t bytes) {
  if (!is_host()) return host_only(*this, "fill its memory");
  if (bytes > 0) std::memset(to, value, size_t(bytes));
  return {};
}

Result<std::unique_ptr<Stream>> Device::wrap_stream(void*) {
  return host_only(*this, "run on a stream that is not its own");
}

Result<std::unique_ptr<Timer>> Device::create_timer() {
  return std::unique_ptr<Timer>(std::make_unique<ClockTimer>());
}

}  // namespace rekindle
