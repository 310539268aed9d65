// The two sides of a rule as trees: parsing them from text, matching one against a graph, building the other.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "ir/patch.h"
#include "passes/rewrite.h"

namespace rekindle {

struct Term {
  enum class Kind : uint8_t { value, constant, number, op };  // %x, $a, 0.5, mul(…)
  Kind kind = Kind::op;
  std::string name;  // of the value, constant or op
  double number = 0;
  std::vector<std::pair<std::string, std::string>> attributes;  // {axis=?k} has "?k", {axis=-1} has "-1"
  std::vector<Term> args;
};
/// Errors name the column.
Result<Term> parse_term(std::string_view text);

/// Matches the pattern at the node that makes `root`, filling `match`. Inner values must have no other use.
bool match_term(const Graph& graph, const Term& pattern, ValueId root, Match& match);

/// Adds the nodes of the right side to the patch. Numbers become scalars of `dtype`.
Result<ValueId> build_term(const Term& term, const Match& match, DType dtype, const OpTable& ops,
                           Patch& patch);

}  // namespace rekindle
