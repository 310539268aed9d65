// Typing a loop from its body, and running it iteration by iteration.
// SPDX-License-Identifier: Apache-2.0
#include "ops/loop.h"

#include <algorithm>
#include <set>

#include "ir/subgraph.h"
#include "math/movement.h"
#include "math/op_checks.h"

namespace rekindle::ops {

namespace {

using Symbols = std::set<std::string, std::less<>>;

Status check_control(std::string_view what, const TensorType& type, DType dtype) {
  const Dim count = type.count();
  if (type.dtype == dtype && (count.is(1) || count.is_symbolic())) return {};
  return op_error("loop", "the " + std::string(what) + " is " + type.to_string() + ", expected one " +
                              std::string(to_string(dtype)));
}

/// The body's own inputs and outputs: how many, and that what is carried keeps its element type and rank.
Status check_body(const Loop& loop, size_t inputs) {
  const Graph& body = *loop.body;
  const auto carried = size_t(loop.carried);
  if (loop.carried < 0 || inputs < 2 + carried)
    return op_error(loop.name, std::to_string(loop.carried) + " values are carried, but there are " +
                                   std::to_string(inputs) + " inputs, expected 2 more than that at least");
  if (body.inputs.size() != inputs || body.outputs.size() < 1 + carried)
    return op_error(loop.name, "the body takes " + std::to_string(body.inputs.size()) + " values and makes " +
                                   std::to_string(body.outputs.size()) + ", expected " +
                                   std::to_string(inputs) + " and at least " + std::to_string(1 + carried));
  RK_CHECK(check_control("body's iteration", body[body.inputs[0]].type, DType::i64));
  RK_CHECK(check_control("body's condition", body[body.inputs[1]].type, DType::boolean));
  RK_CHECK(check_control("condition that the body makes", body[body.outputs[0]].type, DType::boolean));
  for (size_t k = 0; k < carried; ++k) {
    const TensorType &in = body[body.inputs[2 + k]].type, &out = body[body.outputs[1 + k]].type;
    if (in.dtype != out.dtype || in.rank() != out.rank())
      return op_error(loop.name, "carried value " + std::to_string(k) + " is " + in.to_string() +
                                     " in the body and " + out.to_string() +
                                     " after it, expected one element type and rank");
  }
  return {};
}

/// Symbols of carried inputs whose dim the body changes: they mean another size in each iteration.
Symbols varying_symbols(const Loop& loop) {
  Symbols varying;
  for (size_t k = 0; k < size_t(loop.carried); ++k) {
    const Shape &in = (*loop.body)[loop.body->inputs[2 + k]].type.shape,
                &out = (*loop.body)[loop.body->outputs[1 + k]].type.shape;
    for (size_t d = 0; d < in.size(); ++d)
      if (in[d] != out[d]) in[d].collect_symbols(varying);
  }
  return varying;
}

bool uses_any(const Dim& d, const Symbols& symbols) {
  Symbols own;
  d.collect_symbols(own);
  return std::any_of(own.begin(), own.end(), [&](const std::string& s) { return symbols.contains(s); });
}

/// What the body is given in the first iteration, as types.
Types body_inputs(const Graph& body, std::span<const TensorType> in) {
  Types types(in.begin(), in.end());
  for (const size_t i : {size_t(0), size_t(1)}) types[i] = body[body.inputs[i]].type;
  return types;
}

/// Iterations left for the outermost loop that is being evaluated on this thread.
class Budget {
 public:
  Budget() : is_outermost_(left_ < 0) {
    if (is_outermost_) left_ = kMostLoopIterations;
  }
  ~Budget() {
    if (is_outermost_) left_ = -1;
  }
  Budget(const Budget&) = delete;
  bool take() { return left_ > 0 && left_-- > 0; }
  int64_t left() const { return left_; }

