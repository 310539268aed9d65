// Samples in, a table out: independent of how samples are packed, and clear about what is wrong with them.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/calibrate.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

namespace rekindle::quantize {
namespace {

namespace fs = std::filesystem;

class Calibrate : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("rekindle_calibrate_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// 24 samples of 5 numbers, in files of `batch`.
  void write(int64_t batch, bool reversed = false) {
    for (const auto& file : fs::directory_iterator(folder_)) fs::remove(file);
    std::mt19937 random(5);
    std::normal_distribution<float> normal(0.3f, 2);
    std::vector<float> all(24 * 5);
    for (float& x : all) x = normal(random);
    for (int64_t first = 0; first < 24; first += batch) {
      Tensor part(DType::f32, {batch, 5});
      for (int64_t i = 0; i < batch * 5; ++i) part.data<float>()[i] = all[size_t(first * 5 + i)];
      const int64_t number = reversed ? 100 - first : 100 + first;
      ASSERT_TRUE(write_npy((folder_ / (std::to_string(number) + ".npy")).string(), part).ok());
    }
  }

  Result<SampleSource> open() {
    return SampleSource::open(folder_.string(), {{"x", {DType::f32, {Dim::symbol("n"), Dim(5)}}}});
  }

  Result<Calibration> table(Observer observer = Observer::automatic) {
    RK_TRY(const SampleSource source, open());
    CalibrationOptions options;
    options.observer = observer;
    return calibrate(
        {"x", "dead"}, source,
        [](const NamedTensors& inputs) -> Result<Tensors> {
          EXPECT_EQ(inputs[0].second.dims(), (Dims{1, 5}));
          return Tensors{inputs[0].second, Tensor(DType::f32, {3})};
        },
        options);
  }

  fs::path folder_;
};

TEST_F(Calibrate, TheTableDoesNotDependOnBatchesOrOrder) {
  write(1);
  const auto one = table();
  ASSERT_TRUE(one.ok()) << one.status().message();
  EXPECT_EQ(one->samples, 24);
  for (const int64_t batch : {8, 24, 3}) {
    write(batch, batch == 3);
    const auto other = table();
    ASSERT_TRUE(other.ok()) << other.status().message();
    EXPECT_EQ(other->table.to_text(), one->table.to_text());
  }
}

TEST_F(Calibrate, ValuesThatAreAlwaysZeroStayFloat) {
  write(8);
  const auto made = table();
  ASSERT_TRUE(made.ok());
  EXPECT_FALSE(made->table.values.contains("dead"));
  ASSERT_EQ(made->warnings.size(), 1u);
  EXPECT_EQ(made->warnings[0], "'dead' is zero in every sample: it stays in floating point");
}

TEST_F(Calibrate, BadSamplesAreNamed) {
  EXPECT_NE(open().status().message().find("holds no .npy or .npz file, expected samples"),
            std::string::npos);
  ASSERT_TRUE(write_npy((folder_ / "a.npy").string(), Tensor(DType::f32, {2, 4})).ok());
  EXPECT_NE(open().status().message().find("the array for input 'x' is f32[2, 4], expected f32[n, 5]"),
            std::string::npos)
      << open().status().message();
  fs::remove(folder_ / "a.npy");
  ASSERT_TRUE(write_npz((folder_ / "b.npz").string(), {{"y", Tensor(DType::f32, {1, 5})}}).ok());
  EXPECT_NE(open().status().message().find("has no array for input 'x'"), std::string::npos);
  EXPECT_EQ(SampleSource::open("/nowhere/at/all", {}).status().message(),
            "/nowhere/at/all: no such file or folder");
}

TEST_F(Calibrate, FewSamplesAndNansAreRefused) {
  ASSERT_TRUE(write_npy((folder_ / "a.npy").string(), Tensor(DType::f32, {2, 5})).ok());
  EXPECT_EQ(table().status().message(), "2 samples to calibrate with, expected at least 8");
  write(8);
  Tensor nan(DType::f32, {1, 5});
  nan.data<float>()[2] = std::numeric_limits<float>::quiet_NaN();
  ASSERT_TRUE(write_npy((folder_ / "nan.npy").string(), nan).ok());
  EXPECT_NE(table().status().message().find("nan.npy[0] makes NaN in 'x'"), std::string::npos)
      << table().status().message();
}

}  // namespace
}  // namespace rekindle::quantize
