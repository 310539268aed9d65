// From the elementwise nodes of a region to a program.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <set>
#include <vector>

#include "backends/cpu/program.h"
#include "compiler/anchored_region.h"

namespace rekindle::cpu {

/// A program and the body values its input registers stand for, in order.
struct RegionProgram {
  Program program;
  std::vector<ValueId> inputs;
};

/// The program of some nodes of a region's body, in order, whose results are `outputs`. Values made by other
/// nodes or coming in from outside become inputs; `first`, when given, is input register 0 whether it is used
/// or not (the result of the kernel whose tail this is). Refuses ops without a formula and element types that
/// programs do not compute in.
Result<RegionProgram> program_of(const Region& region, const std::vector<NodeId>& nodes,
                                 const std::vector<ValueId>& outputs, ValueId first = ValueId::none);

/// What a kernel with a tail passes to its device: the tail's program over the anchor's result, and its
/// further inputs.
Result<RegionProgram> tail_program(const Region& region, const AnchoredRegion& parts);

/// A tail whose first addition of one number a channel is taken by the kernel as its bias.
struct TailWithBias {
  ValueId bias = ValueId::none;
  RegionProgram rest;  // register 0 is the anchor's result plus the bias; empty when nothing follows
};
/// `already` is a bias that the anchor has itself; then none is looked for.
Result<TailWithBias> tail_with_bias(const Region& region, const AnchoredRegion& parts, const Dim& channels,
                                    ValueId already = ValueId::none);
/// Adds the bias and the tail's further inputs to the kernel, and which of them the output may overwrite.
Status add_tail_inputs(const Region& region, const TailWithBias& tail, BuiltKernel& kernel);

/// "the type is i64, needs f32"
Status needs_f32(const Region& region, ValueId v);

}  // namespace rekindle::cpu
