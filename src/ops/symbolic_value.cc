// Following contents through ops. Constants run through the op itself; ops that only move elements run on
// element numbers; arithmetic goes element by element.
// SPDX-License-Identifier: Apache-2.0
#include "ops/symbolic_value.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "math/cast.h"
#include "math/elementwise.h"
#include "math/movement.h"
#include "math/reduce.h"

namespace rekindle {

namespace {

using Contents = std::span<const std::optional<SymbolicValue>>;

/// The dims of a static type that is small enough to follow.
std::optional<Dims> small_dims(const TensorType& type) {
  if (is_absent(type)) return std::nullopt;
  auto dims = to_dims(type.shape);
  if (!dims) return std::nullopt;
  const auto count = checked_count(*dims);
  return count.ok() && *count <= kMostSymbolicElements ? dims : std::nullopt;
}

/// A tensor of known numbers; nullopt when one is symbolic or the type does not hold it.
std::optional<Tensor> tensor_of(const TensorType& type, const std::optional<SymbolicValue>& content) {
  const auto dims = small_dims(type);
  if (!dims || !content || int64_t(content->size()) != count_of(*dims)) return std::nullopt;
  Tensor t(type.dtype, *dims);
  const bool whole_bytes = visit_dtype(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (size_t i = 0; i < content->size(); ++i) {
      const SymbolicNumber& x = (*content)[i];
      if constexpr (std::is_integral_v<T>)
        t.data<T>()[i] = T(x.numerator.as_int().value_or(0));
      else
        t.set_double(int64_t(i), double_of(x));
    }
  });
  const bool known = std::all_of(content->begin(), content->end(),
                                 [](const auto& x) { return x.is_constant() && !x.is_rounded(); });
  return whole_bytes && known ? std::optional(std::move(t)) : std::nullopt;
}

/// Ops that never make more elements than they read, so that they may run before the sizes of their outputs
/// are known.
bool never_grows(std::string_view op) {
  constexpr std::array kNames{"reshape", "slice", "compress", "top_k", "unique"};
  return std::find(kNames.begin(), kNames.end(), op) != kNames.end();
}
bool output_is_small(const Op& op, std::span<const TensorType> types, size_t output) {
  const auto made = op.infer(types);
  if (!made.ok() || output >= made->size()) return false;
  return never_grows(op.name()) || std::all_of(made->begin(), made->end(),
                                               [](const TensorType& t) { return small_dims(t).has_value(); });
}

/// Every input is a constant: the op's reference says what comes out, in its own element type.
std::optional<SymbolicValue> run_on_constants(const Op& op, std::span<const TensorType> types,
                                              Contents inputs, size_t output) {
  Tensors tensors;
  for (size_t i = 0; i < types.size(); ++i) {
    auto t = is_absent(types[i]) ? Tensor() : tensor_of(types[i], inputs[i]);
    if (!t) return std::nullopt;
    tensors.push_back(*std::move(t));
  }
  if (!output_is_small(op, types, output)) return std::nullopt;
  const auto made = op.evaluate(tensors);
  return made.ok() && output < made->size() ? symbolic_constant((*made)[output]) : std::nullopt;
}

/// Which inputs an op copies elements from; the others say where. Empty: it does not only move.
std::vector<size_t> moved_inputs(const Op& op, size_t count) {
  constexpr std::array kFirst{"reshape", "transpose",        "expand",    "slice",
                              "gather",  "gather_elements",  "gather_nd", "tile",
                              "copy",    "reverse_sequence", "pad"};
  if (op.name() == "concat") {
    std::vector<size_t> all(count);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  if (std::find(kFirst.begin(), kFirst.end(), op.name()) != kFirst.end()) return {0};
  const auto* elements = op.as<ops::ScatterElements>();
  const auto* nd = op.as<ops::ScatterNd>();
  if ((elements && elements->reduction == ops::ScatterReduction::none) ||
      (nd && nd->reduction == ops::ScatterReduction::none))
    return {0, 2};
  return {};
}

/// Runs the op on i64 numbers that stand for the elements. Number 0 is the zero that pad adds.
std::optional<SymbolicValue> run_on_element_numbers(const Op& op, std::span<const TensorType> types,
                                                    Contents inputs) {
  const std::vector<size_t> moved = moved_inputs(op, types.size());
  if (moved.empty()) return std::nullopt;
  std::vector<TensorType> numbered(types.begin(), types.end());
  SymbolicValue elements{SymbolicNumber{}};
  Tensors tensors;
  for (size_t i = 0; i < types.size(); ++i) {
    const bool is_moved = std::find(moved.begin(), moved.end(), i) != moved.end();
    if (is_absent(types[i])) {
      tensors.emplace_back();
    } else if (op.name() == "pad" && i == 1) {
      return std::nullopt;  // padding a shape with anything but zeros does not occur
    } else if (is_moved) {
      const auto dims = small_dims(types[i]);
      if (!dims || !inputs[i] || int64_t(inputs[i]->size()) != count_of(*dims)) return std::nullopt;
      Tensor numbers(DType::i64, *dims);
      std::iota(numbers.data<int64_t>(), numbers.data<int64_t>() + numbers.count(), int64_t(elements.size()));
      elements.insert(elements.end(), inputs[i]->begin(), inputs[i]->end());
      numbered[i].dtype = DType::i64;
      tensors.push_back(std::move(numbers));
    } else {
      auto t = tensor_of(types[i], inputs[i]);
      if (!t) return std::nullopt;
      tensors.push_back(*std::move(t));
    }
  }
  if (!output_is_small(op, numbered, 0)) return std::nullopt;
  const auto made = op.evaluate(tensors);
  if (!made.ok() || (*made)[0].count() > kMostSymbolicElements) return std::nullopt;
  SymbolicValue content;
  for (const int64_t n : (*made)[0].values<int64_t>()) content.push_back(elements[size_t(n)]);
  return content;
}

/// Positions of each output element in an input that is broadcast to `out`.
std::vector<size_t> broadcast_positions(const Dims& dims, const Dims& out) {
  std::vector<size_t> positions;
  const Dims own = contiguous_strides(dims), strides = contiguous_strides(out);
  const size_t added = out.size() - dims.size();
  for (int64_t i = 0; i < count_of(out); ++i) {
    int64_t at = 0;
    for (size_t d = 0; d < dims.size(); ++d)
      if (dims[d] != 1) at += i / strides[added + d] % out[added + d] * own[d];
    positions.push_back(size_t(at));
  }
  return positions;
}

MaybeNumber apply(const Op& op, std::span<const TensorType> types, std::span<const SymbolicNumber> x) {
  const DType type = types.back().dtype;
  if (const auto* c = op.as<ops::Cast>()) return apply_cast(type, c->to, x[0]);
  if (const auto* m = op.as<ops::Mod>()) return apply_mod(m->fmod, type, x[0], x[1]);
  if (const auto* c = op.as<ops::Clip>()) {
    MaybeNumber result = x[0];
    if (c->low > -std::numeric_limits<float>::infinity()) {
      const auto low = number_of(c->low);
      result = low ? apply_binary("max", type, *result, *low) : std::nullopt;
    }
    if (result && c->high < std::numeric_limits<float>::infinity()) {
      const auto high = number_of(c->high);
      result = high ? apply_binary("min", type, *result, *high) : std::nullopt;
    }
    return result;
  }
  return x.size() == 1   ? apply_unary(op.name(), type, x[0])
         : x.size() == 2 ? apply_binary(op.name(), type, x[0], x[1])
                         : std::nullopt;
}

/// where(condition, x, y); a condition that is not known does not matter where x and y are the same.
MaybeNumber choose(const MaybeNumber& condition, const MaybeNumber& x, const MaybeNumber& y) {
  if (x && y && *x == *y) return x;
  if (!condition || !condition->as_int()) return std::nullopt;
  return *condition->as_int() != 0 ? x : y;
}

std::optional<SymbolicValue> run_elementwise(const Op& op, std::span<const TensorType> types,
                                             Contents inputs) {
  const bool is_where = op.is<ops::Where>();
  if (op.kind() != OpKind::elementwise || types.size() > 3) return std::nullopt;
  const auto made = op.infer(types);
  if (!made.ok()) return std::nullopt;
  const auto out = small_dims((*made)[0]);
  if (!out) return std::nullopt;
  std::vector<std::vector<size_t>> positions;
  for (size_t k = 0; k < types.size(); ++k) {
    const auto dims = small_dims(types[k]);
    if (!dims || (inputs[k] && int64_t(inputs[k]->size()) != count_of(*dims))) return std::nullopt;
    positions.push_back(broadcast_positions(*dims, *out));
  }
  SymbolicValue content;
  for (size_t i = 0; i < size_t(count_of(*out)); ++i) {
    std::vector<MaybeNumber> x;
    std::vector<SymbolicNumber> known;
    for (size_t k = 0; k < types.size(); ++k) {
      x.push_back(inputs[k] ? MaybeNumber((*inputs[k])[positions[k][i]]) : std::nullopt);
      if (x.back()) known.push_back(*x.back());
    }
    MaybeNumber result;
    if (is_where)
      result = choose(x[0], x[1], x[2]);
    else if (known.size() == x.size())
      result = apply(op, types, known);
    if (!result) return std::nullopt;
    content.push_back(*result);
  }
  return content;
}

/// All elements of a list folded to one.
std::optional<SymbolicValue> run_reduce(const ops::Reduce& op, std::span<const TensorType> types,
                                        Contents inputs) {
  if (types.size() != 1 || types[0].rank() > 1 || !inputs[0] || !small_dims(types[0])) return std::nullopt;
  if (!op.infer(types).ok()) return std::nullopt;
  std::string_view fold;
  SymbolicNumber result;
  const SymbolicValue& x = *inputs[0];
  switch (op.op) {
    case ops::ReduceOp::sum:
      fold = "add";
      break;
    case ops::ReduceOp::prod:
      fold = "mul", result = {1, 1};
      break;
    case ops::ReduceOp::max:
      fold = "max";
      break;
    case ops::ReduceOp::min:
      fold = "min";
      break;
    default:
      return std::nullopt;
  }
  const bool starts_with_first = fold == "max" || fold == "min";
  if (starts_with_first && x.empty()) return std::nullopt;
  if (starts_with_first) result = x[0];
  for (const SymbolicNumber& element : x) {
    const MaybeNumber next = apply_binary(fold, types[0].dtype, result, element);
    if (!next) return std::nullopt;
    result = *next;
  }
  return SymbolicValue{result};
}

std::optional<SymbolicValue> run_range(const ops::Range& op, std::span<const TensorType> types,
                                       Contents inputs) {
  if (types.size() != 3 || !inputs[0] || !inputs[2] || inputs[0]->size() != 1 || inputs[2]->size() != 1)
    return std::nullopt;
  if (!is_integer(types[0].dtype)) return std::nullopt;
  const SymbolicNumber start = (*inputs[0])[0], delta = (*inputs[2])[0];
  auto count = op.count.as_int();
  if (op.count.is(-1)) {  // a distance can be known where start and limit are not
    if (!inputs[1] || inputs[1]->size() != 1) return std::nullopt;
    const auto distance = ((*inputs[1])[0].numerator - start.numerator).as_int(), step = delta.as_int();
    if (!distance || !step || *step == 0 || *step == INT64_MIN || *distance == INT64_MIN) return std::nullopt;
    const int64_t way = *step < 0 ? -*distance : *distance, stride = *step < 0 ? -*step : *step;
    count = way <= 0 ? 0 : (way - 1) / stride + 1;
  }
  if (!count || *count > kMostSymbolicElements) return std::nullopt;
  SymbolicValue content;
  for (int64_t i = 0; i < *count; ++i) {
    const auto way = apply_binary("mul", types[0].dtype, delta, {i, 1});
    const auto element = way ? apply_binary("add", types[0].dtype, start, *way) : std::nullopt;
    if (!element) return std::nullopt;
    content.push_back(*element);
  }
  return content;
}

}  // namespace

std::optional<SymbolicValue> symbolic_constant(const Tensor& constant) {
  if (constant.count() > kMostSymbolicElements || constant.dtype() == DType::string ||
      is_complex(constant.dtype()) || bits_of(constant.dtype()) < 8 || !constant.has_data())
    return std::nullopt;
  SymbolicValue content;
  for (int64_t i = 0; i < constant.count(); ++i) {
    MaybeNumber x = is_integer(constant.dtype()) ? SymbolicNumber{constant.as_int64(i), 1}
                                                 : number_of(constant.as_double(i));
    if (constant.dtype() == DType::u64 && constant.data<uint64_t>()[i] > uint64_t(INT64_MAX)) x.reset();
    if (!x) return std::nullopt;
    content.push_back(*x);
  }
  return content;
}

SymbolicValue symbolic_dims(std::span<const Dim> dims) {
  SymbolicValue content;
  for (const Dim& d : dims) content.push_back({d, 1});
  return content;
}

std::optional<std::vector<Dim>> dims_of(const SymbolicValue& value) {
  std::vector<Dim> dims;
  for (const SymbolicNumber& x : value) {
    if (!x.is_whole()) return std::nullopt;
    dims.push_back(x.numerator);
  }
  return dims;
}

std::optional<SymbolicValue> symbolic_value(const Op& op, std::span<const TensorType> types, Contents inputs,
                                            size_t output) {
  if (inputs.size() != types.size()) return std::nullopt;
  if (const auto* shape = op.as<ops::ShapeValue>()) {
    if (int64_t(shape->dims.size()) > kMostSymbolicElements) return std::nullopt;
    for (const Dim& d : shape->dims)
      if (d.is_unknown()) return std::nullopt;
    return symbolic_dims(shape->dims);
  }
  // Ops with graphs inside could run for long; the importer and folding look into those.
  if (op.name() == "if" || op.name() == "loop" || op.name() == "scan" || op.name() == "region")
    return std::nullopt;
  if (const auto* range = op.as<ops::Range>())
    return output == 0 ? run_range(*range, types, inputs) : std::nullopt;
  if (std::none_of(inputs.begin(), inputs.end(), [](const auto& x) { return x.has_value(); }))
    return std::nullopt;
  if (auto content = run_on_constants(op, types, inputs, output)) return content;
  if (output != 0) return std::nullopt;
  if (auto content = run_on_element_numbers(op, types, inputs)) return content;
  if (const auto* reduce = op.as<ops::Reduce>()) return run_reduce(*reduce, types, inputs);
  return run_elementwise(op, types, inputs);
}

std::optional<std::vector<Dim>> symbolic_value(const Op& op, std::span<const TensorType> types,
                                               std::span<const std::optional<std::vector<Dim>>> inputs,
                                               size_t output) {
  std::vector<std::optional<SymbolicValue>> contents;
  for (const auto& dims : inputs)
    contents.push_back(dims ? std::optional(symbolic_dims(*dims)) : std::nullopt);
  const auto content = symbolic_value(op, types, contents, output);
  return content ? dims_of(*content) : std::nullopt;
}

}  // namespace rekindle
