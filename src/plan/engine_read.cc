// Reading engine files: every byte is looked at with suspicion, and nothing is used before all of it was.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "plan/engine_file.h"
#include "plan/engine_format.h"

namespace rekindle {

namespace {

using namespace engine_format;
using Bytes = std::span<const std::byte>;

/// What decoding may take beyond twice the file.
constexpr size_t kMemoryAllowance = size_t(56) << 20;
constexpr size_t kWeightAlignment = 64;

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

template <class... Args> Status damaged(fmt::format_string<Args...> text, Args&&... args) {
  return Status::error(Code::data_loss, fmt::format(text, std::forward<Args>(args)...));
}

class EngineReader {
 public:
  EngineReader(Bytes file, const OpenOptions& options)
      : file_(file), options_(options), memory_(2 * file.size() + kMemoryAllowance) {}

  Result<EngineFile> read() {
    RK_CHECK(read_header());
    RK_CHECK(read_table());
    RK_CHECK(check_contents());
    EngineFile engine;
    engine.content_hash = header_.content_hash;
    engine.code = section(kCode);
    engine.weights = section(kWeights);
    RK_TRY(engine.meta, read_meta());
    RK_TRY(engine.tuning, read_text(kTuning));
    RK_TRY(engine.ir, read_text(kIr));
    RK_TRY(engine.variants, read_variants());
    return engine;
  }

 private:
  Status read_header() {
    if (file_.size() < sizeof(Header))
      return damaged("the file has {} bytes, an engine has at least {}", file_.size(), sizeof(Header));
    std::memcpy(&header_, file_.data(), sizeof header_);
    if (std::string_view(header_.magic.data(), header_.magic.size()) != kMagic)
      return Status::error(Code::invalid_argument,
                           "this is not an engine: it does not begin with \"REKINDLE\"");
    if (header_.byte_order != kByteOrder)
      return damaged("the byte order mark is {:08x}, expected {:08x}{}", header_.byte_order, kByteOrder,
                     header_.byte_order == __builtin_bswap32(kByteOrder) ? ": a big-endian engine" : "");
    if (header_.major != kEngineMajor)
      return Status::error(
          Code::unsupported,
          fmt::format(
              "the engine has format {}.{}, this version reads {}.{}: build it again or use {} version",
              header_.major, header_.minor, kEngineMajor, kEngineMinor,
              header_.major > kEngineMajor ? "a newer" : "an older"));
    if (header_.section_count > kMostSections)
      return damaged("the header says {} sections, expected at most {}", header_.section_count,
                     kMostSections);
    return {};
  }

  Status read_table() {
    const size_t table_bytes = header_.section_count * sizeof(Section);
    if (file_.size() - sizeof(Header) < table_bytes) return damaged("the file ends inside the section table");
    const Bytes table = file_.subspan(sizeof(Header), table_bytes);
    const uint32_t crc = crc32c(table, crc32c(file_.first(kHeaderCrcAt)));
    if (crc != header_.header_crc)
      return damaged("the header's checksum is {:08x}, expected {:08x}", crc, header_.header_crc);
    if (header_.total_size != file_.size())
      return damaged("the header says {} bytes, the file has {}", header_.total_size, file_.size());
    table_.resize(header_.section_count);
    if (!table_.empty()) std::memcpy(table_.data(), table.data(), table.size());
    uint64_t end = sizeof(Header) + table_bytes;
    for (size_t i = 0; i < table_.size(); ++i) RK_CHECK(check_section(i, end));
    if (end != file_.size()) return damaged("{} bytes follow the last section", file_.size() - end);
    for (const uint32_t tag : {kMeta, kPlan})
      if (find(tag) == nullptr) return damaged("there is no section {}", tag_text(tag));
    return {};
  }

  /// Sections stand in the order of the table, with nothing but zeros for alignment between them.
  Status check_section(size_t index, uint64_t& end) {
    const Section& s = table_[index];
    const std::string name = tag_text(s.tag);
    const bool is_known = known(s.tag);
    if ((s.flags & ~kKnownFlags) != 0 || s.pad != 0)
      return damaged("section {} has unknown flags {:x}", name, s.pad != 0 ? s.pad : s.flags);
    if (!is_known && (s.flags & optional) == 0)
      return Status::error(
          Code::unsupported,
          fmt::format(
              "section {} is not known to this version ({}.{}) and not optional; the engine has {}.{}", name,
              kEngineMajor, kEngineMinor, header_.major, header_.minor));
    for (size_t i = 0; i < index; ++i)
      if (table_[i].tag == s.tag) return damaged("there are two sections {}", name);
    if (s.offset < end)
      return damaged("section {} begins at {}, before {}, where the one before it ends", name, s.offset, end);
    if (s.offset > file_.size() || s.size > file_.size() - s.offset)
      return damaged("section {} has {} bytes at {}, the file has {}", name, s.size, s.offset, file_.size());
    if (is_known && s.offset % alignment_of(s.tag) != 0)
      return damaged("section {} begins at {}, expected a multiple of {}", name, s.offset,
                     alignment_of(s.tag));
    const Bytes gap = file_.subspan(end, s.offset - end);
    if (gap.size() >= 4096 ||
        std::any_of(gap.begin(), gap.end(), [](std::byte b) { return b != std::byte(0); }))
      return damaged("something stands between section {} and the one before it", name);
    if ((s.flags & zstd) != 0 && is_known && s.tag != kTuning && s.tag != kIr)
      return damaged("section {} is compressed, which only TUNE and IR may be", name);
    end = s.offset + s.size;
    return {};
  }

