// Engine files: what is written is read back, and every damaged or hostile file is an error that says what is
// wrong. SPDX-License-Identifier: Apache-2.0
#include "plan/engine_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "plan/engine_bytes.h"

namespace rekindle {
namespace {

using namespace engine_format;
using test::SmallEngine;

std::string message_of(const std::string& file, const OpenOptions& options = {}) {
  return test::open_text(file, options).status().message();
}

class EngineFolder : public testing::Test {
 protected:
  EngineFolder() : folder_(testing::TempDir() + "/rk_engine_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~EngineFolder() override { std::filesystem::remove_all(folder_); }
  size_t file_count() const {
    return size_t(
        std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()));
  }
  std::filesystem::path folder_;
};

void expect_same(const EngineFile& engine, const EngineContents& contents) {
  EXPECT_EQ(engine.meta.producer, contents.meta.producer);
  EXPECT_EQ(engine.meta.model_hash, contents.meta.model_hash);
  EXPECT_EQ(engine.meta.model_name, contents.meta.model_name);
  EXPECT_EQ(engine.meta.options, contents.meta.options);
  EXPECT_EQ(engine.tuning, contents.tuning);
  EXPECT_EQ(engine.ir, contents.ir);
  EXPECT_TRUE(std::equal(engine.code.begin(), engine.code.end(), contents.code.begin(), contents.code.end()));
  EXPECT_TRUE(std::equal(engine.weights.begin(), engine.weights.end(), contents.weights.begin(),
                         contents.weights.end()));
  ASSERT_EQ(engine.variants.size(), contents.variants.size());
  for (size_t i = 0; i < engine.variants.size(); ++i)
    EXPECT_EQ(to_bytes(engine.variants[i]), to_bytes(contents.variants[i]));
}

TEST_F(EngineFolder, WhatIsSavedIsRead) {
  const SmallEngine small;
  ASSERT_EQ(save_engine(small.contents, folder_ / "a.engine").to_string(), "ok");
  const Result<EngineFile> engine = open_engine(folder_ / "a.engine");
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  expect_same(*engine, small.contents);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(engine->weights.data()) % 4096, 0U);
  EXPECT_EQ(file_count(), 1U);
}

TEST(EngineFile, WithoutOptionalSections) {
  SmallEngine small;
  small.contents.tuning.clear(), small.contents.ir.clear();
  small.code.clear(), small.weights.resize(128), small.point();
  const std::string bytes = small.bytes();
  EXPECT_EQ(test::header_of(bytes).section_count, 3U);
  const Result<EngineFile> engine = test::open_text(bytes);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  expect_same(*engine, small.contents);
}

TEST(EngineFile, TheSameContentsGiveTheSameBytes) {
  const SmallEngine one, two;
  EXPECT_EQ(one.bytes(), two.bytes());
}

TEST(EngineFile, TheContentHashChangesWithTheWeights) {
  SmallEngine small;
  const uint64_t before = test::header_of(small.bytes()).content_hash;
  small.weights[77] ^= 1;
  EXPECT_NE(test::header_of(small.bytes()).content_hash, before);
}

TEST(EngineFile, UnalignedBytesGiveAlignedWeights) {
  const SmallEngine small;
  const std::string bytes = small.bytes();
  for (const size_t shift : {0, 1, 8, 63}) {
    std::vector<char> memory(bytes.size() + 64 + shift);
    char* at = memory.data() + shift;
    std::copy(bytes.begin(), bytes.end(), at);
    const Result<EngineFile> engine = open_engine_bytes(std::as_bytes(std::span(at, bytes.size())), nullptr);
    ASSERT_TRUE(engine.ok());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(engine->weights.data()) % 64, 0U);
    expect_same(*engine, small.contents);
  }
}

TEST(EngineFile, AnInvalidPlanIsNotWritten) {
  SmallEngine small;
  small.contents.variants[0].plan.steps[0].kernel = 9;
  const Status status = engine_bytes(small.contents).status();
  EXPECT_EQ(status.code(), Code::internal);
  EXPECT_NE(status.message().find("launches kernel 9"), std::string::npos);
}

// ---- 28: what kind of file it is

TEST(HostileEngine, WrongMagic) {
  std::string file = SmallEngine().bytes();
  file[0] = 'X';
  EXPECT_EQ(message_of(file), "this is not an engine: it does not begin with \"REKINDLE\"");
  EXPECT_EQ(message_of(std::string(5000, '\0')),
            "this is not an engine: it does not begin with \"REKINDLE\"");
}

