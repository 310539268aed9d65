// Tensor data in files beside the model. Only regular files beneath the model's folder are opened; links are
// refused, since a model from elsewhere must not choose which of the user's files end up in an engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "onnx/model.h"

namespace rekindle::onnx {

class ExternalFiles {
 public:
  /// An empty folder: the model did not come from a file, and every external tensor is an error.
  /// `allow_links`: symbolic links, also out of the folder, and hard links are followed (model caches are
  /// made of them).
  ExternalFiles(std::filesystem::path folder, bool allow_links);
  ~ExternalFiles();
  ExternalFiles(const ExternalFiles&) = delete;
  ExternalFiles& operator=(const ExternalFiles&) = delete;

  struct Bytes {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;  // keeps the mapping
  };
  /// What `location`, `offset` and `length` of the tensor say, which must be `expected` bytes.
  Result<Bytes> find(std::span<const StringEntry> entries, int64_t expected);
  bool has_unverified_checksum() const { return has_checksum_; }
  /// Bytes on disk of the files that were opened: what copies of their tensors may take.
  int64_t disk_bytes() const { return disk_bytes_; }

 private:
  Result<Bytes> file(const std::string& location);  // the whole file, mapped once
  Result<int> open_beneath(const std::string& location);
  std::filesystem::path folder_;
  bool allow_links_, has_checksum_ = false;
  int folder_descriptor_ = -1;
  int64_t disk_bytes_ = 0;
  std::map<std::string, Result<Bytes>> files_;
};

/// Maps a regular file for reading. Exposed for the model file itself.
Result<ExternalFiles::Bytes> map_descriptor(int descriptor, const std::string& shown_name);

}  // namespace rekindle::onnx
