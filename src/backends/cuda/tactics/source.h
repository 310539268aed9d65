// What comes before a reduction in its kernel: the elementwise head, written as a struct of the source.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "backends/cuda/tactics/writer.h"
#include "compiler/anchored_region.h"

namespace rekindle::cuda {

/// Writes `struct Source` with load(e, x), elements e to e + V of the anchor's first input as floats, where e
/// is a multiple of V, which is at most `width` of the returned source. Adds its inputs to the parameters.
struct WrittenSource {
  std::string statement;  // of the body, makes `source`
  int width = 1;
};
/// `run` is how many elements lie in a row; vectors do not cross its ends.
Result<WrittenSource> write_source(KernelWriter& writer, const Region& region, const AnchoredRegion& parts,
                                   const Dim& run);

}  // namespace rekindle::cuda
