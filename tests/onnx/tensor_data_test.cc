// Tensors of a file: where their values are, how many, and what small files may not claim.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/import.h"
#include "onnx/model_writer.h"

namespace rekindle::onnx {
namespace {

using namespace test;
using testing::HasSubstr;

/// A TensorProto: dims, element type, and whatever `fill` writes.
template <class F> std::string tensor(const std::vector<int64_t>& dims, int type, F&& fill) {
  std::string bytes;
  pbf_writer w(bytes);
  for (const int64_t d : dims) w.add_int64(1, d);
  w.add_int32(2, type);
  w.add_string(8, "w");
  fill(w);
  return bytes;
}
/// A model that returns the initializer, and what the import makes of it.
std::string model_of(const std::string& tensor_message, uint32_t field = 5) {
  GraphWriter g;
  g.add(field, tensor_message).output("w");
  return model_bytes(g);
}
std::string result_of(const std::string& tensor_message, uint32_t field = 5) {
  const std::string bytes = model_of(tensor_message, field);
  const auto imported = import_bytes(as_bytes(bytes));
  if (!imported.ok()) return imported.status().message();
  const Graph& graph = imported->graph;
  const Tensor* constant = graph.constant(graph.outputs[0]);
  return constant ? constant->to_string() : print(graph);  // strings are made by an op
}
auto raw(const std::string& bytes) {
  return [bytes](pbf_writer& w) { w.add_bytes(9, bytes); };
}
auto nothing() {
  return [](pbf_writer&) {};
}

TEST(TensorData, RawBytes) {
  EXPECT_EQ(result_of(tensor({2}, 1, raw(std::string("\0\0\x80\x3f\0\0\0\x40", 8)))), "f32[2] {1, 2}");
  EXPECT_EQ(result_of(tensor({}, 7, raw(std::string("\x05\0\0\0\0\0\0\0", 8)))), "i64[] {5}");
  EXPECT_EQ(result_of(tensor({3}, 9, raw(std::string("\0\x01\x07", 3)))), "boolean[3] {false, true, true}");
  EXPECT_EQ(result_of(tensor({3}, 22, raw("\x21\x0f"))), "i4[3] {1, 2, -1}");
  EXPECT_EQ(result_of(tensor({0, 3}, 1, nothing())), "f32[0, 3] {}");
}

TEST(TensorData, RawBytesMustFit) {
  EXPECT_EQ(result_of(tensor({2}, 1, raw("1234567"))),
            "tensor 'w' has 7 bytes of raw_data, expected 8 for f32[2]");
  EXPECT_EQ(result_of(tensor({2}, 1, raw("123456789"))),
            "tensor 'w' has 9 bytes of raw_data, expected 8 for f32[2]");
  EXPECT_EQ(result_of(tensor({3}, 22, raw("x"))), "tensor 'w' has 1 bytes of raw_data, expected 2 for i4[3]");
  EXPECT_EQ(result_of(tensor({5}, 25, raw("x"))), "tensor 'w' has 1 bytes of raw_data, expected 2 for u2[5]");
  EXPECT_EQ(result_of(tensor({}, 1, nothing())),
            "tensor 'w' has 0 values in float_data, expected 1 for f32[]");
  EXPECT_EQ(result_of(tensor({2}, 8, raw("ab"))), "tensor 'w' has raw_data, which strings cannot have");
}

TEST(TensorData, TypedFields) {
  const std::vector<float> floats = {1.5f, -2};
  const std::vector<int64_t> integers = {-1, 300};
  const std::vector<int32_t> halves = {0x3c00, 0xc000}, bytes = {-128, 127}, nibbles = {0x21, 0x0f};
  const std::vector<double> doubles = {0.5, 3};
  const std::vector<uint64_t> words = {uint64_t(-1), 2};
  EXPECT_EQ(result_of(tensor({2}, 1, [&](auto& w) { w.add_packed_float(4, floats.begin(), floats.end()); })),
            "f32[2] {1.5, -2}");
  EXPECT_EQ(result_of(tensor({2}, 1, [&](auto& w) { w.add_float(4, 1), w.add_float(4, 2); })),
            "f32[2] {1, 2}");
  EXPECT_EQ(
      result_of(tensor({2}, 7, [&](auto& w) { w.add_packed_int64(7, integers.begin(), integers.end()); })),
      "i64[2] {-1, 300}");
  EXPECT_EQ(result_of(tensor({2}, 10, [&](auto& w) { w.add_packed_int32(5, halves.begin(), halves.end()); })),
            "f16[2] {1, -2}");
  EXPECT_EQ(result_of(tensor({2}, 3, [&](auto& w) { w.add_packed_int32(5, bytes.begin(), bytes.end()); })),
            "i8[2] {-128, 127}");
  EXPECT_EQ(
      result_of(tensor({3}, 22, [&](auto& w) { w.add_packed_int32(5, nibbles.begin(), nibbles.end()); })),
      "i4[3] {1, 2, -1}");
  EXPECT_EQ(
      result_of(tensor({2}, 11, [&](auto& w) { w.add_packed_double(10, doubles.begin(), doubles.end()); })),
      "f64[2] {0.5, 3}");
  EXPECT_EQ(result_of(tensor({1}, 14, [&](auto& w) { w.add_packed_float(4, floats.begin(), floats.end()); }))
                .substr(0, 6),
            "c64[1]");
  EXPECT_EQ(result_of(tensor({2}, 12, [&](auto& w) { w.add_uint64(11, 7), w.add_uint64(11, 8); })),
            "u32[2] {7, 8}");
  EXPECT_THAT(
      result_of(tensor({2}, 13, [&](auto& w) { w.add_packed_uint64(11, words.begin(), words.end()); })),
      HasSubstr("u64[2]"));
  EXPECT_THAT(result_of(tensor({2}, 8, [&](auto& w) { w.add_string(6, "a"), w.add_string(6, "b"); })),
              HasSubstr("values=[\"a\", \"b\"]} : string[2]"));
  const std::vector<float> none;  // some writers give every list, empty but for one
  EXPECT_EQ(
      result_of(tensor({1}, 6, [&](auto& w) { w.add_bytes(4, ""), w.add_int32(5, 9), w.add_bytes(7, ""); })),
      "i32[1] {9}");
}

TEST(TensorData, TypedFieldsMustFit) {
  EXPECT_EQ(result_of(tensor({2}, 1, [](auto& w) { w.add_float(4, 1); })),
            "tensor 'w' has 1 values in float_data, expected 2 for f32[2]");
  EXPECT_EQ(result_of(tensor({1}, 1, [](auto& w) { w.add_int32(5, 1); })),
            "tensor 'w' has values in int32_data, expected float_data for f32[1]");
  EXPECT_EQ(result_of(tensor({1}, 1, [](auto& w) { w.add_float(4, 1), w.add_bytes(9, "1234"); })),
            "tensor 'w' has both raw_data and float_data, expected one of them");
  EXPECT_EQ(result_of(tensor({1}, 3, [](auto& w) { w.add_int32(5, 300); })),
            "tensor 'w' has the value 300 at 0, which is no i8");
  EXPECT_EQ(result_of(tensor({1}, 9, [](auto& w) { w.add_int32(5, 2); })),
            "tensor 'w' has the value 2 at 0, which is no boolean");
  EXPECT_EQ(result_of(tensor({1}, 1, [](auto& w) { w.add_bytes(4, "12345"); })),
            "tensor 'w' has 5 bytes of float_data, expected a multiple of 4");
}

TEST(TensorData, DimsAndTypesAreChecked) {
  const int64_t big = int64_t(1) << 32;
  EXPECT_THAT(result_of(tensor({big, big}, 1, nothing())), HasSubstr("tensor 'w' has bad dims: "));
  EXPECT_THAT(result_of(tensor({-5}, 1, nothing())), HasSubstr("tensor 'w' has bad dims: "));
  EXPECT_EQ(result_of(tensor(std::vector<int64_t>(300, 1), 1, nothing())),
            "tensor 'w' has rank 300, expected at most 32");
  EXPECT_EQ(result_of(tensor({1}, 99, nothing())),
            "tensor 'w' has element type 99, which this version does not know");
  EXPECT_EQ(result_of(tensor({1}, 0, nothing())),
            "tensor 'w' has element type 0, which this version does not know");
  EXPECT_EQ(result_of(tensor({1}, 1, [](auto& w) { w.add_message(3, std::string()); })),
            "tensor 'w' is a segment of a larger one, which is not supported");
}

std::string sparse(const std::vector<float>& values, const Tensor& indices,
                   const std::vector<int64_t>& dims) {
  std::string bytes;
  pbf_writer w(bytes);
  w.add_message(1, tensor_bytes("w", Tensor::of<float>({int64_t(values.size())}, values)));
  w.add_message(2, tensor_bytes("i", indices));
  for (const int64_t d : dims) w.add_int64(3, d);
  return bytes;
}

TEST(TensorData, SparseTensorsBecomeDense) {
  EXPECT_EQ(result_of(sparse({5, 6}, Tensor::of<int64_t>({2}, {1, 3}), {2, 2}), 15),
            "f32[2, 2] {0, 5, 0, 6}");
  EXPECT_EQ(result_of(sparse({5, 6}, Tensor::of<int64_t>({2, 2}, {0, 1, 1, 1}), {2, 2}), 15),
            "f32[2, 2] {0, 5, 0, 6}");
  EXPECT_EQ(result_of(sparse({5}, Tensor::of<int64_t>({1}, {4}), {2, 2}), 15),
            "tensor 'w' is sparse with index 4, outside its 4 elements");
  EXPECT_EQ(result_of(sparse({5}, Tensor::of<int64_t>({1, 2}, {0, -1}), {2, 2}), 15),
            "tensor 'w' is sparse with index -1 along dim 1, outside 2");
  EXPECT_THAT(result_of(sparse({5}, Tensor::of<int64_t>({2}, {0, 1}), {2, 2}), 15),
              HasSubstr("is sparse with indices i64[2], expected i64[1]"));
  EXPECT_THAT(result_of(sparse({5}, Tensor::of<int64_t>({1}, {0}), {1 << 20, 1 << 20}), 15),
              HasSubstr("more than a file of this size may claim"));
}

TEST(TensorData, SmallFilesCannotClaimMuchMemory) {
  const std::string ones(9'000'000, '\x01');  // 9 MB of varints would be 72 MB of i64, with 57 MB allowed
  const std::string message = tensor({9'000'000}, 7, [&](auto& w) { w.add_bytes(7, ones); });
  EXPECT_THAT(result_of(message), HasSubstr("more than a file of this size may claim"));
}

TEST(TensorData, InitializersCanBeLimited) {
  const std::string bytes = model_of(tensor({2}, 1, raw("12345678")));
  ImportOptions options;
  options.max_initializer_bytes = 7;
  EXPECT_THAT(import_bytes(as_bytes(bytes), {}, options).status().message(),
              HasSubstr("the initializers take more than 7 bytes, the limit that was set"));
}

TEST(TensorData, AlignedValuesAreNotCopied) {
  // whatever offset the raw bytes have, one of four paddings aligns them
  int views = 0;
  for (int pad = 0; pad < 4; ++pad) {
    GraphWriter g;
    g.add(10, std::string(size_t(pad), 'd'))
        .initializer("w", Tensor::of<float>({4}, {1, 2, 3, 4}))
        .output("w");
    const std::string bytes = model_bytes(g);
    const auto imported = import_bytes(as_bytes(bytes));
    ASSERT_TRUE(imported.ok()) << imported.status().to_string();
    const auto* at = static_cast<const char*>(imported->graph[imported->graph.outputs[0]].constant->raw());
    views += at >= bytes.data() && at < bytes.data() + bytes.size();
  }
  EXPECT_GE(views, 1);
}

}  // namespace
}  // namespace rekindle::onnx
