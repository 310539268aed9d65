// How long a kernel will take on a GPU, worked out from the GPU's description and what the kernel does: so
// that the few kernels worth compiling and measuring are found, and one is chosen for a GPU that is not here.
// SPDX-License-Identifier: Apache-2.0
//
// After the models that tuners of absent GPUs use (XLA's gpu_performance_model and its target descriptions;
// the occupancy rules are those of the CUDA programming guide). Only the order of kernels for one problem has
// to be right; docs/cost-model.md has the formulas, what they were compared with, and how well they rank.
#pragma once
#include "compiler/tactic.h"
#include "tensor/gpu.h"

namespace rekindle::cuda {

/// What a block of a kernel takes of a multiprocessor.
struct BlockResources {
  int64_t threads = 0;
  double registers = 0;  // a thread
  int64_t shared_bytes = 0;
  double spill_bytes = 0;
};
/// `estimate` with what the assembler said in place of its registers, shared memory and spills. Of kernels
/// that the driver assembles (PTX) nothing is known: then the estimate stays.
BlockResources resources_of(const BlockResources& estimate, const BuiltKernel* built);
/// Blocks that a multiprocessor holds at once; 0 when not even one fits.
int64_t resident_blocks(const GpuDescription& gpu, const BlockResources& block);

/// Refuses kernels that spill registers: where nothing is measured they are not worth a try.
Status check_spills(const BuiltKernel* built, const Target& target);

/// A tile of a matrix product that plain cores compute from shared memory.
struct SimtWork {
  double rows = 0, columns = 0, depth = 0, items = 1;  // of the product; items of a batch
  int64_t m = 0, n = 0, k = 0, thread_m = 0, thread_n = 0;
  double splits = 1;             // blocks that share the depth of one tile
  double load_instructions = 8;  // for four elements of A: addresses, bounds, the load
  bool scalar_loads = false;     // A comes an element at a time
  double element_bytes = 4;      // of the operands in memory
  double a_bytes = 0;            // what A takes in memory: less than rows * depth for a convolution
  double tail_bytes = 0;         // what the epilogue reads, and writes beside the result
  int64_t stages = 2;            // slices in shared memory
  bool async_copies = false;     // into it past the registers: then all but one of them are on their way
};
Result<Prediction> predict_simt(const GpuDescription& gpu, const SimtWork& work, const BlockResources& block);
/// Registers of such a tile before it is compiled.
double estimated_simt_registers(const SimtWork& work, int64_t min_blocks);

/// A tile of a matrix product on tensor cores. Operands pass through shared memory, `stages` deep.
struct MmaWork {
  double rows = 0, columns = 0, depth = 0, items = 1;
  int64_t m = 0, n = 0, k = 0, warp_m = 0, warp_n = 0, stages = 2;
  GpuMath math = GpuMath::mma_f16;
  int64_t step = 16;         // of the depth, by one instruction
  double rate = 1;           // of the instruction, where it is slower than the fastest of its class
  bool async_copies = true;  // else tiles pass through registers
  double splits = 1, element_bytes = 2, a_bytes = 0, tail_bytes = 0;
};
Result<Prediction> predict_mma(const GpuDescription& gpu, const MmaWork& work, const BlockResources& block);

/// Threads that each do the same small work: pointwise, movement, pooling, rows, attention.
struct FlatWork {
  double threads = 0;         // of the whole grid
  double instructions = 0;    // of a thread, multiply-adds included
  double shared_vectors = 0;  // of a thread: loads and stores of shared memory that take a warp one pass each
  double memory_bytes = 0;    // that must come from or go to memory, each once
  double cache_bytes =
      0;             // that go between multiprocessors and L2, repeated reads and unused parts of lines too
  double steps = 1;  // loads of a thread that wait for each other
  double barriers = 0;
};
Result<Prediction> predict_flat(const GpuDescription& gpu, const FlatWork& work, const BlockResources& block);

/// The number that a config has for an axis, or what it is without that axis.
int64_t axis_of(const Config& config, std::string_view axis, int64_t otherwise);
/// At the region's sizes; 1 for what only running tells.
double size_at(const Region& region, const Dim& dim);
/// Of all inputs and outputs, each once.
double bytes_touched(const Region& region);
double bytes_of_output(const Region& region);  // the first
/// What the tail of a product reads beside its result.
double tail_bytes(const Region& region, const Node& anchor);

}  // namespace rekindle::cuda
