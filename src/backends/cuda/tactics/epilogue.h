// What follows a contraction or reduction in its kernel: the elementwise tail, written as a struct of the
// source.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "backends/cuda/tactics/writer.h"
#include "compiler/anchored_region.h"

namespace rekindle::cuda {

/// Writes `struct Epilogue` with store(m, n, x): x are `width` (4 or 1) neighbours of the anchor's result
/// seen as a matrix of `columns` columns (its last dims), all others rows; those past the last column are not
/// stored. Adds the tail's inputs and the outputs to the writer's parameters. Returns the statement of the
/// body that makes `epilogue`. `extra_bias` is a per-column addend that the anchor has itself, or none.
Result<std::string> write_epilogue(KernelWriter& writer, const Region& region, const AnchoredRegion& parts,
                                   const Dim& columns, int width, ValueId extra_bias = ValueId::none);

}  // namespace rekindle::cuda
