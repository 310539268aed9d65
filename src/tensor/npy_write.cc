// Writing .npy.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <span>

#include "base/file.h"
#include "tensor/npy.h"
#include "tensor/utf8.h"

namespace rekindle {

namespace {

constexpr size_t kMostCharacters = size_t(1)
                                   << 29;  // of a string array, where every string takes the longest's space

/// The same values as a type that NumPy has.
Result<Tensor> storable(const Tensor& t) {
  if (t.dtype() == DType::bf16 || is_small_float(t.dtype())) return cast(t, DType::f32);
  if (is_packed(t.dtype())) return cast(t, is_signed_int(t.dtype()) ? DType::i8 : DType::u8);
  return t;
}

std::string descr_of(const Tensor& t, size_t characters) {
  const int bytes = bits_of(t.dtype()) / 8;
  const std::string order = bytes == 1 ? "|" : "<";
  if (t.dtype() == DType::string) return "<U" + std::to_string(characters);
  const char kind = t.dtype() == DType::boolean  ? 'b'
                    : is_complex(t.dtype())      ? 'c'
                    : is_signed_int(t.dtype())   ? 'i'
                    : is_unsigned_int(t.dtype()) ? 'u'
                                                 : 'f';
  return order + kind + std::to_string(bytes);
}

/// Ends on a multiple of 64 bytes, so that the elements of a mapped file are aligned.
std::string header_bytes(const std::string& descr, const Dims& dims) {
  std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < dims.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(dims[i]);
  if (dims.size() == 1) text += ',';
  text += "), }";
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  RK_ASSERT(text.size() < 65536, "a .npy header of version 1 is at most 64 KiB");
  return std::string("\x93NUMPY") + '\x01' + '\0' + char(text.size() & 0xff) + char(text.size() >> 8) + text;
}

struct NpyParts {
  std::string header, text;  // text: the elements of a string tensor
  Tensor tensor;
  std::string_view data() const {
    if (tensor.dtype() == DType::string) return text;
    return {static_cast<const char*>(tensor.raw()), size_t(tensor.bytes())};
  }
};

Result<NpyParts> parts_of(const Tensor& tensor) {
  NpyParts parts;
  if (tensor.dtype() != DType::string && !tensor.has_data())
    return Status::error(Code::invalid_argument, "a tensor without data cannot be written as .npy");
  RK_TRY(parts.tensor, storable(tensor));
  size_t characters = 1;  // NumPy has no U0 worth the name
  if (tensor.dtype() == DType::string && tensor.count() > 0) {
    std::vector<std::u32string> wide;
    for (const std::string& s : tensor.strings())
      wide.push_back(utf32_of(s)), characters = std::max(characters, wide.back().size());
    if (characters * wide.size() > kMostCharacters)
      return Status::error(Code::unsupported, "one string is " + std::to_string(characters) +
                                                  " characters long, which " + std::to_string(wide.size()) +
                                                  " strings of one length cannot be in a .npy file");
    for (std::u32string& w : wide) {
      w.resize(characters);
      parts.text.append(reinterpret_cast<const char*>(w.data()), characters * 4);
    }
  }
  parts.header = header_bytes(descr_of(parts.tensor, characters), tensor.dims());
  return parts;
}

}  // namespace

Result<std::string> npy_bytes(const Tensor& tensor) {
  RK_TRY(NpyParts parts, parts_of(tensor));
  return parts.header.append(parts.data());
}

Status write_npy(const std::string& path, const Tensor& tensor) {
  Result<NpyParts> parts = parts_of(tensor);
  if (!parts.ok()) return parts.status().note("while writing " + path);
  const std::string_view data = parts->data();
  const std::array all{std::as_bytes(std::span(parts->header)),
                       std::as_bytes(std::span(data.data(), data.size()))};
  return write_file_atomically(path, all);
}

}  // namespace rekindle
