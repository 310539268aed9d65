// Strings, and the operators of ai.onnx.ml: encoders, counts of terms, trees.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "math/text.h"
#include "math/trees.h"
#include "onnx/compose.h"

namespace rekindle::onnx {

Result<Values> convert_string_concat(NodeReader& node, Builder& build) {
  return build.finish(ops::StringConcat{}, {node.input(0), node.input(1)});
}

Result<Values> convert_string_split(NodeReader& node, Builder& build) {
  ops::StringSplit op;
  op.delimiter = node.text("delimiter", "");
  if (node.has("maxsplit")) op.limit = node.integer("maxsplit", -1);
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_string_normalizer(NodeReader& node, Builder& build) {
  using enum ops::CaseChange;
  ops::StringNormalize op;
  op.change = node.choice("case_change_action", {{"NONE", none}, {"LOWER", lower}, {"UPPER", upper}}, none);
  op.case_sensitive = node.flag("is_case_sensitive", false);
  op.stop_words = node.texts("stopwords");
  node.ignore("locale");  // letters change their case alike everywhere
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_regex_full_match(NodeReader& node, Builder& build) {
  return build.finish(ops::RegexMatch{node.text("pattern", "")}, {node.input(0)});
}

Result<Values> convert_tfidf_vectorizer(NodeReader& node, Builder& build) {
  using enum ops::TermWeight;
  ops::TermCounts op;
  op.mode = node.choice("mode", {{"TF", tf}, {"IDF", idf}, {"TFIDF", tfidf}}, tf);
  op.min_length = node.integer("min_gram_length", 1);
  op.max_length = node.integer("max_gram_length", 1);
  op.max_skip = node.integer("max_skip_count", 0);
  op.starts = node.integers("ngram_counts");
  op.columns = node.integers("ngram_indexes");
  op.integers = node.integers("pool_int64s");
  op.strings = node.texts("pool_strings");
  op.weights = node.reals("weights");
  return build.finish(op, {node.input(0)});
}

namespace {

/// The elements of a tensor in the one list that fits its type.
Status split_by_type(const Tensor& t, std::vector<int64_t>& integers, std::vector<double>& reals,
                     std::vector<std::string>& strings) {
  for (int64_t i = 0; i < t.count(); ++i) {
    if (t.dtype() == DType::string)
      strings.push_back(t.strings()[size_t(i)]);
    else if (is_integer(t.dtype()))
      integers.push_back(t.as_int64(i));
    else
      reals.push_back(t.as_double(i));
  }
  return {};
}

/// Keys or values: as a tensor, or as a list of strings, integers or floats.
Result<DType> read_labels(NodeReader& node, const std::string& prefix, std::vector<int64_t>& integers,
                          std::vector<double>& reals, std::vector<std::string>& strings) {
  if (node.has(prefix + "tensor")) {
    RK_TRY(const Tensor t, node.tensor(prefix + "tensor"));
    RK_CHECK(split_by_type(t, integers, reals, strings));
    return t.dtype();
  }
  if (node.has(prefix + "strings")) {
    strings = node.texts(prefix + "strings");
    return DType::string;
  }
  if (node.has(prefix + "int64s")) {
    integers = node.integers(prefix + "int64s");
    return DType::i64;
  }
  for (const float v : node.reals(prefix + "floats")) reals.push_back(double(v));
  return DType::f32;
}

}  // namespace

Result<Values> convert_label_encoder(NodeReader& node, Builder& build) {
  ops::LabelMap op;
  if (node.opset() < 2) {  // strings to their place in a list, or back
    op.strings = node.texts("classes_strings");
    std::vector<int64_t> places;
    for (size_t i = 0; i < op.strings.size(); ++i) places.push_back(int64_t(i));
    const bool to_numbers = build.type(node.input(0)).dtype == DType::string;
    const std::string otherwise = node.text("default_string", "_Unused");
    const int64_t none = node.integer("default_int64", -1);
    if (to_numbers) {
      op.string_keys = std::exchange(op.strings, {});
      op.integers = std::move(places);
      op.integers.push_back(none);
    } else {
      op.integer_keys = std::move(places);
      op.strings.push_back(otherwise);
      op.to = DType::string;
    }
    return build.finish(op, {node.input(0)});
  }
  RK_CHECK(read_labels(node, "keys_", op.integer_keys, op.real_keys, op.string_keys).status());
  RK_TRY(op.to, read_labels(node, "values_", op.integers, op.reals, op.strings));
  for (const char* name : {"default_string", "default_int64", "default_float"})
    if (node.has(name) && node.has("default_tensor")) node.ignore(name);
  if (node.has("default_tensor")) {
    RK_TRY(const Tensor t, node.tensor("default_tensor"));
    RK_CHECK(split_by_type(t, op.integers, op.reals, op.strings));
  } else {
    const std::string text = node.text("default_string", "_Unused");
    const int64_t integer = node.integer("default_int64", -1);
    const float real = node.real("default_float", -0.0f);
    if (op.to == DType::string)
      op.strings.push_back(text);
    else if (is_integer(op.to))
      op.integers.push_back(integer);
    else
      op.reals.push_back(double(real));
  }
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_binarizer(NodeReader& node, Builder& build) {
  const float threshold = node.real("threshold", 0);
  Composition c(build);
  const ValueId x = node.input(0);
  return c.result({c.cast(c(ops::Greater{}, {x, c.like(x, threshold)}), c.dtype(x))});
}

/// Along the last axis; a list is taken as one row.
Result<Values> convert_array_feature_extractor(NodeReader& node, Builder& build) {
  Composition c(build);
  ValueId x = node.input(0);
  if (c.rank(x) == 1) x = c.reshape(x, {1, c.dim(x, 0)});
  return c.result({c.gather(x, c.reshape(node.input(1), {c.type(node.input(1)).count()}), -1)});
}

Result<Values> convert_tree_ensemble(NodeReader& node, Builder& build) {
  ops::TreeEnsemble op;
  op.roots = node.integers("tree_roots");
  op.feature = node.integers("nodes_featureids");
  op.yes = node.integers("nodes_truenodeids");
  op.no = node.integers("nodes_falsenodeids");
  op.yes_leaf = node.integers("nodes_trueleafs");
  op.no_leaf = node.integers("nodes_falseleafs");
  op.leaf_target = node.integers("leaf_targetids");
  op.targets = node.integer("n_targets", 1);
  op.missing = node.integers("nodes_missing_value_tracks_true", std::vector<int64_t>(op.feature.size(), 0));
  node.ignore("nodes_hitrates");
  const int64_t sum = node.integer("aggregate_function", 1), end = node.integer("post_transform", 0);
  if (sum < 0 || sum > 3 || end < 0 || end > 4)
    return invalid("aggregate_function is " + std::to_string(sum) + " and post_transform " +
                   std::to_string(end) + ", expected 0 to 3 and 0 to 4");
  op.sum = ops::TreeSum(sum), op.end = ops::TreeEnd(end);
  RK_TRY(const Tensor modes, node.tensor("nodes_modes"));
  RK_TRY(const Tensor splits, node.tensor("nodes_splits"));
  RK_TRY(const Tensor weights, node.tensor("leaf_weights"));
  for (int64_t i = 0; i < weights.count(); ++i) op.leaf_weight.push_back(weights.as_double(i));
  Tensor members(DType::f64, {0});
  if (node.has("membership_values")) {
    RK_TRY(members, node.tensor("membership_values"));
  }
  int64_t next = 0;  // NaN ends the values of a node
  for (int64_t i = 0; i < modes.count(); ++i) {
    const int64_t mode = modes.as_int64(i);
    if (mode < 0 || mode > 6 || i >= splits.count())
      return invalid("node " + std::to_string(i) + " has no test");
    op.test.push_back(ops::TreeTest(mode));
    op.split.push_back(splits.as_double(i));
    op.first_member.push_back(int64_t(op.members.size()));
    if (op.test.back() != ops::TreeTest::member) continue;
    for (; next < members.count() && !std::isnan(members.as_double(next)); ++next)
      op.members.push_back(members.as_double(next));
    ++next;
  }
  op.first_member.push_back(int64_t(op.members.size()));
  return build.finish(op, {node.input(0)});
}

}  // namespace rekindle::onnx
