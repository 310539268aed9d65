// What happens to a matrix a kernel makes: the program behind a product, in registers or over tiles.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "backends/cpu/loop_nest.h"
#include "backends/cpu/program.h"

namespace rekindle::cpu {

/// The matrices are the last dim (columns) by all others (rows); rows are an inner loop of even steps in
/// outer loops.
class Tail {
 public:
  static constexpr size_t kMost = 16;
  /// Addresses of row 0, column 0 for one position of the outer loops.
  struct Frame {
    char* outputs[kMost];
    const char* operands[kMost];
  };

  /// `operands` are inputs 1 … of the program and broadcast to the outputs' shape. An empty program without
  /// outputs stands for the result itself. The program must live until set_rows() is done.
  static Result<Tail> make(const KernelProgram& program, std::span<const ArgShape> operands,
                           std::span<const ArgShape> outputs, Isa isa, bool allow_registers = true);
  /// Strides along all dims but the last of each output, then each operand; what a nest of the rows is made
  /// from.
  const std::vector<Dims>& row_strides() const { return row_strides_; }
  /// Tells the step from row to row, once the nest is known: its first operands must be row_strides(), its
  /// last loop the rows. Tiles will have at most `tile_floats` floats.
  Status set_rows(const LoopNest& nest, int64_t tile_floats);

  Frame frame(void* const* outputs, const void* const* operands, const LoopPosition& at) const;

  /// Starts the frame at another column: the channels of a group.
  void move_columns(Frame& frame, int64_t columns) const {
    for (size_t i = 0; i < sides_.size(); ++i) {
      const int64_t bytes = columns * sides_[i].column_step * sides_[i].bytes;
      if (i < output_count_)
        frame.outputs[i] += bytes;
      else
        frame.operands[i - output_count_] += bytes;
    }
  }

  /// True when a tile kernel does everything: set() then fills its job.
  bool in_registers() const { return in_registers_; }
  void set(TileJob& job, const Frame& frame, int64_t row, int64_t column) const {
    const Side& out = sides_[0];
    job.c = reinterpret_cast<float*>(frame.outputs[0]) + row * out.row_step + column;
    job.c_step = out.row_step;
    if (addend_ >= 0) {
      const Side& side = sides_[output_count_ + size_t(addend_)];
      job.addend = reinterpret_cast<const float*>(frame.operands[addend_]) + row * side.row_step + column;
      job.addend_step = side.row_step;
    }
    job.end = end_;
    if (scale_ >= 0) job.end.scale = *reinterpret_cast<const float*>(frame.operands[scale_]);
    if (shift_ >= 0) job.end.shift = *reinterpret_cast<const float*>(frame.operands[shift_]);
  }
  /// Otherwise: runs the program on a tile of rows of `floats` and writes the outputs' `columns`.
  void finish(float* tile, int64_t floats, const Frame& frame, int64_t row, int64_t height, int64_t column,
              int64_t columns, float* scratch) const;
  int64_t scratch_floats() const {
    return in_registers_ ? 0 : program_->scratch_floats() + staged_ * tile_floats_;
  }

 private:
  struct Side {  // an output or operand
    DType dtype = DType::f32;
    int64_t bytes = 4, row_step = 0, column_step = 0;
    int64_t stage = -1;  // which tile of the scratch memory; outputs: -1 is the tile itself
    bool is_scalar = false;
    Widen widen = nullptr;
    Narrow narrow = nullptr;
  };
  bool recognize();
  bool take_operand(const Instruction& instruction, uint32_t value);
  bool take_activation(const Instruction& instruction, uint32_t value);

  const KernelProgram* source_ = nullptr;
  Isa isa_ = Isa::baseline;
  std::vector<Dims> row_strides_;
  std::vector<Side> sides_;  // outputs, then operands
  size_t output_count_ = 0;
  bool in_registers_ = false;
  int addend_ = -1, scale_ = -1, shift_ = -1;  // operands: a matrix or row, a number, a number
  TileEnd end_;
  std::shared_ptr<const BoundProgram> program_;  // null where registers do
  int64_t staged_ = 0, tile_floats_ = 0;
};

}  // namespace rekindle::cpu
