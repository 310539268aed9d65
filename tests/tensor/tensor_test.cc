// Tensor: allocation, sharing, element access, text, and decoding of hostile bytes.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace rekindle {
namespace {

TEST(Tensor, IsZeroedAlignedAndShared) {
  Tensor t(DType::f32, {3, 5});
  EXPECT_EQ(t.count(), 15);
  EXPECT_EQ(t.bytes(), 60);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.raw()) % 64, 0U);
  for (const float v : t.values<float>()) EXPECT_EQ(v, 0);
  Tensor shared = t, copy = t.clone();
  shared.data<float>()[4] = 7;
  EXPECT_EQ(t.data<float>()[4], 7);
  EXPECT_EQ(copy.data<float>()[4], 0);
  EXPECT_TRUE(t.same_bits(shared));
  EXPECT_FALSE(t.same_bits(copy));
  EXPECT_EQ(t.reshaped({15}).raw(), t.raw());
  EXPECT_FALSE(t.same_bits(t.reshaped({15})));
}

TEST(Tensor, EmptyOnesHaveData) {
  const Tensor t(DType::i64, {0, 7});
  EXPECT_TRUE(t.has_data());
  EXPECT_EQ(t.bytes(), 0);
  EXPECT_TRUE(t.same_bits(t.clone()));
  EXPECT_FALSE(Tensor().has_data());
}

TEST(Tensor, MakeReportsWhatItCannot) {
  EXPECT_EQ(Tensor::make(DType::f32, {-5}).status().message(),
            "shape [-5] has the dim -5, expected at least 0");
  EXPECT_EQ(Tensor::make(DType::u8, {int64_t(1) << 32, int64_t(1) << 32}).status().code(),
            Code::invalid_argument);
  EXPECT_EQ(Tensor::make(DType::u8, {int64_t(1) << 40, 0, int64_t(1) << 40}).status().code(),
            Code::invalid_argument);
  const Result<Tensor> huge = Tensor::make(DType::c128, {(int64_t(1) << 48) - 1});
  EXPECT_EQ(huge.status().code(), Code::out_of_memory);
  EXPECT_EQ(Tensor::make(DType::string, {(int64_t(1) << 48) - 1}).status().code(), Code::out_of_memory);
}

TEST(Tensor, ViewsKeepTheirOwner) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  std::weak_ptr<std::vector<float>> alive = owner;
  Tensor t = Tensor::view(DType::f32, {2, 2}, owner->data(), owner);
  owner.reset();
  EXPECT_FALSE(alive.expired());
  EXPECT_EQ(t.to_string(), "f32[2, 2] {1, 2, 3, 4}");
  t = Tensor();
  EXPECT_TRUE(alive.expired());
}

TEST(Tensor, EveryTypeReadsWhatWasSet) {
  for (size_t i = 0; i < kDTypeNames.size(); ++i) {
    const DType dtype{uint8_t(i)};
    Tensor t(dtype, {7});
    for (int64_t k = 0; k < 7; ++k) t.set_double(k, double(k % 2));
    for (int64_t k = 0; k < 7; ++k) {
      // f8e8m0 has no 0: its least value stands for it
      EXPECT_NEAR(t.as_double(k), double(k % 2), 1e-30) << to_string(dtype);
      EXPECT_EQ(t.as_int64(k), k % 2) << to_string(dtype);
    }
    EXPECT_TRUE(t.same_bits(t.clone())) << to_string(dtype);
  }
}

TEST(Tensor, SetDoubleSaturates) {
  auto set = [](DType dtype, double value) {
    Tensor t(dtype, {});
    t.set_double(0, value);
    return t.as_double(0);
  };
  EXPECT_EQ(set(DType::i8, 300), 127);
  EXPECT_EQ(set(DType::i8, -300), -128);
  EXPECT_EQ(set(DType::u8, -1), 0);
  EXPECT_EQ(set(DType::u16, 1e9), 65535);
  EXPECT_EQ(set(DType::i4, 100), 7);
  EXPECT_EQ(set(DType::i4, -100), -8);
  EXPECT_EQ(set(DType::u4, 100), 15);
  EXPECT_EQ(set(DType::i2, 9), 1);
  EXPECT_EQ(set(DType::u2, 9), 3);
  EXPECT_EQ(set(DType::i8, 2.9), 2);
  EXPECT_EQ(set(DType::i8, -2.9), -2);
  EXPECT_EQ(set(DType::i32, NAN), 0);
  EXPECT_EQ(set(DType::i8, NAN), 0);
  EXPECT_EQ(set(DType::u4, NAN), 0);
  EXPECT_EQ(set(DType::f8e4m3fn, 1e9), 448);
  EXPECT_EQ(set(DType::f4e2m1, -100), -6);
  EXPECT_EQ(set(DType::f16, 1e9), INFINITY);
  EXPECT_EQ(set(DType::boolean, 0.25), 1);
}

