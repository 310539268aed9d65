// Writing engine files. The bytes depend on the contents alone.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <zstd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "plan/engine_file.h"
#include "plan/engine_format.h"

namespace rekindle {

namespace {

using namespace engine_format;
using Bytes = std::span<const std::byte>;

constexpr int kZstdLevel = 9;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string meta_text(const EngineMeta& meta) {
  return to_text(Json{{"producer", meta.producer},
                      {"model_hash", meta.model_hash},
                      {"model_name", meta.model_name},
                      {"options", meta.options}});
}

Result<std::string> compressed(std::string_view text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const size_t size = ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), kZstdLevel);
  if (ZSTD_isError(size))
    return Status::error(Code::internal, fmt::format("zstd: {}", ZSTD_getErrorName(size)));
  packed.resize(size);
  return packed;
}

/// The file as a list of parts, so that the weights are written from where they are.
class EngineParts {
 public:
  explicit EngineParts(const EngineContents& contents) : contents_(contents) {}

  Status lay_out() {
    for (size_t i = 0; i < contents_.variants.size(); ++i)
      RK_CHECK(check_variant(contents_.variants[i]).note(fmt::format("in variant {}", i)));
    if (contents_.variants.empty()) return Status::error(Code::internal, "an engine without a variant");
    meta_ = meta_text(contents_.meta);
    plans_ = to_bytes(contents_.variants);
    add(kMeta, 0, bytes_of(meta_));
    add(kPlan, 0, bytes_of(plans_));
    if (!contents_.code.empty()) add(kCode, 0, contents_.code);
    if (!contents_.weights.empty()) add(kWeights, 0, contents_.weights);
    RK_CHECK(add_text(kTuning, contents_.tuning, tuning_));
    RK_CHECK(add_text(kIr, contents_.ir, ir_));
    write_header();
    return {};
  }

  std::vector<Bytes> parts() const {
    static constexpr std::array<std::byte, 4096> kZeros{};
    std::vector<Bytes> parts{bytes_of(head_)};
    uint64_t at = head_.size();
    for (size_t i = 0; i < table_.size(); ++i) {
      if (table_[i].offset > at) parts.push_back(Bytes(kZeros).first(table_[i].offset - at));
      parts.push_back(contents_of_[i]);
      at = table_[i].offset + table_[i].size;
    }
    return parts;
  }

 private:
  /// What is written must be what is accepted.
  Status check_variant(const Variant& variant) const {
    const Status status = validate(variant.plan, contents_.weights.size(), contents_.code.size());
    return status.ok() ? status : Status::error(Code::internal, "the plan is not valid: " + status.message());
  }

  void add(uint32_t tag, uint32_t flags, Bytes bytes) {
    table_.push_back({tag, flags, 0, bytes.size(), crc32c(bytes), 0});
    contents_of_.push_back(bytes);
  }
  Status add_text(uint32_t tag, const std::string& text, std::string& packed) {
    if (text.empty()) return {};
    RK_TRY(packed, compressed(text));
    add(tag, optional | zstd, bytes_of(packed));
    return {};
  }

  void write_header() {
    uint64_t at = sizeof(Header) + table_.size() * sizeof(Section);
    Hasher hasher;
    for (size_t i = 0; i < table_.size(); ++i) {
      table_[i].offset = align_up(at, alignment_of(table_[i].tag));
      at = table_[i].offset + table_[i].size;
      if (table_[i].tag != kWeights) hasher.add(contents_of_[i]);
    }
    const Bytes table = std::as_bytes(std::span(table_));
    hasher.add(table);
    Header header;
    std::copy(kMagic.begin(), kMagic.end(), header.magic.begin());
    header.major = kEngineMajor, header.minor = kEngineMinor;
    header.section_count = uint32_t(table_.size());
    header.total_size = at;
    header.content_hash = hasher.finish().low;
    header.byte_order = kByteOrder;
    const Bytes bytes = std::as_bytes(std::span(&header, 1));
    header.header_crc = crc32c(table, crc32c(bytes.first(kHeaderCrcAt)));
    head_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    head_.append(reinterpret_cast<const char*>(table.data()), table.size());
  }

  const EngineContents& contents_;
  std::vector<Section> table_;
  std::vector<Bytes> contents_of_;
  std::string head_, meta_, plans_, tuning_, ir_;
};

}  // namespace

std::string engine_format::tag_text(uint32_t tag) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += char(tag >> (8 * i));
  for (const char c : text)
    if (c < ' ' || c > '~') return fmt::format("0x{:08x}", tag);
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

Result<std::string> engine_bytes(const EngineContents& contents) {
  EngineParts engine(contents);
  RK_CHECK(engine.lay_out());
  std::string bytes;
  for (const Bytes part : engine.parts())
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  return bytes;
}

Status save_engine(const EngineContents& contents, const std::filesystem::path& path) {
  EngineParts engine(contents);
  RK_CHECK(engine.lay_out());
  return write_file_atomically(path.string(), engine.parts());
}

}  // namespace rekindle
