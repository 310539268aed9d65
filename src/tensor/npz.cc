// .npz: a ZIP archive of .npy members. Format: PKWARE's APPNOTE 6.3, with ZIP64 for large archives.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "base/file.h"
#include "tensor/npy.h"

#ifdef RK_ZLIB
#include <zlib.h>
#endif

namespace rekindle {

namespace {

constexpr uint32_t kLocalMagic = 0x04034b50, kCentralMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr uint32_t kEnd64Magic = 0x06064b50, kLocator64Magic = 0x07064b50;
constexpr size_t kEndSize = 22, kLocalSize = 30, kCentralSize = 46, kLocatorSize = 20, kEnd64Size = 56;
constexpr uint32_t kSeeZip64 = 0xffffffff;
constexpr uint64_t kMostFileBytes = uint64_t(1) << 36;
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr uint16_t kFirstDay = 0x21;      // 1980-01-01, the earliest date that the format knows
constexpr int64_t kMostInflation = 1032;  // what deflate can reach at best

Status bad(const std::string& name, const std::string& what) {
  return Status::error(Code::data_loss, name + ": " + what);
}

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t b = 0; b < 256; ++b) {
    table[b] = b;
    for (int bit = 0; bit < 8; ++bit) table[b] = (table[b] >> 1) ^ ((table[b] & 1) != 0 ? 0xedb88320 : 0);
  }
  return table;
}();

/// ZIP's CRC-32, which is not the CRC-32C of our own files.
uint32_t crc32_of(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ uint8_t(c)) & 0xff];
  return ~crc;
}