TEST(HostileEngine, OtherMajor) {
  std::string file = SmallEngine().bytes();
  Header header = test::header_of(file);
  header.major = 2, header.minor = 3;
  test::set_header(file, header);
  EXPECT_EQ(message_of(file),
            "the engine has format 2.3, this version reads 1.0: build it again or use a newer version");
  header.major = 0, header.minor = 9;
  test::set_header(file, header);
  EXPECT_EQ(message_of(file),
            "the engine has format 0.9, this version reads 1.0: build it again or use an older version");
}

TEST(HostileEngine, NewerMinorIsRead) {
  std::string file = SmallEngine().bytes();
  Header header = test::header_of(file);
  header.minor = 7;
  test::set_header(file, header);
  test::seal(file);
  EXPECT_EQ(message_of(file), "");
}

TEST(HostileEngine, BigEndian) {
  std::string file = SmallEngine().bytes();
  Header header = test::header_of(file);
  header.byte_order = __builtin_bswap32(header.byte_order);
  test::set_header(file, header);
  EXPECT_EQ(message_of(file), "the byte order mark is 04030201, expected 01020304: a big-endian engine");
}

// ---- 29: its length

TEST(HostileEngine, TruncatedAnywhere) {
  const std::string file = SmallEngine().bytes();
  for (size_t size = 0; size < file.size(); size += size < 300 ? 1 : 61) {
    const Status status = test::open_text(file.substr(0, size)).status();
    EXPECT_FALSE(status.ok()) << size;
  }
  EXPECT_EQ(message_of(""), "the file has 0 bytes, an engine has at least 40");
  EXPECT_EQ(message_of(file.substr(0, 41)), "the file ends inside the section table");
  EXPECT_EQ(message_of(file.substr(0, file.size() - 1)), "the header says " + std::to_string(file.size()) +
                                                             " bytes, the file has " +
                                                             std::to_string(file.size() - 1));
}

TEST(HostileEngine, TruncatedInEachSectionWithTheSizeAdjusted) {
  const std::string file = SmallEngine().bytes();
  for (size_t i = 0; i < test::header_of(file).section_count; ++i) {
    const Section s = test::section_of(file, i);
    std::string cut = file.substr(0, s.offset + s.size / 2);
    Header header = test::header_of(cut);
    header.total_size = cut.size();
    test::set_header(cut, header);
    test::seal(cut);
    EXPECT_EQ(message_of(cut), "section " + tag_text(s.tag) + " has " + std::to_string(s.size) +
                                   " bytes at " + std::to_string(s.offset) + ", the file has " +
                                   std::to_string(cut.size()));
  }
}

TEST(HostileEngine, TotalSizeLies) {
  std::string file = SmallEngine().bytes();
  Header header = test::header_of(file);
  header.total_size = UINT64_MAX;
  test::set_header(file, header);
  test::seal(file);
  EXPECT_EQ(message_of(file),
            "the header says 18446744073709551615 bytes, the file has " + std::to_string(file.size()));
}

TEST(HostileEngine, TrailingGarbage) {
  std::string file = SmallEngine().bytes() + "garbage";
  EXPECT_NE(message_of(file).find(", the file has " + std::to_string(file.size())), std::string::npos);
  Header header = test::header_of(file);
  header.total_size = file.size();
  test::set_header(file, header);
  test::seal(file);
  EXPECT_EQ(message_of(file), "7 bytes follow the last section");
}

// ---- 30: where its sections are

TEST(HostileEngine, SectionsOverlapOrAreUnsorted) {
  const std::string file = SmallEngine().bytes();
  std::string overlapping = file;
  Section second = test::section_of(file, 1);
  second.offset = test::section_of(file, 0).offset;
  test::set_section(overlapping, 1, second);
  test::seal(overlapping);
  EXPECT_NE(message_of(overlapping).find("section PLAN begins at 232, before "), std::string::npos)
      << message_of(overlapping);
  std::string unsorted = file;
  test::set_section(unsorted, 0, test::section_of(file, 1));
  test::set_section(unsorted, 1, test::section_of(file, 0));
  test::seal(unsorted);
  EXPECT_FALSE(test::open_text(unsorted).ok());
}

