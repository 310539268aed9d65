// Sequences and optionals. Where the elements are known one by one, the ops vanish.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/sequence.h"
#include "onnx/compose.h"
#include "onnx/importer.h"

namespace rekindle::onnx {
namespace {

Result<Sequence> sequence_input(const NodeReader& node, Builder& build, size_t i) {
  const Sequence* s = build.sequence_of(node.input(i));
  if (s != nullptr) return *s;
  return invalid("input " + std::to_string(i) + " is a tensor, expected a sequence or an optional");
}

/// Where in the known elements the position is: nullopt when it, or they, are not known.
Result<std::optional<size_t>> known_position(const Sequence& s, Builder& build, ValueId position,
                                             size_t places) {
  const auto given = build.integers_of(position);
  if (!s.items || !given || given->size() != 1) return std::optional<size_t>();
  const int64_t n = int64_t(s.items->size()), at = (*given)[0] < 0 ? (*given)[0] + n : (*given)[0];
  if (at < 0 || at >= int64_t(places))
    return invalid("position " + std::to_string((*given)[0]) + " is outside a sequence of " +
                   std::to_string(n));
  return std::optional(size_t(at));
}

std::optional<Shape> element_of(const Builder& build, const Values& items) {
  std::optional<Shape> shape;
  for (size_t i = 0; i < items.size(); ++i)
    shape = i == 0 ? build.type(items[i]).shape : common_shape(shape, build.type(items[i]).shape);
  return shape;
}

Result<Values> made_of(Builder& build, DType dtype, Values items) {
  Sequence s{.dtype = dtype, .element = element_of(build, items)};
  s.items = std::move(items);
  return Values{build.add_sequence(std::move(s))};
}

}  // namespace

Result<Values> convert_sequence_empty(NodeReader& node, Builder& build) {
  const auto dtype = dtype_from_onnx(int(node.integer("dtype", 1)));
  if (!dtype) return invalid("attribute 'dtype' names no element type");
  return made_of(build, *dtype, {});
}

Result<Values> convert_sequence_construct(NodeReader& node, Builder& build) {
  for (const ValueId v : node.inputs())
    if (v == ValueId::none || build.sequence_of(v) || build.type(v).dtype != build.type(node.input(0)).dtype)
      return invalid("the inputs are not all tensors of one element type");
  return made_of(build, build.type(node.input(0)).dtype, node.inputs());
}

Result<Values> convert_sequence_at(NodeReader& node, Builder& build) {
  RK_TRY(const Sequence s, sequence_input(node, build, 0));
  RK_TRY(const auto at, known_position(s, build, node.input(1), s.items ? s.items->size() : 0));
  if (at) return Values{(*s.items)[*at]};
  if (!s.element)
    return unsupported(
        "the rank of the sequence's elements is not known; expected its type to say their shape");
  RK_TRY(const Values parts, build.parts_of(node.input(0)));
  return build.finish(ops::SequenceAt{.shape = *s.element}, {parts[0], parts[1], node.input(1)});
}

Result<Values> convert_sequence_insert(NodeReader& node, Builder& build) {
  RK_TRY(Sequence s, sequence_input(node, build, 0));
  const ValueId x = node.input(1);
  if (build.sequence_of(x) || build.type(x).dtype != s.dtype)
    return invalid("the new element is no tensor of " + std::string(to_string(s.dtype)));
  std::optional<size_t> at;
  if (s.items) {
    at = s.items->size();
    if (node.has_input(2)) {
      RK_TRY(at, known_position(s, build, node.input(2), s.items->size() + 1));
    }
  }
  if (at) {
    Values items = *s.items;
    items.insert(items.begin() + ptrdiff_t(*at), x);
    return made_of(build, s.dtype, std::move(items));
  }
  const bool was_empty = s.items && s.items->empty();
  RK_TRY(Values inputs, build.parts_of(node.input(0)));
  inputs.resize(2);
  inputs.push_back(x);
  if (node.has_input(2)) inputs.push_back(node.input(2));
  RK_TRY(const Values made, build.add_all(ops::SequenceInsert{}, std::move(inputs)));
  Sequence longer{.dtype = s.dtype};
  longer.element =
      was_empty ? std::optional(build.type(x).shape) : common_shape(s.element, build.type(x).shape);
  return Values{build.sequence_from(std::move(longer), made)};
}

Result<Values> convert_sequence_erase(NodeReader& node, Builder& build) {
  RK_TRY(Sequence s, sequence_input(node, build, 0));
  std::optional<size_t> at;
  if (s.items && !s.items->empty()) {
    at = s.items->size() - 1;
    if (node.has_input(1)) {
      RK_TRY(at, known_position(s, build, node.input(1), s.items->size()));
    }
  }
  if (at) {
    Values items = *s.items;
    items.erase(items.begin() + ptrdiff_t(*at));
    return made_of(build, s.dtype, std::move(items));
  }
  RK_TRY(Values inputs, build.parts_of(node.input(0)));
  inputs.resize(2);
  if (node.has_input(1)) inputs.push_back(node.input(1));
  RK_TRY(const Values made, build.add_all(ops::SequenceErase{}, std::move(inputs)));
  return Values{build.sequence_from({.dtype = s.dtype, .element = s.element}, made)};
}

Result<Values> convert_sequence_length(NodeReader& node, Builder& build) {
  RK_TRY(const Sequence s, sequence_input(node, build, 0));
  if (s.items) return one(build.dims_value({int64_t(s.items->size())}, true));
  return one(build.dims_value({build.type(s.shapes).shape[0]}, true));
}

Result<Values> convert_concat_from_sequence(NodeReader& node, Builder& build) {
  RK_TRY(const Sequence s, sequence_input(node, build, 0));
  const bool stack = node.flag("new_axis", false);
  if (!s.element) return unsupported("the rank of the sequence's elements is not known");
  const int64_t rank = int64_t(s.element->size()) + (stack ? 1 : 0), given = node.integer("axis", 0);
  const int64_t axis = given < 0 ? given + rank : given;
  if (axis < 0 || axis >= rank)
    return invalid("axis " + std::to_string(given) + " is outside rank " + std::to_string(rank));
  Composition c(build);
  if (s.items && !s.items->empty()) {
    Values items = *s.items;
    for (ValueId& v : items) {
      if (!stack) continue;
      Shape shape = c.type(v).shape;
      shape.insert(shape.begin() + axis, Dim(1));
      v = c.reshape(v, shape);
    }
    RK_CHECK(c.status());
    return build.finish(ops::Concat{.axis = axis}, std::move(items));
  }
  RK_TRY(const Values parts, build.parts_of(node.input(0)));
  return build.finish(ops::SequenceConcat{.axis = axis, .rank = rank, .stack = stack}, {parts[0], parts[1]});
}

Result<Values> convert_split_to_sequence(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  RK_TRY(const int64_t axis, build.axis_of(x, node.integer("axis", 0)));
  const bool keepdims = node.flag("keepdims", true), has_split = node.has_input(1);
  const TensorType type = build.type(x);
  const auto size = type.shape[size_t(axis)].as_int();
  std::optional<std::vector<int64_t>> sizes =
      has_split ? build.integers_of(node.input(1)) : std::vector<int64_t>{1};
  if (size && sizes && (!has_split || build.rank(node.input(1)) == 0)) {
    const int64_t each = (*sizes)[0];
    if (each < 1) return invalid("the split is " + std::to_string(each) + ", expected at least 1");
    sizes->clear();
    for (int64_t at = 0; at < *size && sizes->size() <= 64; at += each)
      sizes->push_back(std::min(each, *size - at));
  }
  constexpr size_t kMostKnown = 64;  // beyond that one op is better than many
  if (size && sizes && sizes->size() <= kMostKnown) {
    Composition c(build);
    Values items;
    int64_t at = 0;
    for (const int64_t s : *sizes) {
      if (s < 0 || s > *size - at) return invalid("the split does not fit " + type.to_string());
      ValueId part = c.slice(x, axis, at, at + s);
      if (!keepdims && !has_split) {
        Shape shape = type.shape;
        shape.erase(shape.begin() + axis);
        part = c.reshape(part, shape);
      }
      items.push_back(part);
      at += s;
    }
    if (at != *size)
      return invalid("the split adds up to " + std::to_string(at) + ", expected " + std::to_string(*size));
    RK_CHECK(c.status());
    return made_of(build, type.dtype, std::move(items));
  }
  Values inputs = {x};
  if (has_split) inputs.push_back(node.input(1));
  RK_TRY(const Values made,
         build.add_all(ops::SequenceSplit{.axis = axis, .keepdims = keepdims}, std::move(inputs)));
  Sequence s{.dtype = type.dtype, .element = type.shape};
  if (!keepdims && !has_split)
    s.element->erase(s.element->begin() + axis);
  else
    (*s.element)[size_t(axis)] = has_split ? Dim(-1) : Dim(1);
  return Values{build.sequence_from(std::move(s), made)};
}

Result<Values> convert_optional(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  if (x == ValueId::none) {
    const TypeProto* type = node.type("type");
    RK_CHECK(node.attribute_error());
    TypeProto optional = *type;
    optional.kind = TypeProto::Kind::optional;
    optional.held = type->kind;
    optional.of_sequence = type->kind == TypeProto::Kind::sequence && type->held == TypeProto::Kind::tensor;
    RK_TRY(Sequence s, sequence_kind(optional));
    s.items = Values{};
    if (s.holds_sequence) s.present = build.constant(Tensor::scalar<bool>(false));
    return Values{build.add_sequence(std::move(s))};
  }
  node.ignore("type");
  if (const Sequence* held = build.sequence_of(x)) {
    if (held->is_optional) return invalid("the input is an optional, expected a tensor or a sequence");
    Sequence s = *held;
    s.is_optional = s.holds_sequence = true;
    s.present = build.constant(Tensor::scalar<bool>(true));
    return Values{build.add_sequence(std::move(s))};
  }
  Sequence s{.is_optional = true, .dtype = build.type(x).dtype, .element = build.type(x).shape};
  s.items = Values{x};
  return Values{build.add_sequence(std::move(s))};
}

Result<Values> convert_optional_has_element(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const Sequence* s = build.sequence_of(x);
  if (s == nullptr || !s->is_optional)
    return Values{build.constant(Tensor::scalar<bool>(x != ValueId::none))};
  if (s->holds_sequence) {
    if (s->present != ValueId::none) return Values{s->present};
    return Values{build.constant(Tensor::scalar<bool>(true))};
  }
  if (s->items) return Values{build.constant(Tensor::scalar<bool>(!s->items->empty()))};
  Composition c(build);
  const ValueId count = c.size(c.dim(s->shapes, 0));
  return c.result({c(ops::Greater{}, {count, c.number(DType::i64, 0)})});
}

Result<Values> convert_optional_get_element(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const Sequence* held = build.sequence_of(x);
  if (held == nullptr || !held->is_optional) return Values{x};
  Sequence s = *held;
  if (s.holds_sequence) {
    s.is_optional = s.holds_sequence = false;
    s.present = ValueId::none;
    return Values{build.add_sequence(std::move(s))};
  }
  if (s.items && !s.items->empty()) return Values{(*s.items)[0]};
  if (!s.element) return unsupported("the rank of the optional's tensor is not known");
  RK_TRY(const Values parts, build.parts_of(x));
  const ValueId first = build.constant(Tensor::scalar<int64_t>(0));
  return build.finish(ops::SequenceAt{.shape = *s.element}, {parts[0], parts[1], first});
}

}  // namespace rekindle::onnx
