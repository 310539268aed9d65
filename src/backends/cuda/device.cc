// CudaDevice: memory, streams, copies.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/device.h"

#include "backends/cuda/event_timer.h"
#include "backends/cuda/graph.h"
#include "backends/cuda/kernel.h"

namespace rekindle {

namespace {

using cuda::Address;

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(std::shared_ptr<const cuda::GpuContext> context) : context_(std::move(context)) {}
  std::string_view name() const override { return "cuda"; }
  bool is_host() const override { return false; }
  std::string hardware() const override { return context_->properties().name; }

  Result<std::shared_ptr<const Kernel>> load(const KernelImage& image,
                                             std::span<const std::byte> code) override {
    return cuda::load_kernel(context_, image, code);
  }

  Result<std::shared_ptr<void>> allocate(int64_t bytes) override {
    if (bytes < 0)
      return Status::error(Code::invalid_argument, "a buffer of " + std::to_string(bytes) + " bytes");
    RK_CHECK(context_->make_current());
    Address address = 0;
    const int code = context_->driver().allocate(&address, bytes == 0 ? 1 : size_t(bytes));
    if (code == cuda::kOutOfMemory) {
      size_t free = 0, total = 0;
      context_->driver().memory_info(&free, &total);
      return Status::error(Code::out_of_memory, "cannot allocate " + std::to_string(bytes) + " bytes on " +
                                                    context_->properties().name + ", " +
                                                    std::to_string(free) + " of " + std::to_string(total) +
                                                    " are free");
    }
    if (code != cuda::kSuccess) return driver_status(context_->driver(), code, "allocating memory");
    return std::shared_ptr<void>(reinterpret_cast<void*>(address), [context = context_](void* p) {
      if (context->make_current().ok()) context->driver().free(reinterpret_cast<Address>(p));
    });
  }

  Result<std::shared_ptr<void>> allocate_staging(int64_t bytes) override {
    if (bytes < 0)
      return Status::error(Code::invalid_argument, "a buffer of " + std::to_string(bytes) + " bytes");
    RK_CHECK(context_->make_current());
    void* memory = nullptr;
    RK_DRIVER_CHECK(context_->driver(), allocate_host(&memory, bytes == 0 ? 1 : size_t(bytes), 0),
                    "cannot allocate " + std::to_string(bytes) + " bytes of page-locked host memory");
    return std::shared_ptr<void>(memory, [context = context_](void* p) {
      if (context->make_current().ok()) context->driver().free_host(p);
    });
  }

  Result<std::unique_ptr<Stream>> create_stream() override { return cuda::CudaStream::create(context_); }
  Result<std::unique_ptr<Stream>> wrap_stream(void* native) override {
    return cuda::CudaStream::wrap(context_, static_cast<cuda::StreamHandle>(native));
  }
  Result<std::unique_ptr<Recording>> record() override { return cuda::GraphRecording::create(context_); }
  Result<std::unique_ptr<Timer>> create_timer() override { return cuda::EventTimer::create(context_); }

  Status copy_in(Stream& stream, void* to, const void* host, int64_t bytes) override {
    if (bytes <= 0) return {};
    RK_CHECK(context_->make_current());
    RK_DRIVER_CHECK(context_->driver(),
                    copy_in(reinterpret_cast<Address>(to), host, size_t(bytes), handle_of(stream)),
                    "copying to the GPU");
    return {};
  }
  Status copy_out(Stream& stream, void* host, const void* from, int64_t bytes) override {
    if (bytes <= 0) return {};
    RK_CHECK(context_->make_current());
    RK_DRIVER_CHECK(context_->driver(),
                    copy_out(host, reinterpret_cast<Address>(from), size_t(bytes), handle_of(stream)),
                    "copying from the GPU");
    return {};
  }
  Status copy_within(Stream& stream, void* to, const void* from, int64_t bytes) override {
    if (bytes <= 0) return {};
    RK_CHECK(context_->make_current());
    RK_DRIVER_CHECK(context_->driver(),
                    copy_within(reinterpret_cast<Address>(to), reinterpret_cast<Address>(from), size_t(bytes),
                                handle_of(stream)),
                    "copying on the GPU");
    return {};
  }
  Status fill(Stream& stream, void* to, uint8_t value, int64_t bytes) override {
    if (bytes <= 0) return {};
    RK_CHECK(context_->make_current());
    RK_DRIVER_CHECK(context_->driver(),
                    fill(reinterpret_cast<Address>(to), value, size_t(bytes), handle_of(stream)),
                    "filling memory of the GPU");
    return {};
  }

 private:
  static cuda::StreamHandle handle_of(Stream& stream) {
    return static_cast<cuda::CudaStream&>(stream).handle();
  }
  std::shared_ptr<const cuda::GpuContext> context_;
};

}  // namespace

Result<std::shared_ptr<Device>> open_cuda(int ordinal) {
  RK_TRY(auto context, cuda::GpuContext::open(ordinal));
  return std::shared_ptr<Device>(std::make_shared<CudaDevice>(std::move(context)));
}

}  // namespace rekindle
