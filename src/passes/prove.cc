// Proving a rule: both sides on random tensors, through the same machinery that applies it.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <random>
#include <set>

#include "math/copy.h"
#include "passes/pattern.h"

namespace rekindle {

namespace {

void collect(const Term& t, std::set<std::pair<std::string, bool>>& leaves) {
  if (t.kind == Term::Kind::value || t.kind == Term::Kind::constant)
    leaves.emplace(t.name, t.kind == Term::Kind::constant);
  for (const Term& arg : t.args) collect(arg, leaves);
}

Tensor random_tensor(DType dtype, const Dims& dims, std::mt19937& random) {
  std::uniform_real_distribution<double> wide(-4, 4);
  Tensor t(dtype, dims);
  for (int64_t i = 0; i < t.count(); ++i)
    t.set_double(i, dtype == DType::boolean ? double(random() % 2) : wide(random));
  return t;
}

/// The left side as a graph of its own over inputs and constants of the given shapes.
Result<Graph> graph_of(const Term& from, const OpTable& ops, DType dtype, const Dims& dims,
                       std::mt19937& random, Tensors& inputs) {
  Graph graph;
  Match match;
  std::set<std::pair<std::string, bool>> leaves;
  collect(from, leaves);
  for (const auto& [name, is_constant] : leaves) {
    Tensor value = random_tensor(dtype, is_constant ? Dims{} : dims, random);
    match.values[name] =
        is_constant ? graph.add_constant(name, std::move(value)) : graph.add_input(name, value.type());
    if (!is_constant) inputs.push_back(std::move(value));
  }
  struct Builder {
    Graph& graph;
    const Match& match;
    const OpTable& ops;
    DType dtype;
    Result<ValueId> build(const Term& t) const {
      if (t.kind == Term::Kind::value || t.kind == Term::Kind::constant) return match[t.name];
      if (t.kind == Term::Kind::number) {
        Tensor scalar(dtype, {});
        scalar.set_double(0, t.number);
        return graph.add_constant("c", std::move(scalar));
      }
      std::vector<ValueId> args;
      for (const Term& a : t.args) {
        RK_TRY(ValueId v, build(a));
        args.push_back(v);
      }
      std::string attributes;
      for (const auto& [name, text] : t.attributes)
        attributes += (attributes.empty() ? "{" : ", ") + name + "=" + text;
      if (!attributes.empty()) attributes += "}";
      const Op* op = ops.find(t.name);
      if (!op) return Status::error(Code::internal, "a rule names the unknown op '" + t.name + "'");
      TextReader reader(attributes, ops, nullptr);
      RK_TRY(Op made, op->parse_attributes(reader));
      return graph.add1(std::move(made), std::move(args));
    }
  };
  RK_TRY(ValueId root, (Builder{graph, match, ops, dtype}.build(from)));
  // An output keeps its name, so an input cannot stand for it; behind a copy it can.
  RK_TRY(root, graph.add1(ops::Copy{}, {root}));
  graph.set_outputs({root});
  return graph;
}

Status check_equal(const Rule& rule, const Tensor& before, const Tensor& after) {
  const double tolerance = before.dtype() == DType::f64 ? 1e-4 : 1e-3;  // numbers in rules match within 1e-4
  for (int64_t i = 0; i < before.count(); ++i) {
    const double b = before.as_double(i), a = after.as_double(i);
    if (std::isnan(a) && std::isnan(b)) continue;
    if (!(std::fabs(a - b) <= tolerance * (1 + std::fabs(b))) && a != b)
      return Status::error(Code::internal, "rule '" + std::string(rule.name) + "' is wrong: " +
                                               std::to_string(b) + " became " + std::to_string(a));
  }
  return {};
}

Status prove_on(const Rule& rule, Graph graph, const Tensors& inputs) {
  RK_TRY(Tensors before, interpret(graph, inputs));
  PassContext context;
  RK_TRY(int changes, rewrite(graph, {&rule, 1}, context));
  if (changes == 0)
    return Status::error(Code::internal, "rule '" + std::string(rule.name) +
                                             "' does not apply to its own left side" +
                                             (context.remarks.empty() ? "" : ": " + context.remarks[0]));
  RK_CHECK(graph.verify());
  RK_TRY(Tensors after, interpret(graph, inputs));
  return check_equal(rule, before[0], after[0]);
}

}  // namespace

Status prove(const Rule& rule, const OpTable& ops, int trials) {
  std::mt19937 random(11);
  if (!rule.example.empty()) {
    for (int trial = 0; trial < trials; ++trial) {
      RK_TRY(Graph graph, parse(rule.example, ops));
      Tensors inputs;
      for (ValueId v : graph.inputs) {
        const auto dims = to_dims(graph[v].type.shape);
        if (!dims)
          return Status::error(Code::internal,
                               "rule '" + std::string(rule.name) + "': its example has symbolic dims");
        inputs.push_back(random_tensor(graph[v].type.dtype, *dims, random));
      }
      RK_CHECK(prove_on(rule, std::move(graph), inputs));
    }
    return {};
  }
  RK_TRY(Term from, parse_term(rule.from));
  for (int trial = 0; trial < trials; ++trial) {
    static const std::vector<Dims> kShapes = {{4}, {2, 3}, {1, 5}, {}, {3, 1, 7}};
    const DType dtype = rule.is_boolean ? DType::boolean : trial % 3 == 2 ? DType::f64 : DType::f32;
    Tensors inputs;
    RK_TRY(Graph graph, graph_of(from, ops, dtype, kShapes[size_t(trial) % kShapes.size()], random, inputs));
    RK_CHECK(prove_on(rule, std::move(graph), inputs));
  }
  return {};
}

}  // namespace rekindle
