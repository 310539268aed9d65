// Engine files for tests, and ways to damage them that keep the checksums right.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstring>
#include <string>

#include "base/hash.h"
#include "plan/engine_file.h"
#include "plan/engine_format.h"
#include "plan/plan_maker.h"

namespace rekindle::test {

/// x: f32[N, 4] times a weight, then relu.
inline Plan small_plan() {
  PlanMaker m("fake");
  m.size("N", 1, 2, 8);
  const uint32_t x = m.input("x", "f32[N, 4]"), w = m.weight("f32[4, 4]", 64), t = m.temp("f32[N, 4]");
  const uint32_t y = m.output("y", "f32[N, 4]");
  m.step("fake.gemm", {x, w}, {t});
  m.step("fake.relu", {t}, {y});
  return m.plan();
}

struct SmallEngine {
  std::string code = std::string(100, 'c'), weights;
  EngineContents contents;

  SmallEngine() {
    for (int i = 0; i < 5000; ++i) weights += char(i * 7);
    contents.meta = {"rekindle 0.1.0", "abc123", "small", "{}"};
    contents.variants = {{Target{}, small_plan()}};
    contents.tuning = "{\"regions\": []}";
    contents.ir = "graph @small (%x: f32[N, 4]) {}";
    point();
  }
  SmallEngine(const SmallEngine&) = delete;
  /// After a change of code or weights.
  void point() {
    contents.code = std::as_bytes(std::span(code.data(), code.size()));
    contents.weights = std::as_bytes(std::span(weights.data(), weights.size()));
  }
  std::string bytes() const {
    Result<std::string> bytes = engine_bytes(contents);
    RK_ASSERT(bytes.ok(), bytes.status().to_string().c_str());
    return *std::move(bytes);
  }
};

inline engine_format::Header header_of(const std::string& file) {
  engine_format::Header header;
  std::memcpy(&header, file.data(), sizeof header);
  return header;
}
inline void set_header(std::string& file, const engine_format::Header& header) {
  std::memcpy(file.data(), &header, sizeof header);
}
inline engine_format::Section section_of(const std::string& file, size_t index) {
  engine_format::Section section;
  std::memcpy(&section, file.data() + sizeof(engine_format::Header) + index * sizeof section, sizeof section);
  return section;
}
inline void set_section(std::string& file, size_t index, const engine_format::Section& section) {
  std::memcpy(file.data() + sizeof(engine_format::Header) + index * sizeof section, &section, sizeof section);
}
inline size_t section_index(const std::string& file, std::string_view tag) {
  for (size_t i = 0; i < header_of(file).section_count; ++i)
    if (section_of(file, i).tag == engine_format::tag_of(tag)) return i;
  RK_ASSERT(false, "no such section");
  return 0;
}

/// Makes the checksums and the content's hash right again, as somebody with a hex editor and this source
/// would. Sections that are no longer inside the file keep theirs.
inline void seal(std::string& file) {
  using namespace engine_format;
  Header header = header_of(file);
  Hasher hasher;
  for (size_t i = 0; i < header.section_count; ++i) {
    Section s = section_of(file, i);
    if (s.offset > file.size() || s.size > file.size() - s.offset) continue;
    const std::string_view bytes = std::string_view(file).substr(s.offset, s.size);
    s.crc = crc32c(bytes);
    if (s.tag != kWeights) hasher.add(bytes);
    set_section(file, i, s);
  }
  const std::string_view table =
      std::string_view(file).substr(sizeof(Header), header.section_count * sizeof(Section));
  hasher.add(table);
  header.content_hash = hasher.finish().low;
  set_header(file, header);
  header.header_crc = crc32c(table, crc32c(std::string_view(file).substr(0, kHeaderCrcAt)));
  set_header(file, header);
}

/// Another content for one section; what follows moves.
inline std::string with_section(const std::string& file, size_t changed, const std::string& content) {
  using namespace engine_format;
  Header header = header_of(file);
  std::string out = file.substr(0, sizeof(Header) + header.section_count * sizeof(Section));
  for (size_t i = 0; i < header.section_count; ++i) {
    Section s = section_of(file, i);
    const std::string bytes = i == changed ? content : file.substr(s.offset, s.size);
    out.resize(align_up(out.size(), alignment_of(s.tag)));
    s.offset = out.size(), s.size = bytes.size();
    out += bytes;
    set_section(out, i, s);
  }
  header.total_size = out.size();
  set_header(out, header);
  seal(out);
  return out;
}

inline std::string with_section(const std::string& file, std::string_view tag, const std::string& content) {
  return with_section(file, section_index(file, tag), content);
}

inline Result<EngineFile> open_text(const std::string& file, const OpenOptions& options = {}) {
  return open_engine_bytes(std::as_bytes(std::span(file.data(), file.size())), nullptr, options);
}

}  // namespace rekindle::test
