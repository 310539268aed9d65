// Shape arithmetic in IR ops.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/runtime_axes.h"

#include <numeric>

#include "math/cumulative.h"
#include "math/elementwise.h"
#include "math/movement.h"
#include "math/selection.h"
#include "onnx/converter.h"

namespace rekindle::onnx {
namespace {

ValueId filled(Builder& build, int64_t count, int64_t value) {
  return build.constant(Tensor::of<int64_t>({count}, std::vector<int64_t>(size_t(count), value)));
}

ValueId counting(Builder& build, int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return build.constant(Tensor::of<int64_t>({count}, numbers));
}

/// 1 at each of the axes, 0 elsewhere.
Result<ValueId> mask_of(Builder& build, ValueId axes, int64_t rank) {
  RK_TRY(const int64_t count, list_length(build, axes, "axes"));
  RK_TRY(const ValueId front, axes_from_front(build, axes, rank));
  return build.add(ops::ScatterElements{.axis = 0}, {filled(build, rank, 0), front, filled(build, count, 1)});
}

}  // namespace

Result<int64_t> list_length(const Builder& build, ValueId list, const char* what) {
  const TensorType type = build.type(list);
  const auto length = type.rank() == 1 ? type.shape[0].as_int() : std::nullopt;
  if (!length || *length > 32)
    return unsupported(std::string(what) + " is " + type.to_string() +
                       ", expected a list of known length: the rank would be unknown");
  return *length;
}

Result<ValueId> axes_from_front(Builder& build, ValueId axes, int64_t rank) {
  RK_TRY(axes, build.cast(axes, DType::i64));
  RK_TRY(const ValueId zero, build.scalar_like(axes, 0));
  RK_TRY(const ValueId length, build.scalar_like(axes, double(rank)));
  RK_TRY(const ValueId is_negative, build.add(ops::Less{}, {axes, zero}));
  RK_TRY(const ValueId moved, build.add(ops::Add{}, {axes, length}));
  return build.add(ops::Where{}, {is_negative, moved, axes});
}

/// Output axis i that is none of `axes` has the dim of x's axis i - (axes before i).
Result<ValueId> unsqueezed_shape(Builder& build, ValueId x, ValueId axes) {
  RK_TRY(const int64_t count, list_length(build, axes, "axes"));
  const int64_t rank = build.rank(x) + count;
  if (build.rank(x) == 0) return filled(build, rank, 1);
  RK_TRY(const ValueId mask, mask_of(build, axes, rank));
  RK_TRY(const ValueId before, build.add(ops::Cumulative{.op = ops::CumulativeOp::sum, .axis = 0}, {mask}));
  RK_TRY(const ValueId from, build.add(ops::Sub{}, {counting(build, rank), before}));
  RK_TRY(const ValueId dims, build.dims_value(build.type(x).shape));
  RK_TRY(const ValueId gathered, build.add(ops::Gather{.axis = 0}, {dims, from}));
  RK_TRY(const ValueId one, build.scalar_like(mask, 1));
  RK_TRY(const ValueId is_new, build.add(ops::Equal{}, {mask, one}));
  return build.add(ops::Where{}, {is_new, one, gathered});
}

/// The axes that stay, in order: the smallest of i + rank * mask[i].
Result<ValueId> squeezed_shape(Builder& build, ValueId x, ValueId axes) {
  RK_TRY(const int64_t count, list_length(build, axes, "axes"));
  const int64_t rank = build.rank(x);
  if (count > rank)
    return invalid("there are " + std::to_string(count) + " axes for " + build.type(x).to_string());
  RK_TRY(const ValueId mask, mask_of(build, axes, rank));
  RK_TRY(const ValueId length, build.scalar_like(mask, double(rank)));
  RK_TRY(const ValueId weighted, build.add(ops::Mul{}, {mask, length}));
  RK_TRY(const ValueId keys, build.add(ops::Add{}, {weighted, counting(build, rank)}));
  RK_TRY(const Values kept, build.add_all(ops::TopK{.axis = 0, .largest = false, .k = rank - count}, {keys}));
  RK_TRY(const ValueId dims, build.dims_value(build.type(x).shape));
  return build.add(ops::Gather{.axis = 0}, {dims, kept[1]});
}

Result<ValueId> spread_runtime_pads(Builder& build, ValueId pads, ValueId axes, int64_t rank) {
  RK_TRY(const ValueId begin, axes_from_front(build, axes, rank));
  RK_TRY(const ValueId length, build.scalar_like(begin, double(rank)));
  RK_TRY(const ValueId end, build.add(ops::Add{}, {begin, length}));
  RK_TRY(const ValueId places, build.add(ops::Concat{.axis = 0}, {begin, end}));
  RK_TRY(pads, build.cast(pads, DType::i64));
  return build.add(ops::ScatterElements{.axis = 0}, {filled(build, 2 * rank, 0), places, pads});
}

}  // namespace rekindle::onnx
