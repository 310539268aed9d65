// Applying rules to a fixed point.
// SPDX-License-Identifier: Apache-2.0
#include "passes/rewrite.h"

#include <unordered_map>

#include "ops/table.h"
#include "passes/pattern.h"

namespace rekindle {

namespace {

struct ParsedRule {
  const Rule* rule;
  Term from, to;
};
using RulesByRoot = std::unordered_map<std::string, std::vector<ParsedRule>>;

Result<RulesByRoot> parse_rules(std::span<const Rule> rules) {
  RulesByRoot parsed;
  for (const Rule& rule : rules) {
    RK_TRY(Term from, parse_term(rule.from));
    RK_TRY(Term to, parse_term(rule.to));
    parsed[from.name].push_back({&rule, from, std::move(to)});
  }
  return parsed;
}

/// Tries the rules whose left side has this node's op on top; true when one was applied.
Result<bool> apply_one(Graph& graph, NodeId n, const std::vector<ParsedRule>& rules, PassContext& context) {
  const ValueId root = graph[n].outputs[0];
  for (const ParsedRule& r : rules) {
    Match match;
    if (!match_term(graph, r.from, root, match)) continue;
    const auto remark = [&](const Status& why) {
      context.remarks.push_back(std::string(r.rule->name) + " at " + graph[root].name + ": " + why.message());
    };
    if (r.rule->when) {
      if (const Status why = r.rule->when(match, graph); !why.ok()) {
        remark(why);
        continue;
      }
    }
    Patch patch(graph);
    const auto now = build_term(r.to, match, graph[root].type.dtype, ops::table(), patch);
    if (!now.ok()) {
      remark(now.status());
      continue;
    }
    if (!context.take_budget()) return false;
    patch.replace(root, *now);
    if (const Status applied = graph.apply(patch); !applied.ok()) {
      remark(applied);  // the types would change: the rule does not hold here
      ++context.budget;
      continue;
    }
    return true;
  }
  return false;
}

}  // namespace

Result<int> rewrite(Graph& graph, std::span<const Rule> rules, PassContext& context) {
  RK_TRY(const RulesByRoot by_root, parse_rules(rules));
  int changes = 0;
  for (bool again = true; again && context.budget > 0;) {
    again = false;
    for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
      const auto found = by_root.find(std::string(graph[n].op.name()));
      if (found == by_root.end() || graph[n].outputs.size() != 1) continue;
      RK_TRY(bool applied, apply_one(graph, n, found->second, context));
      changes += applied;
      again |= applied;
    }
  }
  return changes;
}

}  // namespace rekindle
