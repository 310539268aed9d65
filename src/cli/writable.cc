// Whether a file can be written, asked before the work whose result it takes.
// SPDX-License-Identifier: Apache-2.0
#include "cli/writable.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace rekindle::cli {

Status can_write(const std::string& path) {
  if (path.empty() || path == "-") return {};
  const auto refuse = [&](const std::string& why) {
    return Status::error(Code::invalid_argument, "cannot write " + path + ": " + why);
  };
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return refuse("it is a directory");
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::stat(folder.c_str(), &info) != 0) return refuse("folder " + folder + ": " + std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return refuse(folder + " is not a folder");
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return refuse("folder " + folder + ": " + std::strerror(errno));
  return {};
}

}  // namespace rekindle::cli
