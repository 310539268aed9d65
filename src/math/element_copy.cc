// Strided copies: dims that walk memory evenly are merged first, so most copies end as a few long memcpy
// calls.
// SPDX-License-Identifier: Apache-2.0
#include "math/element_copy.h"

#include <algorithm>
#include <cstring>

namespace rekindle {

namespace {

struct Bytes16 {
  uint64_t low, high;
};

template <class E>
void strided_bytes(const std::byte* from, int64_t start, int64_t start_step, std::byte* to, int64_t at,
                   int64_t at_step, int64_t n) {
  const E* f = reinterpret_cast<const E*>(from) + start;
  E* t = reinterpret_cast<E*>(to) + at;
  if (at_step == 1 && start_step == 0)
    std::fill_n(t, n, *f);
  else
    for (int64_t i = 0; i < n; ++i) t[i * at_step] = f[i * start_step];
}

/// Elements of 4 or 2 bits share bytes, the first in the low bits.
void strided_packed(const std::byte* from, int64_t start, int64_t start_step, std::byte* to, int64_t at,
                    int64_t at_step, int64_t n, int bits) {
  const int64_t each = 8 / bits;
  const unsigned mask = (1u << bits) - 1;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t f = start + i * start_step, t = at + i * at_step;
    const unsigned value = (unsigned(from[f / each]) >> (f % each * bits)) & mask;
    const int shift = int(t % each) * bits;
    to[t / each] = std::byte((unsigned(to[t / each]) & ~(mask << shift)) | (value << shift));
  }
}

/// Both axes of a transposition in blocks that stay in the first-level cache: one side is contiguous along
/// `a`, the other along `b`.
template <class E>
void transpose_block(const std::byte* from, int64_t from_a, int64_t from_b, std::byte* to, int64_t to_a,
                     int64_t to_b, int64_t count_a, int64_t count_b) {
  constexpr int64_t kBlock = 32;
  const E* f = reinterpret_cast<const E*>(from);
  E* t = reinterpret_cast<E*>(to);
  for (int64_t a0 = 0; a0 < count_a; a0 += kBlock)
    for (int64_t b0 = 0; b0 < count_b; b0 += kBlock) {
      const int64_t a1 = std::min(a0 + kBlock, count_a), b1 = std::min(b0 + kBlock, count_b);
      for (int64_t a = a0; a < a1; ++a)
        for (int64_t b = b0; b < b1; ++b) t[a * to_a + b * to_b] = f[a * from_a + b * from_b];
    }
}

template <class F> void visit_element_bytes(int bits, F&& visit) {
  switch (bits) {
    case 8:
      return visit(uint8_t{});
    case 16:
      return visit(uint16_t{});
    case 32:
      return visit(uint32_t{});
    case 64:
      return visit(uint64_t{});
    case 128:
      return visit(Bytes16{});
    default:
      RK_ASSERT(false, "an element size without a copy");
  }
}

/// Drops dims of size 1 and merges neighbours that both sides walk as one.
void merge_dims(ElementMap& from, ElementMap& to, Dims& dims) {
  size_t kept = 0;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    const bool merges = kept > 0 && from.strides[kept - 1] == from.strides[i] * dims[i] &&
                        to.strides[kept - 1] == to.strides[i] * dims[i];
    const size_t at = merges ? kept - 1 : kept++;
    dims[at] = merges ? dims[at] * dims[i] : dims[i];
    from.strides[at] = from.strides[i];
    to.strides[at] = to.strides[i];
  }
  dims.resize(kept), from.strides.resize(kept), to.strides.resize(kept);
}

