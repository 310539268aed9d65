// rekindle.h: what it hands out, what it keeps, what it says when it is used wrongly.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "api/run/relu_engine.h"
#include "rekindle/rekindle.h"

namespace rekindle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// The text of a status, which is freed.
std::string text_of(rekindle_status* status) {
  const std::string text = rekindle_status_text(status);
  rekindle_status_free(status);
  return text;
}

/// A DLTensor over a vector.
struct View {
  std::vector<int64_t> shape;
  DLTensor dl{};
  View(std::vector<float>& values, std::vector<int64_t> dims) : shape(std::move(dims)) {
    dl.data = values.data();
    dl.device = {kDLCPU, 0};
    dl.ndim = int32_t(shape.size());
    dl.dtype = {kDLFloat, 32, 1};
    dl.shape = shape.data();
  }
};

class CApi : public testing::Test {
 protected:
  CApi() {
    const std::string bytes = test::engine_of(test::relu_plan());
    EXPECT_EQ(text_of(rekindle_engine_load_bytes(bytes.data(), bytes.size(), nullptr, &engine)), "ok");
    EXPECT_EQ(text_of(rekindle_context_create(engine, nullptr, &context)), "ok");
  }
  ~CApi() override {
    rekindle_context_free(context);
    rekindle_engine_free(engine);
  }
  std::string bind(const char* name, const View& view) {
    return text_of(rekindle_context_bind(context, name, &view.dl));
  }

  rekindle_engine* engine = nullptr;
  rekindle_context* context = nullptr;
};

std::vector<float> copy_and_delete(DLManagedTensor* tensor) {
  int64_t count = 1;
  for (int32_t i = 0; i < tensor->dl_tensor.ndim; ++i) count *= tensor->dl_tensor.shape[i];
  const auto* data = static_cast<const float*>(tensor->dl_tensor.data);
  std::vector<float> values(data, data + count);
  tensor->deleter(tensor);
  return values;
}

TEST_F(CApi, BindsRunsAndGivesTheResult) {
  std::vector<float> x{-1, 2, -3, 4, -5, 6};
  ASSERT_EQ(bind("x", View(x, {2, 3})), "ok");
  int32_t rank = 2;
  int64_t shape[2] = {};
  EXPECT_EQ(text_of(rekindle_context_output_shape(context, "y", &rank, shape)), "ok");
  EXPECT_THAT(shape, ElementsAre(2, 3));
  ASSERT_EQ(text_of(rekindle_context_run(context)), "ok");
  DLManagedTensor* y = nullptr;
  ASSERT_EQ(text_of(rekindle_context_output(context, "y", &y)), "ok");
  EXPECT_EQ(y->dl_tensor.ndim, 2);
  EXPECT_EQ(y->dl_tensor.strides, nullptr);
  EXPECT_THAT(copy_and_delete(y), ElementsAre(0, 2, 0, 4, 0, 6));
  x[0] = 7;
  ASSERT_EQ(text_of(rekindle_context_run(context)), "ok");
  ASSERT_EQ(text_of(rekindle_context_output(context, "y", &y)), "ok");
  EXPECT_THAT(copy_and_delete(y), ElementsAre(7, 2, 0, 4, 0, 6));
}

TEST_F(CApi, OutputsMayBeBound) {
  std::vector<float> x{-1, 2, 3}, y(3);
  ASSERT_EQ(bind("x", View(x, {1, 3})), "ok");
  ASSERT_EQ(bind("y", View(y, {1, 3})), "ok");
  ASSERT_EQ(text_of(rekindle_context_run(context)), "ok");
  EXPECT_THAT(y, ElementsAre(0, 2, 3));
}

TEST_F(CApi, AResultOutlivesContextAndEngine) {
  std::vector<float> x{-1, 2, 3};
  ASSERT_EQ(bind("x", View(x, {1, 3})), "ok");
  ASSERT_EQ(text_of(rekindle_context_run(context)), "ok");
  DLManagedTensor* y = nullptr;
  ASSERT_EQ(text_of(rekindle_context_output(context, "y", &y)), "ok");
  rekindle_context_free(context);
  rekindle_engine_free(engine);
  context = nullptr, engine = nullptr;
  EXPECT_THAT(copy_and_delete(y), ElementsAre(0, 2, 3));
}

