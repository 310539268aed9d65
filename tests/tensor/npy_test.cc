// .npy and .npz: round trips, what NumPy writes, and hostile headers and archives.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tensor/utf8.h"

namespace rekindle {
namespace {

/// A .npy file of version 1 with this header text and these bytes.
std::string npy(const std::string& header, const std::string& data = "", char major = 1) {
  std::string length{char(header.size() & 0xff), char(header.size() >> 8)};
  if (major > 1) length += std::string(2, '\0');
  return std::string("\x93NUMPY") + major + '\0' + length + header + data;
}
std::string header(const std::string& descr, const std::string& shape, const char* order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}
std::string read(const std::string& bytes) {
  const Result<Tensor> t = parse_npy(bytes, "x.npy");
  return t.ok() ? t->to_string(100) : t.status().to_string();
}
std::string bytes_of(std::initializer_list<int> bytes) {
  std::string text;
  for (const int b : bytes) text += char(b);
  return text;
}

TEST(Npy, EveryTypeRoundTrips) {
  for (size_t i = 0; i < kDTypeNames.size(); ++i) {
    Tensor t(DType(i), {2, 3});
    for (int64_t k = 0; k < 6; ++k) t.set_double(k, double(k % 2));
    const Result<std::string> bytes = npy_bytes(t);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    EXPECT_EQ(bytes->find('\n') % 64, 63U) << "the elements begin aligned";
    const Result<Tensor> back = parse_npy(*bytes, "x");
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_EQ(back->dims(), t.dims());
    const DType expected = t.dtype() == DType::bf16 || is_small_float(t.dtype()) ? DType::f32
                           : is_packed(t.dtype()) ? (is_signed_int(t.dtype()) ? DType::i8 : DType::u8)
                                                  : t.dtype();
    EXPECT_EQ(back->dtype(), expected);
    for (int64_t k = 0; k < 6; ++k) EXPECT_EQ(back->as_double(k), t.as_double(k)) << kDTypeNames[i];
  }
  for (const Dims& dims : {Dims{}, Dims{0}, Dims{7}, Dims{1, 0, 3}, Dims{2, 3, 4, 5}})
    EXPECT_EQ(parse_npy(*npy_bytes(Tensor(DType::f32, dims)), "x")->dims(), dims);
}

TEST(Npy, HeadersAsNumpyWritesThem) {
  EXPECT_EQ(npy_bytes(Tensor(DType::f32, {3}))->substr(10, 60),
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }   ");
  EXPECT_EQ(npy_bytes(Tensor(DType::boolean, {}))->substr(10, 58),
            "{'descr': '|b1', 'fortran_order': False, 'shape': (), }   ");
  EXPECT_EQ(npy_bytes(Tensor(DType::i64, {2, 3}))->substr(10, 61),
            "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }  ");
}

TEST(Npy, ReadsBothByteOrdersAndBothElementOrders) {
  EXPECT_EQ(read(npy(header(">i2", "(2,)"), bytes_of({1, 2, 255, 254}))), "i16[2] {258, -2}");
  EXPECT_EQ(read(npy(header("<u2", "(2,)"), bytes_of({1, 2, 255, 254}))), "u16[2] {513, 65279}");
  EXPECT_EQ(read(npy(header("=i1", "(2,)"), bytes_of({1, 255}))), "i8[2] {1, -1}");
  EXPECT_EQ(read(npy(header("|b1", "(3,)"), bytes_of({0, 1, 77}))), "boolean[3] {false, true, true}");
  EXPECT_EQ(read(npy(header(">f4", "()"), bytes_of({0x3f, 0xc0, 0, 0}))), "f32[] {1.5}");
  EXPECT_EQ(read(npy(header(">c8", "(1,)"), bytes_of({0x3f, 0x80, 0, 0, 0x40, 0, 0, 0}))), "c64[1] {1+2i}");
  EXPECT_EQ(read(npy(header("|i1", "(2, 3)", "True"), bytes_of({1, 4, 2, 5, 3, 6}))),
            "i8[2, 3] {1, 2, 3, 4, 5, 6}");
  EXPECT_EQ(read(npy(header("|i1", "(2, 1, 2)", "True"), bytes_of({1, 3, 2, 4}))),
            "i8[2, 1, 2] {1, 2, 3, 4}");
  EXPECT_EQ(read(npy(header("|i1", "(0, 3)", "True"))), "i8[0, 3] {}");
  for (const char major : {char(2), char(3)})
    EXPECT_EQ(read(npy(header("|i1", "(1,)"), "\5", major)), "i8[1] {5}");
  EXPECT_EQ(read(npy("{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"|i1\"}", "\1\2")), "i8[2] {1, 2}");
}

TEST(Npy, ReadsStrings) {
  EXPECT_EQ(read(npy(header("|S3", "(2,)"), std::string("ab\0cde", 6))), "string[2] {\"ab\", \"cde\"}");
  const std::string little = bytes_of({'h', 0, 0, 0, 0xac, 0x20, 0, 0, 0, 0xf6, 1, 0, 0, 0, 0, 0});
  EXPECT_EQ(read(npy(header("<U2", "(2,)"), little)), "string[2] {\"h€\", \"😀\"}");
  EXPECT_EQ(read(npy(header(">U1", "(1,)"), bytes_of({0, 0, 0x20, 0xac}))), "string[1] {\"€\"}");
  EXPECT_EQ(read(npy(header("<U1", "(1,)"), bytes_of({0, 0xd8, 0, 0}))),
            "x.npy: a string holds 55296, which is no character");
  const Tensor t = Tensor::of_strings({3}, {"", "grüße 😀", std::string("a\0b", 3)});
  EXPECT_TRUE(parse_npy(*npy_bytes(t), "x")->same_bits(t));
  EXPECT_EQ(parse_npy(*npy_bytes(Tensor::of_strings({1}, {"a\xff"})), "x")->strings()[0], "a\xef\xbf\xbd");
}

TEST(Npy, ErrorsSayWhatAndWhere) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "x.npy: does not begin as a .npy file does (\\x93NUMPY)"},
      {"PK\3\4", "x.npy: does not begin as a .npy file does (\\x93NUMPY)"},
      {"\x93NUMPY\1", "x.npy: ends in the middle of the header"},
      {npy("{}", "", 9), "x.npy: is of .npy version 9.0, expected 1.0, 2.0 or 3.0"},
      {npy("{}"),
       "x.npy: the header, at column 3, lacks a key, expected 'descr', 'fortran_order' and 'shape'"},
      {npy(header("<f4", "(3,)"), "12345678"), "x.npy: holds 8 bytes of elements, expected 12 for <f4[3]"},
      {npy(header("<f4", "(1,)"), "12345678"), "x.npy: holds 8 bytes of elements, expected 4 for <f4[1]"},
      {npy(header("|O", "(3,)"), "123"),
       "x.npy: the elements are Python objects ('|O'), which are never unpickled, expected booleans, "
       "integers, floats, complex "
       "numbers or strings (U, S)"},
      {npy(header("<f16", "(1,)")),
       "x.npy: the element type '<f16' is not supported, expected booleans, integers, floats, complex "
       "numbers or strings (U, S)"},
      {npy(header("<f4", "(-3,)")), "x.npy: shape [-3] has the dim -3, expected at least 0"},
      {npy(header("<f4", "(4294967296, 4294967296)")),
       "x.npy: shape [4294967296, 4294967296] is too large, expected fewer than 2^48 elements"},
      {npy(header("<c16", "(281474976710655,)")),
       "x.npy: holds 0 bytes of elements, expected 4503599627370480 for <c16[281474976710655]"},
      {npy(header("<f4", "(99999999999999999999,)")),
       "x.npy: the header, at column 52, has a dim that is no integer of 64 bits"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
       "x.npy: the header, at column 11, describes records, expected a plain element type"},
      {npy("{'descr': '<f4', 'descr': '<f4'}"), "x.npy: the header, at column 26, has the key 'descr' twice"},
      {npy("{'evil': 1}"), "x.npy: the header, at column 9, has the unknown key 'evil'"},
      {npy(header("<f4", "(1,)", "Maybe")), "x.npy: the header, at column 35, lacks True or False"},
      {npy(header("<f4", "(1 2)")), "x.npy: the header, at column 54, lacks ')'"},
      {npy(header("<f4", "1")), "x.npy: the header, at column 51, lacks '('"},
      {npy(header("<f4", "(1,)") + "x"), "x.npy: the header, at column 59, goes on after '}'"},
      {npy(header("<U0", "(1099511627776,)")), "x.npy: has 1099511627776 strings, expected at most 2097152"},
      {npy(header("<U4294967295", "(1,)")), "x.npy: strings of 4294967295 characters are too long"},
  };
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(read(bytes), expected);
  for (const char* descr : {"", "<", "f", "<f", "<f3", "<f-4", "<f4x", "<i16", "<V2", "<M8", "<m8",
                            "<f99999999999999999999", "?"})
    EXPECT_FALSE(parse_npy(npy(header(descr, "(1,)"), "1234"), "x").ok()) << descr;
  std::string deep = "(";
  for (int i = 0; i < 100; ++i) deep += "1,";
  EXPECT_FALSE(parse_npy(npy(header("<f4", deep + ")"), "1234"), "x").ok());
}

