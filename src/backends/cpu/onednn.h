// oneDNN behind an interface of plain data: convolutions, transposed convolutions and matrix products of
// fixed sizes. onednn.cc alone includes its headers.
// SPDX-License-Identifier: Apache-2.0
//
// Every tensor is dense. Weights are packed once, in a format that oneDNN names; an engine keeps the name
// beside the bytes. A primitive is code made for one set of sizes: making it takes about half a millisecond,
// running it allocates a little inside oneDNN. For several threads there are several, a slice of the work
// each.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/target.h"
#include "tensor/tensor.h"

namespace rekindle::cpu {

/// The level that oneDNN generates code for in this process.
Isa onednn_isa();
/// Whether it multiplies BF16 by instructions (AVX512_BF16, AMX).
bool onednn_has_bf16();
/// "3.2.0"
std::string onednn_version();

/// One step behind a product: value = f(value), or f(value, operand).
struct PostOp {
  enum class Kind : uint8_t {
    relu,
    clip,
    elu,
    sigmoid,
    silu,
    hard_sigmoid,
    hard_swish,
    tanh,
    gelu_erf,
    gelu_tanh,
    mish,
    add,
    sub,
    mul,
    div,
    max,
    min
  };
  Kind kind = Kind::relu;
  float alpha = 0, beta = 0;
  int operand = -1;  // of those with two: which tail input
};

enum class OnednnKind : uint8_t { conv, conv_transpose, matmul };
inline constexpr std::array kOnednnKindNames{std::string_view("conv"), std::string_view("conv_transpose"),
                                             std::string_view("matmul")};
constexpr const auto& enum_names(OnednnKind) { return kOnednnKindNames; }

struct OnednnProblem {
  using Kind = OnednnKind;
  /// A spatial axis, as in Sliding; `end` is the padding behind.
  struct Axis {
    int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, begin = 0, end = 0;
  };
  Kind kind = Kind::conv;
  DType compute = DType::f32;  // of source and weights: f32 or bf16; the result is f32
  int64_t batch = 1, in_channels = 1, out_channels = 1, group = 1;
  Axis y, x;  // channels last
  /// matmul: source [batch, rows, in_channels], weights [1 or batch, in_channels, out_channels].
  int64_t rows = 1;
  bool batched_weights = false, transposed_source = false, transposed_weights = false;
  bool has_bias = false;
  std::vector<PostOp> tail;
  /// Of each tail operand: one number, one a channel, or as the result.
  enum class Spread : uint8_t { scalar, channels, whole };
  std::vector<Spread> operands;
  std::string weights_format;  // a name of oneDNN's; empty: it chooses, "plain": as the model has them
};

class OnednnPrimitive {
 public:
  virtual ~OnednnPrimitive() = default;
  /// Errors: sizes that make no sense, posts it cannot do. Made for `threads` threads of ours.
  static Result<std::unique_ptr<OnednnPrimitive>> make(const OnednnProblem& problem, int threads);
  /// "brgconv:avx512_core"
  virtual std::string implementation() const = 0;
  /// Correct, and hundreds of times slower than what anyone wants.
  bool is_reference() const;
  /// Empty when the format has no name.
  virtual std::string weights_format() const = 0;
  virtual int64_t weights_bytes() const = 0;
  virtual int64_t scratch_bytes() const = 0;
  /// `plain` is f32 as the model has it: [O, C/group, kernel…], [C, O/group, kernel…] transposed, or a
  /// matrix.
  virtual Result<Tensor> pack(const Tensor& plain) const = 0;
  /// From `bytes` in a named format to this primitive's; `to` has weights_bytes().
  virtual Status repack(const std::string& format, int64_t bytes, const void* from, void* to) const = 0;
  virtual Status run(const void* source, const void* weights, const float* bias, const float* const* operands,
                     float* result, void* scratch) = 0;
};

}  // namespace rekindle::cpu
