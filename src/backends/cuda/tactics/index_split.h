// A flat index over a shape, split into as few parts as operands that broadcast to the shape need.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "backends/cuda/tactics/writer.h"

namespace rekindle::cuda {

class IndexSplit {
 public:
  /// Every operand broadcasts to `out`. A dim of which only running tells whether it is 1 gets a stride that
  /// is worked out then; along the innermost dim such are refused.
  static Result<IndexSplit> make(const Shape& out, const std::vector<Shape>& operands);

  /// Elements of the innermost part: neighbours in `out` and in each operand that steps along it.
  const Dim& inner() const { return inner_; }
  /// Whether the operand moves along the innermost part; otherwise it has one element there.
  bool steps_along_inner(size_t operand) const { return strides_[operand].back() != Dim(0); }
  bool is_scalar(size_t operand) const;

  /// C statements that declare the parts of the flat index in variable `flat`, named `prefix`0, `prefix`1 …
  std::string declare(KernelWriter& writer, const std::string& flat, const std::string& prefix) const;
  /// C text of the operand's offset in elements. When it is the whole flat index, that is what is used.
  std::string offset(KernelWriter& writer, size_t operand, const std::string& flat,
                     const std::string& prefix) const;

 private:
  bool is_whole(size_t operand) const { return whole_[operand]; }
  std::vector<Dim> dims_;                  // outermost first; at least one
  std::vector<std::vector<Dim>> strides_;  // of each operand along each
  std::vector<bool> whole_;                // whether an operand's index is the flat one
  Dim inner_ = 1;
};

}  // namespace rekindle::cuda
