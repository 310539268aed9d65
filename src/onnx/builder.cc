// Adding ops, and following integer contents through them.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/builder.h"

#include <algorithm>
#include <set>

#include "math/cast.h"
#include "math/movement.h"
#include "math/reduce.h"
#include "math/sequence.h"
#include "math/text.h"

namespace rekindle::onnx {
namespace {

constexpr int64_t kMostDims = 1024;               // longer integer values are data, not shapes
constexpr int64_t kMostBytes = int64_t(1) << 47;  // what one address space can hold

/// A few bytes of constants can ask for more than any machine has; said here, where the node is known.
Status check_size(const TensorType& type) {
  const auto dims = to_dims(type.shape);
  if (!dims) return {};
  RK_TRY(const int64_t count, checked_count(*dims));
  if (type.dtype != DType::string && bytes_for(type.dtype, count) > kMostBytes)
    return Status::error(Code::invalid_argument,
                         "the result " + type.to_string() + " is too large, expected at most 2^47 bytes");
  return {};
}

/// The values whose nodes define symbols of the dims: a size must not outlive what tells it.
Values definers_of(const Graph& graph, const std::vector<Dim>& dims) {
  std::set<std::string, std::less<>> symbols;
  for (const Dim& d : dims) d.collect_symbols(symbols);
  std::erase_if(symbols, [&](const std::string& s) { return !graph.defines_symbol(s); });
  Values values;
  for (size_t i = 0; i < graph.value_count() && !symbols.empty(); ++i) {
    const auto v = ValueId(i);
    if (!graph.is_live(v) || graph[v].producer == NodeId::none) continue;
    if (std::erase_if(symbols, [&](const std::string& s) { return graph.defines_symbol(v, s); }) > 0)
      values.push_back(v);
  }
  return values;
}

}  // namespace

void Builder::begin_node(std::string origin, std::vector<std::string> output_names) {
  origin_ = std::move(origin);
  output_names_ = std::move(output_names);
}

Result<Values> Builder::add_named(Op op, Values inputs, std::vector<std::string> names) {
  RK_TRY(Values outputs, graph_.add(op, inputs, std::move(names), origin_));
  for (const ValueId v : outputs) RK_CHECK(check_size(graph_[v].type));
  remember_contents(op, inputs, outputs);
  return outputs;
}

Result<Values> Builder::add_all(Op op, Values inputs) {
  const std::string name =
      (output_names_.empty() ? origin_ : output_names_[0]) + "/" + std::string(op.name());
  return add_named(std::move(op), std::move(inputs), {name});
}

Result<ValueId> Builder::add(Op op, Values inputs) {
  RK_TRY(const Values outputs, add_all(std::move(op), std::move(inputs)));
  return outputs[0];
}

Result<Values> Builder::finish(Op op, Values inputs) {
  // names beyond the op's outputs would be refused; those outputs are reported by the importer if anything
  // uses them
  Types types;
  for (const ValueId v : inputs) types.push_back(type(v));
  RK_TRY(const Types made, op.infer(types));
  std::vector<std::string> names = output_names_;
  names.resize(std::min(names.size(), made.size()));
  return add_named(std::move(op), std::move(inputs), std::move(names));
}

ValueId Builder::constant(Tensor value) {
  const std::string name = (output_names_.empty() ? origin_ : output_names_[0]) + "/constant";
  if (value.dtype() == DType::string) {
    auto made = graph_.add1(ops::StringConstant{value.dims(), value.strings()}, {}, name, origin_);
    RK_ASSERT(made.ok(), "a constant of strings has no type");
    return *made;
  }
  return graph_.add_constant(name, std::move(value));
}

std::optional<Shape> common_shape(const std::optional<Shape>& a, const std::optional<Shape>& b) {
  if (!a || !b || a->size() != b->size()) return std::nullopt;
  Shape both = *a;
  for (size_t i = 0; i < both.size(); ++i)
    if (both[i] != (*b)[i]) both[i] = -1;
  return both;
}

std::optional<Shape> without_symbols(std::optional<Shape> shape) {
  if (shape)
    for (Dim& d : *shape)
      if (!d.as_int()) d = -1;
  return shape;
}

ValueId Builder::add_sequence(Sequence sequence) {
  const std::string name = (output_names_.empty() ? origin_ : output_names_[0]) + "/sequence";
  const ValueId v = graph_.add_constant(name, Tensor(DType::boolean, {0}));
  sequences_.emplace(uint32_t(v), std::move(sequence));
  return v;
}

const Sequence* Builder::sequence_of(ValueId v) const {
  const auto found = sequences_.find(uint32_t(v));
  return found == sequences_.end() ? nullptr : &found->second;
}

Result<Values> Builder::parts_of(ValueId v) {
  Sequence s = sequences_.at(uint32_t(v));
  if (s.data == ValueId::none) {
    RK_TRY(const Values made, add_all(ops::SequencePack{.dtype = s.dtype}, s.items.value_or(Values{})));
    s.data = made[0], s.shapes = made[1];
  }
  if (s.parts() == 3 && s.present == ValueId::none) s.present = constant(Tensor::scalar<bool>(true));
  sequences_.insert_or_assign(uint32_t(v), s);
  return s.parts() == 3 ? Values{s.data, s.shapes, s.present} : Values{s.data, s.shapes};
}

ValueId Builder::sequence_from(Sequence like, std::span<const ValueId> parts) {
  like.items.reset();
  like.data = parts[0], like.shapes = parts[1];
  like.present = like.parts() == 3 ? parts[2] : ValueId::none;
  return add_sequence(std::move(like));
}

Result<ValueId> Builder::dims_value(const std::vector<Dim>& dims, bool scalar) {
  std::vector<int64_t> known;
  for (const Dim& d : dims)
    if (auto n = d.as_int()) known.push_back(*n);
  if (known.size() == dims.size())
    return constant(Tensor::of<int64_t>(scalar ? Dims{} : Dims{int64_t(dims.size())}, known));
  return add(ops::ShapeValue{.dims = dims, .scalar = scalar}, definers_of(graph_, dims));
}

const Tensor* Builder::constant_of(ValueId v) const {
  if (v == ValueId::none) return nullptr;
  if (const Tensor* t = graph_.constant(v)) return t;
  if (const auto made = known_.find(uint32_t(v)); made != known_.end()) return &made->second;
  const auto known = contents_.find(uint32_t(v));
  const auto dims = to_dims(type(v).shape);
  if (known == contents_.end() || !dims) return nullptr;
  for (const SymbolicNumber& n : known->second)
    if (!n.is_constant() || n.is_rounded()) return nullptr;
  Tensor t(type(v).dtype, *dims);
  for (size_t i = 0; i < known->second.size(); ++i) {
    const SymbolicNumber& n = known->second[i];
    if (t.dtype() == DType::i64)
      t.data<int64_t>()[i] = *n.numerator.as_int();
    else
      t.set_double(int64_t(i), double_of(n));
  }
  return &known_.emplace(uint32_t(v), std::move(t)).first->second;
}

std::optional<SymbolicValue> Builder::contents_of(ValueId v) const {
  if (v == ValueId::none) return std::nullopt;
  if (const Tensor* t = graph_.constant(v)) return symbolic_constant(*t);
  const auto known = contents_.find(uint32_t(v));
  return known == contents_.end() ? std::nullopt : std::optional(known->second);
}

std::optional<std::vector<Dim>> Builder::dims_of(ValueId v) const {
  if (v == ValueId::none || !is_integer(type(v).dtype)) return std::nullopt;
  if (const Tensor* t = graph_.constant(v); t && t->count() <= kMostDims) {
    const auto values = to_int64s(*t);  // may be longer than what arithmetic is followed for
    return values.ok() ? std::optional(std::vector<Dim>(values->begin(), values->end())) : std::nullopt;
  }
  const auto contents = contents_of(v);
  return contents ? rekindle::dims_of(*contents) : std::nullopt;
}

std::optional<std::vector<int64_t>> Builder::integers_of(ValueId v) const {
  const auto dims = dims_of(v);
  return dims ? to_dims(*dims) : std::nullopt;
}

std::optional<bool> Builder::condition_of(ValueId v) const {
  const Tensor* t = constant_of(v);
  return t && t->count() == 1 ? std::optional(t->as_double(0) != 0) : std::nullopt;
}

void Builder::remember_contents(const Op& op, const Values& inputs, const Values& outputs) {
  // windows and recurrences may do much work on few elements, and no shape comes out of them
  if (op.kind() == OpKind::contraction || (op.kind() == OpKind::reduction && !op.is<ops::Reduce>())) return;
  Types types;
  std::vector<std::optional<SymbolicValue>> known;
  bool any = op.is<ops::ShapeValue>();
  for (const ValueId v : inputs) {
    types.push_back(type(v));
    known.push_back(contents_of(v));
    any = any || known.back();
  }
  if (!any) return;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (auto contents = symbolic_value(op, types, known, i))
      contents_.emplace(uint32_t(outputs[i]), *std::move(contents));
}

Result<ValueId> Builder::reshape(ValueId x, Shape shape) {
  if (type(x).shape == shape) return x;
  return add(ops::Reshape{.shape = std::move(shape)}, {x});
}

Result<ValueId> Builder::transpose(ValueId x, std::vector<int64_t> perm) {
  return add(ops::Transpose{.perm = std::move(perm)}, {x});
}

Result<ValueId> Builder::cast(ValueId x, DType to) {
  if (type(x).dtype == to) return x;
  return add(ops::Cast{.to = to}, {x});
}

Result<ValueId> Builder::scalar_like(ValueId x, double value) {
  RK_TRY(Tensor t, Tensor::make(type(x).dtype, {}));
  t.set_double(0, value);
  return constant(std::move(t));
}

Result<int64_t> Builder::axis_of(ValueId v, int64_t axis) const {
  RK_TRY(const int normal, normalize_axis(axis, rank(v)));
  return normal;
}

}  // namespace rekindle::onnx
