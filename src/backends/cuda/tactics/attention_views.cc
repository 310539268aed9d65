// Following index maps with strides, forward from the region's inputs and backward from its output.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/attention_views.h"

#include <algorithm>

#include "math/movement.h"
#include "math/op_checks.h"

namespace rekindle::cuda {

namespace {

Status slice(const ops::Slice& op, const Shape& shape, MappedValue& value) {
  for (size_t i = 0; i < op.starts.size(); ++i) {
    if (!op.steps.empty() && op.steps[i] != 1) return refuse("a slice takes every other element");
    RK_TRY(const int axis,
           normalize_axis(op.name, op.axes.empty() ? int64_t(i) : op.axes[i], int(shape.size())));
    const auto start = op.starts[i].as_int();
    if (!start || *start < 0) return refuse("a slice begins where only running tells");
    value.offset = value.offset + op.starts[i] * value.strides[size_t(axis)];
  }
  return {};
}

/// What a node makes of the strides of its input.
Status step_forward(const Region& region, const Node& node, MappedValue& value) {
  const Shape& from = region.body[node.inputs[0]].type.shape;
  const Shape& to = region.body[node.outputs[0]].type.shape;
  if (node.inputs.size() != 1) return refuse(std::string(node.op.name()) + " beside the attention");
  if (node.op.is<ops::Reshape>()) {
    auto strides = reshaped(from, value.strides, to);
    if (!strides) return refuse("a reshape before it needs a copy");
    value.strides = *std::move(strides);
  } else if (const auto* transpose = node.op.as<ops::Transpose>()) {
    value.strides = permuted(value.strides, transpose->perm);
  } else if (const auto* op = node.op.as<ops::Slice>()) {
    RK_CHECK(slice(*op, from, value));
  } else {
    return refuse(std::string(node.op.name()) + " beside the attention");
  }
  value.shape = to;
  return {};
}

Result<MappedValue> before(const Region& region, ValueId v) {
  std::vector<const Node*> maps;
  MappedValue value;
  value.tensor = v;
  while (const Node* node = region.body.producer(value.tensor)) {
    maps.push_back(node);
    value.tensor = node->inputs[0];
  }
  value.shape = region.body[value.tensor].type.shape;
  value.strides = contiguous_strides(value.shape);
  value.offset = 0;
  for (auto node = maps.rbegin(); node != maps.rend(); ++node) RK_CHECK(step_forward(region, **node, value));
  return value;
}

/// Where the anchor's result lies in the region's output.
Result<MappedValue> after(const Region& region) {
  MappedValue value;
  const ValueId result = region.anchor_node()->outputs[0];
  value.tensor = region.body.outputs[0];
  value.shape = region.output_type(0).shape;
  value.strides = contiguous_strides(value.shape);
  value.offset = 0;
  for (ValueId v = value.tensor; v != result;) {
    const Node* node = region.body.producer(v);
    if (!node || node->inputs.size() != 1) return refuse("the result does not follow the attention");
    const Shape& from = region.body[node->inputs[0]].type.shape;
    if (node->op.is<ops::Reshape>()) {
      auto strides = reshaped(value.shape, value.strides, from);
      if (!strides) return refuse("a reshape after it needs a copy");
      value.strides = *std::move(strides);
    } else if (const auto* transpose = node->op.as<ops::Transpose>()) {
      value.strides = permuted(value.strides, inverse_permutation(transpose->perm, value.strides.size()));
    } else {
      return refuse(std::string(node->op.name()) + " after the attention");
    }
    value.shape = from;
    v = node->inputs[0];
  }
  return value;
}

}  // namespace

bool MappedValue::is_aligned(int64_t count) const {
  if (!offset.divisible_by(count)) return false;
  for (size_t d = 0; d + 1 < strides.size(); ++d)
    if (!shape[d].is(1) && !strides[d].divisible_by(count)) return false;
  return true;
}

std::string MappedValue::item_offset(KernelWriter& writer, size_t batch_rank) const {
  const size_t mine = shape.size() - 2;
  std::string text = writer.dim(offset);
  for (size_t d = 0; d < mine; ++d)
    if (!shape[d].is(1))
      text += " + (i64)z" + std::to_string(batch_rank - mine + d) + " * " + writer.dim(strides[d]);
  return text;
}

Result<std::vector<MappedValue>> mapped_values(const Region& region) {
  std::vector<MappedValue> values;
  const Node* anchor = region.anchor_node();
  if (!anchor || anchor->inputs.size() < 3) return refuse("the region has no attention");
  if (region.body.outputs.size() != 1) return refuse("it has more than one result");
  for (size_t i = 0; i < 3; ++i) {
    RK_TRY(MappedValue value, before(region, anchor->inputs[i]));
    values.push_back(std::move(value));
  }
  RK_TRY(MappedValue result, after(region));
  values.push_back(std::move(result));
  for (const MappedValue& value : values)
    if (!value.strides.back().is(1) && !value.shape.back().is(1))
      return refuse("the elements of a row do not lie side by side");
  return values;
}

}  // namespace rekindle::cuda