TEST(Tensor, PackedElementsDoNotDisturbTheirNeighbours) {
  for (const DType dtype : {DType::i4, DType::u4, DType::i2, DType::u2, DType::f4e2m1}) {
    Tensor t(dtype, {9});
    for (int64_t i = 0; i < 9; ++i) t.set_double(i, 1);
    t.set_double(4, 0);
    for (int64_t i = 0; i < 9; ++i) EXPECT_EQ(t.as_double(i), i == 4 ? 0 : 1) << to_string(dtype);
    Tensor padded = t.clone();
    static_cast<uint8_t*>(padded.raw())[t.bytes() - 1] ^= 0x80;  // beyond element 8
    EXPECT_TRUE(t.same_bits(padded)) << "padding means nothing";
    padded.set_double(8, 0);
    EXPECT_FALSE(t.same_bits(padded));
  }
}

TEST(Tensor, PrintsAndCuts) {
  EXPECT_EQ(Tensor::of<float>({2}, {1, 2.5F}).to_string(), "f32[2] {1, 2.5}");
  EXPECT_EQ(Tensor(DType::f32, {1000}).to_string(3), "f32[1000] {0, 0, 0, …}");
  EXPECT_EQ(Tensor::scalar<int64_t>(-3).to_string(), "i64[] {-3}");
  EXPECT_EQ(Tensor::of<bool>({2}, {true, false}).to_string(), "boolean[2] {true, false}");
  EXPECT_EQ(Tensor::of_strings({2}, {"a\"b", "c\n"}).to_string(), "string[2] {\"a\\\"b\", \"c \"}");
  EXPECT_EQ(Tensor::of<std::complex<float>>({1}, {{1, -2}}).to_string(), "c64[1] {1-2i}");
  EXPECT_EQ(Tensor().to_string(), "f32[] {no data}");
}

TEST(Tensor, IntegersForShapes) {
  EXPECT_EQ(*to_int64s(Tensor::of<int32_t>({3}, {1, -1, 7})), (std::vector<int64_t>{1, -1, 7}));
  EXPECT_EQ(to_int64s(Tensor(DType::f32, {1})).status().message(),
            "a tensor of f32 is given for sizes or indices, expected integers");
}

std::vector<Tensor> samples() {
  std::vector<Tensor> all;
  for (size_t i = 0; i < kDTypeNames.size(); ++i) {
    Tensor t(DType(i), {3, 3});
    for (int64_t k = 0; k < 9; ++k) t.set_double(k, double(k % 2));
    all.push_back(t);
  }
  all.push_back(Tensor::scalar(1.5F));
  all.emplace_back(DType::f16, Dims{0, 4});
  all.push_back(Tensor::of_strings({0}, {}));
  all.push_back(Tensor::of_strings({2}, {"", std::string(100, 'x')}));
  all.emplace_back();
  all.push_back(Tensor::view(DType::i8, {1 << 20}, nullptr, nullptr));
  return all;
}

TEST(TensorBytes, RoundTrip) {
  for (const Tensor& t : samples()) {
    const Result<Tensor> back = from_bytes<Tensor>(to_bytes(t));
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_EQ(back->dtype(), t.dtype());
    EXPECT_TRUE(back->same_bits(t)) << t.to_string();
    EXPECT_EQ(back->has_data(), t.has_data());
  }
}

TEST(TensorBytes, TruncationAtEveryByteIsAnError) {
  for (const Tensor& t : samples()) {
    const std::string bytes = to_bytes(t);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      const Result<Tensor> r = from_bytes<Tensor>(std::string_view(bytes).substr(0, cut));
      ASSERT_FALSE(r.ok());
      EXPECT_EQ(r.status().code(), Code::data_loss);
    }
    EXPECT_FALSE(from_bytes<Tensor>(bytes + "x").ok());
  }
}

TEST(TensorBytes, FlippedBitsNeverCrash) {
  for (const Tensor& t : samples()) {
    const std::string bytes = to_bytes(t);
    for (size_t at = 0; at < bytes.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        std::string flipped = bytes;
        flipped[at] = char(flipped[at] ^ (1 << bit));
        if (const Result<Tensor> r = from_bytes<Tensor>(flipped); r.ok()) (void)r->to_string(100);
      }
  }
}

