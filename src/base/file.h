// Files: mapped read-only, read whole within a limit, and written so that a reader never sees half a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rekindle {

/// A file mapped read-only and privately. The pages are the file's: one that is cut while it is mapped makes
/// reading it fatal (SIGBUS), so only files that belong to us (engines, which are replaced and never
/// rewritten) are mapped.
class MappedFile {
 public:
  /// Only regular files; the error is not_found when there is none.
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&&) noexcept = default;
  MappedFile& operator=(MappedFile&&) noexcept = default;

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(pages_.get()), size_}; }
  std::string_view text() const { return {static_cast<const char*>(pages_.get()), size_}; }
  size_t size() const { return size_; }
  const std::string& path() const { return path_; }
  /// Keeps the pages mapped for as long as somebody holds it: the owner of Tensor::view.
  std::shared_ptr<const void> owner() const { return pages_; }

 private:
  MappedFile() = default;
  std::shared_ptr<const void> pages_;
  size_t size_ = 0;
  std::string path_;
};

/// The whole of a file or pipe; an error when it is larger than `most_bytes`.
Result<std::string> read_file(const std::string& path, size_t most_bytes = size_t(1) << 31);

/// Writes the parts one after the other to a new file beside `path`, flushes it to the disk and renames it to
/// `path`. On failure `path` is as it was and nothing is left behind.
Status write_file_atomically(const std::string& path, std::span<const std::span<const std::byte>> parts);
Status write_file_atomically(const std::string& path, std::string_view text);

}  // namespace rekindle
