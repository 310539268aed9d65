// A rewrite rule is the equation it implements, in the IR's own syntax; rules prove themselves on random tensors.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "passes/pass.h"

namespace rekindle {

/// What a match bound: %x to values, $a to constants, {axis=?k} to attribute texts.
struct Match {
  std::map<std::string, ValueId, std::less<>> values;
  std::map<std::string, std::string, std::less<>> attributes;
  ValueId root = ValueId::none;
  ValueId operator[](std::string_view name) const {
    auto found = values.find(name);
    return found == values.end() ? ValueId::none : found->second;
  }
};

struct Rule {
  std::string_view name;
  /// "mul(%x, sigmoid(%x))": %x binds consistently; $a binds constants only; numbers match scalar constants within 1e-4
  /// relative; {axis=?k} binds an attribute, {axis=-1} demands it; ops that commute match either way round.
  std::string_view from;
  std::string_view to;  // "silu(%x)"
  /// What syntax cannot say: ok, or why not. The reason is kept as a remark for `--explain`.
  Status (*when)(const Match&, const Graph&) = nullptr;
};

/// Applies rules to a fixed point. Values inside the pattern must have no other use; types must not change.
Result<int> rewrite(Graph&, std::span<const Rule>, PassContext&);

std::span<const Rule> canonical_rules();  // passes/rules.cc: the list, grouped and commented

/// Evaluates both sides of a rule on random tensors with the reference, over ranks, broadcasts and dtypes.
Status prove(const Rule&, const OpTable&, int trials = 100);

}  // namespace rekindle