TEST(HostileEngine, SectionUnaligned) {
  std::string file = SmallEngine().bytes();
  const size_t index = test::section_index(file, "WGHT");
  Section s = test::section_of(file, index);
  s.offset += 8, s.size -= 8;
  test::set_section(file, index, s);
  test::seal(file);
  EXPECT_NE(message_of(file).find("section WGHT begins at 4104, expected a multiple of 4096"),
            std::string::npos)
      << message_of(file);
}

TEST(HostileEngine, SectionWraps) {
  std::string file = SmallEngine().bytes();
  const size_t index = test::section_index(file, "WGHT");
  Section s = test::section_of(file, index);
  s.size = UINT64_MAX - s.offset + 2;
  test::set_section(file, index, s);
  test::seal(file);
  EXPECT_NE(message_of(file).find("section WGHT has "), std::string::npos) << message_of(file);
  s.offset = UINT64_MAX, s.size = 2;
  test::set_section(file, index, s);
  test::seal(file);
  EXPECT_NE(message_of(file).find("section WGHT has 2 bytes at 18446744073709551615"), std::string::npos);
}

TEST(HostileEngine, SectionTwice) {
  std::string file = SmallEngine().bytes();
  Section s = test::section_of(file, 1);
  s.tag = kMeta;
  test::set_section(file, 1, s);
  test::seal(file);
  EXPECT_EQ(message_of(file), "there are two sections META");
}

TEST(HostileEngine, SectionMissing) {
  std::string file = SmallEngine().bytes();
  Section s = test::section_of(file, 1);
  s.tag = tag_of("ZZZZ"), s.flags = optional;
  test::set_section(file, 1, s);
  test::seal(file);
  EXPECT_EQ(message_of(file), "there is no section PLAN");
}

TEST(HostileEngine, UnknownSections) {
  std::string file = SmallEngine().bytes();
  const size_t index = test::section_index(file, "TUNE");
  Section s = test::section_of(file, index);
  s.tag = tag_of("NEW!"), s.flags = optional;
  test::set_section(file, index, s);
  test::seal(file);
  EXPECT_EQ(message_of(file), "");  // skipped
  s.flags = 0;
  test::set_section(file, index, s);
  test::seal(file);
  EXPECT_EQ(message_of(file),
            "section NEW! is not known to this version (1.0) and not optional; the engine has 1.0");
  s.flags = 1U << 31;
  test::set_section(file, index, s);
  test::seal(file);
  EXPECT_EQ(message_of(file), "section NEW! has unknown flags 80000000");
}

TEST(HostileEngine, TooManySections) {
  std::string file = SmallEngine().bytes();
  Header header = test::header_of(file);
  header.section_count = 1U << 30;
  test::set_header(file, header);
  EXPECT_EQ(message_of(file), "the header says 1073741824 sections, expected at most 64");
}

TEST(HostileEngine, SomethingHiddenBetweenSections) {
  std::string file = SmallEngine().bytes();
  const Section weights = test::section_of(file, test::section_index(file, "WGHT"));
  file[weights.offset - 1] = 1;
  EXPECT_EQ(message_of(file), "something stands between section WGHT and the one before it");
}

// ---- 31: checksums

TEST(HostileEngine, EveryFlippedByteIsNoticed) {
  const std::string file = SmallEngine().bytes();
  for (size_t i = 0; i < file.size(); ++i) {
    std::string flipped = file;
    flipped[i] = char(flipped[i] ^ 0x10);
    ASSERT_FALSE(test::open_text(flipped).ok()) << "byte " << i;
  }
}

TEST(HostileEngine, BadChecksums) {
  const std::string file = SmallEngine().bytes();
  std::string bad = file;
  bad[sizeof(Header) + 20] = char(bad[sizeof(Header) + 20] ^ 1);
  EXPECT_NE(message_of(bad).find("the header's checksum is "), std::string::npos);
  for (const char* tag : {"META", "PLAN", "KRNL", "WGHT", "TUNE", "IR"}) {
    bad = file;
    const Section s = test::section_of(file, test::section_index(file, tag));
    bad[s.offset] = char(bad[s.offset] ^ 1);
    EXPECT_NE(message_of(bad).find("the checksum of section " + std::string(tag) + " is "),
              std::string::npos);
    const bool is_noticed = !test::open_text(bad, {.verify_weights = false}).ok();
    EXPECT_EQ(is_noticed, std::string_view(tag) != "WGHT");
  }
}

