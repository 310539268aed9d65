// Loading from memory.
// SPDX-License-Identifier: Apache-2.0
#include "backends/emulator/module.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rekindle::emulator {

Result<std::shared_ptr<Module>> Module::load(const std::string& bytes, const std::string& name) {
  std::shared_ptr<Module> module(new Module);
  module->name_ = name;
  RK_TRY(module->object_, read_object(bytes));
  // The file stays open: the loader knows libraries by their paths, and a number that came back would give
  // the library that had it before.
  module->file_ = memfd_create("rekindle-kernel", MFD_CLOEXEC);
  if (module->file_ < 0) return Status::error(Code::device, "cannot make a file in memory for " + name);
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count = write(module->file_, bytes.data() + done, bytes.size() - done);
    if (count <= 0) return Status::error(Code::device, "cannot fill a file in memory for " + name);
    done += size_t(count);
  }
  const std::string path = "/proc/self/fd/" + std::to_string(module->file_);
  module->library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module->library_)
    return Status::error(Code::unsupported, "the code of " + name + " for the emulator cannot be loaded: " +
                                                std::string(dlerror()));
  module->function_ = reinterpret_cast<Function>(dlsym(module->library_, name.c_str()));
  module->table_ = static_cast<RkEmulatorTable*>(dlsym(module->library_, "rk_emulator_table"));
  link_map* map = nullptr;
  if (!module->function_ || !module->table_ || dlinfo(module->library_, RTLD_DI_LINKMAP, &map) != 0)
    return Status::error(Code::data_loss,
                         "the code of " + name + " for the emulator has no function of that name");
  module->base_ = reinterpret_cast<const std::byte*>(map->l_addr);
  return module;
}

Module::~Module() {
  if (library_) dlclose(library_);
  if (file_ >= 0) close(file_);
}

}  // namespace rekindle::emulator
