// Ops on strings. Offsets are bytes of UTF-8.
// SPDX-License-Identifier: Apache-2.0
#include "math/text.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "math/batches.h"
#include "math/compute_type.h"
#include "math/regex.h"

namespace rekindle::ops {

namespace {

Status check_strings(std::string_view op, std::span<const TensorType> in) {
  RK_CHECK(check_present(op, in, in.size()));
  for (const TensorType& type : in)
    if (type.dtype != DType::string)
      return op_error(op, "the element type is " + std::string(to_string(type.dtype)) + ", expected string");
  return {};
}

Tensor strings_of(Dims dims, std::vector<std::string> values) {
  return Tensor::of_strings(std::move(dims), std::move(values));
}

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::vector<std::string> split(const std::string& text, const std::string& delimiter, int64_t limit) {
  std::vector<std::string> parts;
  const auto limited = [&] { return limit >= 0 && int64_t(parts.size()) >= limit; };
  size_t at = 0;
  if (!delimiter.empty()) {
    for (size_t end; !limited() && (end = text.find(delimiter, at)) != std::string::npos;
         at = end + delimiter.size())
      parts.push_back(text.substr(at, end - at));
    parts.push_back(text.substr(at));
    return parts;
  }
  for (;;) {
    while (at < text.size() && is_blank(text[at])) ++at;
    if (at == text.size()) return parts;
    size_t end = at;
    if (limited()) {
      end = text.size();
      while (is_blank(text[end - 1])) --end;
      parts.push_back(text.substr(at, end - at));
      return parts;
    }
    while (end < text.size() && !is_blank(text[end])) ++end;
    parts.push_back(text.substr(at, end - at));
    at = end;
  }
}

/// Letters whose other case is a fixed distance away: ASCII, Latin-1, Latin Extended-A, Greek, Cyrillic.
uint32_t with_case(uint32_t c, bool upper) {
  const auto within = [&](uint32_t first, uint32_t last) { return c >= first && c <= last; };
  if (upper) {
    if (within('a', 'z') || (within(0xe0, 0xfe) && c != 0xf7) || (within(0x3b1, 0x3c9) && c != 0x3c2) ||
        within(0x430, 0x44f))
      return c - 32;
    if (c == 0xff) return 0x178;
    if (within(0x450, 0x45f)) return c - 80;
    if (within(0x100, 0x137) || within(0x14a, 0x177) || within(0x460, 0x481)) return c & ~1u;
    if (within(0x139, 0x148)) return c % 2 ? c : c - 1;
    return c;
  }
  if (within('A', 'Z') || (within(0xc0, 0xde) && c != 0xd7) || (within(0x391, 0x3a9) && c != 0x3a2) ||
      within(0x410, 0x42f))
    return c + 32;
  if (c == 0x178) return 0xff;
  if (within(0x400, 0x40f)) return c + 80;
  if ((within(0x100, 0x137) && c != 0x130) || within(0x14a, 0x177) || within(0x460, 0x481)) return c | 1u;
  if (within(0x139, 0x148)) return c % 2 ? c + 1 : c;
  return c;
}

void append_utf8(std::string& to, uint32_t c) {
  if (c < 0x80) {
    to += char(c);
  } else {
    to += char(0xc0 | c >> 6);
    to += char(0x80 | (c & 0x3f));
  }
}

std::string in_case(const std::string& text, CaseChange change) {
  if (change == CaseChange::none) return text;
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool two = (byte & 0xe0) == 0xc0 && i + 1 < text.size() && (text[i + 1] & 0xc0) == 0x80;
    if (byte >= 0x80 && !two) {
      out += text[i];
      continue;
    }
    const uint32_t c = two ? (byte & 0x1fu) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fu) : byte;
    append_utf8(out, with_case(c, change == CaseChange::upper));
  }
  return out;
}

}  // namespace

Result<Types> StringConcat::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_strings(name, in));
  auto shape = broadcast_shapes(in[0].shape, in[1].shape);
  if (!shape.ok()) return op_error(name, shape.status().message());
  return Types{{DType::string, *std::move(shape)}};
}
Result<Tensors> StringConcat::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Dims dims, concrete(name, types[0]));
  RK_TRY(const int64_t count, checked_count(dims));
  const auto a = batch_items(dims, in[0].dims()), b = batch_items(dims, in[1].dims());
  std::vector<std::string> out;
  for (size_t i = 0; i < size_t(count); ++i)
    out.push_back(in[0].strings()[size_t(a[i])] + in[1].strings()[size_t(b[i])]);
  return Tensors{strings_of(dims, std::move(out))};
}