/// Calls visit(from position, to position) for every index of the dims.
template <class F> void walk(const ElementMap& from, const ElementMap& to, const Dims& dims, F&& visit) {
  Dims index(dims.size(), 0);
  int64_t f = from.start, t = to.start;
  for (int64_t left = count_of(dims); left > 0; --left) {
    visit(f, t);
    for (size_t d = dims.size(); d-- > 0;) {
      f += from.strides[d], t += to.strides[d];
      if (++index[d] < dims[d]) break;
      f -= from.strides[d] * dims[d], t -= to.strides[d] * dims[d];
      index[d] = 0;
    }
  }
}

/// The dim that `from` has contiguous when the last one is contiguous in `to` only; -1 when blocks would not
/// help.
int transposed_dim(const ElementMap& from, const ElementMap& to, const Dims& dims) {
  const size_t last = dims.size() - 1;
  if (to.strides[last] != 1 || from.strides[last] == 1 || dims[last] < 8) return -1;
  for (size_t i = 0; i < last; ++i)
    if (from.strides[i] == 1 && dims[i] >= 8) return int(i);
  return -1;
}

template <class T> void drop(std::vector<T>& list, size_t i) { list.erase(list.begin() + ptrdiff_t(i)); }

}  // namespace

ElementCopier::ElementCopier(const Tensor& from, Tensor& to)
    : from_(from),
      to_(to),
      from_bytes_(static_cast<const std::byte*>(from.raw())),
      to_bytes_(static_cast<std::byte*>(to.raw())),
      bits_(bits_of(from.dtype())) {
  RK_ASSERT(from.dtype() == to.dtype(), "elements are copied between different types");
}

void ElementCopier::strided(int64_t start, int64_t start_step, int64_t at, int64_t at_step, int64_t n) const {
  if (n <= 0) return;
  if (from_.dtype() == DType::string) {
    for (int64_t i = 0; i < n; ++i)
      to_.strings()[size_t(at + i * at_step)] = from_.strings()[size_t(start + i * start_step)];
  } else if (bits_ < 8) {
    strided_packed(from_bytes_, start, start_step, to_bytes_, at, at_step, n, bits_);
  } else if (start_step == 1 && at_step == 1) {
    const int64_t size = bits_ / 8;
    std::memcpy(to_bytes_ + at * size, from_bytes_ + start * size, size_t(n * size));
  } else {
    visit_element_bytes(bits_, [&](auto e) {
      strided_bytes<decltype(e)>(from_bytes_, start, start_step, to_bytes_, at, at_step, n);
    });
  }
}

void copy_elements(const Tensor& from, ElementMap from_map, Tensor& to, ElementMap to_map, Dims dims) {
  if (count_of(dims) == 0) return;
  merge_dims(from_map, to_map, dims);
  const ElementCopier copier(from, to);
  if (dims.empty()) return copier.run(from_map.start, to_map.start, 1);

  const size_t last = dims.size() - 1;
  const int64_t n = dims[last], from_step = from_map.strides[last], to_step = to_map.strides[last];
  const int bits = bits_of(from.dtype());
  const int other = bits >= 8 ? transposed_dim(from_map, to_map, dims) : -1;
  drop(dims, last), drop(from_map.strides, last), drop(to_map.strides, last);
  if (other < 0)
    return walk(from_map, to_map, dims,
                [&](int64_t f, int64_t t) { copier.strided(f, from_step, t, to_step, n); });

  const size_t a = size_t(other);
  const int64_t from_a = from_map.strides[a], to_a = to_map.strides[a], count_a = dims[a], size = bits / 8;
  drop(dims, a), drop(from_map.strides, a), drop(to_map.strides, a);
  visit_element_bytes(bits, [&](auto e) {
    walk(from_map, to_map, dims, [&](int64_t f, int64_t t) {
      transpose_block<decltype(e)>(static_cast<const std::byte*>(from.raw()) + f * size, from_a, from_step,
                                   static_cast<std::byte*>(to.raw()) + t * size, to_a, to_step, count_a, n);
    });
  });
}

Tensor zero_element(DType dtype) { return Tensor(dtype, Dims{}); }

}  // namespace rekindle
