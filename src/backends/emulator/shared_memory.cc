// Watching shared variables.
// SPDX-License-Identifier: Apache-2.0
#include "backends/emulator/shared_memory.h"

#include <algorithm>
#include <cstring>

namespace rekindle::emulator {

namespace {

constexpr uint64_t kApart = 65536;  // between two variables, as language.cuh aligns them
constexpr uint32_t kWarp = 32;
constexpr int kUnwritten = 0xff;  // of a float this is NaN

const char* verb(RkEmulatorAccess how) {
  return how == rk_emulator_write ? "writes " : how == rk_emulator_atomic ? "changes " : "reads ";
}

bool only_reads(RkEmulatorAccess how) { return how == rk_emulator_read || how == rk_emulator_peek; }

}  // namespace

SharedMemory::SharedMemory(const ObjectFile& object, std::byte* base, uint32_t dynamic_bytes) {
  uint64_t total = 0;
  for (const SharedVariable& v : object.shared) {
    variables_.push_back({v.name, base + v.address, v.bytes, total});
    total += v.bytes;
  }
  if (dynamic_bytes > 0) {
    variables_.push_back({object.dynamic.name, base + object.dynamic.address, dynamic_bytes, total});
    total += dynamic_bytes;
  }
  std::sort(variables_.begin(), variables_.end(),
            [](const Variable& a, const Variable& b) { return a.begin < b.begin; });
  bytes_.resize(total);
}

const SharedMemory::Variable* SharedMemory::find(const std::byte* at) const {
  const auto after = std::upper_bound(variables_.begin(), variables_.end(), at,
                                      [](const std::byte* p, const Variable& v) { return p < v.begin; });
  if (after == variables_.begin()) return nullptr;
  const Variable& v = *(after - 1);
  return uint64_t(at - v.begin) < (v.bytes + 2 * kApart - 1) / kApart * kApart ? &v : nullptr;
}

bool SharedMemory::covers(const void* at) const { return find(static_cast<const std::byte*>(at)) != nullptr; }

void SharedMemory::start_block(uint32_t barrier) {
  first_barrier_ = barrier;
  for (const Variable& v : variables_) std::memset(v.begin, kUnwritten, v.bytes);
}

std::optional<SharedFault> SharedMemory::collide(const Byte& byte, RkEmulatorAccess how,
                                                 const Moment& now) const {
  const auto race = [&](uint32_t other, const char* earlier) {
    const bool is_named = other != now.thread;  // of several readers the last is known
    return SharedFault{is_named ? ", which " : ", which another thread ",
                       is_named ? std::optional(other) : std::nullopt,
                       std::string(earlier) +
                           " with no barrier between, expected __syncthreads or, within a warp, __syncwarp"};
  };
  const auto unordered = [&](uint32_t thread, uint32_t warp) {
    return thread / kWarp != now.thread / kWarp || now.warp <= warp;
  };
  if (byte.write_barrier < first_barrier_ && (how == rk_emulator_read || how == rk_emulator_atomic))
    return SharedFault{", which nothing has written in this block"};
  if (how != rk_emulator_atomic && byte.write_barrier == now.barrier && byte.write_thread != now.thread &&
      unordered(byte.write_thread, byte.write_warp))
    return race(byte.write_thread, "writes");
  if (only_reads(how) || byte.read_barrier != now.barrier) return std::nullopt;
  // Reads by lanes of several warps are never ordered before a write but by a barrier.
  const bool reads_alone = byte.read_thread == now.thread && !byte.many_lanes;
  if (byte.many_warps || (!reads_alone && unordered(byte.read_thread, byte.read_warp)))
    return race(byte.read_thread, "reads");
  return std::nullopt;
}

void SharedMemory::note(Byte& byte, RkEmulatorAccess how, const Moment& now) const {
  if (!only_reads(how)) {
    byte.write_barrier = now.barrier;
    byte.write_warp = now.warp;
    byte.write_thread = now.thread;
    return;
  }
  const bool is_first = byte.read_barrier != now.barrier;
  const bool same_warp = byte.read_thread / kWarp == now.thread / kWarp;
  if (is_first || (same_warp && now.warp > byte.read_warp && !byte.many_warps)) {
    byte.many_lanes = byte.many_warps = false;
  } else if (!same_warp) {
    byte.many_warps = true;
  } else if (byte.read_thread != now.thread) {
    byte.many_lanes = true;
  }
  byte.read_thread = now.thread;
  byte.read_warp = is_first ? now.warp : std::max(byte.read_warp, now.warp);
  byte.read_barrier = now.barrier;
}

std::optional<SharedFault> SharedMemory::access(const void* at, uint32_t bytes, RkEmulatorAccess how,
                                                Moment now) {
  const auto* p = static_cast<const std::byte*>(at);
  const Variable* v = find(p);
  const auto offset = uint64_t(p - v->begin);
  if (offset > v->bytes || bytes > v->bytes - offset)
    return SharedFault{verb(how) + std::to_string(bytes) + " bytes at byte " + std::to_string(offset) +
                       " of " + v->name + ", which has " + std::to_string(v->bytes)};
  for (uint64_t i = 0; i < bytes; ++i) {
    Byte& byte = bytes_[v->first + offset + i];
    // Nothing to check nor to change: the same thread again.
    if (byte.write_barrier == now.barrier && byte.write_thread == now.thread &&
        byte.read_barrier != now.barrier) {
      if (!only_reads(how)) {
        byte.write_warp = now.warp;
        continue;
      }
    }
    const bool suspicious = byte.write_barrier < first_barrier_ || byte.write_barrier == now.barrier ||
                            byte.read_barrier == now.barrier;
    if (suspicious)
      if (auto fault = collide(byte, how, now)) {
        fault->what = verb(how) + ("byte " + std::to_string(offset + i)) + " of " + v->name + fault->what;
        return fault;
      }
    note(byte, how, now);
  }
  return std::nullopt;
}

}  // namespace rekindle::emulator
