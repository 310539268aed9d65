// Tensor: allocation, views, element access of every type, text and bytes.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tensor/convert.h"
#include "tensor/small_types.h"

namespace rekindle {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kMostRank = 64;  // what a decoder accepts

/// Zeroed and aligned; null when there is no memory. calloc gives untouched pages for large blocks, so a
/// tensor that is about to be overwritten is not written twice.
std::shared_ptr<void> allocate(int64_t bytes) {
  void* block = std::calloc(size_t(bytes) + kAlignment, 1);
  if (block == nullptr) return nullptr;
  const size_t to_aligned = -reinterpret_cast<uintptr_t>(block) % kAlignment;
  return {static_cast<std::byte*>(block) + to_aligned, [block](void*) { std::free(block); }};
}

/// Bytes of memory in this machine. Linux hands out more than that, page by page, and ends the program when
/// the pages run out; a tensor that cannot fit is better refused at once.
int64_t machine_memory() {
  static const int64_t bytes = [] {
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
    return pages > 0 && size > 0 ? int64_t(pages) * size : int64_t(1) << 40;
  }();
  return bytes;
}

template <class T> const T& at(const void* data, int64_t i) { return static_cast<const T*>(data)[i]; }

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += uint8_t(c) < 0x20 ? ' ' : c;
  }
  return result + "\"";
}

std::string complex_text(double re, double im) {
  return number_text(re) + (std::signbit(im) ? "-" : "+") + number_text(std::fabs(im)) + "i";
}

}  // namespace

Tensor::Tensor(DType dtype, Dims dims) : dtype_(dtype), dims_(std::move(dims)) {
  if (dtype_ == DType::string) {
    strings_ = std::make_shared<std::vector<std::string>>(size_t(count()));
  } else {
    data_ = allocate(bytes());
    RK_ASSERT(data_ != nullptr, "out of memory for a tensor whose size nobody checked");
  }
}

Result<Tensor> Tensor::make(DType dtype, Dims dims) {
  RK_TRY(const int64_t count, checked_count(dims));
  const int64_t bytes =
      dtype == DType::string ? count * int64_t(sizeof(std::string)) : bytes_for(dtype, count);
  auto out_of_memory = [&] {
    return Status::error(Code::out_of_memory,
                         "no memory for a tensor " + std::string(rekindle::to_string(dtype)) +
                             rekindle::to_string(dims) + " of " + std::to_string(bytes) + " bytes");
  };
  if (bytes > machine_memory()) return out_of_memory();
  Tensor t;
  t.dtype_ = dtype;
  if (dtype == DType::string) {
    try {  // the standard library knows no other way to say it; the exception stays here
      t.strings_ = std::make_shared<std::vector<std::string>>(size_t(count));
    } catch (const std::exception&) {
      return out_of_memory();
    }
  } else {
    t.data_ = allocate(bytes);
    if (t.data_ == nullptr) return out_of_memory();
  }
  t.dims_ = std::move(dims);
  return t;
}

Tensor Tensor::view(DType dtype, Dims dims, void* data, std::shared_ptr<const void> owner) {
  RK_ASSERT(dtype != DType::string, "strings cannot be viewed");
  Tensor t;
  t.dtype_ = dtype;
  t.dims_ = std::move(dims);
  t.data_ = std::shared_ptr<void>(std::move(owner), data);  // of another type: it only keeps the memory alive
  return t;
}

Tensor Tensor::of_strings(Dims dims, std::vector<std::string> values) {
  Tensor t;
  t.dtype_ = DType::string;
  t.dims_ = std::move(dims);
  RK_ASSERT(t.count() == int64_t(values.size()), "Tensor::of_strings: the values do not fill the shape");
  t.strings_ = std::make_shared<std::vector<std::string>>(std::move(values));
  return t;
}

Tensor Tensor::reshaped(Dims dims) const {
  RK_ASSERT(count_of(dims) == count(), "a tensor is reshaped to another number of elements");
  Tensor t = *this;
  t.dims_ = std::move(dims);
  return t;
}

