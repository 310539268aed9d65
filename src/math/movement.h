// Ops that only move elements: reshape, transpose, expand, concat, slice, pad, tile, reverse_sequence,
// trilu. Each output element is a copy of one input element or a constant, so every element type is taken,
// strings and packed ones included.
// SPDX-License-Identifier: Apache-2.0
//
// A shape-like argument is a field when it is known at build, symbolically or not, and an extra run-time
// input when only running tells it; the field is then ignored and the dims it decides are unknown.
#pragma once
#include "math/gather.h"    // IWYU pragma: export
#include "math/generate.h"  // IWYU pragma: export
#include "math/op_struct.h"
#include "math/scatter.h"  // IWYU pragma: export

namespace rekindle::ops {

/// (x [, shape]) The field holds sizes only. The run-time shape may hold one -1 (what is left) and, unless
/// allow_zero, 0 for the dim of x at the same place.
struct Reshape {
  std::vector<Dim> shape = {};
  bool allow_zero = false;
  static constexpr auto name = "reshape";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields =
      rekindle::fields("shape", &Reshape::shape, "allow_zero", &Reshape::allow_zero);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) Output dim i is dim perm[i] of x; an empty perm reverses the dims.
struct Transpose {
  std::vector<int64_t> perm = {};
  static constexpr auto name = "transpose";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("perm", &Transpose::perm);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x [, shape]) The result has the broadcast of x's shape and the given one: a 1 there keeps the dim of x.
struct Expand {
  std::vector<Dim> shape = {};
  static constexpr auto name = "expand";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("shape", &Expand::shape);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, …) One after the other along the axis.
struct Concat {
  int64_t axis = 0;
  static constexpr auto name = "concat";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("axis", &Concat::axis);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x [, starts, ends [, axes [, steps]]]) The fields are normalised: with a positive step 0 <= start <= end
/// <= dim, with a negative one -1 <= end <= start < dim; the size is ceil((end - start) / step). Empty axes
/// are 0, 1, …; empty steps are ones. Run-time starts and ends follow ONNX: negative ones count from the end
/// and all are clamped. Where only they are run-time inputs, the axes and steps of the fields hold.
struct Slice {
  std::vector<int64_t> axes = {};
  std::vector<Dim> starts = {}, ends = {};
  std::vector<int64_t> steps = {};
  static constexpr auto name = "slice";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("axes", &Slice::axes, "starts", &Slice::starts, "ends",
                                                  &Slice::ends, "steps", &Slice::steps);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

enum class PadMode : uint8_t { constant, reflect, edge, wrap };
inline constexpr std::array kPadModeNames{std::string_view("constant"), std::string_view("reflect"),
                                          std::string_view("edge"), std::string_view("wrap")};
constexpr const auto& enum_names(PadMode) { return kPadModeNames; }

/// (x, value? [, pads]) pads are all begins, then all ends, for every axis. Negative ones crop, before
/// anything is added. An absent value is 0, false or "".
struct Pad {
  std::vector<Dim> pads = {};
  PadMode mode = PadMode::constant;
  static constexpr auto name = "pad";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("pads", &Pad::pads, "mode", &Pad::mode);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x [, repeats]) x repeated so often along each axis.
struct Tile {
  std::vector<Dim> repeats = {};
  static constexpr auto name = "tile";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("repeats", &Tile::repeats);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, lengths) Reverses the first lengths[b] elements along the time axis, for each b of the batch axis. The
/// axes are 0 and 1, one each.
struct ReverseSequence {
  int64_t batch_axis = 1, time_axis = 0;
  static constexpr auto name = "reverse_sequence";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields =
      rekindle::fields("batch_axis", &ReverseSequence::batch_axis, "time_axis", &ReverseSequence::time_axis);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, k?) Keeps the elements of the last two dims on and above (upper) or on and below diagonal k, 0
/// elsewhere.
struct Trilu {
  bool upper = true;
  static constexpr auto name = "trilu";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("upper", &Trilu::upper);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
