// tree_ensemble: decision trees whose leaves add to targets (ai.onnx.ml TreeEnsemble).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

enum class TreeTest : uint8_t { less_or_equal, less, greater_or_equal, greater, equal, not_equal, member };
inline constexpr std::array kTreeTestNames{
    std::string_view("less_or_equal"), std::string_view("less"),  std::string_view("greater_or_equal"),
    std::string_view("greater"),       std::string_view("equal"), std::string_view("not_equal"),
    std::string_view("member")};
constexpr const auto& enum_names(TreeTest) { return kTreeTestNames; }
enum class TreeSum : uint8_t { average, sum, min, max };
inline constexpr std::array kTreeSumNames{std::string_view("average"), std::string_view("sum"),
                                          std::string_view("min"), std::string_view("max")};
constexpr const auto& enum_names(TreeSum) { return kTreeSumNames; }
enum class TreeEnd : uint8_t { none, softmax, logistic, softmax_zero, probit };
inline constexpr std::array kTreeEndNames{std::string_view("none"), std::string_view("softmax"),
                                          std::string_view("logistic"), std::string_view("softmax_zero"),
                                          std::string_view("probit")};
constexpr const auto& enum_names(TreeEnd) { return kTreeEndNames; }

/// (x[N, F]) -> [N, targets]. Node i tests feature[i] against split[i] and goes on at yes[i] or no[i], which
/// are leaves where the flags say so; NaN goes to yes where missing[i]. Members: the values of node i are
/// members[first_member[i]] … before first_member[i + 1].
struct TreeEnsemble {
  std::vector<int64_t> roots = {}, feature = {}, yes = {}, no = {}, yes_leaf = {}, no_leaf = {}, missing = {},
                       first_member = {}, leaf_target = {};
  std::vector<TreeTest> test = {};
  std::vector<double> split = {}, members = {}, leaf_weight = {};
  int64_t targets = 1;
  TreeSum sum = TreeSum::sum;
  TreeEnd end = TreeEnd::none;
  static constexpr auto name = "tree_ensemble";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields(
      "roots", &TreeEnsemble::roots, "feature", &TreeEnsemble::feature, "yes", &TreeEnsemble::yes, "no",
      &TreeEnsemble::no, "yes_leaf", &TreeEnsemble::yes_leaf, "no_leaf", &TreeEnsemble::no_leaf, "missing",
      &TreeEnsemble::missing, "first_member", &TreeEnsemble::first_member, "leaf_target",
      &TreeEnsemble::leaf_target, "test", &TreeEnsemble::test, "split", &TreeEnsemble::split, "members",
      &TreeEnsemble::members, "leaf_weight", &TreeEnsemble::leaf_weight, "targets", &TreeEnsemble::targets,
      "sum", &TreeEnsemble::sum, "end", &TreeEnsemble::end);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