Tensor Tensor::clone() const {
  if (dtype_ == DType::string) return strings_ ? of_strings(dims_, *strings_) : *this;
  if (!has_data()) return *this;
  Tensor t(dtype_, dims_);
  if (bytes() > 0) std::memcpy(t.raw(), raw(), size_t(bytes()));
  return t;
}

bool Tensor::same_bits(const Tensor& other) const {
  if (dtype_ != other.dtype_ || dims_ != other.dims_) return false;
  if (dtype_ == DType::string)
    return strings_ && other.strings_ ? *strings_ == *other.strings_ : strings_ == other.strings_;
  if (has_data() != other.has_data()) return false;
  if (!has_data() || raw() == other.raw()) return true;
  const int64_t bits = count() * bits_of(dtype_), whole = bits / 8;
  if (whole > 0 && std::memcmp(raw(), other.raw(), size_t(whole)) != 0) return false;
  const int used = int(bits % 8);  // the padding of a last packed byte means nothing
  return used == 0 ||
         ((at<uint8_t>(raw(), whole) ^ at<uint8_t>(other.raw(), whole)) & ((1 << used) - 1)) == 0;
}

double Tensor::as_double(int64_t i) const {
  RK_ASSERT(i >= 0 && i < count(), "an element outside a tensor is read");
  double value = 0;
  if (visit_dtype(dtype_, [&](auto zero) { value = convert<double>(at<decltype(zero)>(raw(), i)); }))
    return value;
  if (dtype_ == DType::c64) return at<std::complex<float>>(raw(), i).real();
  if (dtype_ == DType::c128) return at<std::complex<double>>(raw(), i).real();
  if (dtype_ == DType::string) {
    Result<Tensor> number = cast(of_strings({}, {strings()[size_t(i)]}), DType::f64);
    return number.ok() ? number->data<double>()[0] : std::numeric_limits<double>::quiet_NaN();
  }
  const uint8_t bits = is_packed(dtype_) ? packed_bits(raw(), bits_of(dtype_), i) : at<uint8_t>(raw(), i);
  return is_small_float(dtype_) ? small_float_value(dtype_, bits) : packed_int(dtype_, bits);
}

int64_t Tensor::as_int64(int64_t i) const {
  RK_ASSERT(i >= 0 && i < count(), "an element outside a tensor is read");
  int64_t value = 0;
  if (visit_dtype(dtype_, [&](auto zero) { value = convert<int64_t>(at<decltype(zero)>(raw(), i)); }))
    return value;
  return convert<int64_t>(as_double(i));
}

void Tensor::set_double(int64_t i, double value) {
  RK_ASSERT(i >= 0 && i < count(), "an element outside a tensor is written");
  const bool written = visit_dtype(dtype_, [&](auto zero) {
    using T = decltype(zero);
    T& to = static_cast<T*>(raw())[i];
    if constexpr (std::is_integral_v<T> && sizeof(T) < 4 && !std::is_same_v<T, bool>)
      to = std::isnan(value) ? T(0)
                             : T(std::clamp(value, double(std::numeric_limits<T>::min()),
                                            double(std::numeric_limits<T>::max())));
    else
      to = convert<T>(value);
  });
  if (written) return;
  if (dtype_ == DType::c64)
    static_cast<std::complex<float>*>(raw())[i] = convert<float>(value);
  else if (dtype_ == DType::c128)
    static_cast<std::complex<double>*>(raw())[i] = value;
  else if (dtype_ == DType::string)
    strings()[size_t(i)] = number_text(value);
  else if (is_small_float(dtype_)) {
    const uint8_t bits = small_float_bits(dtype_, round_to_odd(value));
    if (is_packed(dtype_))
      set_packed_bits(raw(), bits_of(dtype_), i, bits);
    else
      static_cast<uint8_t*>(raw())[i] = bits;
  } else {
    const int width = bits_of(dtype_), low = is_signed_int(dtype_) ? -(1 << (width - 1)) : 0,
              high = low + (1 << width) - 1;
    set_packed_bits(raw(), width, i,
                    uint8_t(std::isnan(value) ? 0 : int(std::clamp(value, double(low), double(high)))));
  }
}

