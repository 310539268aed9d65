// Ops about shapes: reading them, and giving the same elements another one.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/movement.h"
#include "onnx/compose.h"
#include "onnx/dims.h"
#include "onnx/runtime_axes.h"

namespace rekindle::onnx {

Result<Values> convert_identity(NodeReader& node, Builder&) {
  node.ignore("consumed_inputs");
  return Values{node.input(0)};
}

/// As in inference: x, and a mask that keeps everything.
Result<Values> convert_dropout(NodeReader& node, Builder& build) {
  for (const char* hint : {"consumed_inputs", "is_test", "ratio", "seed"}) node.ignore(hint);
  const ValueId x = node.input(0);
  if (node.has_input(2) && build.condition_of(node.input(2)) != false)
    return convert_training_dropout(node, build);
  if (!node.has_output(1)) return Values{x};
  const TensorType& type = build.type(x);
  Tensor kept = Tensor::scalar<bool>(true);
  if (node.opset() < 10) {
    RK_TRY(kept, Tensor::make(type.dtype, {}));
    kept.set_double(0, 1);
  }
  RK_TRY(const ValueId mask, build.add(ops::Expand{.shape = type.shape}, {build.constant(std::move(kept))}));
  return Values{x, mask};
}

Result<Values> convert_shape(NodeReader& node, Builder& build) {
  const Shape& shape = build.type(node.input(0)).shape;
  const auto rank = int64_t(shape.size());
  const auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t start = clamp(node.integer("start", 0)),
                end = std::max(start, clamp(node.integer("end", rank)));
  return one(build.dims_value({shape.begin() + start, shape.begin() + end}));
}

Result<Values> convert_size(NodeReader& node, Builder& build) {
  return one(build.dims_value({build.type(node.input(0)).count()}, true));
}

namespace {

/// The dims that a Reshape's shape means: 0 keeps a dim of x, -1 is what is left.
Result<Shape> resolve_shape(const std::vector<Dim>& wanted, const TensorType& x, bool allow_zero) {
  Shape shape;
  std::optional<size_t> rest;
  Dim known = 1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    Dim d = wanted[i];
    if (d.is(-1)) {
      if (rest) return invalid("the shape " + to_string(wanted) + " has more than one -1");
      rest = i;
      shape.push_back(1);
      continue;
    }
    if (d.is(0) && !allow_zero) {
      if (i >= x.shape.size())
        return invalid("the shape " + to_string(wanted) + " keeps dim " + std::to_string(i) + " of " +
                       x.to_string() + ", which has rank " + std::to_string(x.rank()));
      d = x.shape[i];
    }
    if (certain_range(d).max < 0)
      return invalid("the shape " + to_string(wanted) + " has the dim " + d.to_string());
    known = known * d;
    shape.push_back(d);
  }
  if (!rest) return shape;
  const Dim count = x.count();
  if (known.is(0))
    return invalid("the shape " + to_string(wanted) + " has a -1 beside a 0, which leaves it undecided");
  if (count.as_int() && known.as_int() && *count.as_int() % *known.as_int() != 0)
    return invalid("the shape " + to_string(wanted) + " does not fit the " + count.to_string() +
                   " elements of " + x.to_string());
  shape[*rest] = floor_div(count, known);
  return shape;
}

}  // namespace

Result<Values> convert_reshape(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  std::optional<std::vector<Dim>> wanted;
  bool allow_zero = false;
  if (node.opset() < 5) {
    node.ignore("consumed_inputs");
    const auto shape = node.integers("shape");
    wanted.emplace(shape.begin(), shape.end());
  } else {
    allow_zero = node.flag("allowzero", false);
    wanted = build.dims_of(node.input(1));
  }
  if (!wanted) return build.finish(ops::Reshape{.shape = {}, .allow_zero = allow_zero}, {x, node.input(1)});
  RK_TRY(Shape shape, resolve_shape(*wanted, build.type(x), allow_zero));
  return build.finish(ops::Reshape{.shape = std::move(shape)}, {x});
}