TEST_F(CApi, AContextOutlivesTheEnginesHandle) {
  rekindle_engine_free(engine);
  engine = nullptr;
  std::vector<float> x{-1, 2, 3};
  ASSERT_EQ(bind("x", View(x, {1, 3})), "ok");
  EXPECT_EQ(text_of(rekindle_context_run(context)), "ok");
}

TEST_F(CApi, ManagedTensorsAreDeletedWhenTheyAreReplaced) {
  struct Owned {
    std::vector<float> values{1, 2, 3};
    std::vector<int64_t> shape{1, 3};
    DLManagedTensor managed{};
    int* deleted = nullptr;
  };
  int deleted = 0;
  const auto make = [&](int64_t rows) {
    auto* owned = new Owned();
    owned->deleted = &deleted;
    owned->shape[0] = rows;
    owned->managed.dl_tensor = View(owned->values, owned->shape).dl;
    owned->managed.dl_tensor.shape = owned->shape.data();
    owned->managed.manager_ctx = owned;
    owned->managed.deleter = [](DLManagedTensor* self) {
      auto* o = static_cast<Owned*>(self->manager_ctx);
      ++*o->deleted;
      delete o;
    };
    return &owned->managed;
  };
  ASSERT_EQ(text_of(rekindle_context_bind_managed(context, "x", make(1))), "ok");
  EXPECT_EQ(text_of(rekindle_context_run(context)), "ok");
  EXPECT_EQ(deleted, 0);
  ASSERT_EQ(text_of(rekindle_context_bind_managed(context, "x", make(1))), "ok");
  EXPECT_EQ(deleted, 1);
  EXPECT_THAT(text_of(rekindle_context_bind_managed(context, "x", make(99))),
              HasSubstr("dim 0 of input x is 99"));
  EXPECT_EQ(deleted, 2);  // taken over, and refused
  EXPECT_EQ(text_of(rekindle_context_bind_managed(nullptr, "x", make(1))), "the context is null");
  EXPECT_EQ(deleted, 3);
  rekindle_context_free(context);
  context = nullptr;
  EXPECT_EQ(deleted, 4);
}

TEST_F(CApi, TensorsThatCannotBeBound) {
  std::vector<float> x(6);
  View view(x, {2, 3});
  view.dl.device.device_type = kDLCUDA;
  EXPECT_EQ(bind("x", view), "x is in memory of a GPU, the engine runs on the host");
  view.dl.device.device_id = 1;
  EXPECT_EQ(bind("x", view), "a tensor is on GPU 1, expected GPU 0\n  while binding x");
  view.dl.device = {DLDeviceType(10), 0};
  EXPECT_THAT(bind("x", view),
              HasSubstr("a tensor is on DLPack device type 10, expected the CPU's memory (1)"));
  view.dl.device.device_type = kDLCPU;
  view.dl.dtype = {kDLFloat, 24, 1};
  EXPECT_THAT(bind("x", view),
              HasSubstr("DLPack type code 2 with 24 bits and 1 lanes, which no element type is"));
  view.dl.dtype = {kDLFloat, 64, 1};
  EXPECT_EQ(bind("x", view), "input x is f64[2, 3], expected f32[N, 3]");
  view.dl.dtype = {kDLFloat, 32, 1};
  int64_t transposed[2] = {1, 2};
  view.dl.strides = transposed;
  EXPECT_THAT(bind("x", view), HasSubstr("has strides [1, 2], expected row-major without gaps"));
  int64_t plain[2] = {3, 1};
  view.dl.strides = plain;
  EXPECT_EQ(bind("x", view), "ok");
  view.dl.strides = nullptr;
  view.dl.ndim = -1;
  EXPECT_THAT(bind("x", view), HasSubstr("a tensor has rank -1"));
  view.dl.ndim = 2;
  view.shape[0] = int64_t(1) << 60;
  EXPECT_NE(bind("x", view), "ok");
  EXPECT_EQ(bind("z", View(x, {2, 3})), "no input or output is named \"z\"; there are x, y");
  view.shape[0] = 2;
  view.dl.data = nullptr;
  EXPECT_EQ(bind("x", view), "input x has no data");
  view.dl.data = x.data();
  view.dl.byte_offset = 12;
  view.shape[0] = 1;
  x = {1, 1, 1, 5, -5, 5};
  EXPECT_EQ(bind("x", view), "ok");
  EXPECT_EQ(text_of(rekindle_context_run(context)), "ok");
  DLManagedTensor* y = nullptr;
  ASSERT_EQ(text_of(rekindle_context_output(context, "y", &y)), "ok");
  EXPECT_THAT(copy_and_delete(y), ElementsAre(5, 0, 5));
}

