// One protobuf message, field by field: protozero with the checks it leaves to its caller (wire types, 64-bit
// lengths). The only file besides wire.cc and tensor_data.cc that knows protozero.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>

#include "onnx/arena.h"

namespace rekindle::onnx {

inline constexpr size_t kLongestName = size_t(1) << 20;

class Message {
 public:
  explicit Message(std::string_view bytes) : reader_(bytes.data(), bytes.size()) {}

  bool next() { return reader_.next(); }
  uint32_t field() const { return reader_.tag(); }
  bool is_bytes() const { return reader_.wire_type() == protozero::pbf_wire_type::length_delimited; }

  int64_t integer() {
    expect(protozero::pbf_wire_type::varint, "an integer");
    return reader_.get_int64();
  }
  float real() {
    expect(protozero::pbf_wire_type::fixed32, "a 32-bit number");
    return reader_.get_float();
  }
  double wide_real() {
    expect(protozero::pbf_wire_type::fixed64, "a 64-bit number");
    return reader_.get_double();
  }
  std::string_view bytes() {
    expect(protozero::pbf_wire_type::length_delimited, "bytes");
    check_length();
    const protozero::data_view view = reader_.get_view();
    return {view.data(), view.size()};
  }
  std::string_view name() {
    const std::string_view text = bytes();
    if (text.size() > kLongestName)
      throw WireError{"a name has " + std::to_string(text.size()) + " bytes, expected at most 1 MiB", {}};
    return text;
  }
  void skip() {
    if (is_bytes()) check_length();
    reader_.skip();
  }

 private:
  void expect(protozero::pbf_wire_type wanted, const char* what) const {
    if (reader_.wire_type() != wanted)
      throw WireError{"field " + std::to_string(field()) + " has wire type " +
                          std::to_string(int(reader_.wire_type())) + ", expected " + what,
                      {}};
  }
  // protozero cuts lengths to 32 bits, which would make 2^32 + 3 a 3.
  void check_length() const {
    const protozero::data_view rest = reader_.data();
    const char* at = rest.data();
    const char* const end = at + rest.size();
    const uint64_t length = protozero::decode_varint(&at, end);
    if (length > uint64_t(end - at))
      throw WireError{"field " + std::to_string(field()) + " claims " + std::to_string(length) +
                          " bytes, but only " + std::to_string(end - at) + " are left",
                      {}};
  }
  protozero::pbf_reader reader_;
};

/// How often each field number below 32 occurs, so that lists can be made at their size.
inline std::array<size_t, 32> count_fields(std::string_view bytes) {
  std::array<size_t, 32> counts{};
  for (Message m(bytes); m.next(); m.skip())
    if (m.field() < counts.size()) ++counts[m.field()];
  return counts;
}

/// Calls visit(value) for each number of a repeated varint field, packed or not.
template <class F> void for_each_varint(Message& m, F&& visit) {
  if (!m.is_bytes()) return visit(uint64_t(m.integer()));
  const std::string_view packed = m.bytes();
  const char* at = packed.data();
  const char* const end = at + packed.size();
  while (at != end) visit(protozero::decode_varint(&at, end));
}

}  // namespace rekindle::onnx
