// canonicalize: the rules of rules.cc to a fixed point.
// SPDX-License-Identifier: Apache-2.0
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace rekindle::passes {

Result<int> canonicalize(Graph& graph, PassContext& context) {
  return rewrite(graph, canonical_rules(), context);
}

}  // namespace rekindle::passes