template <class T> T number_at(std::string_view bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Member {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t crc = 0;
  uint64_t packed = 0, size = 0, offset = 0;
};

struct Directory {
  uint64_t offset = 0, size = 0, count = 0;
};

/// The end record stands at the very end, before a comment of at most 64 KiB.
Result<Directory> find_directory(std::string_view bytes, const std::string& name) {
  if (bytes.size() < kEndSize) return bad(name, "is too short for an .npz file");
  const size_t stop = bytes.size() - kEndSize, lowest = stop > 0xffff ? stop - 0xffff : 0;
  size_t at = stop + 1;
  while (at-- > lowest)
    if (number_at<uint32_t>(bytes, at) == kEndMagic && number_at<uint16_t>(bytes, at + 20) == stop - at)
      break;
  if (at + 1 == lowest || at == SIZE_MAX)
    return bad(name, "has no end record, so it is no .npz file or a part of one");
  Directory d{number_at<uint32_t>(bytes, at + 16), number_at<uint32_t>(bytes, at + 12),
              number_at<uint16_t>(bytes, at + 10)};
  if (at >= kLocatorSize && number_at<uint32_t>(bytes, at - kLocatorSize) == kLocator64Magic) {
    const auto end64 = number_at<uint64_t>(bytes, at - kLocatorSize + 8);
    if (bytes.size() < kEnd64Size || end64 > bytes.size() - kEnd64Size ||
        number_at<uint32_t>(bytes, size_t(end64)) != kEnd64Magic)
      return bad(name, "has a ZIP64 locator that points nowhere");
    d = {number_at<uint64_t>(bytes, size_t(end64) + 48), number_at<uint64_t>(bytes, size_t(end64) + 40),
         number_at<uint64_t>(bytes, size_t(end64) + 32)};
  }
  if (d.offset > bytes.size() || d.size > bytes.size() - d.offset)
    return bad(name, "has a directory outside the file");
  if (d.count > d.size / kCentralSize)
    return bad(name, "has a directory too short for its " + std::to_string(d.count) + " members");
  return d;
}

/// ZIP64's extra field holds, in this order, those of the three numbers that did not fit.
bool read_zip64(std::string_view extra, Member& m) {
  while (extra.size() >= 4) {
    const auto id = number_at<uint16_t>(extra, 0), length = number_at<uint16_t>(extra, 2);
    if (length > extra.size() - 4) return false;
    std::string_view field = extra.substr(4, length);
    extra.remove_prefix(4 + size_t(length));
    if (id != 1) continue;
    for (uint64_t* value : {&m.size, &m.packed, &m.offset}) {
      if (*value != kSeeZip64) continue;
      if (field.size() < 8) return false;
      *value = number_at<uint64_t>(field, 0);
      field.remove_prefix(8);
    }
    return true;
  }
  return true;
}

Result<Member> read_member(std::string_view& directory, const std::string& name) {
  if (directory.size() < kCentralSize || number_at<uint32_t>(directory, 0) != kCentralMagic)
    return bad(name, "has a damaged directory");
  Member m;
  m.flags = number_at<uint16_t>(directory, 8);
  m.method = number_at<uint16_t>(directory, 10);
  m.crc = number_at<uint32_t>(directory, 16);
  m.packed = number_at<uint32_t>(directory, 20);
  m.size = number_at<uint32_t>(directory, 24);
  m.offset = number_at<uint32_t>(directory, 42);
  const size_t name_length = number_at<uint16_t>(directory, 28),
               extra_length = number_at<uint16_t>(directory, 30);
  const size_t total = kCentralSize + name_length + extra_length + number_at<uint16_t>(directory, 32);
  if (total > directory.size()) return bad(name, "has a damaged directory");
  m.name = directory.substr(kCentralSize, name_length);
  if (!read_zip64(directory.substr(kCentralSize + name_length, extra_length), m))
    return bad(name, "has a damaged directory");
  directory.remove_prefix(total);
  return m;
}

/// The bytes of a member as they are stored. The local header repeats the sizes, not always truthfully; only
/// its length matters.
Result<std::string_view> packed_bytes(std::string_view bytes, const Member& m, const std::string& name) {
  if (m.offset > bytes.size() || bytes.size() - m.offset < kLocalSize ||
      number_at<uint32_t>(bytes, size_t(m.offset)) != kLocalMagic)
    return bad(name, "begins outside the archive");
  const size_t data = size_t(m.offset) + kLocalSize + number_at<uint16_t>(bytes, size_t(m.offset) + 26) +
                      number_at<uint16_t>(bytes, size_t(m.offset) + 28);
  if (data > bytes.size() || m.packed > bytes.size() - data) return bad(name, "ends outside the archive");
  return bytes.substr(data, size_t(m.packed));
}

#ifdef RK_ZLIB
Result<std::string> inflated(std::string_view packed, uint64_t size, const std::string& name) {
  std::string text(size_t(size), '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return Status::error(Code::out_of_memory, name + ": no memory to inflate it");
  // zlib counts in 32 bits; feed it pieces.
  constexpr size_t kPiece = size_t(1) << 30;
  size_t read = 0, written = 0;
  int result = Z_OK;
  while (result == Z_OK) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + read));
    stream.avail_in = uInt(std::min(packed.size() - read, kPiece));
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + written);
    stream.avail_out = uInt(std::min(text.size() - written, kPiece));
    const uInt in = stream.avail_in, out = stream.avail_out;
    result = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += out - stream.avail_out;
    if (result == Z_OK && in == stream.avail_in && out == stream.avail_out) result = Z_BUF_ERROR;
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END || written != text.size())
    return bad(name, "does not inflate to the " + std::to_string(size) + " bytes that the directory says");
  return text;
}
#else
Result<std::string> inflated(std::string_view, uint64_t, const std::string& name) {
  return Status::error(Code::unsupported,
                       name + " is compressed, which this build cannot read (no zlib), expected numpy.savez");
}
#endif

Result<Tensor> read_array(std::string_view bytes, const Member& m, const std::string& name) {
  if ((m.flags & 1) != 0) return Status::error(Code::unsupported, name + " is encrypted");
  if (m.method != kStored && m.method != kDeflated)
    return Status::error(Code::unsupported, name + " is compressed by method " + std::to_string(m.method) +
                                                ", expected stored or deflated");
  RK_TRY(std::string_view packed, packed_bytes(bytes, m, name));
  std::string text;
  if (m.method == kDeflated) {
    if (m.size / kMostInflation > m.packed)
      return bad(name, "cannot inflate to the " + std::to_string(m.size) + " bytes that the directory says");
    RK_TRY(text, inflated(packed, m.size, name));
    packed = text;
  }
  if (packed.size() != m.size)
    return bad(name, "has other sizes stored and unpacked, though it is not compressed");
  if (crc32_of(packed) != m.crc) return bad(name, "has a wrong checksum, so it is damaged");
  return parse_npy(packed, name);
}

}  // namespace

