// Opening external data without leaving the model's folder.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/external_data.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "onnx/names.h"

namespace rekindle::onnx {
namespace {

Status wrong(std::string message) { return Status::error(Code::invalid_argument, std::move(message)); }

struct Place {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  bool has_checksum = false;
};

Result<uint64_t> number(std::string_view key, std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > uint64_t(INT64_MAX))
    return wrong("external data has " + std::string(key) + " " + quote_name(text) +
                 ", expected a number of bytes");
  return value;
}

/// Only what can name a file beneath the folder, on any system: no absolute path, no drive, no way up.
Status check_location(std::string_view location) {
  const auto refuse = [&](const char* why) {
    return wrong("external data is at " + quote_name(location) + ", which " + why +
                 "; expected a relative path beneath the model's folder");
  };
  if (location.empty()) return refuse("is empty");
  if (location.size() > 4096) return refuse("is longer than 4096 bytes");
  if (location.find('\0') != location.npos) return refuse("contains a NUL");
  if (location.find('\\') != location.npos) return refuse("contains a backslash");
  if (location[0] == '/') return refuse("is absolute");
  if (location.size() > 1 && location[1] == ':') return refuse("names a drive");
  for (size_t at = 0; at <= location.size();) {
    const size_t end = std::min(location.find('/', at), location.size());
    if (location.substr(at, end - at) == "..") return refuse("leads out of the folder");
    at = end + 1;
  }
  return {};
}

Result<Place> parse_place(std::span<const StringEntry> entries) {
  Place place;
  unsigned seen = 0;
  for (const StringEntry& entry : entries) {
    constexpr std::string_view kKeys[] = {"location", "offset", "length", "checksum"};
    size_t key = 0;
    while (key < 4 && kKeys[key] != entry.key) ++key;
    if (key == 4)
      return wrong("external data has the unknown key " + quote_name(entry.key) +
                   ", expected location, offset, length or checksum");
    if (seen & (1u << key)) return wrong("external data has the key " + std::string(entry.key) + " twice");
    seen |= 1u << key;
    if (key == 0) {
      place.location = entry.value;
    } else if (key == 1) {
      RK_TRY(place.offset, number("offset", entry.value));
    } else if (key == 2) {
      RK_TRY(place.length, number("length", entry.value));
    } else {
      place.has_checksum = true;
    }
  }
  if (!(seen & 1)) return wrong("external data has no location");
  RK_CHECK(check_location(place.location));
  return place;
}

/// The walk that openat2 does in the kernel, for kernels and sandboxes without it.
int open_step_by_step(int folder, const std::string& location) {
  int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);
  for (size_t from = 0; at >= 0;) {
    const size_t end = std::min(location.find('/', from), location.size());
    const std::string part = location.substr(from, end - from);
    const bool last = end == location.size();
    if (!part.empty() && part != ".") {
      const int flags = last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
      const int next = openat(at, part.c_str(), flags | O_NOFOLLOW | O_CLOEXEC);
      const int error = errno;
      close(at);
      errno = error;
      at = next;
    }
    if (last) return at;
    from = end + 1;
  }
  return at;
}

}  // namespace

ExternalFiles::ExternalFiles(std::filesystem::path folder, bool allow_links)
    : folder_(std::move(folder)), allow_links_(allow_links) {}
ExternalFiles::~ExternalFiles() {
  if (folder_descriptor_ >= 0) close(folder_descriptor_);
}

Result<int> ExternalFiles::open_beneath(const std::string& location) {
  if (folder_descriptor_ < 0) folder_descriptor_ = open(folder_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder_descriptor_ < 0)
    return wrong("the model's folder cannot be opened: " + std::string(std::strerror(errno)));
  const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;  // a pipe must not make us wait
  int descriptor = -1;
  if (allow_links_) {
    descriptor = openat(folder_descriptor_, location.c_str(), flags);
  } else {
    open_how how{};
    how.flags = uint64_t(flags);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    descriptor = int(syscall(SYS_openat2, folder_descriptor_, location.c_str(), &how, sizeof how));
    if (descriptor < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL))
      descriptor = open_step_by_step(folder_descriptor_, location);
  }
  if (descriptor >= 0) return descriptor;
  const std::string shown = "external data " + quote_name(location);
  if (errno == ELOOP || errno == EXDEV)
    return wrong(shown + " is a symbolic link or lies behind one, expected a file (links can be allowed)");
  if (errno == ENOENT) return Status::error(Code::not_found, shown + " does not exist in the model's folder");
  return wrong(shown + " cannot be opened: " + std::strerror(errno));
}

Result<ExternalFiles::Bytes> map_descriptor(int descriptor, const std::string& shown_name) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return wrong(shown_name + " cannot be read: " + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return wrong(shown_name + " is not a regular file");
  const auto size = size_t(status.st_size);
  if (size == 0) return ExternalFiles::Bytes{};
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (memory == MAP_FAILED)
    return Status::error(Code::device, shown_name + " cannot be mapped: " + std::strerror(errno));
  std::shared_ptr<const void> owner(memory, [size](const void* p) { munmap(const_cast<void*>(p), size); });
  return ExternalFiles::Bytes{{static_cast<const std::byte*>(memory), size}, std::move(owner)};
}

Result<ExternalFiles::Bytes> ExternalFiles::file(const std::string& location) {
  const auto known = files_.find(location);
  if (known != files_.end()) return known->second;
  const auto load = [&]() -> Result<Bytes> {
    RK_TRY(const int descriptor, open_beneath(location));
    const std::shared_ptr<void> closer(nullptr, [descriptor](void*) { close(descriptor); });
    struct stat status {};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
      return wrong("external data " + quote_name(location) + " is not a regular file");
    if (!allow_links_ && status.st_nlink != 1)
      return wrong("external data " + quote_name(location) + " has " + std::to_string(status.st_nlink) +
                   " hard links, expected 1 (links can be allowed)");
    // a file of holes has a size that costs nothing; compressing file systems may store less than they show
    disk_bytes_ += std::min<int64_t>(status.st_size, int64_t(status.st_blocks) * 512 * 8 + (1 << 20));
    return map_descriptor(descriptor, "external data " + quote_name(location));
  };
  return files_.emplace(location, load()).first->second;
}

Result<ExternalFiles::Bytes> ExternalFiles::find(std::span<const StringEntry> entries, int64_t expected) {
  RK_TRY(const Place place, parse_place(entries));
  has_checksum_ = has_checksum_ || place.has_checksum;
  if (folder_.empty())
    return wrong("external data " + quote_name(place.location) +
                 " cannot be read: the model does not come from a file");
  const std::string shown = "external data " + quote_name(place.location);
  if (place.length && *place.length != uint64_t(expected))
    return wrong(shown + " has length " + std::to_string(*place.length) + ", expected " +
                 std::to_string(expected));
  RK_TRY(Bytes whole, file(place.location));
  const uint64_t size = whole.bytes.size();
  if (place.offset > size || uint64_t(expected) > size - place.offset)
    return wrong(shown + " has " + std::to_string(size) + " bytes, expected " + std::to_string(expected) +
                 " from offset " + std::to_string(place.offset));
  if (!place.length && size - place.offset != uint64_t(expected))
    return wrong(shown + " has " + std::to_string(size - place.offset) + " bytes from offset " +
                 std::to_string(place.offset) + " and no length is given, expected " +
                 std::to_string(expected));
  return Bytes{whole.bytes.subspan(place.offset, size_t(expected)), whole.owner};
}

}  // namespace rekindle::onnx
