// Compiled code by what it was compiled from: in memory for the life of the process, and on disk in folders
// that users name.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backends/cuda/tactics/nvrtc.h"
#include "base/hash.h"

namespace rekindle::cuda {

/// Thread-safe. Several threads that want the same code at a time compile it once.
class CodeCache {
 public:
  static CodeCache& of_process();

  /// As Nvrtc::compile().
  Result<CompiledCode> compile(const Nvrtc& nvrtc, const std::string& source, const std::string& name, int sm,
                               CodeKind kind);

  /// What is compiled is kept in this folder too, and looked for there; until the same is called of
  /// stop_using(). Makes the folder. Errors: it cannot be made.
  Status use_folder(const std::string& folder);
  /// Returns what there is to say about the folder's files: damaged ones, which were compiled again, and
  /// why some could not be written.
  std::vector<std::string> stop_using(const std::string& folder);

  int64_t compilations() const;  // so far, for tests

 private:
  struct Entry {
    bool is_done = false;
    Result<CompiledCode> code = Status::error(Code::internal, "the code is not there yet");
  };
  struct Folder {
    std::string path;
    int users = 0;
    std::vector<std::string> notes;
  };
  Result<CompiledCode> find_or_compile(const Nvrtc& nvrtc, const Hash128& key, const std::string& source,
                                       const std::string& name, int sm, CodeKind kind);
  std::optional<CompiledCode> read(const std::string& folder, const Hash128& key);
  void write(const std::string& folder, const Hash128& key, const CompiledCode& code);
  void note(const std::string& folder, std::string text);
  void keep_bounded();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Hash128, std::shared_ptr<Entry>> entries_;
  std::vector<Folder> folders_;
  int64_t bytes_ = 0, compilations_ = 0;
};

}  // namespace rekindle::cuda
