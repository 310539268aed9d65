// Descriptions of GPUs: those in targets/ are whole and sourced, wrong ones are refused with the reason.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/gpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/json.h"
#include "tensor/target.h"
#include "tensor/target_files.h"

namespace rekindle {
namespace {

using ::testing::HasSubstr;

Json description_of(const std::string& file) {
  const auto json = parse_json(target_file(file));
  EXPECT_TRUE(json.ok()) << file << ": " << json.status().message();
  return json.ok() ? *json : Json();
}

TEST(Gpu, every_file_is_read_and_bears_its_name) {
  std::set<std::string> names;
  for (const std::string_view file : target_file_names()) {
    const auto gpu = parse_gpu(target_file(file));
    ASSERT_TRUE(gpu.ok()) << file << ": " << gpu.status().message();
    EXPECT_EQ(gpu->name + ".json", file);
    names.insert(gpu->name);
  }
  for (const char* name : {"p4", "p40", "gtx1080ti", "v100", "xavier_agx", "xavier_nx", "t4", "rtx2080ti",
                           "a10", "a100", "l4", "h100", "h200"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Gpu, every_number_has_a_source) {
  for (const std::string_view file : target_file_names()) {
    const Json json = description_of(std::string(file));
    ASSERT_TRUE(json.contains("sources")) << file;
    const Json& sources = json["sources"];
    std::vector<std::string> needed{"math.per_clock", "math.ghz"};
    for (const auto& [key, value] : json.items()) {
      if (value.is_object() && key != "math" && key != "sources" && key != "shared_memory")
        for (const auto& [inner, number] : value.items()) needed.push_back(key + "." + inner);
      else if (key != "schema" && key != "sm" && (value.is_number() || key == "shared_memory"))
        needed.push_back(key);
    }
    for (const std::string& key : needed)
      EXPECT_TRUE(sources.contains(key) && sources[key].is_string()) << file << " has no source for " << key;
  }
}

TEST(Gpu, rates_are_those_of_the_architecture) {
  for (const auto& gpu : known_gpus()) {
    EXPECT_EQ(gpu->rate(GpuMath::mma_f16).per_clock > 0, gpu->sm >= 70) << gpu->name;
    EXPECT_EQ(gpu->rate(GpuMath::mma_i8).per_clock > 0, gpu->sm >= 72) << gpu->name;
    EXPECT_EQ(gpu->rate(GpuMath::wgmma_f16).per_clock > 0, gpu->sm >= 90) << gpu->name;
    EXPECT_GE(gpu->shared_block_bytes, 48 * 1024) << gpu->name;
    EXPECT_LE(gpu->memory, gpu->memory_peak) << gpu->name;
  }
  const auto p4 = find_gpu("p4");
  ASSERT_TRUE(p4);
  EXPECT_NEAR(p4->per_us(GpuMath::f32) * 2 / 1e6, 5.1, 0.3);  // TFLOP/s: below the 5.5 of its boost clock
}

TEST(Gpu, the_smallest_stands_for_an_architecture) {
  EXPECT_EQ(gpu_of_architecture(61)->name, "p4");
  EXPECT_EQ(gpu_of_architecture(72)->name, "xavier_nx");
  EXPECT_EQ(gpu_of_architecture(75)->name, "t4");
  EXPECT_EQ(gpu_of_architecture(62), nullptr);
  EXPECT_EQ(find_gpu("p5"), nullptr);
}

/// t4.json with one change.
std::string changed(const std::function<void(Json&)>& change) {
  Json json = description_of("t4.json");
  change(json);
  return to_text(json);
}

TEST(Gpu, what_is_wrong_is_named) {
  struct {
    std::function<void(Json&)> change;
    const char* message;
  } const cases[] = {
      {[](Json& j) { j.erase("warps"); }, "warps is missing, expected a number"},
      {[](Json& j) { j["warps"] = "many"; }, "warps is \"many\", expected a number"},
      {[](Json& j) { j["warps"] = 2; }, "warps is 2, expected 4"},
      {[](Json& j) { j["warps"] = 32.5; }, "warps is no whole number"},
      {[](Json& j) { j["sm"] = 35; }, "sm is 35, expected 61"},
      {[](Json& j) { j["schema"] = 2; }, "schema is 2, expected 1"},
      {[](Json& j) { j["multiprocesors"] = 40; }, "multiprocesors is unknown"},
      {[](Json& j) { j["issue"] = "triple"; },
       "issue is \"triple\", expected one of dual, two_clocks, every_clock"},
      {[](Json& j) { j["name"] = "../t4"; }, "name is \"../t4\", expected a-z"},
      {[](Json& j) { j["math"].erase("f32"); }, "math.f32 is missing, expected an object"},
      {[](Json& j) { j["math"]["f64"] = Json::object(); }, "math.f64 is unknown"},
      {[](Json& j) { j["math"]["f32"]["ghz"] = 1e300; }, "math.f32.ghz is 1e+300, expected"},
      {[](Json& j) { j["math"]["f32"] = 3; }, "math.f32 is no object"},
      {[](Json& j) { j["shared_memory"]["block_bytes"] = 131072; },
       "block_bytes is more than shared_memory.bytes"},
      {[](Json& j) { j["memory"]["gb_per_s"] = 400; }, "memory.gb_per_s is more than memory.peak_gb_per_s"},
      {[](Json& j) { j["l2"]["ways"] = 16; }, "l2.ways is unknown"},
      {[](Json& j) { j = Json::array(); }, "is no object"},
  };
  for (const auto& c : cases) {
    const auto gpu = parse_gpu(changed(c.change));
    ASSERT_FALSE(gpu.ok()) << c.message;
    EXPECT_THAT(gpu.status().message(), HasSubstr(c.message));
  }
  EXPECT_FALSE(parse_gpu("").ok());
  EXPECT_FALSE(parse_gpu("{\"schema\": 1").ok());
  EXPECT_TRUE(parse_gpu(changed([](Json& j) { j.erase("sources"); })).ok());  // the user's own need none
}

TEST(Gpu, a_driver_names_a_known_one) {
  EXPECT_EQ(describe_gpu({"NVIDIA H200", 90, 132, 0, 0, 0})->name, "h200");
  EXPECT_EQ(describe_gpu({"NVIDIA H100 80GB HBM3", 90, 132, 0, 0, 0})->name, "h100");
  EXPECT_EQ(describe_gpu({"Tesla P40", 61, 30, 0, 0, 0})->name, "p40");
  EXPECT_EQ(describe_gpu({"NVIDIA A10", 86, 72, 0, 0, 0})->name, "a10");
}

TEST(Gpu, an_unknown_one_is_like_its_architecture_with_the_drivers_numbers) {
  const auto gpu = describe_gpu({"NVIDIA L40", 89, 142, int64_t(96) << 20, 2.49, 864});
  EXPECT_EQ(gpu->name, "NVIDIA L40");
  EXPECT_EQ(gpu->multiprocessors, 142);
  EXPECT_EQ(gpu->l2_bytes, int64_t(96) << 20);
  EXPECT_DOUBLE_EQ(gpu->memory_peak, 864);
  EXPECT_LT(gpu->memory, 864);
  EXPECT_GT(gpu->per_us(GpuMath::f32), find_gpu("l4")->per_us(GpuMath::f32));
  EXPECT_EQ(describe_gpu({"something newer", 120, 0, 0, 0, 0})->sm, 120);
}

TEST(Gpu, targets_carry_the_description) {
  const auto p4 = parse_target("cuda:p4");
  ASSERT_TRUE(p4.ok());
  EXPECT_EQ(p4->gpu, find_gpu("p4"));
  EXPECT_EQ(p4->sm, 61);
  EXPECT_EQ(p4->units, 20);
  const auto turing = parse_target("cuda:sm_75:ptx");
  ASSERT_TRUE(turing.ok());
  EXPECT_EQ(turing->gpu->name, "t4");
  EXPECT_EQ(turing->name, "cuda:sm_75:ptx");
  EXPECT_EQ(parse_target("cuda")->gpu, nullptr);  // this machine's, which only the driver knows
  const auto unknown = parse_target("cuda:p5");
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.status().message(), HasSubstr("cuda:xavier_nx"));
}

TEST(Gpu, users_describe_their_own_in_a_file) {
  const auto path = std::filesystem::path(testing::TempDir()) / "my_gpu.json";
  std::ofstream(path) << changed([](Json& j) {
    j["name"] = "my_gpu";
    j["multiprocessors"] = 24;
  });
  const auto target = parse_target("cuda:" + path.string() + ":ptx");
  ASSERT_TRUE(target.ok()) << target.status().message();
  EXPECT_EQ(target->name, "cuda:my_gpu:ptx");  // engines hold no paths
  EXPECT_EQ(target->units, 24);
  EXPECT_EQ(target->sm, 75);
  std::ofstream(path) << "{}";
  EXPECT_THAT(parse_target("cuda:" + path.string()).status().message(), HasSubstr("schema is missing"));
  EXPECT_FALSE(parse_target("cuda:/nowhere/at/all.json").ok());
}

}  // namespace
}  // namespace rekindle