Result<NamedTensors> parse_npz(std::string_view bytes, const std::string& name, uint64_t most_bytes) {
  RK_TRY(const Directory found, find_directory(bytes, name));
  std::string_view directory = bytes.substr(size_t(found.offset), size_t(found.size));
  NamedTensors tensors;
  std::set<std::string> seen;
  uint64_t total = 0;
  for (uint64_t i = 0; i < found.count; ++i) {
    RK_TRY(const Member m, read_member(directory, name));
    if (m.name.size() < 4 || m.name.substr(m.name.size() - 4) != ".npy") continue;
    const std::string shown = name + "[" + m.name.substr(0, 200) + "]",
                      key = m.name.substr(0, m.name.size() - 4);
    if (m.size > most_bytes - total)
      return Status::error(
          Code::invalid_argument,
          shown + " brings the arrays past " + std::to_string(most_bytes) + " bytes, the most that is read");
    total += m.size;
    if (!seen.insert(key).second) return bad(shown, "is in the archive twice");
    RK_TRY(Tensor tensor, read_array(bytes, m, shown));
    tensors.emplace_back(key, std::move(tensor));
  }
  return tensors;
}

Result<NamedTensors> read_npz(const std::string& path, uint64_t most_bytes) {
  RK_TRY(const std::string bytes, read_file(path, kMostFileBytes));
  return parse_npz(bytes, path, most_bytes);
}

Result<std::string> npz_bytes(const NamedTensors& tensors) {
  Encoder archive, directory;
  for (const auto& [name, tensor] : tensors) {
    RK_TRY(const std::string data, npy_bytes(tensor));
    const std::string file = name + ".npy";
    if (file.size() > 0xffff || archive.size() + data.size() + kLocalSize + file.size() >= kSeeZip64 ||
        tensors.size() >= 0xffff)
      return Status::error(
          Code::unsupported,
          "the arrays are too many or too large for an .npz file, expected under 4 GiB in all");
    const uint32_t crc = crc32_of(data), offset = uint32_t(archive.size());
    auto common = [&](Encoder& e) {  // version, flags (names are UTF-8), method, time, date, checksum, sizes,
                                     // name length
      for (const uint16_t v : {uint16_t(20), uint16_t(0x800), kStored, uint16_t(0), kFirstDay}) encode(e, v);
      for (const uint32_t v : {crc, uint32_t(data.size()), uint32_t(data.size())}) encode(e, v);
      encode(e, uint16_t(file.size()));
    };
    encode(archive, kLocalMagic);
    common(archive);
    encode(archive, uint16_t(0));
    archive.raw(file.data(), file.size());
    archive.raw(data.data(), data.size());
    encode(directory, kCentralMagic);
    encode(directory, uint16_t(20));
    common(directory);
    for (int i = 0; i < 4; ++i) encode(directory, uint16_t(0));  // extra, comment, disk, internal attributes
    encode(directory, uint32_t(0));
    encode(directory, offset);
    directory.raw(file.data(), file.size());
  }
  const auto start = uint32_t(archive.size()), size = uint32_t(directory.size());
  const std::string entries = std::move(directory).take();
  archive.raw(entries.data(), entries.size());
  encode(archive, kEndMagic);
  for (const uint16_t v : {uint16_t(0), uint16_t(0), uint16_t(tensors.size()), uint16_t(tensors.size())})
    encode(archive, v);
  for (const uint32_t v : {size, start}) encode(archive, v);
  encode(archive, uint16_t(0));
  return std::move(archive).take();
}

Status write_npz(const std::string& path, const NamedTensors& tensors) {
  Result<std::string> bytes = npz_bytes(tensors);
  if (!bytes.ok()) return bytes.status().note("while writing " + path);
  return write_file_atomically(path, *bytes);
}

}  // namespace rekindle