  Status check_contents() const {
    Hasher hasher;
    for (const Section& s : table_) {
      const Bytes bytes = file_.subspan(s.offset, s.size);
      if (s.tag != kWeights) hasher.add(bytes);
      if (s.tag == kWeights && !options_.verify_weights) continue;
      if (const uint32_t crc = crc32c(bytes); crc != s.crc)
        return damaged("the checksum of section {} is {:08x}, expected {:08x}", tag_text(s.tag), crc, s.crc);
    }
    hasher.add(file_.subspan(sizeof(Header), table_.size() * sizeof(Section)));
    if (const uint64_t hash = hasher.finish().low; hash != header_.content_hash)
      return damaged("the content's hash is {}, expected {}", to_hex(hash), to_hex(header_.content_hash));
    return {};
  }

  Result<EngineMeta> read_meta() const {
    Result<Json> json = parse_json(text_of(section(kMeta)));
    if (!json.ok()) return damaged("section META is not JSON: {}", json.status().message());
    EngineMeta meta;
    for (const auto& [key, text] : {std::pair<const char*, std::string*>{"producer", &meta.producer},
                                    {"model_hash", &meta.model_hash},
                                    {"model_name", &meta.model_name},
                                    {"options", &meta.options}}) {
      Result<std::string> field = json_field<std::string>(*json, key);
      if (!field.ok()) return damaged("section META: {}", field.status().message());
      *text = *std::move(field);
    }
    return meta;
  }

  Result<std::string> read_text(uint32_t tag) {
    const Section* s = find(tag);
    if (s == nullptr) return std::string();
    const Bytes packed = section(tag);
    if ((s->flags & zstd) == 0) {
      if (packed.size() > memory_) return damaged("section {} would take too much memory", tag_text(tag));
      memory_ -= packed.size();
      return std::string(text_of(packed));
    }
    const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
      return damaged("section {} is not a zstd frame that says its size", tag_text(tag));
    if (size > memory_)
      return damaged("section {} would take {} bytes, more than a file of this size may", tag_text(tag),
                     size);
    memory_ -= size_t(size);
    std::string text(size_t(size), '\0');
    const size_t got = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
    if (ZSTD_isError(got) || got != text.size())
      return damaged("section {} cannot be decompressed: {}", tag_text(tag),
                     ZSTD_isError(got) ? ZSTD_getErrorName(got) : "its size is another");
    return text;
  }

  Result<std::vector<Variant>> read_variants() {
    Decoder decoder(section(kPlan));
    decoder.limit_memory(memory_);
    std::vector<Variant> variants;
    decode(decoder, variants);
    if (decoder.ok() && decoder.left() != 0)
      decoder.fail(fmt::format("{} bytes are left over", decoder.left()));
    if (!decoder.ok()) return damaged("section PLAN cannot be decoded: {}", decoder.status().message());
    if (variants.empty()) return damaged("the engine has no variant");
    for (size_t i = 0; i < variants.size(); ++i) {
      Status status = validate(variants[i].plan, section(kWeights).size(), section(kCode).size());
      if (!status.ok()) return std::move(status).note(fmt::format("in variant {} of the engine", i));
    }
    return variants;
  }

  static bool known(uint32_t tag) {
    const auto tags = {kMeta, kPlan, kCode, kWeights, kTuning, kIr};
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  }
  const Section* find(uint32_t tag) const {
    const auto found =
        std::find_if(table_.begin(), table_.end(), [&](const Section& s) { return s.tag == tag; });
    return found == table_.end() ? nullptr : &*found;
  }
  Bytes section(uint32_t tag) const {
    const Section* s = find(tag);
    return s == nullptr ? Bytes() : file_.subspan(s->offset, s->size);
  }

  Bytes file_;
  const OpenOptions& options_;
  size_t memory_;  // what is left of the allowance
  Header header_;
  std::vector<Section> table_;
};

/// Bytes from memory may begin anywhere; kernels expect their weights at multiples of 64.
Status align_weights(EngineFile& engine) {
  const Bytes weights = engine.weights;
  if (reinterpret_cast<uintptr_t>(weights.data()) % kWeightAlignment == 0) return {};
  constexpr std::align_val_t kAlignment{kWeightAlignment};
  void* memory = ::operator new(weights.size(), kAlignment, std::nothrow);
  if (memory == nullptr)
    return Status::error(Code::out_of_memory,
                         fmt::format("no memory for {} bytes of weights", weights.size()));
  std::memcpy(memory, weights.data(), weights.size());
  const std::shared_ptr<void> aligned(memory, [](void* p) { ::operator delete(p, kAlignment); });
  engine.weights = {static_cast<const std::byte*>(memory), weights.size()};
  // Both are kept: the code still lies in the bytes.
  engine.owner = std::make_shared<std::array<std::shared_ptr<const void>, 2>>(
      std::array<std::shared_ptr<const void>, 2>{engine.owner, aligned});
  return {};
}

}  // namespace

Result<EngineFile> open_engine_bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                     const OpenOptions& options) {
  RK_TRY(EngineFile engine, EngineReader(bytes, options).read());
  engine.owner = std::move(owner);
  RK_CHECK(align_weights(engine));
  return engine;
}

Result<EngineFile> open_engine(const std::filesystem::path& path, const OpenOptions& options) {
  RK_TRY(const MappedFile file, MappedFile::open(path.string()));
  Result<EngineFile> engine = open_engine_bytes(file.bytes(), file.owner(), options);
  if (!engine.ok()) return engine.status().note("while opening the engine " + path.string());
  return engine;
}

}  // namespace rekindle