 private:
  static thread_local int64_t left_;
  bool is_outermost_;
};
thread_local int64_t Budget::left_ = -1;

/// One scan output: parts of one shape, stacked at the end.
Result<Tensor> stacked(const Tensors& parts, size_t k, const TensorType& each) {
  Dims dims{int64_t(parts.size())};
  if (parts.empty()) {  // sizes that only an iteration would have told are 0
    for (const Dim& d : each.shape) dims.push_back(d.as_int().value_or(0));
    return make_tensor(Loop::name, each.dtype, std::move(dims));
  }
  for (size_t i = 1; i < parts.size(); ++i)
    if (parts[i].dims() != parts[0].dims())
      return op_error(Loop::name, "scan output " + std::to_string(k) + " is " + to_string(parts[i].dims()) +
                                      " in iteration " + std::to_string(i) + " and " +
                                      to_string(parts[0].dims()) + " in the first, expected one shape");
  dims.insert(dims.end(), parts[0].dims().begin(), parts[0].dims().end());
  if (parts[0].rank() == 0) {
    Tensors lists;
    for (const Tensor& t : parts) lists.push_back(t.reshaped({1}));
    RK_TRY(Tensors joined, Concat{}.evaluate(lists));
    return std::move(joined[0]);
  }
  RK_TRY(const Tensors joined, Concat{}.evaluate(parts));
  return joined[0].reshaped(std::move(dims));
}

}  // namespace

Result<Types> Loop::infer(std::span<const TensorType> in) const {
  if (!body) return op_error(name, "has no body");
  RK_CHECK(check_arity(name, in.size(), 2, SIZE_MAX));
  if (has_input(in, 0)) RK_CHECK(check_control("trip count", in[0], DType::i64));
  if (has_input(in, 1)) RK_CHECK(check_control("condition", in[1], DType::boolean));
  RK_CHECK(check_body(*this, in.size()));
  for (size_t i = 2; i < in.size(); ++i)
    if (is_absent(in[i]))
      return op_error(name, "input " + std::to_string(i) + " is absent, expected a tensor");
  RK_TRY(const Types made, infer_body(name, *body, body_inputs(*body, in)));
  const Symbols varying = varying_symbols(*this);
  Types out;
  for (size_t k = 0; k < size_t(carried); ++k) {
    TensorType type = in[2 + k];
    const Shape &before = (*body)[body->inputs[2 + k]].type.shape,
                &after = (*body)[body->outputs[1 + k]].type.shape;
    for (size_t d = 0; d < type.shape.size(); ++d) {
      const bool stays = before[d] == after[d] || (after[d].as_int() && after[d] == type.shape[d]);
      if (!stays) type.shape[d] = Dim::unknown();
    }
    out.push_back(std::move(type));
  }
  const Dim iterations = Dim::unknown();
  for (size_t k = 1 + size_t(carried); k < made.size(); ++k) {
    TensorType type = made[k];
    const Shape& each = (*body)[body->outputs[k]].type.shape;
    for (size_t d = 0; d < each.size(); ++d)
      if (uses_any(each[d], varying)) type.shape[d] = Dim::unknown();
    type.shape.insert(type.shape.begin(), iterations);
    out.push_back(std::move(type));
  }
  return out;
}

Result<Tensors> Loop::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  for (const size_t i : {size_t(0), size_t(1)})
    if (has_input(in, i) && in[i].count() != 1)
      return op_error(name, std::string(i == 0 ? "the trip count has " : "the condition has ") +
                                std::to_string(in[i].count()) + " elements, expected 1");
  const bool has_condition = has_input(in, 1);
  const int64_t trips = has_input(in, 0) ? in[0].as_int64(0) : INT64_MAX;
  bool goes_on = !has_condition || in[1].as_double(0) != 0;
  Budget budget;
  if (!has_condition && trips > budget.left())
    return op_error(name,
                    "the trip count is " + (has_input(in, 0) ? std::to_string(trips) : std::string("none")) +
                        " and there is no condition, expected at most " + std::to_string(budget.left()));

  const auto first_scan = 1 + size_t(carried);
  const auto one_of = [&](size_t i) { return Dims((*body)[body->inputs[i]].type.shape.size(), 1); };
  Tensors state(in.begin() + 2, in.end());  // what is carried, then the captures
  std::vector<Tensors> scans(body->outputs.size() - first_scan);
  int64_t bytes = 0;
  for (int64_t i = 0; i < trips && goes_on; ++i) {
    if (!budget.take())
      return op_error(name, "more than " + std::to_string(kMostLoopIterations) +
                                " iterations, expected it to end before");
    Tensors inputs{Tensor::scalar(i).reshaped(one_of(0)), Tensor::scalar(goes_on).reshaped(one_of(1))};
    inputs.insert(inputs.end(), state.begin(), state.end());
    auto made = interpret(*body, inputs);
    if (!made.ok()) return made.status().note("in iteration " + std::to_string(i) + " of the loop");
    for (size_t k = first_scan; k < made->size(); ++k) {
      bytes += (*made)[k].bytes() + int64_t(sizeof(Tensor));
      scans[k - first_scan].push_back(std::move((*made)[k]));
    }
    if (bytes > kMostScanBytes)
      return Status::error(Code::out_of_memory,
                           "loop: its scan outputs grow beyond " + std::to_string(kMostScanBytes) + " bytes");
    if (has_condition) goes_on = (*made)[0].as_double(0) != 0;
    std::move(made->begin() + 1, made->begin() + ptrdiff_t(first_scan), state.begin());
  }

  Tensors out(state.begin(), state.begin() + carried);
  for (size_t k = 0; k < scans.size(); ++k) {
    TensorType each = types[size_t(carried) + k];
    each.shape.erase(each.shape.begin());
    RK_TRY(Tensor all, stacked(scans[k], k, each));
    out.push_back(std::move(all));
  }
  return out;
}

}  // namespace rekindle::ops
