// The order in which the CPU's tactics are asked.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/tactics/table.h"

namespace rekindle::cpu {

std::span<const Tactic* const> tactics() {
  static const Tactic* const list[] = {
      &onednn_conv_bf16_tactic(),
      &onednn_matmul_bf16_tactic(),  // twice as fast, where a build allows bf16
      &depthwise_tactic(),           // also fits cpu.conv, which is slower at it
      &conv_tactic(),
      &winograd_tactic(),  // after cpu.conv: only a measurement can prefer it
      &onednn_conv_tactic(),
      &conv_transpose_tactic(),
      &onednn_conv_transpose_tactic(),
      &pool_tactic(),
      &gemm_tactic(),
      &onednn_matmul_tactic(),
      &integer_tactic(),
      &pointwise_tactic(),
      &copy_tactic(),
      &pad_tactic(),
      &tile_tactic(),
      &rows_tactic(),
      &reduce_tactic(),
      &attention_tactic(),
      &gather_tactic(),
      &indexed_tactic(),
      &resize_tactic(),
      &cast_tactic(),
      &arg_reduce_tactic(),
      &recurrent_tactic(),
      &top_k_tactic(),
      &cumulative_tactic(),
      &quantize_tactic(),
      &max_unpool_tactic(),
      &reference_tactic(),  // always right, never fast: ends the table so that every op has an implementation
  };
  return list;
}

}  // namespace rekindle::cpu
