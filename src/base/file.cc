// Files, by POSIX calls: the standard streams lose errno and know neither mappings nor fsync.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace rekindle {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int close() { return fd_ >= 0 ? ::close(std::exchange(fd_, -1)) : 0; }

 private:
  int fd_;
};

/// strerror without its shared buffer.
std::string system_text(int error) {
  std::array<char, 256> buffer{};
  return strerror_r(error, buffer.data(), buffer.size());  // GNU's variant, which returns the text
}

Status system_error(const std::string& what, const std::string& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::not_found
                    : error == EACCES || error == EPERM || error == EISDIR || error == ENAMETOOLONG ||
                            error == ELOOP || error == EROFS || error == EINVAL
                        ? Code::invalid_argument
                    : error == ENOMEM ? Code::out_of_memory
                                      : Code::device;
  return Status::error(code, what + " " + path + ": " + system_text(error));
}

Status check_path(const std::string& path) {
  if (path.empty()) return Status::error(Code::invalid_argument, "the path of a file is empty");
  if (path.find('\0') != std::string::npos)
    return Status::error(Code::invalid_argument,
                         "the path " + path.substr(0, path.find('\0')) + " has a zero byte in it");
  return {};
}

int open_retrying(const std::string& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// Linux writes at most 2 GiB at once, and a signal or a full disk may cut any write short.
Status write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), size_t(1) << 30));
    if (written < 0) {
      if (errno == EINTR) continue;
      return system_error("cannot write", path, errno);
    }
    bytes = bytes.subspan(size_t(written));
  }
  return {};
}

/// A name that no other thread or process uses; O_EXCL and linkat make sure of it. It says nothing of the
/// file's own name, which may be as long as a name can be.
std::string temporary_name(const std::string& folder) {
  static std::atomic<unsigned> serial{0};
  return folder + "/.rekindle-tmp-" + std::to_string(::getpid()) + "-" + std::to_string(serial++);
}

/// A file that is being written. It has no name while it is (where the file system can do that), so a process
/// that is killed leaves nothing behind; then for a moment a temporary one, because only rename() replaces a
/// file at once.
class Draft {
 public:
  explicit Draft(const std::string& folder) : name_(temporary_name(folder)) {
    if (::access("/proc/self/fd", X_OK) == 0)
      file_ = Descriptor(open_retrying(folder, O_WRONLY | O_TMPFILE, 0666));
    if (file_.ok()) return;
    file_ = Descriptor(open_retrying(name_, O_WRONLY | O_CREAT | O_EXCL, 0666));
    is_named_ = file_.ok();
  }
  ~Draft() {
    if (is_named_) ::unlink(name_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  int get() const { return file_.get(); }
  bool ok() const { return file_.ok(); }
  /// Gives the file its name, in place of what has it; false with errno set when that fails.
  bool rename_to(const std::string& path) {
    if (!is_named_) {
      const std::string open_file = "/proc/self/fd/" + std::to_string(file_.get());
      if (::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, name_.c_str(), AT_SYMLINK_FOLLOW) != 0)
        return false;
      is_named_ = true;
    }
    if (file_.close() != 0 || ::rename(name_.c_str(), path.c_str()) != 0) return false;
    is_named_ = false;
    return true;
  }

 private:
  std::string name_;
  Descriptor file_{-1};
  bool is_named_ = false;
};

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  RK_CHECK(check_path(path));
  // O_NONBLOCK: opening a FIFO must not wait for a writer before it can be refused.
  const Descriptor file(open_retrying(path, O_RDONLY | O_NONBLOCK));
  if (!file.ok()) return system_error("cannot open", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error("cannot inspect", path, errno);
  if (!S_ISREG(info.st_mode))
    return Status::error(
        Code::invalid_argument,
        path + (S_ISDIR(info.st_mode) ? " is a directory" : " is not a regular file") + ", expected a file");
  MappedFile mapped;
  mapped.path_ = path;
  mapped.size_ = size_t(info.st_size);
  if (mapped.size_ == 0) return mapped;  // mmap refuses empty mappings
  void* pages = ::mmap(nullptr, mapped.size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (pages == MAP_FAILED) return system_error("cannot map", path, errno);
  mapped.pages_ = std::shared_ptr<const void>(
      pages, [size = mapped.size_](const void* p) { ::munmap(const_cast<void*>(p), size); });
  return mapped;
}

Result<std::string> read_file(const std::string& path, size_t most_bytes) {
  RK_CHECK(check_path(path));
  const Descriptor file(open_retrying(path, O_RDONLY));
  if (!file.ok()) return system_error("cannot open", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error("cannot inspect", path, errno);
  if (S_ISDIR(info.st_mode))
    return Status::error(Code::invalid_argument, path + " is a directory, expected a file");
  auto too_large = [&] {
    return Status::error(Code::invalid_argument, path + " is larger than " + std::to_string(most_bytes) +
                                                     " bytes, the most that is read");
  };
  if (S_ISREG(info.st_mode) && uint64_t(info.st_size) > most_bytes) return too_large();
  std::string text;
  // The size is only a hint: the file may grow or shrink while it is read, and a pipe has none.
  size_t filled = 0;
  text.resize(std::min<size_t>(most_bytes, size_t(std::max<off_t>(info.st_size, 0))) + 1);
  for (;;) {
    const ssize_t got =
        ::read(file.get(), text.data() + filled, std::min(text.size() - filled, size_t(1) << 30));
    if (got < 0) {
      if (errno == EINTR) continue;
      return system_error("cannot read", path, errno);
    }
    if (got == 0) break;
    filled += size_t(got);
    if (filled > most_bytes) return too_large();
    if (filled == text.size()) text.resize(std::min(text.size() * 2 + 4096, most_bytes + 1));
  }
  text.resize(filled);
  return text;
}

Status write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> parts) {
  RK_CHECK(check_path(path));
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return Status::error(Code::invalid_argument, "cannot write " + path + ": it is a directory");
  const std::string folder = directory_of(path);
  if (::stat(folder.c_str(), &info) != 0)
    return system_error("cannot write " + path + ": folder", folder, errno);
  if (!S_ISDIR(info.st_mode))
    return Status::error(Code::invalid_argument, "cannot write " + path + ": " + folder + " is not a folder");

  Draft file(folder);
  if (!file.ok()) return system_error("cannot create a file for", path, errno);
  for (const auto& part : parts) RK_CHECK(write_all(file.get(), part, path));
  if (::fsync(file.get()) != 0 && errno != EINVAL) return system_error("cannot flush", path, errno);
  if (!file.rename_to(path)) return system_error("cannot replace", path, errno);
  // The rename itself is on the disk once the folder is; a file system without that is no reason to fail.
  const Descriptor opened_folder(open_retrying(folder, O_RDONLY | O_DIRECTORY));
  if (opened_folder.ok()) ::fsync(opened_folder.get());
  return {};
}

Status write_file_atomically(const std::string& path, std::string_view text) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text.data(), text.size()));
  return write_file_atomically(path, std::span(&part, 1));
}

}  // namespace rekindle