Result<Types> StringSplit::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_strings(name, in));
  TensorType parts = in[0];
  parts.shape.push_back(Dim::unknown());
  return Types{std::move(parts), {DType::i64, in[0].shape}};
}
Result<Tensors> StringSplit::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  std::vector<std::vector<std::string>> all;
  size_t most = 0;
  for (const std::string& text : x.strings()) {
    all.push_back(split(text, delimiter, limit));
    most = std::max(most, all.back().size());
  }
  RK_TRY(Tensor counts, make_tensor(name, DType::i64, x.dims()));
  Dims dims = x.dims();
  dims.push_back(int64_t(most));
  RK_TRY(const int64_t total, checked_count(dims));
  std::vector<std::string> parts(static_cast<size_t>(total));
  for (size_t i = 0; i < all.size(); ++i) {
    counts.data<int64_t>()[i] = int64_t(all[i].size());
    std::move(all[i].begin(), all[i].end(), parts.begin() + ptrdiff_t(i * most));
  }
  return Tensors{strings_of(dims, std::move(parts)), std::move(counts)};
}

Result<Types> StringNormalize::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_strings(name, in));
  const Shape& s = in[0].shape;
  if (s.empty() || s.size() > 2 || (s.size() == 2 && s[0].as_int() && !s[0].is(1)))
    return op_error(name, "x is " + in[0].to_string() + ", expected [n] or [1, n]");
  TensorType out = in[0];
  out.shape.back() = Dim::unknown();
  return Types{std::move(out)};
}
Result<Tensors> StringNormalize::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  const auto folded = [&](const std::string& s) {
    return case_sensitive ? s : in_case(s, CaseChange::lower);
  };
  std::unordered_set<std::string> stops;
  for (const std::string& word : stop_words) stops.insert(folded(word));
  std::vector<std::string> kept;
  for (const std::string& word : in[0].strings())
    if (!stops.contains(folded(word))) kept.push_back(in_case(word, change));
  if (kept.empty()) kept.emplace_back();
  Dims dims = in[0].dims();
  dims.back() = int64_t(kept.size());
  return Tensors{strings_of(dims, std::move(kept))};
}

Result<Types> RegexMatch::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_strings(name, in));
  if (const auto regex = Regex::parse(pattern); !regex.ok()) return op_error(name, regex.status().message());
  return Types{{DType::boolean, in[0].shape}};
}
Result<Tensors> RegexMatch::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Regex regex, Regex::parse(pattern));
  RK_TRY(Tensor out, make_tensor(name, DType::boolean, in[0].dims()));
  for (size_t i = 0; i < in[0].strings().size(); ++i) out.data<bool>()[i] = regex.matches(in[0].strings()[i]);
  return Tensors{std::move(out)};
}

Result<Types> TermCounts::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  const bool text = !strings.empty();
  if (in[0].rank() > 2 || (text ? in[0].dtype != DType::string : !is_integer(in[0].dtype)))
    return op_error(
        name, "x is " + in[0].to_string() + ", expected [n] or [B, n] of " + (text ? "strings" : "integers"));
  const int64_t pool = int64_t(text ? strings.size() : integers.size());
  int64_t before = 0;
  for (const int64_t s : starts) {
    if (s < before || s > pool)
      return op_error(name, "the n-grams of a length start at " + std::to_string(s) + " in a pool of " +
                                std::to_string(pool));
    before = s;
  }
  constexpr int64_t kMostColumns = int64_t(1) << 31;
  for (const int64_t c : columns)
    if (c < 0 || c >= kMostColumns) return op_error(name, "column " + std::to_string(c) + " is no column");
  if (min_length < 1 || max_length < min_length || max_skip < 0 || columns.empty())
    return op_error(name, "the lengths are " + std::to_string(min_length) + " to " +
                              std::to_string(max_length) + ", expected at least 1, and at least one n-gram");
  TensorType out{DType::f32, {}};
  if (in[0].rank() == 2) out.shape.push_back(in[0].shape[0]);
  out.shape.emplace_back(*std::max_element(columns.begin(), columns.end()) + 1);
  if (!weights.empty() && out.shape.back() != Dim(int64_t(weights.size())))
    return op_error(name, "there are " + std::to_string(weights.size()) + " weights, expected " +
                              out.shape.back().to_string());
  return Types{std::move(out)};
}

