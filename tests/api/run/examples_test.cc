// The example programs are built, and run an engine.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "api/run/relu_bytes.h"

namespace {

using testing::HasSubstr;

/// What a program prints on both channels, and its exit code.
struct Ran {
  std::string text;
  int code = 0;
};
Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> part;
  while (const size_t size = fread(part.data(), 1, part.size(), pipe)) ran.text.append(part.data(), size);
  ran.code = WEXITSTATUS(pclose(pipe));
  return ran;
}

std::string example(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "examples" / name;
}

class Examples : public testing::TestWithParam<const char*> {};

TEST_P(Examples, RunAnEngine) {
  const std::string program = example(GetParam());
  if (!std::filesystem::exists(program)) GTEST_SKIP() << program << " is not in this build (RK_EXAMPLES=OFF)";
  const std::string path = testing::TempDir() + "/rk_example_" + GetParam() + ".engine";
  std::ofstream(path, std::ios::binary) << relu_engine_bytes();
  const Ran ran = run(program + " " + path);
  std::filesystem::remove(path);
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.text, HasSubstr("relu for cpu:baseline"));
  EXPECT_THAT(ran.text, HasSubstr("y [2, 3] 0"));
  const Ran missing = run(program + " /nowhere/x.engine");
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.text, HasSubstr("/nowhere/x.engine"));
  EXPECT_EQ(run(program).code, 2);
}
INSTANTIATE_TEST_SUITE_P(All, Examples, testing::Values("run_engine_c", "run_engine_cpp"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
