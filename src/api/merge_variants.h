// Several targets in one engine: their weights and code go into shared sections, equal weights once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "api/builder.h"

namespace rekindle {

/// What several compilations of one model share while their engine is put together.
class VariantMerger {
 public:
  Status add(Compiled compiled, const std::string& target, BuildReport& report);
  /// The contents view this object's memory.
  EngineContents contents(EngineMeta meta) const;

 private:
  std::string weights_, code_, tuning_, ir_;
  std::vector<Variant> variants_;
};

}  // namespace rekindle
