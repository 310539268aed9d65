// Running a graph with the references of its ops: slow, and right. What other ways of running are compared
// with. SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"
#include "ir/subgraph.h"

namespace rekindle {

namespace {

/// The only symbol of `d` that has no value yet; empty when there is none or more than one.
std::string only_unbound(const Dim& d, const Bindings& bound) {
  std::set<std::string, std::less<>> symbols;
  d.collect_symbols(symbols);
  std::string only;
  for (const std::string& s : symbols) {
    if (bound.contains(s)) continue;
    if (!only.empty()) return {};
    only = s;
  }
  return only;
}

/// Binds the symbol that makes d equal to size when d is linear in it, as 2*N + 1 is; false when no value
/// does. What is not linear stays open: other inputs may tell.
bool solve(const Dim& d, int64_t size, const std::string& symbol, Bindings& bound) {
  Bindings at = bound;
  std::array<int64_t, 3> values{};
  for (int64_t i = 0; i < 3; ++i) {
    at[symbol] = i;
    if (!d.try_eval(at, values[size_t(i)])) return true;
  }
  const int64_t slope = values[1] - values[0];
  if (slope == 0 || values[2] - values[1] != slope) return true;
  at[symbol] = (size - values[0]) / slope;
  int64_t check = 0;
  if (!d.try_eval(at, check)) return true;
  if (check == size && at[symbol] >= 0) return bound = std::move(at), true;
  at[symbol] = 5;  // "linear" so far may be the start of a floor or a maximum
  return !d.try_eval(at, check) || check != values[0] + 5 * slope;
}

}  // namespace

Status bind_shape(std::string_view what, const Shape& shape, const Dims& dims, Bindings& bound) {
  const auto mismatch = [&](const std::string& why) {
    return Status::error(Code::invalid_argument, std::string(what) + " has the shape " + to_string(dims) +
                                                     ", expected " + to_string(shape) + why);
  };
  if (shape.size() != dims.size()) return mismatch("");
  for (size_t i = 0; i < shape.size(); ++i) {
    if (auto value = shape[i].as_int(); value && *value != dims[i]) return mismatch("");
    if (auto symbol = shape[i].as_symbol()) {
      auto [found, is_new] = bound.emplace(*symbol, dims[i]);
      if (!is_new && found->second != dims[i])
        return mismatch(" with " + found->first + "=" + std::to_string(found->second));
    }
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!shape[i].is_symbolic() || shape[i].as_symbol()) continue;
    int64_t value = 0;
    if (shape[i].try_eval(bound, value)) {
      if (value != dims[i]) return mismatch("");
    } else if (const std::string symbol = only_unbound(shape[i], bound); !symbol.empty()) {
      if (!solve(shape[i], dims[i], symbol, bound)) return mismatch("");
    }
  }
  return {};
}

namespace {

class Interpreter {
 public:
  Interpreter(const Graph& graph, const Watch& watch)
      : graph_(graph), watch_(watch), values_(graph.value_count()) {}

  Result<Tensors> run(std::span<const Tensor> inputs) {
    RK_CHECK(bind_inputs(inputs));
    uses_left_.resize(graph_.value_count());
    for (size_t i = 0; i < uses_left_.size(); ++i) uses_left_[i] = graph_.use_count(ValueId(i));
    for (NodeId n = graph_.first(); n != NodeId::none; n = graph_.next(n)) {
      Status status = run_node(graph_[n]);
      if (!status.ok())
        return std::move(status).note(
            "at " + (graph_[n].origin.empty() ? std::string(graph_[n].op.name()) : graph_[n].origin));
    }
    Tensors results;
    for (ValueId v : graph_.outputs) results.push_back(read(v));
    return results;
  }

 private:
  Status bind_inputs(std::span<const Tensor> inputs) {
    if (inputs.size() != graph_.inputs.size())
      return Status::error(Code::invalid_argument, "graph @" + graph_.name + " takes " +
                                                       std::to_string(graph_.inputs.size()) +
                                                       " inputs, got " + std::to_string(inputs.size()));
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Value& value = graph_[graph_.inputs[i]];
      if (inputs[i].dtype() != value.type.dtype)
        return Status::error(Code::invalid_argument,
                             "the input %" + value.name + " is " + std::string(to_string(inputs[i].dtype())) +
                                 ", expected " + std::string(to_string(value.type.dtype)));
      RK_CHECK(bind_shape("the input %" + value.name, value.type.shape, inputs[i].dims(), bound_));
      values_[size_t(graph_.inputs[i])] = inputs[i];
    }
    for (size_t i = 0; i < inputs.size(); ++i) {  // again, now that every symbol that can be known is
      const Value& value = graph_[graph_.inputs[i]];
      RK_CHECK(bind_shape("the input %" + value.name, value.type.shape, inputs[i].dims(), bound_));
    }
    for (const auto& [symbol, size] : bound_) dims_.emplace(symbol, size);
    return {};
  }

  const Tensor& read(ValueId v) const {
    static const Tensor absent;
    if (v == ValueId::none) return absent;
    const Tensor* constant = graph_.constant(v);
    return constant ? *constant : values_[size_t(v)];
  }

  Status run_node(const Node& node) {
    Tensors in;
    for (ValueId v : node.inputs) in.push_back(read(v));
    RK_TRY(Tensors out, node.op.substitute(dims_).evaluate(in));
    if (out.size() != node.outputs.size())
      return Status::error(Code::internal, std::string(node.op.name()) + " made " +
                                               std::to_string(out.size()) + " tensors, expected " +
                                               std::to_string(node.outputs.size()));
    for (size_t i = 0; i < out.size(); ++i) {
      const ValueId v = node.outputs[i];
      RK_CHECK(check_made(v, out[i]));
      if (watch_) RK_CHECK(watch_(v, out[i]));
      if (uses_left_[size_t(v)] > 0) values_[size_t(v)] = std::move(out[i]);
    }
    for (ValueId v : node.inputs)
      if (v != ValueId::none && --uses_left_[size_t(v)] == 0) values_[size_t(v)] = Tensor();
    return {};
  }

  /// A reference that contradicts its op's types is a bug that would surface far from here. Sizes that the
  /// node defines become known.
  Status check_made(ValueId v, const Tensor& made) {
    const Value& value = graph_[v];
    const size_t known = bound_.size();
    Status status = made.dtype() == value.type.dtype
                        ? bind_shape("%" + value.name, value.type.shape, made.dims(), bound_)
                        : Status::error(Code::internal, "");
    if (!status.ok())
      return Status::error(Code::internal, "%" + value.name + " came out as " + made.type().to_string() +
                                               ", expected " + value.type.to_string());
    if (bound_.size() != known)
      for (const auto& [symbol, size] : bound_) dims_.emplace(symbol, size);
    return {};
  }

  const Graph& graph_;
  const Watch& watch_;
  Tensors values_;
  std::vector<size_t> uses_left_;
  Bindings bound_;
  DimMap dims_;  // bound_, for substitution in attributes
};

}  // namespace

Result<Tensors> interpret(const Graph& graph, std::span<const Tensor> inputs, const Watch& watch) {
  return Interpreter(graph, watch).run(inputs);
}

}  // namespace rekindle
