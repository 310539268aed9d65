// The CPU's tactics, best first, the reference last. An explicit list: this is the table of contents.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>

#include "compiler/tactic.h"

namespace rekindle::cpu {

std::span<const Tactic* const> tactics();

// One function a file of this folder.
const Tactic& depthwise_tactic();
const Tactic& conv_tactic();
const Tactic& winograd_tactic();
const Tactic& conv_transpose_tactic();
const Tactic& onednn_conv_bf16_tactic();
const Tactic& onednn_matmul_bf16_tactic();
const Tactic& onednn_conv_tactic();
const Tactic& onednn_conv_transpose_tactic();
const Tactic& onednn_matmul_tactic();
const Tactic& pool_tactic();
const Tactic& max_unpool_tactic();
const Tactic& gemm_tactic();
const Tactic& pointwise_tactic();
const Tactic& copy_tactic();
const Tactic& pad_tactic();
const Tactic& tile_tactic();
const Tactic& rows_tactic();
const Tactic& reduce_tactic();
const Tactic& attention_tactic();
const Tactic& gather_tactic();
const Tactic& resize_tactic();
const Tactic& cast_tactic();
const Tactic& arg_reduce_tactic();
const Tactic& integer_tactic();
const Tactic& indexed_tactic();
const Tactic& quantize_tactic();
const Tactic& top_k_tactic();
const Tactic& cumulative_tactic();
const Tactic& recurrent_tactic();
const Tactic& reference_tactic();

}  // namespace rekindle::cpu
