// Reading .npy: the header is a Python dict literal, the rest raw elements. Format: numpy.lib.format, NEP 1.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "tensor/utf8.h"

namespace rekindle {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMostRank = 64;
constexpr size_t kMostHeader = 1 << 20;
constexpr int64_t kMostStrings = 1 << 21;  // one takes 32 bytes here and may take none in the file
constexpr uint64_t kMostFileBytes = uint64_t(1) << 36;

Status bad(const std::string& name, const std::string& what) {
  return Status::error(Code::invalid_argument, name + ": " + what);
}

/// What the header says.
struct Header {
  std::string descr;
  bool fortran = false;
  Dims dims;
};

/// Reads "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }": the keys in any order, each once.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Result<Header> parse() {
    Header header;
    bool has_descr = false, has_order = false, has_shape = false;
    RK_CHECK(expect('{'));
    while (!take('}')) {
      RK_TRY(const std::string key, string());
      RK_CHECK(expect(':'));
      bool& seen = key == "descr" ? has_descr : key == "fortran_order" ? has_order : has_shape;
      if (key != "descr" && key != "fortran_order" && key != "shape")
        return fail("has the unknown key '" + key + "'");
      if (std::exchange(seen, true)) return fail("has the key '" + key + "' twice");
      if (&seen == &has_descr) {
        RK_TRY(header.descr, descr());
      } else if (&seen == &has_order) {
        RK_TRY(header.fortran, boolean());
      } else {
        RK_TRY(header.dims, shape());
      }
      if (take(',')) continue;
      RK_CHECK(expect('}'));
      break;
    }
    skip_spaces();
    if (at_ != text_.size()) return fail("goes on after '}'");
    if (!has_descr || !has_order || !has_shape)
      return fail("lacks a key, expected 'descr', 'fortran_order' and 'shape'");
    return header;
  }

 private:
  Status fail(const std::string& what) const {
    return bad(name_, "the header, at column " + std::to_string(at_ + 1) + ", " + what);
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  Status expect(char c) { return take(c) ? Status() : fail("lacks '" + std::string(1, c) + "'"); }
  Result<std::string> string() {
    skip_spaces();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
      return fail("lacks a quoted string");
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) return fail("has a string without an end");
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    if (inside.size() > 64 || inside.find('\\') != std::string_view::npos) return fail("has an odd string");
    at_ = end + 1;
    return std::string(inside);
  }
  Result<std::string> descr() {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '[')
      return fail("describes records, expected a plain element type");
    return string();
  }
  Result<bool> boolean() {
    skip_spaces();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return value;
    }
    return fail("lacks True or False");
  }
  Result<Dims> shape() {
    Dims dims;
    RK_CHECK(expect('('));
    while (!take(')')) {
      skip_spaces();
      if (dims.size() == kMostRank) return fail("has more than " + std::to_string(kMostRank) + " dims");
      int64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (error != std::errc{}) return fail("has a dim that is no integer of 64 bits");
      at_ = size_t(end - text_.data());
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote 3L
      dims.push_back(value);
      if (take(',')) continue;
      RK_CHECK(expect(')'));
      break;
    }
    return dims;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

/// The element type behind a descr such as "<f4".
struct Element {
  DType dtype = DType::f32;
  int64_t bytes = 0;  // in the file
  int64_t swap = 1;   // bytes to reverse together; 1 for none
  bool wide_text = false;
};

std::optional<DType> numeric_dtype(char kind, int64_t size) {
  switch (kind) {
    case 'b':
      return size == 1 ? std::optional(DType::boolean) : std::nullopt;
    case 'f':
      return size == 2   ? std::optional(DType::f16)
             : size == 4 ? std::optional(DType::f32)
             : size == 8 ? std::optional(DType::f64)
                         : std::nullopt;
    case 'c':
      return size == 8 ? std::optional(DType::c64) : size == 16 ? std::optional(DType::c128) : std::nullopt;
    case 'i':
      return size == 1   ? std::optional(DType::i8)
             : size == 2 ? std::optional(DType::i16)
             : size == 4 ? std::optional(DType::i32)
             : size == 8 ? std::optional(DType::i64)
                         : std::nullopt;
    case 'u':
      return size == 1   ? std::optional(DType::u8)
             : size == 2 ? std::optional(DType::u16)
             : size == 4 ? std::optional(DType::u32)
             : size == 8 ? std::optional(DType::u64)
                         : std::nullopt;
    default:
      return std::nullopt;
  }
}

Result<Element> element_of(const std::string& descr, const std::string& name) {
  const std::string expected = ", expected booleans, integers, floats, complex numbers or strings (U, S)";
  std::string_view text = descr;
  char order = '=';
  if (!text.empty() && std::string_view("<>=|").find(text[0]) != std::string_view::npos) {
    order = text[0];
    text.remove_prefix(1);
  }
  if (!text.empty() && text[0] == 'O')
    return bad(name,
               "the elements are Python objects ('" + descr + "'), which are never unpickled" + expected);
  int64_t size = 0;
  if (text.size() < 2 ||
      std::from_chars(text.data() + 1, text.data() + text.size(), size).ptr != text.data() + text.size() ||
      size < 0)
    return bad(name, "the element type '" + descr + "' is unknown" + expected);
  Element element;
  if (text[0] == 'U' || text[0] == 'S' || text[0] == 'a') {
    element.wide_text = text[0] == 'U';
    element.dtype = DType::string;
    if (size > INT32_MAX) return bad(name, "strings of " + std::to_string(size) + " characters are too long");
    element.bytes = element.wide_text ? size * 4 : size;
    element.swap = element.wide_text && order == '>' ? 4 : 1;
    return element;
  }
  const auto dtype = numeric_dtype(text[0], size);
  if (!dtype) return bad(name, "the element type '" + descr + "' is not supported" + expected);
  element.dtype = *dtype;
  element.bytes = size;
  if (order == '>') element.swap = is_complex(*dtype) ? size / 2 : size;
  return element;
}

void reverse_groups(std::byte* data, int64_t bytes, int64_t group) {
  if (group <= 1) return;
  for (int64_t i = 0; i + group <= bytes; i += group) std::reverse(data + i, data + i + group);
}

/// Calls visit(i, j) for element i in C order, which is element j in Fortran order.
template <class F> void for_each_fortran(const Dims& dims, F&& visit) {
  const int64_t count = count_of(dims);
  Dims index(dims.size()), strides(dims.size());
  int64_t stride = 1;
  for (size_t d = 0; d < dims.size(); ++d) strides[d] = stride, stride *= dims[d];
  int64_t from = 0;
  for (int64_t i = 0; i < count; ++i) {
    visit(i, from);
    for (size_t d = dims.size(); d-- > 0;) {
      from += strides[d];
      if (++index[d] < dims[d]) break;
      from -= strides[d] * dims[d];
      index[d] = 0;
    }
  }
}

Result<std::string> string_element(std::string_view bytes, const Element& element, const std::string& name) {
  if (!element.wide_text) {
    while (!bytes.empty() && bytes.back() == '\0') bytes.remove_suffix(1);
    return std::string(bytes);
  }
  std::string text;
  size_t kept = 0;  // trailing zeros are padding, inner ones are characters
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    std::array<uint8_t, 4> unit{};
    std::memcpy(unit.data(), bytes.data() + i, 4);
    if (element.swap == 4) std::reverse(unit.begin(), unit.end());
    uint32_t point = 0;
    std::memcpy(&point, unit.data(), 4);
    if (!append_utf8(text, point))
      return bad(name, "a string holds " + std::to_string(point) + ", which is no character");
    if (point != 0) kept = text.size();
  }
  text.resize(kept);
  return text;
}

