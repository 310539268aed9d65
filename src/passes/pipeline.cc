// The order of the compiler's passes, and why. This is its table of contents.
// SPDX-License-Identifier: Apache-2.0
#include "passes/passes.h"

namespace rekindle {

namespace {

constexpr Pass kPipeline[] = {
    // Shapes were resolved on import; what is left of their arithmetic is constant or dead. Folding first
    // keeps the rules short:
    // they only ever see one constant where an exporter wrote five nodes.
    {"fold-constants", "run the reference on nodes whose inputs are known", passes::fold_constants},
    {"eliminate", "common subexpressions, dead values, index maps that change nothing", passes::eliminate},
    // One spelling of each idea: every later pass may rely on it.
    {"canonicalize", "apply the rules of rules.cc to a fixed point", passes::canonicalize},
    {"recognize-norms", "layer and RMS norms spelled out in primitive ops become one op",
     passes::recognize_norms},
    {"recognize-attention", "softmax(q·kᵀ·scale + mask)·v becomes one op", passes::recognize_attention},
    // Batch norms vanish into weights before anything looks at what follows a convolution.
    {"fold-batch-norm", "batch norms and per-channel scales move into the weights before them",
     passes::fold_batch_norm},
    // Biases are known now, and slices still have to find their way through the layout.
    {"merge-siblings", "matmuls and convolutions that share their input become one where that is faster",
     passes::merge_siblings},
    // Layout before fusion: a transpose between two kernels would keep them apart.
    {"choose-layout", "nhwc where the target's convolutions want it, with the fewest transposes",
     passes::choose_layout},
    {"cancel-transposes", "transposes meet, cancel, and move out of the way", passes::cancel_transposes},
    {"sink-reshapes", "reshapes move down past elementwise ops, which join the kernel before them",
     passes::sink_reshapes},
    {"fold-weights", "run the reference on what the passes above did to weights", passes::fold_constants},
    {"clean-up", "what the passes above left unused or twice", passes::eliminate},
    // After everything that computes new weights, so that each is rounded once; before regions hide their
    // values.
    {"lower-precision", "values are stored in fp16 where the build allows it, with casts in between",
     passes::lower_precision},
    // Last: from here on one node is one kernel.
    {"fuse", "grow regions around contractions and reductions, then join elementwise chains", passes::fuse},
};

}  // namespace

std::span<const Pass> standard_pipeline() { return kPipeline; }

const Pass* find_pass(std::string_view name) {
  for (const Pass& pass : kPipeline)
    if (pass.name == name) return &pass;
  return nullptr;
}

}  // namespace rekindle
