// CpuDevice: everything runs on the calling thread and the OpenMP pool, and is done when the call returns.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/device.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "backends/cpu/host_kernels.h"

namespace rekindle {

namespace {

class CpuStream final : public Stream {
 public:
  Status synchronize() override { return {}; }
};

/// What the processor calls itself, such as "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz"; "cpu" when it does
/// not say.
std::string processor_name() {
  std::string name;
#if defined(__x86_64__)
  constexpr unsigned kFirst = 0x80000002,
                     kLast = 0x80000004;  // the leaves of the brand string, 16 bytes each
  for (unsigned leaf = kFirst; leaf <= kLast; ++leaf) {
    std::array<unsigned, 4> words{};
    if (__get_cpuid(leaf, &words[0], &words[1], &words[2], &words[3]) == 0) return "cpu";
    name.append(reinterpret_cast<const char*>(words.data()), sizeof words);
  }
#endif
  name.resize(std::min(name.find('\0'), name.size()));
  while (!name.empty() && name.back() == ' ') name.pop_back();
  name.erase(0, name.find_first_not_of(' '));
  return name.empty() ? "cpu" : name;
}

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(Isa isa) : isa_(isa) {}
  std::string_view name() const override { return "cpu"; }
  bool is_host() const override { return true; }
  std::string hardware() const override { return processor_name(); }

  Result<std::shared_ptr<const Kernel>> load(const KernelImage& image, std::span<const std::byte>) override {
    return cpu::make_kernel(image.name, image.params, isa_);
  }
  Result<std::shared_ptr<void>> allocate(int64_t bytes) override {
    if (bytes < 0)
      return Status::error(Code::invalid_argument, "a buffer of " + std::to_string(bytes) + " bytes");
    constexpr size_t kPage = 4096;  // more than the promised 64: arenas of two contexts never share a page
    const size_t size = (size_t(bytes) + kPage - 1) / kPage * kPage;
    void* const memory = size < size_t(bytes) ? nullptr : std::aligned_alloc(kPage, std::max(size, kPage));
    if (!memory)
      return Status::error(Code::out_of_memory,
                           "cannot allocate " + std::to_string(bytes) + " bytes of host memory");
    return std::shared_ptr<void>(memory, [](void* p) { std::free(p); });
  }
  Result<std::unique_ptr<Stream>> create_stream() override {
    return std::unique_ptr<Stream>(std::make_unique<CpuStream>());
  }
  Status copy_in(Stream&, void* to, const void* host, int64_t bytes) override {
    if (bytes > 0) std::memcpy(to, host, size_t(bytes));
    return {};
  }
  Status copy_out(Stream&, void* host, const void* from, int64_t bytes) override {
    if (bytes > 0) std::memcpy(host, from, size_t(bytes));
    return {};
  }

 private:
  Isa isa_;
};

}  // namespace

std::shared_ptr<Device> open_cpu(Isa cap) { return std::make_shared<CpuDevice>(std::min(cap, detect_isa())); }

}  // namespace rekindle