TEST_F(CApi, BindingsAreDescribed) {
  ASSERT_EQ(rekindle_engine_binding_count(engine), 2U);
  rekindle_binding b{};
  b.size = sizeof b;
  ASSERT_EQ(text_of(rekindle_engine_binding(engine, 0, &b)), "ok");
  EXPECT_STREQ(b.name, "x");
  EXPECT_EQ(b.is_input, 1);
  EXPECT_EQ(b.dtype, REKINDLE_F32);
  EXPECT_STREQ(b.type, "f32[N, 3]");
  ASSERT_EQ(b.rank, 2);
  EXPECT_THAT(std::vector<int64_t>(b.dims, b.dims + 2), ElementsAre(-1, 3));
  EXPECT_THAT(std::vector<int64_t>(b.min, b.min + 2), ElementsAre(1, 3));
  EXPECT_THAT(std::vector<int64_t>(b.opt, b.opt + 2), ElementsAre(2, 3));
  EXPECT_THAT(std::vector<int64_t>(b.max, b.max + 2), ElementsAre(8, 3));
  EXPECT_EQ(text_of(rekindle_engine_binding(engine, 2, &b)), "the engine has no binding 2, it has 2");
  // A caller that was built when the struct was shorter.
  rekindle_binding old{};
  old.size = offsetof(rekindle_binding, dtype);
  old.rank = 77;
  ASSERT_EQ(text_of(rekindle_engine_binding(engine, 1, &old)), "ok");
  EXPECT_STREQ(old.name, "y");
  EXPECT_EQ(old.rank, 77);
  old.size = 0;
  EXPECT_THAT(text_of(rekindle_engine_binding(engine, 1, &old)),
              HasSubstr("the binding has size 0, expected"));
}

TEST_F(CApi, EnginesSayWhatTheyAre) {
  EXPECT_STREQ(rekindle_engine_target(engine), "cpu:baseline");
  EXPECT_STREQ(rekindle_engine_model_name(engine), "relu");
  EXPECT_STREQ(rekindle_engine_producer(engine), "rekindle test");
  EXPECT_NE(rekindle_engine_content_hash(engine), 0U);
  rekindle_blob* text = nullptr;
  ASSERT_EQ(text_of(rekindle_engine_describe(engine, &text)), "ok");
  EXPECT_THAT(static_cast<const char*>(rekindle_blob_data(text)),
              HasSubstr("0 y: f32[N, 3] = cpu.reference(x)"));
  const std::string path = testing::TempDir() + "/rk_c_api.txt";
  EXPECT_EQ(text_of(rekindle_blob_save(text, path.c_str())), "ok");
  EXPECT_EQ(std::filesystem::file_size(path), rekindle_blob_size(text));
  std::filesystem::remove(path);
  EXPECT_NE(text_of(rekindle_blob_save(text, "/nowhere/at/all")), "ok");
  rekindle_blob_free(text);
}