Result<Tensors> TermCounts::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensor out, make_output(*this, in));
  const bool text = !strings.empty();
  const auto member = [&](const Tensor& x, int64_t i) {
    return (text ? x.strings()[size_t(i)] : std::to_string(x.as_int64(i))) + '\0';
  };
  std::unordered_map<std::string, int64_t> column_of;
  size_t next = 0;
  const auto pool = int64_t(text ? strings.size() : integers.size());
  for (size_t k = 0; k < starts.size(); ++k) {
    const int64_t end = k + 1 < starts.size() ? starts[k + 1] : pool, length = int64_t(k) + 1;
    for (int64_t at = starts[k]; at + length <= end; at += length, ++next) {
      if (length < min_length || length > max_length || next >= columns.size()) continue;
      std::string key;
      for (int64_t i = at; i < at + length; ++i)
        key += (text ? strings[size_t(i)] : std::to_string(integers[size_t(i)])) + '\0';
      column_of.emplace(std::move(key), columns[next]);
    }
  }
  const int64_t width = out.dims().back(), rows = out.rank() == 2 ? out.dims()[0] : 1;
  const int64_t n = rows > 0 ? in[0].count() / rows : 0;
  float* counts = out.data<float>();
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t skip = 1; skip <= std::min(max_skip + 1, std::max<int64_t>(n, 1)); ++skip)
      for (int64_t start = 0; start < n; ++start) {
        std::string key;
        for (int64_t length = 1, at = start; length <= max_length && at < n; ++length, at += skip) {
          key += member(in[0], row * n + at);
          if (length < min_length || (length == 1 && skip > 1)) continue;  // one element skips nothing
          if (const auto found = column_of.find(key); found != column_of.end())
            counts[row * width + found->second] += 1;
        }
      }
  if (mode != TermWeight::tf)
    for (int64_t i = 0; i < out.count(); ++i) {
      if (mode == TermWeight::idf) counts[i] = counts[i] > 0 ? 1.0f : 0.0f;
      if (!weights.empty()) counts[i] *= weights[size_t(i % width)];
    }
  return Tensors{std::move(out)};
}

Result<Types> LabelMap::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  const size_t keys = std::max({integer_keys.size(), real_keys.size(), string_keys.size()});
  const size_t values = std::max({integers.size(), reals.size(), strings.size()});
  if (values != keys + 1)
    return op_error(name, "there are " + std::to_string(keys) + " keys and " + std::to_string(values) +
                              " values, expected one more for the default");
  const DType t = in[0].dtype;
  const bool fits = !string_keys.empty()    ? t == DType::string
                    : !integer_keys.empty() ? is_integer(t)
                    : !real_keys.empty()    ? is_float(t)
                                            : true;
  const bool makes = !strings.empty()    ? to == DType::string
                     : !integers.empty() ? is_integer(to)
                                         : is_float(to);
  if (!fits || !makes)
    return op_error(
        name, "the keys do not fit " + in[0].to_string() + " or the values " + std::string(to_string(to)));
  return Types{{to, in[0].shape}};
}

Result<Tensors> LabelMap::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  const bool text = x.dtype() == DType::string;
  std::unordered_map<std::string, size_t> by_text;
  std::unordered_map<int64_t, size_t> by_number;  // reals by their bits; all NaN are one key
  const auto bits = [](double v) {
    return std::isnan(v) ? int64_t(-1) : std::bit_cast<int64_t>(v == 0 ? 0.0 : v);
  };
  for (size_t i = 0; i < string_keys.size(); ++i) by_text.emplace(string_keys[i], i);
  for (size_t i = 0; i < integer_keys.size(); ++i) by_number.emplace(integer_keys[i], i);
  for (size_t i = 0; i < real_keys.size(); ++i) by_number.emplace(bits(real_keys[i]), i);
  const size_t otherwise = std::max({integers.size(), reals.size(), strings.size()}) - 1;
  const auto index_of = [&](int64_t i) {
    if (text) {
      const auto found = by_text.find(x.strings()[size_t(i)]);
      return found == by_text.end() ? otherwise : found->second;
    }
    const auto found = by_number.find(real_keys.empty() ? x.as_int64(i) : bits(x.as_double(i)));
    return found == by_number.end() ? otherwise : found->second;
  };
  if (to == DType::string) {
    std::vector<std::string> out;
    for (int64_t i = 0; i < x.count(); ++i) out.push_back(strings[index_of(i)]);
    return Tensors{strings_of(x.dims(), std::move(out))};
  }
  const DType wide = integers.empty() ? DType::f64 : DType::i64;
  RK_TRY(Tensor y, make_tensor(name, wide, x.dims()));
  for (int64_t i = 0; i < x.count(); ++i)
    if (integers.empty())
      y.data<double>()[i] = reals[index_of(i)];
    else
      y.data<int64_t>()[i] = integers[index_of(i)];
  RK_TRY(Tensor out, cast(y, to));
  return Tensors{std::move(out)};
}

Result<Types> StringConstant::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 0, 0));
  RK_TRY(const int64_t count, checked_count(dims));
  if (count != int64_t(values.size()))
    return op_error(
        name, "there are " + std::to_string(values.size()) + " strings for " + rekindle::to_string(dims));
  return Types{{DType::string, to_shape(dims)}};
}
Result<Tensors> StringConstant::evaluate(std::span<const Tensor>) const {
  return Tensors{strings_of(dims, values)};
}

}  // namespace rekindle::ops
