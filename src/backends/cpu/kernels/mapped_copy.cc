// Mapped copies: tables of offsets for the outer axes, stretches along the innermost.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/mapped_copy.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "backends/cpu/workers.h"

namespace rekindle::cpu {

namespace {

constexpr int64_t kByteGrain = 65536;  // the least bytes worth a thread

void fill_elements(char* to, int64_t n, const char* value, int64_t bytes) {
  if (!value) {
    std::memset(to, 0, size_t(n * bytes));
  } else if (bytes == 1) {
    std::memset(to, static_cast<unsigned char>(*value), size_t(n));
  } else {
    for (int64_t i = 0; i < n; ++i) std::memcpy(to + i * bytes, value, size_t(bytes));
  }
}

template <class T> void gather(const char* from, char* to, const AxisMap& map, const char* fill) {
  T other{};
  if (fill) std::memcpy(&other, fill, sizeof other);
  for (size_t i = 0; i < map.size(); ++i) {
    T value = other;
    if (map[i] >= 0) std::memcpy(&value, from + map[i] * int64_t(sizeof(T)), sizeof value);
    std::memcpy(to + i * sizeof(T), &value, sizeof value);
  }
}

}  // namespace

Result<MappedCopy> MappedCopy::make(const Dims& in, const Dims& out, const std::vector<AxisMap>& maps,
                                    int64_t element_bytes, int threads) {
  MappedCopy copy;
  if (in.size() != out.size() || maps.size() != out.size())
    return Status::error(Code::invalid_argument, "maps of " + std::to_string(maps.size()) + " axes from " +
                                                     to_string(in) + " to " + to_string(out));
  if (count_of(out) == 0) return copy;
  const Dims strides = contiguous_strides(in);
  copy.bytes_ = element_bytes;
  size_t inner = out.size();  // one past the innermost mapped axis
  while (inner > 0 && maps[inner - 1].empty()) copy.run_ *= out[--inner];
  for (size_t axis = 0; axis < inner; ++axis) {
    AxisMap map = maps[axis];
    if (map.empty()) map.resize(size_t(out[axis])), std::iota(map.begin(), map.end(), 0);
    for (const int64_t i : map)
      if (i >= in[axis] || i < -1)
        return Status::error(Code::internal,
                             "a map leaves axis " + std::to_string(axis) + " of " + to_string(in));
    if (axis + 1 < inner) {
      for (int64_t& i : map) i = i < 0 ? -1 : i * strides[axis];
      copy.offsets_.push_back(std::move(map));
      continue;
    }
    for (int64_t o = 0; o < int64_t(map.size()); ++o) {
      const int64_t i = map[size_t(o)];
      const bool continues = !copy.stretches_.empty() &&
                             (i < 0 ? copy.stretches_.back().from < 0
                                    : copy.stretches_.back().from >= 0 &&
                                          copy.stretches_.back().from + copy.stretches_.back().n == i);
      if (continues)
        ++copy.stretches_.back().n;
      else
        copy.stretches_.push_back({o, i, 1});
    }
    const bool is_short = int64_t(map.size()) < 4 * int64_t(copy.stretches_.size());
    const int64_t b = element_bytes;
    if (copy.run_ == 1 && is_short && (b == 1 || b == 2 || b == 4 || b == 8)) copy.gathered_ = std::move(map);
  }
  if (inner == 0) copy.stretches_.push_back({0, 0, 1});
  for (Stretch& s : copy.stretches_) {
    s.to *= copy.run_, s.n *= copy.run_;
    if (s.from >= 0) s.from *= copy.run_;
  }
  copy.row_ = copy.stretches_.back().to + copy.stretches_.back().n;
  copy.rows_ = count_of(out) / copy.row_;
  copy.workers_ = worker_count(count_of(out) * element_bytes, kByteGrain, threads);
  return copy;
}

void MappedCopy::copy_row(const char* from, char* to, const char* fill) const {
  if (!from) return fill_elements(to, row_, fill, bytes_);
  if (!gathered_.empty()) {
    switch (bytes_) {
      case 1:
        return gather<uint8_t>(from, to, gathered_, fill);
      case 2:
        return gather<uint16_t>(from, to, gathered_, fill);
      case 4:
        return gather<uint32_t>(from, to, gathered_, fill);
      default:
        return gather<uint64_t>(from, to, gathered_, fill);
    }
  }
  for (const Stretch& s : stretches_) {
    if (s.from < 0)
      fill_elements(to + s.to * bytes_, s.n, fill, bytes_);
    else
      std::memcpy(to + s.to * bytes_, from + s.from * bytes_, size_t(s.n * bytes_));
  }
}

void MappedCopy::run(const void* from, void* to, const void* fill) const {
  if (rows_ == 0) return;
  share_items(rows_, workers_, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int64_t left = row, offset = 0;
      bool is_inside = true;
      for (size_t axis = offsets_.size(); axis-- > 0;) {
        const AxisMap& map = offsets_[axis];
        const int64_t i = map[size_t(left % int64_t(map.size()))];
        left /= int64_t(map.size());
        is_inside = is_inside && i >= 0;
        offset += i;
      }
      copy_row(is_inside ? static_cast<const char*>(from) + offset * bytes_ : nullptr,
               static_cast<char*>(to) + row * row_ * bytes_, static_cast<const char*>(fill));
    }
  });
}

}  // namespace rekindle::cpu
