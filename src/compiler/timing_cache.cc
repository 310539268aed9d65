// The timing cache: JSON lines, one measurement a line, sorted.
// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "compiler/tune.h"

namespace rekindle {

Result<TimingCache> TimingCache::load(const std::string& path) {
  TimingCache cache;
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 && errno == ENOENT) return cache;
  RK_TRY(std::string text, read_file(path, int64_t(1) << 30));
  size_t line_number = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    ++line_number;
    if (line.empty()) continue;
    const auto entry = parse_json(line);
    if (!entry.ok() || !entry->is_object() || !entry->contains("key") || !(*entry)["key"].is_string() ||
        !entry->contains("us") || !(*entry)["us"].is_number() || !((*entry)["us"].get<double>() >= 0)) {
      cache.notes.push_back(path + ": line " + std::to_string(line_number) + " is no measurement, skipped");
      continue;
    }
    cache.times_[(*entry)["key"].get<std::string>()] = (*entry)["us"].get<double>();
  }
  return cache;
}

Status TimingCache::save(const std::string& path) const {
  std::string text;
  for (const auto& [key, microseconds] : times_) {
    Json line;
    line["key"] = key;
    line["us"] = microseconds;
    text += to_text(line, -1) + "\n";
  }
  return write_file_atomically(path, text);
}

std::optional<double> TimingCache::find(const std::string& key) const {
  const auto found = times_.find(key);
  return found == times_.end() ? std::nullopt : std::optional(found->second);
}

void TimingCache::store(const std::string& key, double microseconds) {
  times_[key] = microseconds;
  changed_ = true;
}

}  // namespace rekindle
