// KernelWriter: the text of one kernel and its arguments, put together piece by piece, then compiled.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cuda/code.h"
#include "compiler/tactic.h"

namespace rekindle::cuda {

/// The C type of an element: float, i64, u8 for booleans. Refuses those kernels do not compute in.
Result<std::string> element_type(DType);

class KernelWriter {
 public:
  /// A parameter `const T* name`, in the order of the kernel's inputs.
  Status input(const Region& region, ValueId v, const std::string& name);
  /// A parameter made at build: packed weights, tables.
  void constant(Tensor value, const std::string& name, const std::string& element = "float");
  /// A parameter `T* name`. Kernels write with `name + split_offset(name, offset)` when outputs may lie
  /// inside another tensor.
  Status output(const TensorType& type, const std::string& name);
  /// A size as C text: a literal, or a parameter evaluated when shapes change.
  std::string dim(const Dim& d);

  /// Memory that the kernel has while it runs: `float* workspace`, `bytes` long, and `u32* counters`,
  /// `counters` numbers that are 0 before its first launch and that every launch leaves at 0.
  void workspace(const Dim& bytes, const Dim& counters);
  /// Says that the rows of output 0 may lie apart: `row_step` elements from one to the next. Its name.
  std::string row_step();
  /// Says that output 0 may be runs of `run_length` elements, `run_step` from one to the next, both of them
  /// parameters then.
  void runs() { has_runs_ = true; }

  /// The names of the sizes that are parameters, so far.
  std::vector<std::string> size_parameters() const;

  /// "#define NAME value" before everything else.
  void define(const std::string& name, const std::string& value);
  void define(const std::string& name, int64_t value) { define(name, std::to_string(value)); }
  /// Dynamic shared memory of a block, in bytes.
  void shared_memory(int64_t bytes) { shared_bytes_ = uint32_t(bytes); }
  /// So many neighbours along z run as one cluster (sm_90).
  void cluster(int blocks) { cluster_ = blocks; }
  /// A file of kernels/, once, in the order of the calls; the prelude comes first by itself.
  void include(std::string_view file);
  /// Text before the files of kernels/ but after the prelude: types that those files name.
  void preamble(const std::string& text) { preamble_ += text; }
  /// Text outside of the kernel's function: structs and functions.
  void outside(const std::string& text) { outside_ += text; }
  /// Text of the function's body.
  void body(const std::string& text) { body_ += text; }

  /// The whole source; also what the golden tests hold.
  std::string source(const std::string& name, uint32_t threads, int min_blocks) const;
  /// Compiles for the target and fills the kernel: image, code, inputs, grid, scalars.
  Result<BuiltKernel> finish(const std::string& name, std::vector<uint32_t> block, std::vector<Dim> grid,
                             const Target& target, int min_blocks = 0);

 private:
  std::vector<KernelInput> inputs_;
  std::vector<std::string> parameters_;
  std::vector<Dim> scalars_;
  std::vector<std::string_view> files_;
  std::string defines_, preamble_, outside_, body_;
  std::optional<std::pair<Dim, Dim>> workspace_;  // bytes and counters
  bool has_row_step_ = false, has_runs_ = false;
  uint32_t shared_bytes_ = 0;
  int cluster_ = 1;
};

}  // namespace rekindle::cuda
