// Shapes and types: text, counts, strides, broadcasting, axes.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/type.h"

#include <algorithm>

namespace rekindle {

namespace {

constexpr size_t kMostDims = 64;  // far above ONNX practice; bounds what a text can ask for
constexpr int64_t kMostElements = int64_t(1) << 48;

template <class T> std::string bracketed(const std::vector<T>& items) {
  std::string text = "[";
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += ", ";
    if constexpr (std::is_same_v<T, Dim>)
      text += items[i].to_string();
    else
      text += std::to_string(items[i]);
  }
  return text + "]";
}

Status type_error(std::string_view text, size_t column, const std::string& what) {
  return Status::error(Code::invalid_argument, "type \"" + std::string(text.substr(0, 80)) + "\" column " +
                                                   std::to_string(column + 1) + " " + what);
}

/// The comma or the end that closes the dim starting at `from`; commas inside parentheses do not count.
size_t end_of_dim(std::string_view text, size_t from) {
  int open = 0;
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '(')
      ++open;
    else if (text[i] == ')')
      --open;
    else if (text[i] == ']' || (text[i] == ',' && open <= 0))
      return i;
  }
  return text.size();
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Dim TensorType::count() const {
  Dim product = 1;
  for (const Dim& d : shape) product = product * d;
  return product;
}

bool TensorType::is_static() const {
  return std::none_of(shape.begin(), shape.end(), [](const Dim& d) { return d.is_symbolic(); });
}

std::string TensorType::to_string() const {
  return std::string(rekindle::to_string(dtype)) + rekindle::to_string(shape);
}

Result<TensorType> parse_type(std::string_view text) {
  const size_t bracket = text.find('[');
  const std::string_view name = trimmed(text.substr(0, bracket));
  const auto dtype = dtype_from_name(name);
  if (!dtype)
    return type_error(
        text, 0,
        "has the element type \"" + std::string(name.substr(0, 40)) + "\", expected one such as f32 or i64");
  if (bracket == std::string_view::npos) return type_error(text, text.size(), "ends, expected '['");
  TensorType type{*dtype, {}};
  size_t at = bracket + 1;
  if (trimmed(text.substr(at)) == "]") return type;
  for (;;) {
    const size_t end = end_of_dim(text, at);
    if (type.shape.size() == kMostDims)
      return type_error(text, at, "has more than " + std::to_string(kMostDims) + " dims");
    Result<Dim> dim = parse_dim(trimmed(text.substr(at, end - at)));
    if (!dim.ok()) return type_error(text, at, "has a wrong dim: " + dim.status().message());
    type.shape.push_back(*dim);
    if (end == text.size()) return type_error(text, end, "ends, expected ',' or ']'");
    at = end + 1;
    if (text[end] == ']') break;
  }
  if (!trimmed(text.substr(at)).empty()) return type_error(text, at, "goes on after ']', expected the end");
  return type;
}

std::string to_string(const Shape& shape) { return bracketed(shape); }
std::string to_string(const Dims& dims) { return bracketed(dims); }
Shape to_shape(const Dims& dims) { return Shape(dims.begin(), dims.end()); }

std::optional<Dims> to_dims(const Shape& shape) {
  Dims dims;
  dims.reserve(shape.size());
  for (const Dim& d : shape) {
    const auto value = d.as_int();
    if (!value) return std::nullopt;
    dims.push_back(*value);
  }
  return dims;
}

Result<Dims> eval(const Shape& shape, const Bindings& bindings) {
  Dims dims;
  dims.reserve(shape.size());
  for (const Dim& d : shape) {
    RK_TRY(const int64_t value, d.eval(bindings));
    dims.push_back(value);
  }
  return dims;
}

/// Zeros count as 1 in the limit, so that the strides of an accepted shape never overflow either.
Result<int64_t> checked_count(const Dims& dims) {
  int64_t limited = 1;
  for (const int64_t d : dims) {
    if (d < 0)
      return Status::error(Code::invalid_argument, "shape " + to_string(dims) + " has the dim " +
                                                       std::to_string(d) + ", expected at least 0");
    if (__builtin_mul_overflow(limited, std::max<int64_t>(d, 1), &limited) || limited >= kMostElements)
      return Status::error(Code::invalid_argument,
                           "shape " + to_string(dims) + " is too large, expected fewer than 2^48 elements");
  }
  return count_of(dims);
}

int64_t count_of(const Dims& dims) {
  int64_t count = 1;
  for (const int64_t d : dims) count *= d;
  return count;
}

Dims contiguous_strides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(dims[i], 1);
  }
  return strides;
}

Result<Shape> broadcast_shapes(const Shape& a, const Shape& b) {
  const size_t rank = std::max(a.size(), b.size());
  Shape result(rank);
  for (size_t i = 0; i < rank; ++i) {  // from the last dim
    const Dim x = i < a.size() ? a[a.size() - 1 - i] : Dim(1),
              y = i < b.size() ? b[b.size() - 1 - i] : Dim(1);
    if (x.as_int() && y.as_int() && x != y && !x.is(1) && !y.is(1))
      return Status::error(Code::invalid_argument, "shapes " + to_string(a) + " and " + to_string(b) +
                                                       " do not broadcast: " + x.to_string() + " against " +
                                                       y.to_string() + ", expected equal sizes or 1");
    result[rank - 1 - i] = broadcast(x, y);
  }
  return result;
}

Result<int> normalize_axis(int64_t axis, int rank) {
  if (axis < -int64_t(rank) || axis >= rank)
    return Status::error(Code::invalid_argument,
                         "axis " + std::to_string(axis) + " is outside rank " + std::to_string(rank));
  return int(axis < 0 ? axis + rank : axis);
}

}  // namespace rekindle
