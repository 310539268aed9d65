// Every rewrite rule proves itself, and a wrong one is caught.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "ops/table.h"
#include "passes/rewrite.h"

namespace rekindle {
namespace {

std::vector<Rule> all_rules() {
  std::vector<Rule> rules(canonical_rules().begin(), canonical_rules().end());
  for (const Rule& rule : passes::norm_rules()) rules.push_back(rule);
  return rules;
}

TEST(Rules, EachProvesItself) {
  for (const Rule& rule : all_rules()) {
    const Status proved = prove(rule, ops::table(), 20);
    EXPECT_TRUE(proved.ok()) << rule.name << ": " << proved.to_string();
  }
}

TEST(Rules, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const Rule& rule : all_rules()) EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
}

TEST(Rules, AWrongRuleIsCaught) {
  const Rule wrong{.name = "typo", .from = "mul(%x, sigmoid(%x))", .to = "sigmoid(%x)"};
  const Status proved = prove(wrong, ops::table(), 5);
  EXPECT_FALSE(proved.ok());
  EXPECT_NE(proved.message().find("rule 'typo' is wrong"), std::string::npos) << proved.message();
}

TEST(Rules, ARuleThatNeverAppliesIsCaught) {
  const Rule never{
      .name = "never", .from = "add(%x, %y)", .to = "add(%x, %y)", .when = [](const Match&, const Graph&) {
        return Status::error(Code::unsupported, "never holds");
      }};
  const Status proved = prove(never, ops::table(), 1);
  EXPECT_FALSE(proved.ok());
  EXPECT_NE(proved.message().find("does not apply"), std::string::npos) << proved.message();
}

}  // namespace
}  // namespace rekindle
