// The tactics for NVIDIA GPUs, best first. An explicit list: this is the table of contents.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>

#include "compiler/tactic.h"

namespace rekindle::cuda {

std::span<const Tactic* const> tactics();

// One function a file of this folder.
const Tactic& conv_tactic();
const Tactic& depthwise_tactic();
const Tactic& gemm_tactic();
const Tactic& gemm_mma_tactic();
const Tactic& conv_mma_tactic();
const Tactic& pointwise_tactic();
const Tactic& conv_transpose_tactic();
const Tactic& copy_tactic();
const Tactic& max_pool_indices_tactic();
const Tactic& pool_tactic();
const Tactic& rows_tactic();
const Tactic& reduce_tactic();
const Tactic& movement_tactic();
const Tactic& gather_tactic();
const Tactic& resize_tactic();
const Tactic& attention_mma_tactic();
const Tactic& attention_tactic();

}  // namespace rekindle::cuda
