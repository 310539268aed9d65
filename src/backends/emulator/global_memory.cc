// Watching global memory.
// SPDX-License-Identifier: Apache-2.0
#include "backends/emulator/global_memory.h"

#include <algorithm>
#include <limits>

namespace rekindle::emulator {

namespace {

constexpr uint32_t kNobody = 0, kBefore = 1, kFirst = 2;

const char* verb(RkEmulatorAccess how) {
  return how == rk_emulator_write ? "writes " : how == rk_emulator_atomic ? "changes " : "reads ";
}

bool holds(const Extent& e, const std::byte* at, uint32_t bytes) {
  const auto offset = int64_t(reinterpret_cast<uintptr_t>(at) - reinterpret_cast<uintptr_t>(e.begin));
  return e.begin && offset >= 0 && offset <= e.bytes - int64_t(bytes);
}

Dims strides_of(const ArgShape& shape) {
  if (!shape.strides.empty()) return shape.strides;
  Dims strides(shape.dims.size());
  int64_t step = 1;
  for (size_t d = shape.dims.size(); d-- > 0;) {
    strides[d] = step;
    step *= shape.dims[d];
  }
  return strides;
}

}  // namespace

int64_t extent_bytes(const ArgShape& shape) {
  const Dims strides = strides_of(shape);
  int64_t last = 0;
  for (size_t d = 0; d < shape.dims.size(); ++d) {
    if (shape.dims[d] == 0) return 0;
    last += (shape.dims[d] - 1) * strides[d];
  }
  return bytes_for(shape.dtype, last + 1);
}

void GlobalMemory::add_output(Extent extent, ArgShape shape) {
  Written to{std::move(extent), std::move(shape), true, {}};
  to.writers.assign(size_t(to.extent.bytes), kNobody);
  for (const Extent& in : inputs_)
    for (int64_t i = 0; i < to.extent.bytes; ++i)
      if (holds(in, to.extent.begin + i, 1)) to.writers[size_t(i)] = kBefore;
  written_.push_back(std::move(to));
}

void GlobalMemory::add_workspace(Extent extent, int64_t zeroed) {
  Written to{std::move(extent), {}, false, {}};
  to.writers.assign(size_t(to.extent.bytes), kNobody);
  std::fill_n(to.writers.begin(), std::min(zeroed, to.extent.bytes), kBefore);
  written_.push_back(std::move(to));
}

std::string GlobalMemory::nearest(const std::byte* at, uint32_t bytes, RkEmulatorAccess how) const {
  const Extent* best = nullptr;
  int64_t distance = std::numeric_limits<int64_t>::max(), offset = 0;
  const auto look = [&](const Extent& e) {
    if (!e.begin) return;
    const auto from = int64_t(reinterpret_cast<uintptr_t>(at) - reinterpret_cast<uintptr_t>(e.begin));
    const int64_t away = from < 0 ? -from : std::max<int64_t>(from - e.bytes, 0);
    if (away >= distance) return;
    best = &e;
    distance = away;
    offset = from;
  };
  for (const Written& w : written_) look(w.extent);
  for (const Extent& e : inputs_) look(e);
  constexpr int64_t kFar = int64_t(1) << 24;
  std::string text = verb(how) + std::to_string(bytes) + " bytes ";
  if (!best || distance > kFar) return text + "that belong to no argument of the kernel";
  return text + "at byte " + std::to_string(offset) + " of " + best->name + ", which has " +
         std::to_string(best->bytes);
}

std::optional<std::string> GlobalMemory::access_written(Written& to, int64_t offset, uint32_t bytes,
                                                        RkEmulatorAccess how, uint32_t block) {
  for (int64_t i = offset; i < offset + bytes; ++i) {
    uint32_t& writer = to.writers[size_t(i)];
    const auto place = [&] { return verb(how) + ("byte " + std::to_string(i)) + " of " + to.extent.name; };
    if (how != rk_emulator_write && writer == kNobody) return place() + ", which nothing has written";
    const bool is_others = writer >= kFirst && writer != block + kFirst;
    if (is_others && to.is_output && how != rk_emulator_atomic)
      return place() + ", which block " + std::to_string(writer - kFirst) +
             " writes too, expected each element to be of one block";
    if (how == rk_emulator_read) continue;
    writer = block + kFirst;
  }
  return std::nullopt;
}

std::optional<std::string> GlobalMemory::access(const void* address, uint32_t bytes, RkEmulatorAccess how,
                                                uint32_t block) {
  const auto* at = static_cast<const std::byte*>(address);
  if (how == rk_emulator_read && last_input_ < inputs_.size() && holds(inputs_[last_input_], at, bytes) &&
      written_.size() == 1 && !holds(written_[0].extent, at, 1))
    return std::nullopt;
  for (Written& w : written_) {
    if (!holds(w.extent, at, bytes)) continue;
    const auto offset =
        int64_t(reinterpret_cast<uintptr_t>(at) - reinterpret_cast<uintptr_t>(w.extent.begin));
    return access_written(w, offset, bytes, how, block);
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!holds(inputs_[i], at, bytes)) continue;
    last_input_ = i;
    if (how == rk_emulator_read) return std::nullopt;
    return verb(how) + std::to_string(bytes) + " bytes of " + inputs_[i].name +
           ", expected inputs to be left alone";
  }
  return nearest(at, bytes, how);
}

std::optional<std::string> GlobalMemory::unwritten() const {
  for (const Written& w : written_) {
    if (!w.is_output || w.extent.bytes == 0) continue;
    const Dims strides = strides_of(w.shape);
    Dims index(w.shape.dims.size(), 0);
    for (int64_t element = 0;; ++element) {
      int64_t at = 0;
      for (size_t d = 0; d < index.size(); ++d) at += index[d] * strides[d];
      const int64_t byte = at * bits_of(w.shape.dtype) / 8;
      if (w.writers[size_t(byte)] == kNobody)
        return "element " + std::to_string(element) + " of " + w.extent.name + " was not written";
      size_t d = index.size();
      while (d > 0 && ++index[d - 1] == w.shape.dims[d - 1]) index[--d] = 0;
      if (d == 0) break;
    }
  }
  return std::nullopt;
}

}  // namespace rekindle::emulator
