// The list.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/table.h"

#include <array>

namespace rekindle::cuda {

std::span<const Tactic* const> tactics() {
  static const std::array<const Tactic*, 17> list{&conv_mma_tactic(),
                                                  &gemm_mma_tactic(),
                                                  &conv_tactic(),
                                                  &depthwise_tactic(),
                                                  &gemm_tactic(),
                                                  &attention_mma_tactic(),
                                                  &attention_tactic(),
                                                  &rows_tactic(),
                                                  &reduce_tactic(),
                                                  &pool_tactic(),
                                                  &pointwise_tactic(),
                                                  &movement_tactic(),
                                                  &gather_tactic(),
                                                  &resize_tactic(),
                                                  &copy_tactic(),
                                                  &conv_transpose_tactic(),
                                                  &max_pool_indices_tactic()};
  return list;
}

}  // namespace rekindle::cuda