TEST_F(CApi, StepsAreTimed) {
  std::vector<float> x(3);
  ASSERT_EQ(bind("x", View(x, {1, 3})), "ok");
  rekindle_context_set_profiling(context, 1);
  ASSERT_EQ(text_of(rekindle_context_run(context)), "ok");
  ASSERT_EQ(rekindle_context_step_count(context), 1U);
  rekindle_step_time t{};
  t.size = sizeof t;
  ASSERT_EQ(text_of(rekindle_context_step_time(context, 0, &t)), "ok");
  EXPECT_STREQ(t.kernel, "cpu.reference");
  EXPECT_STREQ(t.label, "reference");
  EXPECT_GT(t.microseconds, 0);
  EXPECT_EQ(text_of(rekindle_context_step_time(context, 1, &t)), "the engine has no step 1, it has 1");
}

TEST_F(CApi, WrongUseIsAnError) {
  rekindle_engine* no_engine = nullptr;
  rekindle_context* no_context = nullptr;
  DLManagedTensor* tensor = nullptr;
  EXPECT_EQ(text_of(rekindle_engine_load(nullptr, nullptr, &no_engine)), "the path is null");
  EXPECT_EQ(text_of(rekindle_engine_load("x", nullptr, nullptr)), "the place for the engine is null");
  EXPECT_EQ(text_of(rekindle_engine_load_bytes(nullptr, 5, nullptr, &no_engine)),
            "the engine's bytes is null");
  EXPECT_EQ(text_of(rekindle_context_create(nullptr, nullptr, &no_context)), "the engine is null");
  EXPECT_EQ(text_of(rekindle_context_run(nullptr)), "the context is null");
  EXPECT_EQ(text_of(rekindle_context_bind(context, nullptr, nullptr)), "the name is null");
  EXPECT_EQ(text_of(rekindle_context_bind(context, "x", nullptr)), "the tensor is null");
  EXPECT_EQ(text_of(rekindle_context_run(context)), "input x is not bound");
  EXPECT_EQ(text_of(rekindle_context_output(context, "y", &tensor)),
            "output y is asked for before a run with these shapes");
  EXPECT_EQ(tensor, nullptr);
  EXPECT_EQ(rekindle_engine_binding_count(nullptr), 0U);
  EXPECT_STREQ(rekindle_engine_target(nullptr), "");
  EXPECT_EQ(rekindle_blob_size(nullptr), 0U);
  rekindle_engine_free(nullptr);
  rekindle_context_free(nullptr);
  rekindle_blob_free(nullptr);
  rekindle_status_free(nullptr);
  rekindle_context_options options{};
  EXPECT_THAT(text_of(rekindle_context_create(engine, &options, &no_context)),
              HasSubstr("an options struct has size 0: it was not initialised with its _init function"));
  rekindle_context_options_init(&options);
  options.threads = -2;
  EXPECT_EQ(text_of(rekindle_context_create(engine, &options, &no_context)),
            "threads is -2, expected 0 or more");
  std::vector<float> x(3);
  ASSERT_EQ(bind("x", View(x, {1, 3})), "ok");
  int32_t rank = 1;
  int64_t shape[2] = {};
  EXPECT_EQ(text_of(rekindle_context_output_shape(context, "y", &rank, shape)),
            "there is room for 1 dims, output y has 2");
  const char* text = nullptr;
  ASSERT_EQ(text_of(rekindle_context_run(context)), "ok");
  EXPECT_EQ(text_of(rekindle_context_output_string(context, "y", 0, &text, nullptr)),
            "output y is f32[1, 3], it has no string 0");
}

