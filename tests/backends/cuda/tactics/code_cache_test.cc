// Code is compiled once for each content, in a process and in a folder; damaged files only cost time.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/code_cache.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace rekindle::cuda {
namespace {

using testing::HasSubstr;

struct CodeCaches : testing::Test {
  const Nvrtc* nvrtc = nullptr;
  std::string folder = testing::TempDir() + "/code_cache_test";
  void SetUp() override {
    const auto loaded = Nvrtc::load();
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    nvrtc = *loaded;
    std::filesystem::remove_all(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  static std::string source(int number) {
    return "extern \"C\" __global__ void k(int* x) { *x = " + std::to_string(number) + "; }\n";
  }
  Result<CompiledCode> compile(CodeCache& cache, int number, int sm = 75,
                               CodeKind kind = CodeKind::cubin) const {
    return cache.compile(*nvrtc, source(number), "k", sm, kind);
  }
};

TEST_F(CodeCaches, EqualContentIsCompiledOnce) {
  CodeCache cache;
  const auto first = compile(cache, 1), again = compile(cache, 1);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->image.bytes, again->image.bytes);
  EXPECT_EQ(first->report.registers, again->report.registers);
  EXPECT_EQ(cache.compilations(), 1);
  EXPECT_TRUE(compile(cache, 2).ok());
  EXPECT_TRUE(compile(cache, 1, 61).ok());
  EXPECT_TRUE(compile(cache, 1, 75, CodeKind::ptx).ok());
  EXPECT_EQ(cache.compilations(), 4);
}

TEST_F(CodeCaches, ThreadsThatWantTheSameCompileItOnce) {
  CodeCache cache;
  std::vector<std::thread> threads;
  std::vector<std::string> code(4);
  for (size_t t = 0; t < code.size(); ++t)
    threads.emplace_back([&, t] { code[t] = compile(cache, 3)->image.bytes; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(code, testing::Each(code[0]));
  EXPECT_EQ(cache.compilations(), 1);
}

TEST_F(CodeCaches, ErrorsAreNotKept) {
  CodeCache cache;
  for (int i = 0; i < 2; ++i) {
    const auto wrong = cache.compile(*nvrtc, "nonsense", "k", 75, CodeKind::cubin);
    ASSERT_FALSE(wrong.ok());
    EXPECT_THAT(wrong.status().message(), HasSubstr("does not compile"));
  }
}

TEST_F(CodeCaches, AFolderServesTheNextProcess) {
  CodeCache first, second;
  ASSERT_TRUE(first.use_folder(folder).ok());
  const auto made = compile(first, 4);
  ASSERT_TRUE(made.ok());
  EXPECT_THAT(first.stop_using(folder), testing::IsEmpty());
  ASSERT_TRUE(second.use_folder(folder).ok());
  const auto found = compile(second, 4);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(second.compilations(), 0);
  EXPECT_EQ(found->image.bytes, made->image.bytes);
  EXPECT_EQ(found->report.registers, made->report.registers);
  EXPECT_THAT(second.stop_using(folder), testing::IsEmpty());
}

TEST_F(CodeCaches, DamagedFilesAreCompiledAgainWithANote) {
  CodeCache maker;
  ASSERT_TRUE(maker.use_folder(folder).ok());
  const auto made = compile(maker, 5);
  ASSERT_TRUE(made.ok());
  const std::string path = std::filesystem::directory_iterator(folder)->path().string();
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  std::string flipped = whole;
  flipped[whole.size() / 2] = char(flipped[whole.size() / 2] ^ 1);
  for (const std::string& damaged :
       {std::string(), whole.substr(0, whole.size() / 2), flipped, whole + "x"}) {
    std::ofstream(path, std::ios::binary) << damaged;
    CodeCache cache;
    ASSERT_TRUE(cache.use_folder(folder).ok());
    const auto again = compile(cache, 5);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->image.bytes, made->image.bytes);
    EXPECT_EQ(cache.compilations(), 1);
    EXPECT_THAT(cache.stop_using(folder), testing::ElementsAre(HasSubstr("is damaged")));
  }
}

TEST_F(CodeCaches, AFolderThatCannotBeIsAnError) {
  CodeCache cache;
  std::ofstream(folder) << "a file";
  EXPECT_THAT(cache.use_folder(folder).message(), HasSubstr("is no folder and cannot be made"));
}

}  // namespace
}  // namespace rekindle::cuda