TEST(HostileEngine, WrongContentHash) {
  std::string file = SmallEngine().bytes();
  Header header = test::header_of(file);
  header.content_hash ^= 1;
  test::set_header(file, header);
  header.header_crc =
      crc32c(std::string_view(file).substr(sizeof(Header), header.section_count * sizeof(Section)),
             crc32c(std::string_view(file).substr(0, kHeaderCrcAt)));
  test::set_header(file, header);
  EXPECT_NE(message_of(file).find("the content's hash is "), std::string::npos);
}

// ---- 32: right checksums, wrong contents

TEST(HostileEngine, PlansThatLie) {
  SmallEngine small;
  const std::string file = small.bytes();
  std::vector<Variant> variants = small.contents.variants;
  variants[0].plan.steps[1].inputs = {1000};
  const Status status = test::open_text(test::with_section(file, "PLAN", to_bytes(variants))).status();
  EXPECT_EQ(status.code(), Code::data_loss);
  EXPECT_NE(status.to_string().find("step 1 reads view 1000, the plan has 4"), std::string::npos)
      << status.to_string();
  EXPECT_NE(status.to_string().find("in variant 0 of the engine"), std::string::npos);
  EXPECT_EQ(message_of(test::with_section(file, "PLAN", to_bytes(std::vector<Variant>()))),
            "the engine has no variant");
  variants = small.contents.variants;
  variants[0].plan.buffers[1].index = 8192;
  EXPECT_EQ(message_of(test::with_section(file, "PLAN", to_bytes(variants))),
            "buffer 1 is a weight at 8192 of 64 bytes, the weight section has 5000");
}

TEST(HostileEngine, PlansThatCannotBeDecoded) {
  const std::string file = SmallEngine().bytes();
  const Section s = test::section_of(file, test::section_index(file, "PLAN"));
  const std::string plan = file.substr(s.offset, s.size);
  EXPECT_EQ(message_of(test::with_section(file, "PLAN", plan + "x")),
            "section PLAN cannot be decoded: 1 bytes are left over");
  EXPECT_EQ(message_of(test::with_section(file, "PLAN", plan.substr(0, plan.size() - 1))),
            "section PLAN cannot be decoded: the data end in the middle of a value");
  EXPECT_EQ(message_of(test::with_section(file, "PLAN", std::string("\xff\xff\xff\xff", 4))),
            "section PLAN cannot be decoded: a list of 4294967295 runs past the end");
}

TEST(HostileEngine, Enum255) {
  SmallEngine small;
  std::vector<Variant> variants = small.contents.variants;
  variants[0].plan.isa = Isa(255);
  EXPECT_EQ(message_of(test::with_section(small.bytes(), "PLAN", to_bytes(variants))),
            "section PLAN cannot be decoded: an enum is 255, outside its values");
}

TEST(HostileEngine, ListsThatWouldFillTheMemory) {
  // Eight million empty strings: 32 MiB in the file, 256 MiB as objects.
  std::string many("\x01\0\0\0", 4);
  const std::string target = to_bytes(Target{});
  many += target + std::string(4, '\0') + std::string(1, '\0');
  const uint32_t count = 8 << 20;
  many.append(reinterpret_cast<const char*>(&count), 4);
  many.append(size_t(count) * 4, '\0');
  const std::string file = test::with_section(SmallEngine().bytes(), "PLAN", many);
  EXPECT_EQ(message_of(file), "section PLAN cannot be decoded: the data would take too much memory");
}

TEST(HostileEngine, CompressedSections) {
  const std::string file = SmallEngine().bytes();
  EXPECT_EQ(message_of(test::with_section(file, "IR", "not zstd")),
            "section IR is not a zstd frame that says its size");
  const std::string zeros(size_t(256) << 20, '\0');
  std::string bomb(ZSTD_compressBound(zeros.size()), '\0');
  bomb.resize(ZSTD_compress(bomb.data(), bomb.size(), zeros.data(), zeros.size(), 1));
  EXPECT_EQ(message_of(test::with_section(file, "IR", bomb)),
            "section IR would take 268435456 bytes, more than a file of this size may");
  const std::string good = file.substr(test::section_of(file, test::section_index(file, "TUNE")).offset,
                                       test::section_of(file, test::section_index(file, "TUNE")).size);
  EXPECT_NE(message_of(test::with_section(file, "TUNE", good.substr(0, good.size() - 3)))
                .find("section TUNE cannot be decompressed: "),
            std::string::npos);
  std::string packed_plan = file;
  Section s = test::section_of(file, 1);
  s.flags |= zstd;
  test::set_section(packed_plan, 1, s);
  test::seal(packed_plan);
  EXPECT_EQ(message_of(packed_plan), "section PLAN is compressed, which only TUNE and IR may be");
}