TEST(CApiStatus, CarriesCodeMessageAndTrail) {
  rekindle_engine* engine = nullptr;
  const std::string path = testing::TempDir() + "/rk_c_api.engine";
  std::ofstream(path) << "this is no engine, whatever its name says, and long enough to be one";
  rekindle_status* status = rekindle_engine_load(path.c_str(), nullptr, &engine);
  EXPECT_EQ(rekindle_status_code(status), REKINDLE_INVALID_ARGUMENT);
  EXPECT_STREQ(rekindle_status_message(status), "this is not an engine: it does not begin with \"REKINDLE\"");
  EXPECT_THAT(rekindle_status_text(status), HasSubstr("rk_c_api.engine"));
  EXPECT_THAT(rekindle_status_details(status), HasSubstr("engine_read.cc:"));
  rekindle_status_free(status);
  EXPECT_EQ(engine, nullptr);
  std::filesystem::remove(path);
  status = rekindle_engine_load(path.c_str(), nullptr, &engine);
  EXPECT_EQ(rekindle_status_code(status), REKINDLE_NOT_FOUND);
  rekindle_status_free(status);
  EXPECT_EQ(rekindle_status_code(nullptr), REKINDLE_OK);
  EXPECT_STREQ(rekindle_status_message(nullptr), "");
  EXPECT_STREQ(rekindle_status_text(nullptr), "ok");
  EXPECT_STREQ(rekindle_code_name(REKINDLE_DATA_LOSS), "data loss");
}

TEST(CApiLibrary, SaysWhatItIsAndWhatTheMachineHas) {
  EXPECT_STREQ(rekindle_version(), "0.1.0");
  EXPECT_GE(rekindle_machine_cores(), 1);
  EXPECT_THAT(rekindle_machine_isa(),
              testing::AnyOf(testing::StrEq("baseline"), testing::StrEq("avx2"), testing::StrEq("avx512")));
  EXPECT_STREQ(rekindle_dtype_name(REKINDLE_I2), "i2");
  EXPECT_STREQ(rekindle_dtype_name(REKINDLE_BF16), "bf16");
  EXPECT_STREQ(rekindle_dtype_name(99), "?");
  EXPECT_EQ(rekindle_dtype_bits(REKINDLE_C128), 128);
  EXPECT_EQ(rekindle_dtype_bits(-1), 0);
}

TEST(CApiLibrary, TheDTypesAreThoseInside) {
  for (size_t i = 0; i < kDTypeNames.size(); ++i) EXPECT_EQ(rekindle_dtype_name(int32_t(i)), kDTypeNames[i]);
  EXPECT_EQ(size_t(REKINDLE_I2) + 1, kDTypeNames.size());
  EXPECT_EQ(int(REKINDLE_INTERNAL), int(Code::internal));
}

TEST(CApiStrings, GoInAndOut) {
  test::PlanMaker m("cpu");
  const uint32_t x = m.input("x", "string[N]"), y = m.output("y", "string[N]");
  m.step("cpu.reference", {x}, {y}, to_bytes(cpu::ReferenceParams{"copy", "", true, {}}));
  const std::string bytes = test::engine_of(m.plan());
  rekindle_engine* engine = nullptr;
  rekindle_context* context = nullptr;
  ASSERT_EQ(text_of(rekindle_engine_load_bytes(bytes.data(), bytes.size(), nullptr, &engine)), "ok");
  ASSERT_EQ(text_of(rekindle_context_create(engine, nullptr, &context)), "ok");
  const int64_t shape[] = {2};
  const char* const strings[] = {"one", "two words"};
  ASSERT_EQ(text_of(rekindle_context_bind_strings(context, "x", 1, shape, strings, nullptr)), "ok");
  ASSERT_EQ(text_of(rekindle_context_run(context)), "ok");
  const char* text = nullptr;
  size_t length = 0;
  EXPECT_EQ(text_of(rekindle_context_output_string(context, "y", 1, &text, &length)), "ok");
  EXPECT_EQ(std::string(text, length), "two words");
  EXPECT_EQ(text_of(rekindle_context_output_string(context, "y", 2, &text, &length)),
            "output y is string[2], it has no string 2");
  DLManagedTensor* tensor = nullptr;
  EXPECT_THAT(text_of(rekindle_context_output(context, "y", &tensor)),
              HasSubstr("cannot be handed over as DLPack"));
  EXPECT_EQ(text_of(rekindle_context_bind_strings(context, "x", 1, nullptr, strings, nullptr)),
            "the shape is null");
  rekindle_context_free(context);
  rekindle_engine_free(engine);
}

}  // namespace
}  // namespace rekindle