TEST(TensorBytes, LiesAreNamed) {
  auto bytes = [](uint8_t dtype, const Dims& dims, const std::string& rest) {
    Encoder e;
    encode(e, dtype);
    encode(e, dims);
    e.raw(rest.data(), rest.size());
    return std::move(e).take();
  };
  auto error = [](const std::string& b) { return from_bytes<Tensor>(b).status().message(); };
  EXPECT_EQ(error(bytes(200, {}, "\1")), "an enum is 200, outside its values");
  EXPECT_EQ(error(bytes(0, {-1}, "\1")), "shape [-1] has the dim -1, expected at least 0");
  EXPECT_EQ(error(bytes(0, {int64_t(1) << 40, int64_t(1) << 40}, "\1")),
            "shape [1099511627776, 1099511627776] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error(bytes(0, {int64_t(1) << 40}, "\1")),
            "a tensor f32[1099511627776] needs 4398046511104 bytes, but 0 are left");
  EXPECT_EQ(error(bytes(uint8_t(DType::boolean), {2}, "\1\1\2")), "a boolean is 2, expected 0 or 1");
  EXPECT_EQ(error(bytes(0, {}, "\7")), "a boolean is 7, expected 0 or 1");
  EXPECT_EQ(error(bytes(0, Dims(65, 1), "\1")), "a tensor has rank 65, expected at most 64");
  EXPECT_EQ(error(bytes(uint8_t(DType::string), {int64_t(1) << 40}, std::string("\1\0\0\0\0", 5))),
            "a tensor [1099511627776] holds 0 strings");
  EXPECT_EQ(error(bytes(uint8_t(DType::string), {1}, "\1\xff\xff\xff\xff")),
            "a list of 4294967295 runs past the end");
}

TEST(Type, TextAndShapes) {
  for (const char* text : {"f32[N, 3, 224, 224]", "i64[]", "f8e4m3fn[2*N + 1, max(3, N)]", "boolean[0]"}) {
    const Result<TensorType> type = parse_type(text);
    ASSERT_TRUE(type.ok()) << type.status().to_string();
    EXPECT_EQ(type->to_string(), text);
  }
  EXPECT_EQ(parse_type("f99[1]").status().message(),
            "type \"f99[1]\" column 1 has the element type \"f99\", expected one such as f32 or i64");
  for (const char* text :
       {"", "f32", "f32[", "f32[1", "f32[1,]", "f32[1]x", "f32[,]", "f32]1[", "f32[1 2]", "f32[max(N, 2]"})
    EXPECT_FALSE(parse_type(text).ok()) << text;
  std::string many = "f32[1";
  for (int i = 0; i < 100; ++i) many += ", 1";
  EXPECT_FALSE(parse_type(many + "]").ok());
  EXPECT_EQ(contiguous_strides({2, 3, 4}), (Dims{12, 4, 1}));
  EXPECT_EQ(contiguous_strides({2, 0, 4}), (Dims{4, 4, 1}));
  EXPECT_FALSE(to_dims({Dim::symbol("N")}));
  EXPECT_EQ(*to_dims({Dim(3), Dim(4)}), (Dims{3, 4}));
  EXPECT_EQ(*eval(Shape{Dim::symbol("N") * 2, 3}, {{"N", 5}}), (Dims{10, 3}));
  EXPECT_EQ(*checked_count({}), 1);
  EXPECT_EQ(*checked_count({0, 5}), 0);
}

TEST(Type, BroadcastsAndAxes) {
  const Dim n = Dim::symbol("N");
  auto shape = [](const Result<Shape>& r) { return r.ok() ? to_string(*r) : r.status().message(); };
  EXPECT_EQ(shape(broadcast_shapes({2, 1, 3}, {4, 1})), "[2, 4, 3]");
  EXPECT_EQ(shape(broadcast_shapes({n, 3}, {1})), "[N, 3]");
  EXPECT_EQ(shape(broadcast_shapes({n}, {Dim::symbol("M")})), "[broadcast(M, N)]");
  EXPECT_EQ(shape(broadcast_shapes({0}, {1})), "[0]");
  EXPECT_EQ(shape(broadcast_shapes({2, 3}, {2, 4})),
            "shapes [2, 3] and [2, 4] do not broadcast: 3 against 4, expected equal sizes or 1");
  EXPECT_EQ(*normalize_axis(-1, 3), 2);
  EXPECT_EQ(normalize_axis(5, 3).status().message(), "axis 5 is outside rank 3");
  EXPECT_FALSE(normalize_axis(INT64_MIN, 3).ok());
  EXPECT_FALSE(normalize_axis(0, 0).ok());
}

TEST(DTypeNames, AreUniqueAndComeBack) {
  for (size_t i = 0; i < kDTypeNames.size(); ++i) {
    EXPECT_EQ(dtype_from_name(kDTypeNames[i]), DType(i));
    EXPECT_EQ(dtype_from_onnx(dtype_to_onnx(DType(i))), DType(i));
  }
  EXPECT_FALSE(dtype_from_name("float"));
  EXPECT_FALSE(dtype_from_onnx(0));
  EXPECT_FALSE(dtype_from_onnx(-1));
}

}  // namespace
}  // namespace rekindle
