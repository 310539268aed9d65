// Every pass, for the pipeline table and for tests. One file a pass, of the same stem.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "passes/pass.h"

namespace rekindle::passes {

Result<int> canonicalize(Graph&, PassContext&);    // rules.cc to a fixed point
Result<int> fold_constants(Graph&, PassContext&);  // runs the reference on nodes whose inputs are known
Result<int> eliminate(Graph&, PassContext&);       // common subexpressions, dead values, identities
Result<int> fold_batch_norm(
    Graph&, PassContext&);  // batch_norm and per-channel scale/shift into the convolution or matmul before
Result<int> recognize_norms(Graph&, PassContext&);  // layer and RMS norms spelled out in primitive ops
Result<int> recognize_attention(Graph&,
                                PassContext&);     // softmax(q k^T * scale + mask) v in its many spellings
Result<int> merge_siblings(Graph&, PassContext&);  // matmuls and convolutions of one input become one
Result<int> choose_layout(Graph&,
                          PassContext&);  // nhwc where the target's convolutions want it, fewest transposes
Result<int> cancel_transposes(Graph&, PassContext&);  // transposes meet, cancel, and move out of the way
Result<int> sink_reshapes(Graph&, PassContext&);      // reshapes move down past elementwise ops
Result<int> lower_precision(Graph&, PassContext&);    // FP16 where the build allows it
Result<int> fuse(Graph&, PassContext&);               // grow regions around contractions and reductions

}  // namespace rekindle::passes