std::string Tensor::to_string(int most) const {
  std::string text = type().to_string() + " {";
  if (!has_data() && strings_ == nullptr) return text + "no data}";
  const int64_t shown = std::min<int64_t>(count(), most);
  for (int64_t i = 0; i < shown; ++i) {
    if (i > 0) text += ", ";
    if (dtype_ == DType::string)
      text += quoted(strings()[size_t(i)]);
    else if (dtype_ == DType::boolean)
      text += as_double(i) != 0 ? "true" : "false";
    else if (dtype_ == DType::u64)
      text += std::to_string(at<uint64_t>(raw(), i));
    else if (is_integer(dtype_))
      text += std::to_string(as_int64(i));
    else if (dtype_ == DType::c64)
      text +=
          complex_text(at<std::complex<float>>(raw(), i).real(), at<std::complex<float>>(raw(), i).imag());
    else if (dtype_ == DType::c128)
      text +=
          complex_text(at<std::complex<double>>(raw(), i).real(), at<std::complex<double>>(raw(), i).imag());
    else
      text += number_text(as_double(i));
  }
  return text + (shown < count() ? ", …}" : "}");
}

Result<std::vector<int64_t>> to_int64s(const Tensor& t) {
  if (!is_integer(t.dtype()))
    return Status::error(Code::invalid_argument, "a tensor of " + std::string(to_string(t.dtype())) +
                                                     " is given for sizes or indices, expected integers");
  if (!t.has_data()) return Status::error(Code::invalid_argument, "a tensor of sizes or indices has no data");
  std::vector<int64_t> values(size_t(t.count()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = t.as_int64(int64_t(i));
  return values;
}

void encode(Encoder& e, const Tensor& t) {
  encode(e, t.dtype());
  encode(e, t.dims());
  const bool has = t.has_data() || t.dtype() == DType::string;  // strings never come without data
  encode(e, has);
  if (!has) return;
  if (t.dtype() == DType::string)
    encode(e, t.strings());
  else
    e.raw(t.raw(), size_t(t.bytes()));
}

void decode(Decoder& d, Tensor& t) {
  DType dtype = DType::f32;
  Dims dims;
  bool has = false;
  t = Tensor();
  decode(d, dtype);
  decode(d, dims);
  decode(d, has);
  if (!d.ok()) return;
  if (dims.size() > kMostRank)
    return d.fail("a tensor has rank " + std::to_string(dims.size()) + ", expected at most 64");
  const Result<int64_t> count = checked_count(dims);
  if (!count.ok()) return d.fail(count.status().message());
  if (!has) {
    if (dtype == DType::string) return d.fail("a tensor of strings has no data");
    if (*count > 0 || dtype != DType::f32 || !dims.empty()) t = Tensor::view(dtype, dims, nullptr, nullptr);
    return;
  }
  if (dtype == DType::string) {
    std::vector<std::string> values;
    decode(d, values);
    if (d.ok() && int64_t(values.size()) != *count)
      d.fail("a tensor " + to_string(dims) + " holds " + std::to_string(values.size()) + " strings");
    if (d.ok()) t = Tensor::of_strings(dims, std::move(values));
    return;
  }
  const int64_t bytes = bytes_for(dtype, *count);
  if (uint64_t(bytes) > d.left())
    return d.fail("a tensor " + std::string(to_string(dtype)) + to_string(dims) + " needs " +
                  std::to_string(bytes) + " bytes, but " + std::to_string(d.left()) + " are left");
  if (!d.charge(size_t(bytes))) return;
  Result<Tensor> made = Tensor::make(dtype, std::move(dims));
  if (!made.ok()) return d.fail(made.status().message());
  d.raw(made->raw(), size_t(bytes));
  if (dtype == DType::boolean)  // reading any other byte as a bool would be undefined
    for (int64_t i = 0; i < *count; ++i)
      if (at<uint8_t>(made->raw(), i) > 1)
        return d.fail("a boolean is " + std::to_string(at<uint8_t>(made->raw(), i)) + ", expected 0 or 1");
  t = *std::move(made);
}

}  // namespace rekindle
