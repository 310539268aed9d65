// Finding, compiling and keeping code.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/code_cache.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"

namespace rekindle::cuda {

namespace {

constexpr int64_t kMostBytes = int64_t(512) << 20;  // in memory
constexpr size_t kMostFileBytes = size_t(64) << 20;

/// A file of the folder.
struct StoredCode {
  uint32_t format = 1;
  Hash128 key;  // also the file's name
  CodeImage image;
  int32_t registers = 0, spill_bytes = 0, shared_bytes = 0;
  uint32_t checksum = 0;  // of the image
  static constexpr auto fields =
      rekindle::fields("format", &StoredCode::format, "key", &StoredCode::key, "image", &StoredCode::image,
                       "registers", &StoredCode::registers, "spill_bytes", &StoredCode::spill_bytes,
                       "shared_bytes", &StoredCode::shared_bytes, "checksum", &StoredCode::checksum);
};

std::string path_of(const std::string& folder, const Hash128& key) {
  return (std::filesystem::path(folder) / (to_hex(key) + ".kernel")).string();
}

/// Everything that the code depends on.
Hash128 key_of(const Nvrtc& nvrtc, const std::string& source, const std::string& name, int sm,
               CodeKind kind) {
  Hasher hasher;
  for (const std::string& part : {Nvrtc::options_text(sm, kind), std::to_string(nvrtc.version()), name}) {
    hasher.add(part);
    hasher.add(std::string_view("\0", 1));
  }
  hasher.add(source);
  return hasher.finish();
}

}  // namespace

CodeCache& CodeCache::of_process() {
  static CodeCache cache;
  return cache;
}

Result<CompiledCode> CodeCache::compile(const Nvrtc& nvrtc, const std::string& source,
                                        const std::string& name, int sm, CodeKind kind) {
  const Hash128 key = key_of(nvrtc, source, name, sm, kind);
  std::shared_ptr<Entry> entry;
  {
    std::unique_lock lock(mutex_);
    auto& known = entries_[key];
    if (known != nullptr) {
      entry = known;
      changed_.wait(lock, [&] { return entry->is_done; });
      return entry->code;
    }
    entry = known = std::make_shared<Entry>();
  }
  auto code = find_or_compile(nvrtc, key, source, name, sm, kind);
  {
    const std::lock_guard lock(mutex_);
    entry->code = code;
    entry->is_done = true;
    if (code.ok())
      bytes_ += int64_t(code->image.bytes.size());
    else
      entries_.erase(key);  // it may have been a passing lack of memory
    keep_bounded();
  }
  changed_.notify_all();
  return code;
}

/// Forgets all that is done: the rest is in folders, or is compiled again.
void CodeCache::keep_bounded() {
  if (bytes_ <= kMostBytes) return;
  std::erase_if(entries_, [](const auto& entry) { return entry.second->is_done; });
  bytes_ = 0;
}

Result<CompiledCode> CodeCache::find_or_compile(const Nvrtc& nvrtc, const Hash128& key,
                                                const std::string& source, const std::string& name, int sm,
                                                CodeKind kind) {
  std::vector<std::string> folders;
  {
    const std::lock_guard lock(mutex_);
    for (const Folder& folder : folders_) folders.push_back(folder.path);
  }
  for (const std::string& folder : folders)
    if (auto found = read(folder, key)) return *std::move(found);
  RK_TRY(CompiledCode code, nvrtc.compile(source, name, sm, kind));
  {
    const std::lock_guard lock(mutex_);
    ++compilations_;
  }
  for (const std::string& folder : folders) write(folder, key, code);
  return code;
}

std::optional<CompiledCode> CodeCache::read(const std::string& folder, const Hash128& key) {
  const std::string path = path_of(folder, key);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  const auto bytes = read_file(path, kMostFileBytes);
  if (!bytes.ok()) {
    note(folder, bytes.status().message() + ", so the kernel was compiled again");
    return std::nullopt;
  }
  auto stored = from_bytes<StoredCode>(*bytes);
  if (!stored.ok() || stored->format != 1 || !(stored->key == key) ||
      stored->checksum != crc32c(stored->image.bytes)) {
    note(folder, path + " is damaged or another version's, so the kernel was compiled again");
    return std::nullopt;
  }
  return CompiledCode{std::move(stored->image),
                      {stored->registers, stored->spill_bytes, stored->shared_bytes}};
}

void CodeCache::write(const std::string& folder, const Hash128& key, const CompiledCode& code) {
  StoredCode stored;
  stored.key = key;
  stored.image = code.image;
  stored.registers = code.report.registers;
  stored.spill_bytes = code.report.spill_bytes;
  stored.shared_bytes = code.report.shared_bytes;
  stored.checksum = crc32c(code.image.bytes);
  const Status written = write_file_atomically(path_of(folder, key), to_bytes(stored));
  if (!written.ok()) note(folder, written.message());
}

void CodeCache::note(const std::string& folder, std::string text) {
  const std::lock_guard lock(mutex_);
  for (Folder& f : folders_)
    if (f.path == folder) f.notes.push_back(std::move(text));
}

Status CodeCache::use_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder, error))
    return Status::error(Code::invalid_argument, "the kernel cache " + folder +
                                                     " is no folder and cannot be made: " + error.message());
  const std::lock_guard lock(mutex_);
  for (Folder& f : folders_)
    if (f.path == folder) {
      ++f.users;
      return {};
    }
  folders_.push_back({folder, 1, {}});
  return {};
}

std::vector<std::string> CodeCache::stop_using(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> notes;
  for (auto f = folders_.begin(); f != folders_.end(); ++f) {
    if (f->path != folder) continue;
    notes.swap(f->notes);
    if (--f->users == 0) folders_.erase(f);
    break;
  }
  return notes;
}

int64_t CodeCache::compilations() const {
  const std::lock_guard lock(mutex_);
  return compilations_;
}

}  // namespace rekindle::cuda
