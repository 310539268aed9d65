// Every op of the IR by name. all.def is the list; printing docs, parsing and loading look ops up here.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "ir/op.h"

namespace rekindle::ops {

/// What Graph's parse() and the engine's IR section need.
const OpTable& table();
/// All ops, default attributes, in the order of all.def.
const std::vector<Op>& all();

}  // namespace rekindle::ops
