// Merging dims that all operands cross alike.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/index_split.h"

#include <algorithm>

namespace rekindle::cuda {

Result<IndexSplit> IndexSplit::make(const Shape& out, const std::vector<Shape>& operands) {
  // How operand k goes along out's dim d: it has a 1 there, the dim itself, or one of both, as running tells.
  enum class Move : uint8_t { stays, steps, unknown };
  std::vector<std::vector<Move>> moves(operands.size(), std::vector<Move>(out.size(), Move::stays));
  std::vector<bool> is_unknown(out.size(), false);
  for (size_t k = 0; k < operands.size(); ++k) {
    const size_t missing = out.size() - operands[k].size();
    for (size_t d = missing; d < out.size(); ++d) {
      const Dim& dim = operands[k][d - missing];
      if (dim.is(1)) continue;
      moves[k][d] = dim == out[d] ? Move::steps : Move::unknown;
      is_unknown[d] = is_unknown[d] || dim != out[d];
      if (dim != out[d] && (dim.as_int() || d + 1 == out.size()))
        return refuse("whether " + to_string(operands[k]) + " is broadcast to " + to_string(out) +
                      " is only known by running");
    }
  }
  IndexSplit split;
  std::vector<std::vector<Move>> classes;  // of each merged dim, operand by operand
  std::vector<size_t> last_of;             // out's last dim in each
  for (size_t d = 0; d < out.size(); ++d) {
    if (out[d].is(1)) continue;
    std::vector<Move> one(operands.size());
    for (size_t k = 0; k < operands.size(); ++k) one[k] = moves[k][d];
    if (!classes.empty() && classes.back() == one && !is_unknown[d]) {
      split.dims_.back() = split.dims_.back() * out[d];
      last_of.back() = d;
    } else {
      split.dims_.push_back(out[d]);
      classes.push_back(std::move(one));
      last_of.push_back(d);
    }
  }
  if (split.dims_.empty()) {
    split.dims_.push_back(1);
    classes.emplace_back(operands.size(), Move::stays);
    last_of.push_back(0);
  }
  for (size_t k = 0; k < operands.size(); ++k) {
    std::vector<Dim> strides(split.dims_.size());
    Dim step = 1;
    for (size_t d = split.dims_.size(); d-- > 0;) {
      if (classes[d][k] == Move::stays) continue;
      strides[d] = step;
      if (classes[d][k] == Move::steps) {
        step = step * split.dims_[d];
        continue;
      }
      // A factor of 0 where the operand has a 1.
      const Dim& size = operands[k][last_of[d] - (out.size() - operands[k].size())];
      strides[d] = step * min(size - 1, Dim(1));
      step = step * size;
    }
    split.strides_.push_back(std::move(strides));
    split.whole_.push_back(
        std::all_of(classes.begin(), classes.end(), [k](const auto& c) { return c[k] == Move::steps; }));
  }
  split.inner_ = split.dims_.back();
  return split;
}

bool IndexSplit::is_scalar(size_t operand) const {
  return std::all_of(strides_[operand].begin(), strides_[operand].end(),
                     [](const Dim& s) { return s.is(0); });
}

std::string IndexSplit::declare(KernelWriter& writer, const std::string& flat,
                                const std::string& prefix) const {
  const bool needed = std::any_of(strides_.begin(), strides_.end(), [&](const auto& s) {
    return !is_whole(size_t(&s - strides_.data())) && !is_scalar(size_t(&s - strides_.data()));
  });
  if (!needed) return "";
  std::string text, rest = flat;
  for (size_t d = dims_.size(); d-- > 1;) {
    const std::string size = writer.dim(dims_[d]), part = prefix + std::to_string(d);
    text += "  const int " + part + " = " + rest + " % " + size + ", " + part + "_rest = " + rest + " / " +
            size + ";\n";
    rest = part + "_rest";
  }
  return text + "  const int " + prefix + "0 = " + rest + ";\n";
}

std::string IndexSplit::offset(KernelWriter& writer, size_t operand, const std::string& flat,
                               const std::string& prefix) const {
  if (is_whole(operand)) return flat;
  std::string text;
  for (size_t d = 0; d < dims_.size(); ++d) {
    const Dim& stride = strides_[operand][d];
    if (stride.is(0)) continue;
    text += (text.empty() ? "" : " + ") + prefix + std::to_string(d);
    if (!stride.is(1)) text += " * " + writer.dim(stride);
  }
  return text.empty() ? "0" : text;
}

}  // namespace rekindle::cuda
