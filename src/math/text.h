// Strings: joining, splitting, normalising, matching, counting.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "math/op_struct.h"

namespace rekindle::ops {

/// (a, b) Each string of a followed by that of b, with broadcasting.
struct StringConcat {
  static constexpr auto name = "string_concat";
  static constexpr auto kind = OpKind::opaque;
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) -> parts[…, most], i64 how many of them are real; others are "". An empty delimiter splits at runs of
/// blanks and ignores those at both ends. A negative limit is none.
struct StringSplit {
  std::string delimiter = {};
  int64_t limit = -1;
  static constexpr auto name = "string_split";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("delimiter", &StringSplit::delimiter, "limit", &StringSplit::limit);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

enum class CaseChange : uint8_t { none, lower, upper };
inline constexpr std::array kCaseChangeNames{std::string_view("none"), std::string_view("lower"),
                                             std::string_view("upper")};
constexpr const auto& enum_names(CaseChange) { return kCaseChangeNames; }

/// (x[n] or x[1, n]) The strings that are no stop words, in another case; one "" when none is left. Letters
/// of Latin, Greek and Cyrillic change their case, whatever the machine's locale.
struct StringNormalize {
  CaseChange change = CaseChange::none;
  bool case_sensitive = false;
  std::vector<std::string> stop_words = {};
  static constexpr auto name = "string_normalize";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("change", &StringNormalize::change, "case_sensitive", &StringNormalize::case_sensitive,
                       "stop_words", &StringNormalize::stop_words);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) Whether the pattern matches each whole string; RE2's syntax without Unicode classes.
struct RegexMatch {
  std::string pattern = {};
  static constexpr auto name = "regex_match";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("pattern", &RegexMatch::pattern);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

enum class TermWeight : uint8_t { tf, idf, tfidf };
inline constexpr std::array kTermWeightNames{std::string_view("tf"), std::string_view("idf"),
                                             std::string_view("tfidf")};
constexpr const auto& enum_names(TermWeight) { return kTermWeightNames; }

/// (x[n] or x[B, n], integers or strings) -> f32[…, columns]: how often each n-gram of the pool occurs, with
/// up to max_skip elements left out between its members. n-grams of length k begin at starts[k - 1] in the
/// pool; `columns` says where each goes.
struct TermCounts {
  TermWeight mode = TermWeight::tf;
  int64_t min_length = 1, max_length = 1, max_skip = 0;
  std::vector<int64_t> starts = {}, columns = {}, integers = {};
  std::vector<std::string> strings = {};
  std::vector<float> weights = {};
  static constexpr auto name = "term_counts";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields(
      "mode", &TermCounts::mode, "min_length", &TermCounts::min_length, "max_length", &TermCounts::max_length,
      "max_skip", &TermCounts::max_skip, "starts", &TermCounts::starts, "columns", &TermCounts::columns,
      "integers", &TermCounts::integers, "strings", &TermCounts::strings, "weights", &TermCounts::weights);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) The value of each key, a default for others. One list of keys and one of values is used: integers,
/// reals or strings; the last element of the values is the default.
struct LabelMap {
  std::vector<int64_t> integer_keys = {}, integers = {};
  std::vector<double> real_keys = {}, reals = {};
  std::vector<std::string> string_keys = {}, strings = {};
  DType to = DType::i64;
  static constexpr auto name = "label_map";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("integer_keys", &LabelMap::integer_keys, "integers", &LabelMap::integers, "real_keys",
                       &LabelMap::real_keys, "reals", &LabelMap::reals, "string_keys", &LabelMap::string_keys,
                       "strings", &LabelMap::strings, "to", &LabelMap::to);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// () A constant tensor of strings: engines keep numbers in their weight section, and strings here.
struct StringConstant {
  std::vector<int64_t> dims = {};
  std::vector<std::string> values = {};
  static constexpr auto name = "string_constant";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("dims", &StringConstant::dims, "values", &StringConstant::values);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
