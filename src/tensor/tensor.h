// Tensor: a value in host memory, with a concrete shape. Copies share the buffer.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/half.h"
#include "tensor/small_types.h"
#include "tensor/type.h"

namespace rekindle {

/// The C++ type of an element: dtype_of<float> == DType::f32. Packed and 8-bit float types are uint8_t bytes
/// underneath and have no entry here.
template <class T>
inline constexpr DType dtype_of = [] {
  if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, f16_t>)
    return DType::f16;
  else if constexpr (std::is_same_v<T, bf16_t>)
    return DType::bf16;
  else if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, int64_t>)
    return DType::i64;
  else if constexpr (std::is_same_v<T, int32_t>)
    return DType::i32;
  else if constexpr (std::is_same_v<T, int16_t>)
    return DType::i16;
  else if constexpr (std::is_same_v<T, int8_t>)
    return DType::i8;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return DType::u64;
  else if constexpr (std::is_same_v<T, uint32_t>)
    return DType::u32;
  else if constexpr (std::is_same_v<T, uint16_t>)
    return DType::u16;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return DType::u8;
  else if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    return DType::c64;
  else if constexpr (std::is_same_v<T, std::complex<double>>)
    return DType::c128;
  else
    static_assert(sizeof(T) == 0, "no DType for this C++ type");
}();

class Tensor {
 public:
  Tensor() = default;
  /// Zero-filled, 64-byte aligned. The dims must have passed checked_count(); running out of memory ends the
  /// program only through make(), which reports it.
  Tensor(DType dtype, Dims dims);
  static Result<Tensor> make(DType dtype, Dims dims);  // checks the dims and the allocation
  /// A view of memory that `owner` keeps alive (a mapped file, a caller's array).
  static Tensor view(DType dtype, Dims dims, void* data, std::shared_ptr<const void> owner);
  template <class T>
  static Tensor of(Dims dims, const std::vector<T>& values);  // Tensor::of<float>({2, 2}, {1, 2, 3, 4})
  template <class T> static Tensor scalar(T value) {
    Tensor t(dtype_of<T>, {});
    *t.template data<T>() = value;
    return t;
  }
  static Tensor of_strings(Dims dims, std::vector<std::string> values);

  DType dtype() const { return dtype_; }
  const Dims& dims() const { return dims_; }
  int rank() const { return int(dims_.size()); }
  int64_t count() const { return count_of(dims_); }
  int64_t bytes() const { return bytes_for(dtype_, count()); }
  TensorType type() const { return {dtype_, to_shape(dims_)}; }
  bool has_data() const { return data_ != nullptr; }

  template <class T> T* data() {
    check_access(dtype_of<T>);
    return static_cast<T*>(data_.get());
  }
  template <class T> const T* data() const {
    check_access(dtype_of<T>);
    return static_cast<const T*>(data_.get());
  }
  template <class T> std::span<const T> values() const { return {data<T>(), size_t(count())}; }
  void* raw() { return data_.get(); }
  const void* raw() const { return data_.get(); }
  std::vector<std::string>& strings() { return *strings_; }
  const std::vector<std::string>& strings() const { return *strings_; }

  /// The same elements under another shape of equal count; shares the buffer.
  Tensor reshaped(Dims dims) const;
  Tensor clone() const;
  /// Equal type and equal bytes (NaN equals the same NaN).
  bool same_bits(const Tensor&) const;
  /// Element i as a double or an integer, whatever the type; for tests, printing and small host decisions.
  double as_double(int64_t i) const;
  int64_t as_int64(int64_t i) const;
  void set_double(int64_t i, double value);  // rounds and saturates as Cast does
  /// f32[2] {1, 2}; long ones are cut: f32[1000] {1, 2, 3, …}
  std::string to_string(int most = 16) const;

 private:
  void check_access(DType wanted) const { RK_ASSERT(dtype_ == wanted, "a tensor is read as another type"); }
  DType dtype_ = DType::f32;
  Dims dims_;
  std::shared_ptr<void> data_;
  std::shared_ptr<std::vector<std::string>> strings_;
};
using Tensors = std::vector<Tensor>;

template <class T> Tensor Tensor::of(Dims dims, const std::vector<T>& values) {
  Tensor t(dtype_of<T>, std::move(dims));
  RK_ASSERT(t.count() == int64_t(values.size()), "Tensor::of: the values do not fill the shape");
  T* to = t.template data<T>();
  for (size_t i = 0; i < values.size(); ++i) to[i] = values[i];
  return t;
}

/// Element-wise conversion as ONNX Cast defines it (round to nearest even, saturate for 8-bit floats when
/// asked). Strings are parsed and printed. `rounding` matters for f8e8m0 only. Errors name the types.
Result<Tensor> cast(const Tensor&, DType to, bool saturate = true,
                    PowerRounding rounding = PowerRounding::up);
/// Integer elements of any integer tensor as int64, for shape inputs.
Result<std::vector<int64_t>> to_int64s(const Tensor&);

void encode(Encoder&, const Tensor&);
void decode(Decoder&, Tensor&);

/// Calls visit(T{}) with the C++ type of the dtype; false when the type has none (packed, 8-bit float,
/// string).
template <class F> bool visit_dtype(DType t, F&& visit) {
  switch (t) {
    case DType::f32:
      visit(float{});
      return true;
    case DType::f16:
      visit(f16_t{});
      return true;
    case DType::bf16:
      visit(bf16_t{});
      return true;
    case DType::f64:
      visit(double{});
      return true;
    case DType::i64:
      visit(int64_t{});
      return true;
    case DType::i32:
      visit(int32_t{});
      return true;
    case DType::i16:
      visit(int16_t{});
      return true;
    case DType::i8:
      visit(int8_t{});
      return true;
    case DType::u64:
      visit(uint64_t{});
      return true;
    case DType::u32:
      visit(uint32_t{});
      return true;
    case DType::u16:
      visit(uint16_t{});
      return true;
    case DType::u8:
      visit(uint8_t{});
      return true;
    case DType::boolean:
      visit(bool{});
      return true;
    default:
      return false;
  }
}

}  // namespace rekindle