TEST(Npy, TruncationAndBitFlipsNeverCrash) {
  for (const Tensor& t :
       {Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}), Tensor::of_strings({2}, {"ab", "c"})}) {
    const std::string bytes = *npy_bytes(t);
    for (size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(parse_npy(bytes.substr(0, cut), "x").ok());
    for (size_t at = 0; at < bytes.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        std::string flipped = bytes;
        flipped[at] = char(flipped[at] ^ (1 << bit));
        (void)parse_npy(flipped, "x");
      }
  }
}

class NpyFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "rk_npy_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string folder_;
};

TEST_F(NpyFiles, AreWrittenAndRead) {
  const Tensor t = Tensor::of<float>({3}, {1, 2, 3});
  ASSERT_TRUE(write_npy(path("a.npy"), t).ok());
  EXPECT_TRUE(read_npy(path("a.npy"))->same_bits(t));
  EXPECT_EQ(read_npy(path("none.npy")).status().code(), Code::not_found);
  EXPECT_EQ(write_npy(path("no/a.npy"), t).code(), Code::not_found);
  std::ofstream(path("bad.npy")) << "hello";
  EXPECT_EQ(read_npy(path("bad.npy")).status().message(),
            path("bad.npy") + ": does not begin as a .npy file does (\\x93NUMPY)");
  EXPECT_FALSE(write_npy(path("x.npy"), Tensor()).ok());
}

