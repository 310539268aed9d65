// Files: mapping, bounded reading, atomic writing and what is left behind when it fails.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

namespace rekindle {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "rk_file_" + std::to_string(::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override {
    ::chmod(folder_.c_str(), 0755);
    fs::remove_all(folder_);
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  size_t entries() const {
    return size_t(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  std::string folder_;
};

TEST_F(Files, MapsAndOutlivesTheHandle) {
  const std::string name = file("a", "hello");
  std::shared_ptr<const void> owner;
  std::string_view text;
  {
    Result<MappedFile> mapped = MappedFile::open(name);
    ASSERT_TRUE(mapped.ok()) << mapped.status().to_string();
    EXPECT_EQ(mapped->size(), 5U);
    const MappedFile moved = *std::move(mapped);
    EXPECT_EQ(moved.text(), "hello");
    EXPECT_EQ(moved.path(), name);
    owner = moved.owner();
    text = moved.text();
  }
  EXPECT_EQ(text, "hello") << "the owner keeps the pages";
  EXPECT_EQ(MappedFile::open(file("empty", ""))->size(), 0U);
}

TEST_F(Files, MappingErrorsNameThePath) {
  EXPECT_EQ(MappedFile::open(path("no")).status().message(),
            "cannot open " + path("no") + ": No such file or directory");
  EXPECT_EQ(MappedFile::open(path("no")).status().code(), Code::not_found);
  EXPECT_EQ(MappedFile::open(folder_).status().message(), folder_ + " is a directory, expected a file");
  EXPECT_EQ(MappedFile::open("/dev/zero").status().message(),
            "/dev/zero is not a regular file, expected a file");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(MappedFile::open(path("pipe")).ok()) << "and must not wait for a writer";
  EXPECT_EQ(MappedFile::open("").status().message(), "the path of a file is empty");
  EXPECT_FALSE(MappedFile::open(std::string("a\0b", 3)).ok());
}

TEST_F(Files, ReadsUpToALimit) {
  const std::string name = file("a", std::string(1000, 'x'));
  EXPECT_EQ(read_file(name, 1000)->size(), 1000U);
  EXPECT_EQ(read_file(name, 999).status().message(),
            name + " is larger than 999 bytes, the most that is read");
  EXPECT_EQ(*read_file(file("empty", "")), "");
  EXPECT_EQ(read_file("/dev/zero", 10000).status().code(), Code::invalid_argument);
  EXPECT_GT(read_file("/proc/self/status")->size(), 100U) << "files that say they are empty are read too";
  EXPECT_EQ(read_file(folder_).status().message(), folder_ + " is a directory, expected a file");
  EXPECT_EQ(read_file(path("no")).status().code(), Code::not_found);
  EXPECT_EQ(read_file(path("a") + "/b").status().code(), Code::not_found)
      << "a file where a folder should be";
}

TEST_F(Files, WritesPartsAndReplaces) {
  const std::string name = file("a", "old");
  const std::string one = "one ", two = "two";
  const std::array parts{std::as_bytes(std::span(one)), std::span<const std::byte>(),
                         std::as_bytes(std::span(two))};
  ASSERT_TRUE(write_file_atomically(name, parts).ok());
  EXPECT_EQ(*read_file(name), "one two");
  ASSERT_TRUE(write_file_atomically(name, "").ok());
  EXPECT_EQ(*read_file(name), "");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, WritingNeedsAFolder) {
  EXPECT_EQ(write_file_atomically(path("no/a"), "x").message(),
            "cannot write " + path("no/a") + ": folder " + path("no") + ": No such file or directory");
  EXPECT_EQ(write_file_atomically(file("f", "") + "/a", "x").message(),
            "cannot write " + path("f") + "/a: " + path("f") + " is not a folder");
  EXPECT_EQ(write_file_atomically(folder_, "x").message(), "cannot write " + folder_ + ": it is a directory");
  EXPECT_FALSE(write_file_atomically(path(std::string(300, 'n')), "x").ok());
  EXPECT_EQ(entries(), 1U) << "nothing is left behind";
}

/// Runs `body` in a child process, for what a process cannot take back; its exit code.
template <class Body> int exit_code_of(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int state = 0;
  EXPECT_EQ(::waitpid(child, &state, 0), child);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

TEST_F(Files, NoPermissionLeavesTheOldFile) {
  const std::string name = file("a", "old");
  ASSERT_EQ(::chmod(folder_.c_str(), 0555), 0);
  const int code = exit_code_of([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return 2;  // root may write anywhere
    const Status s = write_file_atomically(name, "new");
    const std::string expected = "cannot create a file for " + name + ": Permission denied";
    return s.code() == Code::invalid_argument && s.message() == expected ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(*read_file(name), "old");
}

/// In a child process, because the limit cannot be taken back: files of at most 4 KiB, which fail like a full
/// disk.
TEST_F(Files, AFullDiskLeavesTheOldFileAndNoOther) {
  const std::string name = file("a", "old");
  const int code = exit_code_of([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    const Status s = write_file_atomically(name, std::string(100000, 'x'));
    return s.code() == Code::device && s.message() == "cannot write " + name + ": File too large" ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(*read_file(name), "old");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, AReaderNeverSeesHalfAFile) {
  const std::string name = path("a");
  ASSERT_TRUE(write_file_atomically(name, std::string(100000, '0')).ok());
  std::vector<std::thread> writers;
  for (char c = '1'; c < '4'; ++c)
    writers.emplace_back([&name, c] {
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(write_file_atomically(name, std::string(100000, c)).ok());
    });
  for (int i = 0; i < 100; ++i) {
    const Result<std::string> text = read_file(name);
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(*text, std::string(100000, (*text)[0]));
  }
  for (auto& w : writers) w.join();
  EXPECT_EQ(entries(), 1U);
}

}  // namespace
}  // namespace rekindle
