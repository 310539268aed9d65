// What comes before a reduction in its kernel: the elementwise head, written as a struct of the source.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "backends/cuda/tactics/writer.h"
#include "compiler/anchored_region.h"

namespace rekindle::cuda {

/// Writes `struct Source` with load(e), element e of the anchor's first input. Adds its inputs to the
/// parameters. Returns the statement of the body that makes `source`.
Result<std::string> write_source(KernelWriter& writer, const Region& region, const AnchoredRegion& parts);

}  // namespace rekindle::cuda
