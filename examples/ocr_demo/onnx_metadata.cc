// Walks the outermost fields of a protobuf message and skips what it does not look for.
// SPDX-License-Identifier: Apache-2.0
#include "onnx_metadata.h"

#include <cstdint>
#include <string_view>

namespace ocr_demo {
namespace {

constexpr uint64_t kGraph = 7, kNode = 1;  // field numbers in onnx.proto
constexpr uint64_t kMetadataProps = 14, kKey = 1, kValue = 2;

struct Field {
  uint64_t number = 0;
  std::string_view bytes;  // of a length-delimited field, else empty
};

std::optional<uint64_t> take_varint(std::string_view& rest) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest.front());
    rest.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// The next field; none at the end or where the bytes are no protobuf message.
std::optional<Field> take_field(std::string_view& rest) {
  const auto tag = take_varint(rest);
  if (!tag) return std::nullopt;
  uint64_t size = 0;
  switch (*tag & 7) {  // the wire type
    case 0:
      if (!take_varint(rest)) return std::nullopt;
      break;
    case 1:
      size = 8;
      break;
    case 5:
      size = 4;
      break;
    case 2:
      if (const auto length = take_varint(rest)) {
        size = *length;
        break;
      }
      [[fallthrough]];
    default:
      return std::nullopt;
  }
  if (size > rest.size()) return std::nullopt;
  const Field field{*tag >> 3, (*tag & 7) == 2 ? rest.substr(0, size) : std::string_view()};
  rest.remove_prefix(size);
  return field;
}

}  // namespace

std::optional<std::string> find_metadata(const std::string& model, const std::string& key) {
  std::string_view rest = model;
  while (const auto field = take_field(rest)) {
    if (field->number != kMetadataProps) continue;
    std::string_view entry = field->bytes, found_key, found_value;
    while (const auto part = take_field(entry)) {
      if (part->number == kKey) found_key = part->bytes;
      if (part->number == kValue) found_value = part->bytes;
    }
    if (found_key == key) return std::string(found_value);
  }
  return std::nullopt;
}

int count_nodes(const std::string& model) {
  int count = 0;
  std::string_view rest = model;
  while (const auto field = take_field(rest)) {
    if (field->number != kGraph) continue;
    std::string_view graph = field->bytes;
    while (const auto part = take_field(graph)) count += part->number == kNode;
  }
  return count;
}

}  // namespace ocr_demo
