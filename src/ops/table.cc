// Making the op table from all.def.
// SPDX-License-Identifier: Apache-2.0
#include "ops/table.h"

#include <unordered_map>

#include "ops/all.h"

namespace rekindle::ops {

const std::vector<Op>& all() {
  static const std::vector<Op> list = {
#define RK_OP(Struct) Op(Struct{}),
#include "ops/all.def"
#undef RK_OP
  };
  return list;
}

const OpTable& table() {
  static const OpTable t{[](std::string_view name) -> const Op* {
    static const auto by_name = [] {
      std::unordered_map<std::string_view, const Op*> map;
      for (const Op& op : all()) RK_ASSERT(map.emplace(op.name(), &op).second, "two ops have the same name");
      return map;
    }();
    auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : found->second;
  }};
  return t;
}

}  // namespace rekindle::ops