Result<Values> convert_flatten(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const Shape& shape = build.type(x).shape;
  const auto rank = int64_t(shape.size());
  int64_t axis = node.integer("axis", 1);
  if (axis < -rank || axis > rank)
    return invalid("axis " + std::to_string(axis) + " is outside rank " + std::to_string(rank));
  if (axis < 0) axis += rank;
  return build.finish(ops::Reshape{.shape = {product(shape, 0, size_t(axis)), product(shape, size_t(axis))}},
                      {x});
}

namespace {

/// The axes of Squeeze and Unsqueeze: an attribute below opset 13, an input from there on. Nullopt: not
/// given, or only known by running.
std::optional<std::vector<int64_t>> axes_of(NodeReader& node, Builder& build) {
  if (node.opset() >= 13) return build.integers_of(node.input(1));
  if (!node.has("axes")) return std::nullopt;
  return node.integers("axes");
}

/// Normal axes as a mask; each at most once.
Result<std::vector<bool>> mask_of(const std::vector<int64_t>& axes, int rank) {
  std::vector<bool> mask(static_cast<size_t>(rank));
  for (const int64_t axis : axes) {
    RK_TRY(const int a, normalize_axis(axis, rank));
    if (mask[size_t(a)]) return invalid("axis " + std::to_string(axis) + " is given twice");
    mask[size_t(a)] = true;
  }
  return mask;
}

}  // namespace

Result<Values> convert_squeeze(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const Shape& shape = build.type(x).shape;
  const auto axes = axes_of(node, build);
  Shape kept;
  if (!axes && node.has_input(1)) {
    RK_TRY(const ValueId squeezed, squeezed_shape(build, x, node.input(1)));
    return build.finish(ops::Reshape{.shape = {}, .allow_zero = true}, {x, squeezed});
  }
  if (!axes) {  // a symbolic dim counts as more than 1: its rank-changing twin could not be compiled
    for (const Dim& d : shape) {
      if (!d.is(1)) kept.push_back(d);
      if (d.is_symbolic())
        node.note("no axes are given for " + build.type(x).to_string() + "; " + d.to_string() +
                  " is taken as more than 1");
    }
    return build.finish(ops::Reshape{.shape = std::move(kept)}, {x});
  }
  RK_TRY(const auto mask, mask_of(*axes, build.rank(x)));
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!mask[i])
      kept.push_back(shape[i]);
    else if (shape[i].as_int() && !shape[i].is(1))
      return invalid("axis " + std::to_string(i) + " of " + build.type(x).to_string() + " is " +
                     shape[i].to_string() + ", expected 1");
  }
  return build.finish(ops::Reshape{.shape = std::move(kept)}, {x});
}

Result<Values> convert_unsqueeze(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const auto axes = axes_of(node, build);
  if (!axes && node.has_input(1)) {
    RK_TRY(const ValueId unsqueezed, unsqueezed_shape(build, x, node.input(1)));
    return build.finish(ops::Reshape{.shape = {}, .allow_zero = true}, {x, unsqueezed});
  }
  if (!axes) return invalid("no axes are given");
  const Shape& shape = build.type(x).shape;
  RK_TRY(const auto mask, mask_of(*axes, build.rank(x) + int(axes->size())));
  Shape wider;
  for (size_t i = 0, from = 0; i < mask.size(); ++i) wider.push_back(mask[i] ? Dim(1) : shape[from++]);
  return build.finish(ops::Reshape{.shape = std::move(wider)}, {x});
}

Result<Values> convert_expand(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const auto shape = build.dims_of(node.input(1));
  if (!shape) return build.finish(ops::Expand{}, {x, node.input(1)});
  for (const Dim& d : *shape)
    if (certain_range(d).max < 0)
      return invalid("the shape " + to_string(*shape) + " has the dim " + d.to_string());
  return build.finish(ops::Expand{.shape = *shape}, {x});
}

}  // namespace rekindle::onnx
