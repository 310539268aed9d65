// A program over whole rows: what a kernel of rows (softmax, norms, reductions) reads through its head and
// writes through its tail. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/program.h"

namespace rekindle::cpu {

/// How an index space is walked: rows of the row axes, for every position of the outer axes, in this order.
struct RowSpace {
  Dims dims;
  std::vector<size_t> outer, row;  // axes
  int64_t row_size() const {
    int64_t n = 1;
    for (const size_t a : row) n *= dims[a];
    return n;
  }
  int64_t rows() const {
    int64_t n = 1;
    for (const size_t a : outer) n *= dims[a];
    return n;
  }
};

/// One side of a kernel: a head reads operands and fills a buffer with one row; a tail takes a row of a
/// buffer as register 0 and writes outputs.
class RowProgram {
 public:
  /// Operands broadcast to the space. An empty program passes its only operand through.
  static Result<RowProgram> make_head(const KernelProgram& program, std::span<const ArgShape> inputs,
                                      const RowSpace& space, Isa isa);
  static Result<RowProgram> make_tail(const KernelProgram& program, std::span<const ArgShape> inputs,
                                      std::span<const ArgShape> outputs, const RowSpace& space, Isa isa);

  /// Nothing is computed and rows are contiguous floats: the kernel may use row() instead of a buffer.
  bool is_direct() const { return is_direct_; }
  int64_t scratch_floats() const { return program_->scratch_floats(); }

  LoopPosition at_row(int64_t row) const { return {outer_, outer_.depth(), row}; }
  float* row(const LoopPosition& at, const void* argument) const {
    return const_cast<float*>(static_cast<const float*>(argument)) + at.offset(0);
  }
  /// `inputs`: the head's, or the tail's from register 1 on.
  void run(const LoopPosition& at, const void* const* inputs, void* const* outputs, float* buffer,
           float* scratch) const;

 private:
  static constexpr size_t kMost = 32;
  static Result<RowProgram> make(const KernelProgram& program, std::span<const ArgShape> inputs,
                                 std::span<const ArgShape> outputs, const RowSpace& space, Isa isa);

  std::shared_ptr<const BoundProgram> program_;
  LoopNest outer_, inner_;  // operands: outputs, then inputs
  std::vector<int64_t> bytes_;
  size_t outputs_ = 0;
  int64_t segment_ = 1, segments_ = 1;  // the innermost loop of a row, and how often it is run
  bool is_head_ = false, is_direct_ = false;
};

}  // namespace rekindle::cpu
