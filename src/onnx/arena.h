// Memory for the lists of a parsed model: freed all at once, and never more than the file's size allows, so
// that a small file cannot claim a large structure. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory_resource>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace rekindle::onnx {

/// What is wrong with the bytes. Thrown and caught inside this module only; `where` grows while it passes
/// outwards.
struct WireError {
  std::string message, where;
  void inside(const std::string& outer) { where = where.empty() ? outer : outer + ", " + where; }
};

class Arena {
 public:
  explicit Arena(size_t limit) : limit_(limit) {}
  /// `count` default-made values. Trivial destructors only: nobody calls them.
  template <class T> std::span<T> make(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count == 0) return {};
    charge(count, sizeof(T));
    T* made = static_cast<T*>(memory_.allocate(count * sizeof(T), alignof(T)));
    std::uninitialized_value_construct_n(made, count);
    return {made, count};
  }

 private:
  void charge(size_t count, size_t size) {
    if (count > (limit_ - used_) / size)
      throw WireError{"its lists need more than " + std::to_string(limit_ >> 20) +
                          " MiB of memory, expected at most twice the file and 48 MiB",
                      {}};
    used_ += count * size;
  }
  size_t limit_, used_ = 0;
  std::pmr::monotonic_buffer_resource memory_{size_t(4096)};
};

}  // namespace rekindle::onnx
