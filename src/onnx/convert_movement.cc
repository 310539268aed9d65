// Ops that move elements: transpose, concat, split, tile, blocks, padding.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/cumulative.h"
#include "math/movement.h"
#include "onnx/converter.h"
#include "onnx/dims.h"
#include "onnx/runtime_axes.h"

namespace rekindle::onnx {

Result<Values> convert_transpose(NodeReader& node, Builder& build) {
  const int rank = build.rank(node.input(0));
  std::vector<int64_t> perm;
  for (int i = rank; i-- > 0;) perm.push_back(i);
  return build.finish(ops::Transpose{.perm = node.integers("perm", std::move(perm))}, {node.input(0)});
}

Result<Values> convert_concat(NodeReader& node, Builder& build) {
  if (node.opset() >= 4 && !node.has("axis")) return invalid("attribute 'axis' is missing");
  const int64_t axis = node.integer("axis", 1);
  if (node.inputs().size() == 1) {
    RK_CHECK(build.axis_of(node.input(0), axis).status());
    return Values{node.input(0)};
  }
  return build.finish(ops::Concat{.axis = axis}, node.inputs());
}

namespace {

/// How long each part of a Split is.
Result<std::vector<Dim>> split_sizes(NodeReader& node, Builder& build, const Dim& dim, size_t parts) {
  if (node.opset() < 13 && node.has("split")) {
    const auto sizes = node.integers("split");
    return std::vector<Dim>(sizes.begin(), sizes.end());
  }
  if (node.has_input(1)) {
    return *build.dims_of(node.input(1));  // the caller has seen that they are known
  }
  if (node.opset() >= 18 && node.has("num_outputs")) {
    const int64_t wanted = node.integer("num_outputs", 0);
    if (wanted != int64_t(parts))
      return invalid("num_outputs is " + std::to_string(wanted) + ", but the node has " +
                     std::to_string(parts) + " outputs");
  } else if (dim.as_int() && *dim.as_int() % int64_t(parts) != 0) {
    return invalid("a dim of " + dim.to_string() + " cannot be split into " + std::to_string(parts) +
                   " equal parts");
  }
  // equal parts, the last one smaller when the dim is no multiple
  const Dim size = node.opset() >= 18 ? ceil_div(dim, int64_t(parts)) : floor_div(dim, int64_t(parts));
  std::vector<Dim> sizes(parts, size);
  if (node.opset() >= 18) sizes.back() = dim - size * int64_t(parts - 1);
  return sizes;
}

}  // namespace

namespace {

/// Sizes that only running tells: each part is a slice between their running sums.
Result<Values> split_at_run_time(NodeReader& node, Builder& build, int64_t axis) {
  RK_TRY(const int64_t count, list_length(build, node.input(1), "split"));
  if (count != int64_t(node.output_count()))
    return invalid("there are " + std::to_string(count) + " sizes for " +
                   std::to_string(node.output_count()) + " outputs");
  const ops::Cumulative sum{.op = ops::CumulativeOp::sum, .axis = 0};
  ops::Cumulative sum_before = sum;
  sum_before.exclusive = true;
  RK_TRY(const ValueId starts, build.add(sum_before, {node.input(1)}));
  RK_TRY(const ValueId ends, build.add(sum, {node.input(1)}));
  Values parts;
  for (int64_t i = 0; i < count; ++i) {
    const ops::Slice one_of{.axes = {0}, .starts = {i}, .ends = {i + 1}, .steps = {1}};
    RK_TRY(const ValueId start, build.add(one_of, {starts}));
    RK_TRY(const ValueId end, build.add(one_of, {ends}));
    const ops::Slice part{.axes = {axis}, .starts = {}, .ends = {}, .steps = {1}};
    RK_TRY(parts.emplace_back(), build.add(part, {node.input(0), start, end}));
  }
  return parts;
}

}  // namespace

Result<Values> convert_split(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  RK_TRY(const int64_t axis, build.axis_of(x, node.integer("axis", 0)));
  if (node.has_input(1) && !build.dims_of(node.input(1))) return split_at_run_time(node, build, axis);
  const Dim dim = build.type(x).shape[size_t(axis)];
  RK_TRY(const std::vector<Dim> sizes, split_sizes(node, build, dim, node.output_count()));
  if (sizes.size() != node.output_count())
    return invalid("there are " + std::to_string(sizes.size()) + " sizes for " +
                   std::to_string(node.output_count()) + " outputs");
  Dim sum = 0;
  for (const Dim& d : sizes) {
    if (certain_range(d).max < 0) return invalid("a part has the size " + d.to_string());
    sum = sum + d;
  }
  if (sum.as_int() && dim.as_int() && sum != dim)
    return invalid("the parts add up to " + sum.to_string() + ", expected " + dim.to_string());
  if (sizes.size() == 1) return Values{x};
  Values parts;
  Dim start = 0;
  for (const Dim& size : sizes) {
    const Dim end = parts.size() + 1 == sizes.size() ? dim : start + size;
    RK_TRY(parts.emplace_back(),
           build.add(ops::Slice{.axes = {axis}, .starts = {start}, .ends = {end}, .steps = {1}}, {x}));
    start = end;
  }
  return parts;
}

Result<Values> convert_tile(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  if (node.opset() < 6) {  // (x, tiles, axis): both scalars
    const auto tiles = build.dims_of(node.input(1));
    const auto axis = build.integers_of(node.input(2));
    if (!tiles || tiles->size() != 1 || !axis || axis->size() != 1)
      return unsupported("tiles and axis are not constant");
    RK_TRY(const int64_t a, build.axis_of(x, (*axis)[0]));
    std::vector<Dim> repeats(size_t(build.rank(x)), 1);
    repeats[size_t(a)] = (*tiles)[0];
    return build.finish(ops::Tile{.repeats = std::move(repeats)}, {x});
  }
  if (auto repeats = build.dims_of(node.input(1)))
    return build.finish(ops::Tile{.repeats = *std::move(repeats)}, {x});
  return build.finish(ops::Tile{}, {x, node.input(1)});
}

namespace {

struct Blocks {
  Dim n, c, h, w;
  int64_t size = 1;
  bool depth_first = true;  // DCR
};

Result<Blocks> read_blocks(NodeReader& node, Builder& build) {
  const TensorType& type = build.type(node.input(0));
  if (type.rank() != 4) return invalid("the input is " + type.to_string() + ", expected rank 4");
  Blocks b{type.shape[0], type.shape[1], type.shape[2], type.shape[3], node.integer("blocksize", 0), true};
  if (b.size < 1 || b.size > 65536)
    return invalid("attribute 'blocksize' is " + std::to_string(b.size) + ", expected 1 to 65536");
  b.depth_first = node.choice("mode", {{"DCR", true}, {"CRD", false}}, true);
  return b;
}

Status check_multiple(const Dim& d, int64_t of, const char* what) {
  if (d.as_int() && *d.as_int() % of != 0)
    return invalid(std::string(what) + " is " + d.to_string() + ", expected a multiple of " +
                   std::to_string(of));
  return {};
}

}  // namespace

Result<Values> convert_depth_to_space(NodeReader& node, Builder& build) {
  RK_TRY(const Blocks b, read_blocks(node, build));
  RK_CHECK(check_multiple(b.c, b.size * b.size, "the number of channels"));
  const Dim c = floor_div(b.c, b.size * b.size);
  const Shape split =
      b.depth_first ? Shape{b.n, b.size, b.size, c, b.h, b.w} : Shape{b.n, c, b.size, b.size, b.h, b.w};
  RK_TRY(ValueId x, build.add(ops::Reshape{.shape = split}, {node.input(0)}));
  RK_TRY(x, build.transpose(x, b.depth_first ? std::vector<int64_t>{0, 3, 4, 1, 5, 2}
                                             : std::vector<int64_t>{0, 1, 4, 2, 5, 3}));
  return build.finish(ops::Reshape{.shape = {b.n, c, b.h * b.size, b.w * b.size}}, {x});
}

Result<Values> convert_space_to_depth(NodeReader& node, Builder& build) {
  RK_TRY(const Blocks b, read_blocks(node, build));
  RK_CHECK(check_multiple(b.h, b.size, "the height"));
  RK_CHECK(check_multiple(b.w, b.size, "the width"));
  const Dim h = floor_div(b.h, b.size), w = floor_div(b.w, b.size);
  RK_TRY(ValueId x, build.add(ops::Reshape{.shape = {b.n, b.c, h, b.size, w, b.size}}, {node.input(0)}));
  RK_TRY(x, build.transpose(x, b.depth_first ? std::vector<int64_t>{0, 3, 5, 1, 2, 4}
                                             : std::vector<int64_t>{0, 1, 3, 5, 2, 4}));
  return build.finish(ops::Reshape{.shape = {b.n, b.c * b.size * b.size, h, w}}, {x});
}

namespace {

/// Pads of all axes from those of some.
Result<std::vector<Dim>> spread_pads(const std::vector<Dim>& pads, const std::vector<int64_t>& axes,
                                     int rank) {
  std::vector<Dim> all(size_t(rank) * 2, 0);
  std::vector<bool> seen(static_cast<size_t>(rank));
  for (size_t i = 0; i < axes.size(); ++i) {
    RK_TRY(const int a, normalize_axis(axes[i], rank));
    if (seen[size_t(a)]) return invalid("axis " + std::to_string(axes[i]) + " is given twice");
    seen[size_t(a)] = true;
    all[size_t(a)] = pads[i];
    all[size_t(a + rank)] = pads[axes.size() + i];
  }
  return all;
}

}  // namespace

Result<Values> convert_pad(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const int rank = build.rank(x);
  ops::Pad op;
  using enum ops::PadMode;
  op.mode = node.choice(
      "mode", {{"constant", constant}, {"reflect", reflect}, {"edge", edge}, {"wrap", wrap}}, constant);
  if (node.opset() < 11) {
    const auto pads = node.integers(node.opset() < 2 ? "paddings" : "pads");
    op.pads.assign(pads.begin(), pads.end());
    const float value = node.real("value", 0);
    if (value == 0 || op.mode != constant) return build.finish(std::move(op), {x});
    RK_TRY(const ValueId filler, build.scalar_like(x, value));
    return build.finish(std::move(op), {x, filler});
  }
  const ValueId value = op.mode == constant ? node.input(2) : ValueId::none;
  const auto pads = build.dims_of(node.input(1));
  if (!pads) {
    ValueId all = node.input(1);
    if (node.has_input(3)) {
      RK_TRY(all, spread_runtime_pads(build, all, node.input(3), rank));
    }
    return build.finish(std::move(op), {x, value, all});
  }
  std::vector<int64_t> axes;
  if (node.has_input(3)) {
    const auto given = build.integers_of(node.input(3));
    if (!given) return unsupported("axes are only known by running, expected a constant");
    axes = *given;
  } else {
    for (int i = 0; i < rank; ++i) axes.push_back(i);
  }
  if (pads->size() != axes.size() * 2)
    return invalid("there are " + std::to_string(pads->size()) + " pads, expected " +
                   std::to_string(axes.size() * 2));
  RK_TRY(op.pads, spread_pads(*pads, axes, rank));
  if (value == ValueId::none) return build.finish(std::move(op), {x});
  ValueId filler = value;
  if (build.rank(value) == 1) {
    RK_TRY(filler, build.reshape(value, {}));
  }
  return build.finish(std::move(op), {x, filler});
}

Result<Values> convert_reverse_sequence(NodeReader& node, Builder& build) {
  ops::ReverseSequence op;
  op.batch_axis = node.integer("batch_axis", 1);
  op.time_axis = node.integer("time_axis", 0);
  return build.finish(op, {node.input(0), node.input(1)});
}

Result<Values> convert_trilu(NodeReader& node, Builder& build) {
  return build.finish(ops::Trilu{.upper = node.flag("upper", true)}, node.inputs_up_to(2));
}

Result<Values> convert_eye_like(NodeReader& node, Builder& build) {
  ops::EyeLike op;
  op.dtype = build.type(node.input(0)).dtype;
  if (node.has("dtype")) {
    const auto dtype = dtype_from_onnx(int(node.integer("dtype", 0)));
    if (!dtype) return invalid("attribute 'dtype' names no element type");
    op.dtype = *dtype;
  }
  op.k = node.integer("k", 0);
  return build.finish(op, {node.input(0)});
}

}  // namespace rekindle::onnx
