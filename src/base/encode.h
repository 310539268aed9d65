// Bytes for plain structs: Encoder writes them, Decoder reads them back and never trusts a length.
// Little-endian; integers are fixed width; vectors and strings carry a u32 count; structs are their fields in
// order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fields.h"
#include "base/result.h"

namespace rekindle {

static_assert(std::endian::native == std::endian::little, "engine files are little-endian");

class Encoder {
 public:
  void raw(const void* data, size_t size) { bytes_.append(static_cast<const char*>(data), size); }
  std::string take() && { return std::move(bytes_); }
  size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {}
  explicit Decoder(std::string_view bytes) : bytes_(std::as_bytes(std::span(bytes.data(), bytes.size()))) {}
  size_t left() const { return bytes_.size(); }
  /// Copies `size` bytes out; after the end it fills with zeros and remembers the failure.
  void raw(void* data, size_t size);
  void fail(std::string what);  // the first failure is kept
  Status status() const { return status_; }
  bool ok() const { return status_.ok(); }
  /// What decoded lists and strings may take in memory, which can be several times what they take in the
  /// data.
  void limit_memory(size_t bytes) { memory_left_ = bytes; }
  bool has_memory_limit() const { return memory_left_ != SIZE_MAX; }
  /// Takes `bytes` off the limit; false, and a failure, when they are not left.
  bool charge(size_t bytes);
  /// For nested structures: fails past 64 levels so that no input can exhaust the stack.
  struct Nest {
    Decoder& d;
    explicit Nest(Decoder& decoder);
    ~Nest() { --d.depth_; }
  };

 private:
  friend struct Nest;
  std::span<const std::byte> bytes_;
  Status status_;
  size_t memory_left_ = SIZE_MAX;
  int depth_ = 0;
};

// ---- one overload pair a kind of value; other modules add theirs (Dim, Tensor) beside the type.
template <class T>
requires std::is_arithmetic_v<T>
void encode(Encoder& e, const T& v) {
  if constexpr (std::is_same_v<T, bool>) {
    uint8_t byte = v;
    e.raw(&byte, 1);
  } else {
    e.raw(&v, sizeof v);
  }
}
template <class T>
requires std::is_arithmetic_v<T>
void decode(Decoder& d, T& v) {
  if constexpr (std::is_same_v<T, bool>) {
    uint8_t byte = 0;
    d.raw(&byte, 1);
    if (byte > 1) d.fail("a boolean is " + std::to_string(byte) + ", expected 0 or 1");
    v = byte == 1;
  } else {
    d.raw(&v, sizeof v);
  }
}
template <NamedEnum E> void encode(Encoder& e, const E& v) { encode(e, uint8_t(v)); }
template <NamedEnum E> void decode(Decoder& d, E& v) {
  uint8_t byte = 0;
  decode(d, byte);
  if (byte >= enum_names(v).size())
    d.fail("an enum is " + std::to_string(byte) + ", outside its values"), byte = 0;
  v = E(byte);
}
inline void encode(Encoder& e, const std::string& v) {
  encode(e, uint32_t(v.size()));
  e.raw(v.data(), v.size());
}
void decode(Decoder& d, std::string& v);

template <class T> void encode(Encoder& e, const std::vector<T>& v);
template <class T> void decode(Decoder& d, std::vector<T>& v);
template <class T> void encode(Encoder& e, const std::optional<T>& v);
template <class T> void decode(Decoder& d, std::optional<T>& v);

template <HasFields T> void encode(Encoder& e, const T& v) {
  for_each_field(v, [&](std::string_view, const auto& field) { encode(e, field); });
}
template <HasFields T> void decode(Decoder& d, T& v) {
  Decoder::Nest nest(d);
  if (!d.ok()) return;
  for_each_field(v, [&](std::string_view, auto& field) { decode(d, field); });
}

template <class T> void encode(Encoder& e, const std::vector<T>& v) {
  encode(e, uint32_t(v.size()));
  for (const auto& x : v) encode(e, static_cast<const T&>(x));
}
template <class T> void decode(Decoder& d, std::vector<T>& v) {
  uint32_t count = 0;
  decode(d, count);
  if (count > d.left()) return d.fail("a list of " + std::to_string(count) + " runs past the end");
  v.clear();
  if (d.has_memory_limit()) {
    if (!d.charge(count * sizeof(T))) return;
    v.reserve(count);
  }
  for (uint32_t i = 0; i < count && d.ok(); ++i) {
    T x{};
    decode(d, x);
    v.push_back(std::move(x));
  }
}
template <class T> void encode(Encoder& e, const std::optional<T>& v) {
  encode(e, v.has_value());
  if (v) encode(e, *v);
}
template <class T> void decode(Decoder& d, std::optional<T>& v) {
  bool has = false;
  decode(d, has);
  v.reset();
  if (has) decode(d, v.emplace());
}

/// The bytes of one value, and back. from_bytes() also refuses left-over bytes.
template <class T> std::string to_bytes(const T& v) {
  Encoder e;
  encode(e, v);
  return std::move(e).take();
}
template <class T> Result<T> from_bytes(std::string_view bytes) {
  Decoder d(bytes);
  T v{};
  decode(d, v);
  if (d.ok() && d.left() != 0) d.fail(std::to_string(d.left()) + " bytes are left over");
  if (!d.ok()) return d.status();
  return v;
}

}  // namespace rekindle