Result<Tensor> strings_from(std::string_view data, const Header& header, const Element& element,
                            int64_t count, const std::string& name) {
  if (count > kMostStrings)
    return bad(name,
               "has " + std::to_string(count) + " strings, expected at most " + std::to_string(kMostStrings));
  std::vector<std::string> values;
  Status status;
  auto read = [&](int64_t, int64_t j) {
    if (!status.ok()) return;
    Result<std::string> text =
        string_element(data.substr(size_t(j * element.bytes), size_t(element.bytes)), element, name);
    if (text.ok())
      values.push_back(*std::move(text));
    else
      status = text.status();
  };
  if (header.fortran)
    for_each_fortran(header.dims, read);
  else
    for (int64_t i = 0; i < count; ++i) read(i, i);
  RK_CHECK(std::move(status));
  return Tensor::of_strings(header.dims, std::move(values));
}

Result<Tensor> numbers_from(std::string_view data, const Header& header, const Element& element,
                            int64_t count) {
  RK_TRY(Tensor tensor, Tensor::make(element.dtype, header.dims));
  auto* to = static_cast<std::byte*>(tensor.raw());
  const auto size = size_t(element.bytes);
  if (header.fortran)
    for_each_fortran(header.dims, [&](int64_t i, int64_t j) {
      std::memcpy(to + size_t(i) * size, data.data() + size_t(j) * size, size);
    });
  else if (count > 0)
    std::memcpy(to, data.data(), size_t(count) * size);
  reverse_groups(to, count * element.bytes, element.swap);
  if (element.dtype == DType::boolean)  // NumPy takes any byte but 0 as true; C++ allows only 1
    for (int64_t i = 0; i < count; ++i) to[i] = to[i] != std::byte{0} ? std::byte{1} : std::byte{0};
  return tensor;
}

