// A rewrite rule is the equation it implements, in the IR's own syntax; rules prove themselves on random
// tensors.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <set>
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
  std::set<NodeId> nodes;  // those of the left side
  ValueId operator[](std::string_view name) const {
    auto found = values.find(name);
    return found == values.end() ? ValueId::none : found->second;
  }
};

struct Rule {
  std::string_view name;
  /// "mul(%x, sigmoid(%x))": %x binds consistently; $a binds constants only; numbers match scalar constants
  /// within 1e-4 relative; {axis=?k} binds an attribute, {axis=-1} demands it; ops that commute match either
  /// way round.
  std::string_view from;
  std::string_view to;  // "silu(%x)"; {epsilon=$e} takes an attribute from a scalar constant
  /// What syntax cannot say: ok, or why not. The reason is kept as a remark for `--explain`.
  Status (*when)(const Match&, const Graph&) = nullptr;
  /// A graph in which the rule applies, for prove(): needed when attributes are bound or shapes matter.
  std::string_view example = {};
  bool is_boolean = false;  // prove it on booleans
};

/// Applies rules to a fixed point. Nothing outside the left side may use its inner values; types must not
/// change.
Result<int> rewrite(Graph&, std::span<const Rule>, PassContext&);

std::span<const Rule> canonical_rules();  // passes/rules.cc: the list, grouped and commented
namespace passes {
std::span<const Rule> norm_rules();  // passes/recognize_norms.cc
}

/// Evaluates both sides of a rule on random tensors with the reference, over ranks, broadcasts and dtypes.
Status prove(const Rule&, const OpTable&, int trials = 100);

}  // namespace rekindle