NamedTensors two() { return {{"a", Tensor::of<float>({2}, {1, 2})}, {"b/c", Tensor::of<int64_t>({}, {7})}}; }

TEST_F(NpyFiles, ArchivesRoundTripDeterministically) {
  ASSERT_TRUE(write_npz(path("a.npz"), two()).ok());
  const Result<NamedTensors> back = read_npz(path("a.npz"));
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  ASSERT_EQ(back->size(), 2U);
  EXPECT_EQ((*back)[0].first, "a");
  EXPECT_EQ((*back)[1].first, "b/c");
  EXPECT_TRUE((*back)[0].second.same_bits(two()[0].second));
  EXPECT_TRUE((*back)[1].second.same_bits(two()[1].second));
  EXPECT_EQ(*npz_bytes(two()), *npz_bytes(two()));
  EXPECT_TRUE(parse_npz(*npz_bytes({}), "x")->empty());
}

TEST(Npz, TruncationAndBitFlipsNeverCrash) {
  const std::string bytes = *npz_bytes(two());
  for (size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(parse_npz(bytes.substr(0, cut), "x").ok());
  for (size_t at = 0; at < bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = char(flipped[at] ^ (1 << bit));
      (void)parse_npz(flipped, "x");
    }
}

TEST(Npz, DamageIsNoticed) {
  std::string bytes = *npz_bytes(two());
  const size_t element = bytes.find('\n') + 2;
  bytes[element] = char(bytes[element] ^ 1);
  EXPECT_EQ(parse_npz(bytes, "x").status().message(), "x[a.npy]: has a wrong checksum, so it is damaged");
  EXPECT_EQ(parse_npz(bytes, "x").status().code(), Code::data_loss);
  NamedTensors twice = two();
  twice[1].first = "a";
  EXPECT_EQ(parse_npz(*npz_bytes(twice), "x").status().message(), "x[a.npy]: is in the archive twice");
  EXPECT_EQ(parse_npz(*npz_bytes(two()), "x", 100).status().code(), Code::invalid_argument);
  EXPECT_EQ(parse_npz("", "x").status().message(), "x: is too short for an .npz file");
  EXPECT_FALSE(parse_npz(std::string(70000, '\0'), "x").ok());
}

/// numpy.savez_compressed("x.npz", z=(numpy.arange(1000) % 7).astype("u1")), as NumPy 2 wrote it (with ZIP64
/// local headers). header).
const std::string kCompressed = [] {
  const std::string hex =
#include "tensor/npz_compressed.inc"
      ;
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += char(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}();

TEST(Npz, ReadsWhatNumpyCompressed) {
  const Result<NamedTensors> t = parse_npz(kCompressed, "x");
  if (t.status().code() == Code::unsupported) GTEST_SKIP() << t.status().to_string();
  ASSERT_TRUE(t.ok()) << t.status().to_string();
  ASSERT_EQ(t->size(), 1U);
  EXPECT_EQ((*t)[0].first, "z");
  EXPECT_EQ((*t)[0].second.dims(), Dims{1000});
  for (int64_t i = 0; i < 1000; ++i) EXPECT_EQ((*t)[0].second.as_int64(i), i % 7);
  for (size_t cut = 0; cut < kCompressed.size(); ++cut)
    EXPECT_FALSE(parse_npz(kCompressed.substr(0, cut), "x").ok());
  for (size_t at = 0; at < kCompressed.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = kCompressed;
      flipped[at] = char(flipped[at] ^ (1 << bit));
      (void)parse_npz(flipped, "x", 1 << 20);
    }
}

TEST(Npz, InflationIsBounded) {
  // The directory claims 3 GiB for a member of a few hundred bytes.
  std::string bytes = kCompressed;
  const size_t entry = bytes.find("PK\x01\x02");
  ASSERT_NE(entry, std::string::npos);
  bytes.replace(entry + 24, 4, std::string("\0\0\0\xc0", 4));
  EXPECT_EQ(parse_npz(bytes, "x").status().message(),
            "x[z.npy]: cannot inflate to the 3221225472 bytes that the directory says");
}

TEST(Utf8, RefusesWhatIsNotWellFormed) {
  EXPECT_EQ(utf32_of("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), U"aé€😀");
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf8\x88\x80\x80\x80", "\xe2\x82"})
    EXPECT_EQ(utf32_of(bad)[0], U'\xfffd') << bad;
  std::string text;
  EXPECT_FALSE(append_utf8(text, 0xd800));
  EXPECT_FALSE(append_utf8(text, 0x110000));
  EXPECT_TRUE(text.empty());
}

}  // namespace
}  // namespace rekindle
