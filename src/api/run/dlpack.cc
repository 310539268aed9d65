// Conversions between Tensor and DLPack's structs; no element is copied.
// SPDX-License-Identifier: Apache-2.0
#include "api/run/dlpack.h"

#include <fmt/format.h>

#include <array>

namespace rekindle {

namespace {

struct TypeCode {
  DType dtype;
  uint8_t code, bits;
};
// 10 and above are DLPack 1.1's codes for the small floats.
constexpr std::array kTypeCodes{TypeCode{DType::f32, kDLFloat, 32},     TypeCode{DType::f16, kDLFloat, 16},
                                TypeCode{DType::bf16, kDLBfloat, 16},   TypeCode{DType::f64, kDLFloat, 64},
                                TypeCode{DType::i64, kDLInt, 64},       TypeCode{DType::i32, kDLInt, 32},
                                TypeCode{DType::i16, kDLInt, 16},       TypeCode{DType::i8, kDLInt, 8},
                                TypeCode{DType::u64, kDLUInt, 64},      TypeCode{DType::u32, kDLUInt, 32},
                                TypeCode{DType::u16, kDLUInt, 16},      TypeCode{DType::u8, kDLUInt, 8},
                                TypeCode{DType::boolean, kDLBool, 8},   TypeCode{DType::c64, kDLComplex, 64},
                                TypeCode{DType::c128, kDLComplex, 128}, TypeCode{DType::f8e4m3fn, 10, 8},
                                TypeCode{DType::f8e4m3fnuz, 11, 8},     TypeCode{DType::f8e5m2, 12, 8},
                                TypeCode{DType::f8e5m2fnuz, 13, 8},     TypeCode{DType::f8e8m0, 14, 8},
                                TypeCode{DType::f4e2m1, 17, 4},         TypeCode{DType::u4, kDLUInt, 4},
                                TypeCode{DType::i4, kDLInt, 4},         TypeCode{DType::u2, kDLUInt, 2},
                                TypeCode{DType::i2, kDLInt, 2}};

Status wrong(std::string text) { return Status::error(Code::invalid_argument, std::move(text)); }

Result<DType> dtype_of_code(const DLDataType& type) {
  for (const TypeCode& t : kTypeCodes)
    if (t.code == type.code && t.bits == type.bits && type.lanes == 1) return t.dtype;
  return wrong(
      fmt::format("a tensor has DLPack type code {} with {} bits and {} lanes, which no element type is",
                  type.code, type.bits, type.lanes));
}

/// Axes of one element may have any stride.
bool has_gaps(const DLTensor& tensor, const Dims& dims) {
  if (tensor.strides == nullptr || count_of(dims) == 0) return false;
  const Dims contiguous = contiguous_strides(dims);
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i] != 1 && tensor.strides[i] != contiguous[i]) return true;
  return false;
}

/// What a DLManagedTensor that we give out keeps alive.
struct Held {
  DLManagedTensor managed{};
  Tensor tensor;
  Dims shape;
};

/// What holds wherever the memory is.
Result<DeviceTensor> read_tensor(const DLTensor& tensor) {
  constexpr int32_t kMostRank = 64;
  if (tensor.ndim < 0 || tensor.ndim > kMostRank || (tensor.ndim > 0 && tensor.shape == nullptr))
    return wrong(
        fmt::format("a tensor has rank {} and {} shape", tensor.ndim, tensor.shape == nullptr ? "no" : "a"));
  RK_TRY(const DType dtype, dtype_of_code(tensor.dtype));
  Dims dims(tensor.shape, tensor.shape + tensor.ndim);
  RK_CHECK(checked_count(dims).status());
  if (has_gaps(tensor, dims)) {
    const Dims strides(tensor.strides, tensor.strides + tensor.ndim);
    return wrong(fmt::format("a tensor of shape {} has strides {}, expected row-major without gaps",
                             to_string(dims), to_string(strides)));
  }
  void* const data =
      tensor.data == nullptr ? nullptr : static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  return DeviceTensor{dtype, std::move(dims), data};
}

}  // namespace

Result<Tensor> from_dlpack(const DLTensor& tensor, std::shared_ptr<const void> owner) {
  if (tensor.device.device_type != kDLCPU && tensor.device.device_type != kDLCUDAHost)
    return wrong(
        fmt::format("a tensor is on DLPack device type {}, expected the CPU's memory (1) or, for inputs and "
                    "outputs, a GPU's (2)",
                    int(tensor.device.device_type)));
  RK_TRY(DeviceTensor read, read_tensor(tensor));
  return Tensor::view(read.dtype, std::move(read.dims), read.data, std::move(owner));
}

bool is_on_gpu(const DLTensor& tensor) { return tensor.device.device_type == kDLCUDA; }

Result<DeviceTensor> device_tensor_of(const DLTensor& tensor) {
  if (tensor.device.device_id != 0)
    return wrong(fmt::format("a tensor is on GPU {}, expected GPU 0", tensor.device.device_id));
  return read_tensor(tensor);
}

Result<DLManagedTensor*> to_dlpack(const Tensor& tensor) {
  const TypeCode* type = nullptr;
  for (const TypeCode& t : kTypeCodes)
    if (t.dtype == tensor.dtype()) type = &t;
  if (type == nullptr)
    return Status::error(Code::unsupported, fmt::format("a tensor of {} cannot be handed over as DLPack",
                                                        to_string(tensor.dtype())));
  auto held = std::make_unique<Held>();
  held->tensor = tensor;
  held->shape = tensor.dims();
  DLTensor& dl = held->managed.dl_tensor;
  dl.data = held->tensor.raw();
  dl.device = {kDLCPU, 0};
  dl.ndim = int32_t(held->shape.size());
  dl.dtype = {type->code, type->bits, 1};
  dl.shape = held->shape.data();
  held->managed.manager_ctx = held.get();
  held->managed.deleter = [](DLManagedTensor* self) {
    if (self != nullptr) delete static_cast<Held*>(self->manager_ctx);
  };
  return &held.release()->managed;
}

}  // namespace rekindle
