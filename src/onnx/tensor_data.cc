// Tensor values from raw bytes, external files and typed fields.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor_data.h"

#include <cstring>

#include "base/hash.h"
#include "onnx/names.h"
#include "onnx/wire_message.h"

namespace rekindle::onnx {
namespace {

constexpr size_t kMostRank = 32;

Status wrong(const TensorProto& tensor, const std::string& message) {
  return Status::error(Code::invalid_argument, "tensor " + quote_name(tensor.name) + " " + message);
}

const char* name_of_field(uint32_t field) {
  switch (field) {
    case 4:
      return "float_data";
    case 5:
      return "int32_data";
    case 6:
      return "string_data";
    case 7:
      return "int64_data";
    case 10:
      return "double_data";
    default:
      return "uint64_data";
  }
}

/// Where onnx.proto puts typed values of an element type.
uint32_t field_of(DType t) {
  switch (t) {
    case DType::f32:
    case DType::c64:
      return 4;
    case DType::string:
      return 6;
    case DType::i64:
      return 7;
    case DType::f64:
    case DType::c128:
      return 10;
    case DType::u32:
    case DType::u64:
      return 11;
    default:
      return 5;
  }
}

/// How many values the typed field must hold: complex numbers take two, 4- and 2-bit elements share a byte.
int64_t typed_count(const TensorType& type) {
  const int64_t count = *type.count().as_int();
  if (is_complex(type.dtype)) return 2 * count;
  return bits_of(type.dtype) > 0 && bits_of(type.dtype) < 8 ? bytes_for(type.dtype, count) : count;
}

size_t count_typed(const TensorProto& tensor, uint32_t field) {
  size_t count = 0;
  for (Message m(tensor.message); m.next();) {
    if (m.field() != field)
      m.skip();
    else if (field == 6)
      m.skip(), ++count;
    else if (field == 4)
      count += m.is_bytes() ? m.bytes().size() / 4 : (m.skip(), 1);
    else if (field == 10)
      count += m.is_bytes() ? m.bytes().size() / 8 : (m.skip(), 1);
    else
      for_each_varint(m, [&](uint64_t) { ++count; });
  }
  return count;
}

Result<TensorType> check_type(const TensorProto& tensor, std::span<const int64_t> dims) {
  const auto dtype = dtype_from_onnx(tensor.data_type);
  if (!dtype)
    return wrong(tensor, "has element type " + std::to_string(tensor.data_type) +
                             ", which this version does not know");
  if (dims.size() > kMostRank)
    return wrong(tensor, "has rank " + std::to_string(dims.size()) + ", expected at most 32");
  const Dims shape(dims.begin(), dims.end());
  if (auto count = checked_count(shape); !count.ok())
    return wrong(tensor, "has bad dims: " + count.status().message());
  return TensorType{*dtype, to_shape(shape)};
}

Result<TensorType> check(const TensorProto& tensor) {
  RK_TRY(TensorType type, check_type(tensor, tensor.dims));
  if (tensor.is_segment) return wrong(tensor, "is a segment of a larger one, which is not supported");
  const int64_t count = *type.count().as_int(), bytes = bytes_for(type.dtype, count);
  const uint32_t field = field_of(type.dtype);
  if (tensor.is_external) {
    if (type.dtype == DType::string) return wrong(tensor, "has external data, which strings cannot have");
    if (tensor.has_raw || tensor.typed_fields)
      return wrong(tensor, "has external data and values of its own, expected one of them");
    return type;
  }
  if (tensor.has_raw && tensor.typed_fields)
    return wrong(tensor, std::string("has both raw_data and ") +
                             name_of_field(uint32_t(__builtin_ctz(tensor.typed_fields))) +
                             ", expected one of them");
  if (tensor.has_raw) {
    if (type.dtype == DType::string) return wrong(tensor, "has raw_data, which strings cannot have");
    if (int64_t(tensor.raw.size()) != bytes)
      return wrong(tensor, "has " + std::to_string(tensor.raw.size()) + " bytes of raw_data, expected " +
                               std::to_string(bytes) + " for " + type.to_string());
    return type;
  }
  if (tensor.typed_fields & ~(1u << field))
    return wrong(tensor, std::string("has values in ") +
                             name_of_field(uint32_t(__builtin_ctz(tensor.typed_fields & ~(1u << field)))) +
                             ", expected " + name_of_field(field) + " for " + type.to_string());
  const auto found = int64_t(count_typed(tensor, field));
  if (found != typed_count(type))
    return wrong(tensor, "has " + std::to_string(found) + " values in " + name_of_field(field) +
                             ", expected " + std::to_string(typed_count(type)) + " for " + type.to_string());
  return type;
}

/// Whether an int32_data value is one of the type: its bits for floats and packed bytes, its number for
/// integers.
bool fits(DType t, int64_t v) {
  switch (t) {
    case DType::i32:
      return v >= INT32_MIN && v <= INT32_MAX;
    case DType::i16:
      return v >= INT16_MIN && v <= INT16_MAX;
    case DType::i8:
      return v >= INT8_MIN && v <= INT8_MAX;
    case DType::u32:
      return v >= 0 && v <= int64_t(UINT32_MAX);
    case DType::u16:
    case DType::f16:
    case DType::bf16:
      return v >= 0 && v <= UINT16_MAX;
    case DType::boolean:
      return v == 0 || v == 1;
    case DType::i64:
    case DType::u64:
      return true;
    default:
      return v >= 0 && v <= UINT8_MAX;
  }
}

}  // namespace

Result<TensorType> check_tensor(const TensorProto& tensor) {
  try {
    return check(tensor);
  } catch (const protozero::exception& error) {
    return wrong(tensor, std::string("has values that cannot be read: ") + error.what());
  } catch (const WireError& error) {
    return wrong(tensor, "has values that cannot be read: " + error.message);
  }
}

Result<TensorType> check_tensor(const SparseTensorProto& tensor) {
  RK_TRY(TensorType values, check_tensor(tensor.values));
  RK_TRY(const TensorType indices, check_tensor(tensor.indices));
  RK_TRY(TensorType type, check_type(tensor.values, tensor.dims));
  if (values.rank() != 1)
    return wrong(tensor.values,
                 "is sparse with values of rank " + std::to_string(values.rank()) + ", expected 1");
  const bool linear = indices.rank() == 1,
             coordinates = indices.rank() == 2 && indices.shape[1].is(type.rank());
  if (indices.dtype != DType::i64 || !(linear || coordinates) || !(indices.shape[0] == values.shape[0]))
    return wrong(tensor.values, "is sparse with indices " + indices.to_string() + ", expected i64[" +
                                    values.shape[0].to_string() + "] or i64[" + values.shape[0].to_string() +
                                    ", " + std::to_string(type.rank()) + "]");
  if (bits_of(type.dtype) < 8)
    return wrong(tensor.values,
                 "is sparse and " + std::string(to_string(type.dtype)) + ", which is not supported");
  return type;
}

Status TensorLoader::charge_total(int64_t bytes) {
  if (bytes > bytes_left_)
    return Status::error(
        Code::invalid_argument,
        "the initializers take more than " + std::to_string(most_bytes_) + " bytes, the limit that was set");
  bytes_left_ -= bytes;
  return {};
}

Status TensorLoader::charge_copy(int64_t bytes) {
  const int64_t left = copy_budget_ + files_.disk_bytes() - copied_;
  if (bytes > left)
    return Status::error(Code::invalid_argument,
                         "its values take " + std::to_string(bytes) +
                             " bytes when decoded, more than a file of this size may claim (" +
                             std::to_string(left) + " are left); expected raw_data");
  copied_ += bytes;
  return {};
}

Result<Tensor> TensorLoader::from_bytes(const TensorType& type, std::span<const std::byte> bytes,
                                        std::shared_ptr<const void> owner) {
  const Dims dims = *to_dims(type.shape);
  const size_t alignment = size_t(std::max(1, bits_of(type.dtype) / 8 / (is_complex(type.dtype) ? 2 : 1)));
  bool as_they_are = !bytes.empty() && reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0;
  if (type.dtype == DType::boolean)  // any other byte in a bool is undefined behaviour
    for (const std::byte b : bytes) as_they_are = as_they_are && uint8_t(b) <= 1;
  if (as_they_are)
    return Tensor::view(type.dtype, dims, const_cast<std::byte*>(bytes.data()), std::move(owner));
  RK_CHECK(charge_copy(int64_t(bytes.size())));
  RK_TRY(Tensor copy, Tensor::make(type.dtype, dims));
  if (!bytes.empty()) std::memcpy(copy.raw(), bytes.data(), bytes.size());
  if (type.dtype == DType::boolean) {
    auto* at = static_cast<uint8_t*>(copy.raw());
    for (size_t i = 0; i < bytes.size(); ++i) at[i] = at[i] != 0;
  }
  return copy;
}

Result<Tensor> TensorLoader::from_typed(const TensorProto& tensor, const TensorType& type) {
  const Dims dims = *to_dims(type.shape);
  const uint32_t field = field_of(type.dtype);
  if (field == 6) {
    RK_CHECK(charge_copy(count_of(dims) * int64_t(sizeof(std::string))));
    std::vector<std::string> strings;
    strings.reserve(size_t(count_of(dims)));
    for (Message m(tensor.message); m.next();) {
      if (m.field() == 6)
        strings.emplace_back(m.bytes());
      else
        m.skip();
    }
    return Tensor::of_strings(dims, std::move(strings));
  }
  RK_CHECK(charge_copy(bytes_for(type.dtype, count_of(dims))));
  RK_TRY(Tensor made, Tensor::make(type.dtype, dims));
  auto* to = static_cast<char*>(made.raw());
  const size_t size = field == 4 ? 4 : field == 10 ? 8 : size_t(std::max(1, bits_of(type.dtype) / 8));
  int64_t index = 0;
  std::string misfit;
  for (Message m(tensor.message); m.next();) {
    if (m.field() != field) {
      m.skip();
    } else if (field != 4 && field != 10) {
      for_each_varint(m, [&](uint64_t v) {
        // the low bytes are the value: two's complement for integers, the bits for floats
        if (!fits(type.dtype, int64_t(v)) && misfit.empty())
          misfit = "has the value " + std::to_string(int64_t(v)) + " at " + std::to_string(index) +
                   ", which is no " + std::string(to_string(type.dtype));
        std::memcpy(to, &v, size);
        to += size, ++index;
      });
    } else if (m.is_bytes()) {
      const std::string_view packed = m.bytes();
      const size_t whole = packed.size() / size * size;  // as count_typed counted
      if (whole != packed.size())
        return wrong(tensor, "has " + std::to_string(packed.size()) + " bytes of " + name_of_field(field) +
                                 ", expected a multiple of " + std::to_string(size));
      std::memcpy(to, packed.data(), whole);
      to += whole;
    } else if (field == 4) {
      const float v = m.real();
      std::memcpy(to, &v, 4), to += 4;
    } else {
      const double v = m.wide_real();
      std::memcpy(to, &v, 8), to += 8;
    }
  }
  if (!misfit.empty()) return wrong(tensor, misfit);
  return made;
}

Result<Tensor> TensorLoader::make(const TensorProto& tensor) {
  RK_TRY(const TensorType type, check_tensor(tensor));
  const int64_t bytes = bytes_for(type.dtype, *type.count().as_int());
  RK_CHECK(charge_total(bytes));
  if (tensor.is_external) {
    RK_TRY(auto found, files_.find(tensor.external, bytes));
    external_hash_ = external_hash_ * 0x9e3779b97f4a7c15u + hash64(found.bytes);
    return from_bytes(type, found.bytes, std::move(found.owner));
  }
  if (tensor.has_raw) return from_bytes(type, std::as_bytes(std::span(tensor.raw)), owner_);
  return from_typed(tensor, type);
}

Result<Tensor> TensorLoader::load(const TensorProto& tensor) {
  if (const auto known = made_.find(&tensor); known != made_.end()) return known->second;
  try {
    Result<Tensor> made = make(tensor);
    if (!made.ok()) {
      if (made.status().message().rfind("tensor ", 0) == 0) return made.status();
      return Status::error(made.status().code(),
                           "tensor " + quote_name(tensor.name) + ": " + made.status().message());
    }
    return made_.emplace(&tensor, *made).first->second;
  } catch (const protozero::exception& error) {
    return wrong(tensor, std::string("has values that cannot be read: ") + error.what());
  } catch (const WireError& error) {
    return wrong(tensor, "has values that cannot be read: " + error.message);
  } catch (const std::bad_alloc&) {
    return Status::error(Code::out_of_memory, "no memory for tensor " + quote_name(tensor.name));
  }
}

Result<Tensor> TensorLoader::load(const SparseTensorProto& tensor) {
  if (const auto known = made_dense_.find(&tensor); known != made_dense_.end()) return known->second;
  RK_TRY(const TensorType type, check_tensor(tensor));
  RK_TRY(const Tensor values, load(tensor.values));
  RK_TRY(const Tensor indices, load(tensor.indices));
  const Dims dims = *to_dims(type.shape), strides = contiguous_strides(dims);
  const int64_t bytes = bytes_for(type.dtype, count_of(dims));
  RK_CHECK(charge_total(bytes));
  if (Status charged = charge_copy(bytes); !charged.ok())
    return wrong(tensor.values, "is sparse: " + charged.message());
  RK_TRY(Tensor dense, Tensor::make(type.dtype, dims));
  const size_t size = size_t(bits_of(type.dtype) / 8);
  const int64_t* index = indices.data<int64_t>();
  for (int64_t i = 0; i < values.count(); ++i) {
    int64_t at = 0;
    if (indices.rank() == 1) {
      at = index[i];
      if (at < 0 || at >= dense.count())
        return wrong(tensor.values, "is sparse with index " + std::to_string(at) + ", outside its " +
                                        std::to_string(dense.count()) + " elements");
    } else {
      for (size_t d = 0; d < dims.size(); ++d) {
        const int64_t k = index[i * int64_t(dims.size()) + int64_t(d)];
        if (k < 0 || k >= dims[d])
          return wrong(tensor.values, "is sparse with index " + std::to_string(k) + " along dim " +
                                          std::to_string(d) + ", outside " + std::to_string(dims[d]));
        at += k * strides[d];
      }
    }
    std::memcpy(static_cast<char*>(dense.raw()) + size_t(at) * size,
                static_cast<const char*>(values.raw()) + size_t(i) * size, size);
  }
  return made_dense_.emplace(&tensor, std::move(dense)).first->second;
}

}  // namespace rekindle::onnx