Result<std::string_view> header_text(std::string_view bytes, const std::string& name) {
  if (bytes.substr(0, kMagic.size()) != kMagic)
    return bad(name, "does not begin as a .npy file does (\\x93NUMPY)");
  if (bytes.size() < 10) return bad(name, "ends in the middle of the header");
  const int major = uint8_t(bytes[6]), minor = uint8_t(bytes[7]);
  if (major < 1 || major > 3 || minor != 0)
    return bad(name, "is of .npy version " + std::to_string(major) + "." + std::to_string(minor) +
                         ", expected 1.0, 2.0 or 3.0");
  const size_t prefix = major == 1 ? 10 : 12;
  if (bytes.size() < prefix) return bad(name, "ends in the middle of the header");
  size_t length = uint8_t(bytes[8]) | size_t(uint8_t(bytes[9])) << 8;
  if (major > 1) length |= size_t(uint8_t(bytes[10])) << 16 | size_t(uint8_t(bytes[11])) << 24;
  if (length > kMostHeader)
    return bad(name, "has a header of " + std::to_string(length) + " bytes, expected at most 1 MiB");
  if (length > bytes.size() - prefix) return bad(name, "ends in the middle of the header");
  return bytes.substr(prefix, length);
}

}  // namespace

Result<Tensor> parse_npy(std::string_view bytes, const std::string& name) {
  RK_TRY(const std::string_view text, header_text(bytes, name));
  RK_TRY(const Header header, HeaderParser(text, name).parse());
  RK_TRY(const Element element, element_of(header.descr, name));
  const Result<int64_t> count = checked_count(header.dims);
  if (!count.ok()) return bad(name, count.status().message());
  const std::string_view data = bytes.substr(size_t(text.data() - bytes.data()) + text.size());
  const auto needed = static_cast<unsigned __int128>(*count) * uint64_t(element.bytes);
  if (needed != data.size())
    return bad(name, "holds " + std::to_string(data.size()) + " bytes of elements, expected " +
                         (needed > UINT64_MAX ? "more than 2^64" : std::to_string(uint64_t(needed))) +
                         " for " + header.descr + to_string(header.dims));
  if (element.dtype == DType::string) return strings_from(data, header, element, *count, name);
  return numbers_from(data, header, element, *count);
}

Result<Tensor> read_npy(const std::string& path) {
  RK_TRY(const std::string bytes, read_file(path, kMostFileBytes));
  return parse_npy(bytes, path);
}

}  // namespace rekindle
