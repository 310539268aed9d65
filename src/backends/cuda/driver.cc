// Loading the driver's functions by name.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/driver.h"

#include <dlfcn.h>

#include <string>

namespace rekindle::cuda {

namespace {

constexpr int kOldestDriver = 11040;  // the first with graphs instantiated by flags; R470 and newer

using GetProcAddress = int (*)(const char* symbol, void** function, int version, uint64_t flags, int* found);

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// The function that has the declared arguments. Drivers since 11.3 are asked by version; older ones know a
/// newer form of some functions by a suffix.
void* find(void* library, GetProcAddress by_version, const char* symbol, int version) {
  void* function = nullptr;
  int found = 0;
  if (by_version && by_version(symbol, &function, version, 0, &found) == kSuccess && function)
    return function;
  if (void* second = dlsym(library, (std::string(symbol) + "_v2").c_str())) return second;
  return dlsym(library, symbol);
}

Result<Driver> load() {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Status::error(Code::device, "there is no NVIDIA driver: libcuda.so.1 was not found (" +
                                           std::string(dlerror()) + "), expected a driver of CUDA " +
                                           version_text(kOldestDriver) + " or newer");
  auto by_version = reinterpret_cast<GetProcAddress>(dlsym(library, "cuGetProcAddress_v2"));
  Driver driver;
  const char* missing = nullptr;
#define RK_DRIVER(member, symbol, wanted, arguments)                                                    \
  driver.member = reinterpret_cast<decltype(driver.member)>(find(library, by_version, symbol, wanted)); \
  if (!driver.member && !missing) missing = symbol;
#include "backends/cuda/driver.def"
#undef RK_DRIVER
  if (driver.get_version) driver.get_version(&driver.version);
  if (missing || driver.version < kOldestDriver)
    return Status::error(Code::device, "the NVIDIA driver supports CUDA " + version_text(driver.version) +
                                           (missing ? " and has no " + std::string(missing) : "") +
                                           ", expected " + version_text(kOldestDriver) + " or newer");
  RK_DRIVER_CHECK(driver, init(0), "starting the NVIDIA driver");
  return driver;
}

}  // namespace

Result<const Driver*> driver() {
  static const Result<Driver> loaded = load();
  if (!loaded.ok()) return loaded.status();
  return &*loaded;
}

Status driver_status(const Driver& driver, int code, const std::string& what) {
  const char *name = nullptr, *text = nullptr;
  driver.error_name(code, &name);
  driver.error_text(code, &text);
  return Status::error(code == kOutOfMemory ? Code::out_of_memory : Code::device,
                       what + ": " + (name ? name : "error " + std::to_string(code)) + ", " +
                           (text ? text : "unknown to the driver"));
}

}  // namespace rekindle::cuda