TEST(HostileEngine, MetaThatIsNotWhatItShouldBe) {
  const std::string file = SmallEngine().bytes();
  EXPECT_NE(message_of(test::with_section(file, "META", "{")).find("section META is not JSON: "),
            std::string::npos);
  EXPECT_NE(message_of(test::with_section(file, "META", "{\"producer\": 5}")).find("section META: "),
            std::string::npos);
  EXPECT_NE(message_of(test::with_section(file, "META", std::string(100000, '[')))
                .find("section META is not JSON: "),
            std::string::npos);
}

TEST(HostileEngine, RandomDamageWithRightChecksumsIsAnErrorOrAValidPlan) {
  const std::string file = SmallEngine().bytes();
  std::mt19937 random(3);
  int refused = 0;
  constexpr int kRounds = 3000;
  for (int round = 0; round < kRounds; ++round) {
    std::string damaged = file;
    const Section s = test::section_of(file, random() % test::header_of(file).section_count);
    for (unsigned n = 1 + random() % 4; n > 0; --n) damaged[s.offset + random() % s.size] = char(random());
    test::seal(damaged);
    refused += test::open_text(damaged).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, kRounds / 4);
}

// ---- 36: files that change

TEST_F(EngineFolder, AFileReplacedWhileMappedStaysAsItWas) {
  SmallEngine small;
  const auto path = folder_ / "a.engine";
  ASSERT_TRUE(save_engine(small.contents, path).ok());
  const Result<EngineFile> engine = open_engine(path);
  ASSERT_TRUE(engine.ok());
  const std::string before(reinterpret_cast<const char*>(engine->weights.data()), engine->weights.size());
  small.weights.assign(128, 'w');
  small.point();
  ASSERT_TRUE(save_engine(small.contents, path).ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(engine->weights.data()), engine->weights.size()),
            before);
  EXPECT_EQ(open_engine(path)->weights.size(), 128U);
}

TEST_F(EngineFolder, TwoProcessesMayWriteOnePath) {
  const auto path = folder_ / "a.engine";
  const auto write_many = [&](char fill) {
    SmallEngine small;
    small.weights.assign(100000, fill);
    small.point();
    for (int i = 0; i < 15; ++i)
      if (!save_engine(small.contents, path).ok()) return 1;
    return 0;
  };
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(write_many('c'));
  EXPECT_EQ(write_many('p'), 0);
  for (int i = 0; i < 50; ++i) {
    const Result<EngineFile> engine = open_engine(path);
    ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  }
  int child_status = 0;
  ASSERT_EQ(waitpid(child, &child_status, 0), child);
  EXPECT_EQ(child_status, 0);
  EXPECT_TRUE(open_engine(path).ok());
  EXPECT_EQ(file_count(), 1U);
}

TEST_F(EngineFolder, NoRoomOnTheDiskLeavesWhatWasThere) {
  const auto path = folder_ / "a.engine";
  SmallEngine small;
  ASSERT_TRUE(save_engine(small.contents, path).ok());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {  // a limit on file sizes fails a write in the same way as a full disk
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{20000, 20000};
    setrlimit(RLIMIT_FSIZE, &limit);
    small.weights.assign(1 << 20, 'w');
    small.point();
    const Status status = save_engine(small.contents, path);
    _exit(!status.ok() && status.code() == Code::device ? 0 : 1);
  }
  int child_status = 0;
  ASSERT_EQ(waitpid(child, &child_status, 0), child);
  EXPECT_EQ(child_status, 0);
  EXPECT_EQ(file_count(), 1U);
  ASSERT_TRUE(open_engine(path).ok());
  EXPECT_EQ(open_engine(path)->weights.size(), 5000U);
}

TEST_F(EngineFolder, OtherThingsThanFiles) {
  const Status missing = open_engine(folder_ / "none.engine").status();
  EXPECT_EQ(missing.code(), Code::not_found);
  EXPECT_NE(missing.to_string().find("none.engine"), std::string::npos);
  EXPECT_FALSE(open_engine(folder_).ok());
  EXPECT_FALSE(open_engine("/dev/zero").ok());
  { std::ofstream empty(folder_ / "empty.engine"); }
  EXPECT_NE(open_engine(folder_ / "empty.engine").status().to_string().find("the file has 0 bytes"),
            std::string::npos);
}

}  // namespace
}  // namespace rekindle
