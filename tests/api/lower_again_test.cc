// Engines for more than this machine has: refused with a way out, or compiled again from the graph they hold.
// The machine is made smaller by capping what it is taken to have.
// SPDX-License-Identifier: Apache-2.0
#include "api/lower_again.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "onnx/model_text.h"

namespace rekindle {
namespace {

using onnx::test::model;
using testing::HasSubstr;

class LowerAgain : public testing::Test {
 protected:
  LowerAgain() : folder_(testing::TempDir() + "/rk_lower_again_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~LowerAgain() override { std::filesystem::remove_all(folder_); }
  void SetUp() override {
    if (detect_isa() == Isa::baseline) GTEST_SKIP() << "this machine has the least instruction set only";
  }
  /// An engine for all that this machine has, of a model with weights, a window and a symbolic size.
  std::string engine(const std::string& name, bool keep_ir) const {
    const std::string bytes = model(
        "x: f32[N, 3, 9]; w = f32[2, 3, 3] {1, -2, 3, 0.5, 5, 6, 7, -8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9}; c = "
        "Conv(x, w); "
        "r = Relu(c); y = Softmax(r)");
    BuildOptions options;
    options.profiles["x"] = {{1, 3, 9}, {2, 3, 9}, {4, 3, 9}};
    options.effort = 0, options.threads = 1, options.keep_ir = keep_ir;
    auto built = build_engine(onnx::test::as_bytes(bytes), {}, options);
    EXPECT_TRUE(built.ok()) << built.status().to_string();
    const std::string path = folder_ / name;
    EXPECT_TRUE(built.ok() && write_file_atomically(path, built->bytes).ok());
    return path;
  }
  static LoadOptions capped(Isa isa) {
    LoadOptions load;
    load.open_device = open_devices();
    load.isa = isa;
    return load;
  }
  static Tensor run(const Engine& engine) {
    auto context = engine.create_context({.threads = 1});
    EXPECT_TRUE(context.ok());
    Tensor x(DType::f32, {2, 3, 9});
    for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = float(i % 7) * 0.25F;
    EXPECT_TRUE((*context)->bind("x", x).ok());
    EXPECT_EQ((*context)->run().to_string(), "ok");
    const auto y = (*context)->output("y");
    return y.ok() ? y->clone() : Tensor();
  }
  std::filesystem::path folder_;
};

TEST_F(LowerAgain, RefusedWithoutTheGraph) {
  const std::string path = engine("plain.engine", false);
  const Status status = load_or_lower_again(path, capped(Isa::baseline)).status();
  EXPECT_EQ(status.code(), Code::unsupported);
  EXPECT_THAT(status.to_string(),
              HasSubstr("needs " + std::string(enum_name(detect_isa())) + ", this machine has baseline"));
  EXPECT_THAT(status.to_string(), HasSubstr("one with its graph (--keep-ir), which can be compiled again"));
}

TEST_F(LowerAgain, LoweredAgainWithTheGraph) {
  const std::string path = engine("whole.engine", true);
  const auto here = load_or_lower_again(path, capped(detect_isa()));
  ASSERT_TRUE(here.ok()) << here.status().to_string();
  EXPECT_EQ(here->note, "");
  for (const Isa isa : {Isa::baseline, Isa::avx2}) {
    if (isa >= detect_isa()) continue;
    const auto loaded = load_or_lower_again(path, capped(isa), 1);
    ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
    EXPECT_EQ(loaded->engine->plan().isa, isa);
    EXPECT_EQ(loaded->engine->plan().profile.size(), 1U);  // the sizes it was built for
    EXPECT_THAT(loaded->note,
                HasSubstr("its graph was compiled again for cpu:" + std::string(enum_name(isa))));
    const Tensor again = run(*loaded->engine), before = run(*here->engine);
    ASSERT_EQ(again.dims(), before.dims());
    for (int64_t i = 0; i < again.count(); ++i) EXPECT_NEAR(again.as_double(i), before.as_double(i), 1e-6);
  }
}

/// Weights are packed for one level: an engine for less than the machine has runs kernels of that level.
TEST_F(LowerAgain, EnginesForLessRunHere) {
  const std::string path = engine("whole.engine", true);
  const auto here = load_or_lower_again(path, capped(detect_isa()));
  BuildOptions options;
  options.targets = {"cpu:baseline"};
  options.effort = 0, options.threads = 1;
  const auto built = build_engine(std::filesystem::path(path), options);
  ASSERT_TRUE(here.ok() && built.ok());
  ASSERT_TRUE(write_file_atomically(folder_ / "less.engine", built->bytes).ok());
  const auto less = load_or_lower_again(folder_ / "less.engine", capped(detect_isa()));
  ASSERT_TRUE(less.ok()) << less.status().to_string();
  const Tensor there = run(*less->engine), before = run(*here->engine);
  ASSERT_EQ(there.dims(), before.dims());
  for (int64_t i = 0; i < there.count(); ++i) EXPECT_NEAR(there.as_double(i), before.as_double(i), 1e-6);
}

TEST_F(LowerAgain, TheRuntimeAloneSaysHow) {
  const Status status = Engine::load(engine("whole.engine", true), capped(Isa::baseline)).status();
  EXPECT_EQ(status.code(), Code::unsupported);
  EXPECT_THAT(status.to_string(), HasSubstr("the engine holds its graph: rekindle build"));
}

TEST_F(LowerAgain, EnginesAreBuiltFromEngines) {
  const std::string path = engine("whole.engine", true);
  BuildOptions options;
  options.targets = {"cpu:baseline"};
  options.effort = 0, options.threads = 1;
  const auto built = build_engine(std::filesystem::path(path), options);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_EQ(built->report.variants[0].first, "cpu:baseline");
  options.profiles["x"] = {{1, 3, 9}, {1, 3, 9}, {1, 3, 9}};
  EXPECT_THAT(build_engine(std::filesystem::path(path), options).status().to_string(),
              HasSubstr("the sizes of an engine are fixed"));
  options.profiles.clear();
  EXPECT_THAT(
      build_engine(std::filesystem::path(engine("plain.engine", false)), options).status().to_string(),
      HasSubstr("does not hold its graph, expected an engine that was built with --keep-ir"));
}

}  // namespace
}  // namespace rekindle
