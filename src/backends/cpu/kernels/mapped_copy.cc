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

Result<MappedCopy> MappedCopy::make(const ArgShape& in, const ArgShape& out, const std::vector<AxisMap>& maps,
                                    int threads) {
  MappedCopy copy;
  const size_t rank = out.dims.size();
  if (in.dims.size() != rank || maps.size() != rank)
    return Status::error(Code::invalid_argument, "maps of " + std::to_string(maps.size()) + " axes from " +
                                                     to_string(in.dims) + " to " + to_string(out.dims));
  const int64_t count = count_of(out.dims);
  if (count == 0) return copy;
  const Dims from = strides_of(in), to = strides_of(out);
  copy.bytes_ = bits_of(in.dtype) / 8;
  size_t inner = rank;  // one past the rows' axis
  while (inner > 0 && maps[inner - 1].empty() &&
         (out.dims[inner - 1] == 1 || (from[inner - 1] == copy.run_ && to[inner - 1] == copy.run_)))
    copy.run_ *= out.dims[--inner];
  for (size_t axis = 0; axis < inner; ++axis) {
    AxisMap map = maps[axis];
    if (map.empty()) map.resize(size_t(out.dims[axis])), std::iota(map.begin(), map.end(), 0);
    for (const int64_t i : map)
      if (i >= in.dims[axis] || i < -1)
        return Status::error(Code::internal,
                             "a map leaves axis " + std::to_string(axis) + " of " + to_string(in.dims));
    if (axis + 1 < inner) {
      for (int64_t& i : map) i = i < 0 ? -1 : i * from[axis];
      copy.outer_.push_back({std::move(map), to[axis]});
    } else {
      copy.from_step_ = from[axis], copy.to_step_ = to[axis];
      copy.add_row_axis(std::move(map));
    }
  }
  if (inner == 0) copy.from_step_ = copy.to_step_ = copy.run_, copy.stretches_.push_back({0, 0, 1});
  copy.rows_ = count / (copy.positions_ * copy.run_);
  copy.workers_ = worker_count(count * copy.bytes_, kByteGrain, threads);
  return copy;
}

void MappedCopy::add_row_axis(AxisMap map) {
  positions_ = int64_t(map.size());
  for (int64_t o = 0; o < positions_; ++o) {
    const int64_t i = map[size_t(o)];
    Stretch* const last = stretches_.empty() ? nullptr : &stretches_.back();
    if (last && (i < 0 ? last->from < 0 : last->from >= 0 && last->from + last->n == i))
      ++last->n;
    else
      stretches_.push_back({o, i, 1});
  }
  const bool is_short = positions_ < 4 * int64_t(stretches_.size());
  const bool is_packed = run_ == 1 && from_step_ == 1 && to_step_ == 1;
  if (is_packed && is_short && (bytes_ == 1 || bytes_ == 2 || bytes_ == 4 || bytes_ == 8))
    gathered_ = std::move(map);
}

void MappedCopy::copy_stretch(const Stretch& s, const char* from, char* to) const {
  if (from_step_ == run_ && to_step_ == run_) {
    std::memcpy(to + s.to * run_ * bytes_, from + s.from * run_ * bytes_, size_t(s.n * run_ * bytes_));
    return;
  }
  for (int64_t i = 0; i < s.n; ++i)
    std::memcpy(to + (s.to + i) * to_step_ * bytes_, from + (s.from + i) * from_step_ * bytes_,
                size_t(run_ * bytes_));
}

void MappedCopy::copy_row(const char* from, char* to, const char* fill) const {
  if (from && !gathered_.empty()) {
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
  const auto fill_positions = [&](int64_t first, int64_t n) {
    if (to_step_ == run_) return fill_elements(to + first * run_ * bytes_, n * run_, fill, bytes_);
    for (int64_t i = first; i < first + n; ++i) fill_elements(to + i * to_step_ * bytes_, run_, fill, bytes_);
  };
  if (!from) return fill_positions(0, positions_);
  for (const Stretch& s : stretches_)
    if (s.from < 0)
      fill_positions(s.to, s.n);
    else
      copy_stretch(s, from, to);
}

void MappedCopy::run(const void* from, void* to, const void* fill) const {
  if (rows_ == 0) return;
  share_items(rows_, workers_, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int64_t left = row, source = 0, target = 0;
      bool is_inside = true;
      for (size_t axis = outer_.size(); axis-- > 0;) {
        const OuterAxis& outer = outer_[axis];
        const int64_t at = left % int64_t(outer.from.size()), i = outer.from[size_t(at)];
        left /= int64_t(outer.from.size());
        is_inside = is_inside && i >= 0;
        source += i;
        target += at * outer.step;
      }
      copy_row(is_inside ? static_cast<const char*>(from) + source * bytes_ : nullptr,
               static_cast<char*>(to) + target * bytes_, static_cast<const char*>(fill));
    }
  });
}

}  // namespace rekindle::cpu
