// Writing formulas with the types of their values.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/formula.h"

#include <algorithm>
#include <set>

#include "backends/cuda/tactics/writer.h"
#include "math/cast.h"
#include "math/elementwise.h"

namespace rekindle::cuda {

namespace {

/// Types of values in registers: booleans are bool there, bytes in memory, and FP16 is float. Bytes are only
/// moved.
Result<std::string> register_type(DType type) {
  if (type == DType::boolean) return std::string("bool");
  if (type == DType::f16) return std::string("float");
  if (bits_of(type) < 32) return refuse("kernels do not compute in " + std::string(to_string(type)));
  return element_type(type);
}

/// Formulas whose literals are floats are exact on integers only for these.
bool is_exact_on_integers(const Op& op) {
  return op.is<ops::Add>() || op.is<ops::Sub>() || op.is<ops::Mul>() || op.is<ops::Neg>() ||
         op.is<ops::Min>() || op.is<ops::Max>() || op.is<ops::Equal>() || op.is<ops::Greater>() ||
         op.is<ops::GreaterOrEqual>() || op.is<ops::Less>() || op.is<ops::LessOrEqual>() ||
         op.is<ops::Where>() || op.is<ops::BitAnd>() || op.is<ops::BitOr>() || op.is<ops::BitXor>() ||
         op.is<ops::BitNot>();
}

Result<std::string> text_of(const Region& region, const Node& node, const ValueNames& names) {
  const TensorType& out = region.body[node.outputs[0]].type;
  if (const auto* cast = node.op.as<ops::Cast>()) {
    RK_TRY(std::string type, register_type(out.dtype));
    const std::string& x = names.at(node.inputs[0]);
    if (cast->to == DType::boolean) return "(" + x + " != 0)";
    const bool rounds = is_float(region.body[node.inputs[0]].type.dtype) && is_integer(out.dtype);
    return (rounds ? "rk_to_" + type : type) + "(" + x + ")";
  }
  if (node.op.kind() != OpKind::elementwise || node.op.arity() == 0)
    return refuse(std::string(node.op.name()) + " has no formula");
  std::vector<Expr> arguments;
  for (ValueId v : node.inputs) {
    const DType type = region.body[v].type.dtype;
    if (is_integer(type) && !is_exact_on_integers(node.op))
      return refuse(std::string(node.op.name()) + " on " + std::string(to_string(type)));
    arguments.emplace_back(names.at(v));
  }
  return node.op.expr(arguments).text;
}

}  // namespace

Result<std::string> statements_of(const Region& region, const std::vector<NodeId>& nodes, ValueNames& names) {
  std::string text;
  for (NodeId n : nodes) {
    const Node& node = region.body[n];
    const ValueId made = node.outputs[0];
    RK_TRY(std::string type, register_type(region.body[made].type.dtype));
    RK_TRY(std::string value, text_of(region, node, names));
    const std::string name = "v" + std::to_string(names.size());
    text += "    const " + type + " " + name + " = " + value + ";\n";
    names[made] = name;
  }
  return text;
}

std::string in_register(DType type, const std::string& element) {
  if (type == DType::boolean) return "bool(" + element + ")";
  return type == DType::f16 ? "float(" + element + ")" : element;
}

int vector_width(const Dim& count, int64_t bytes) {
  for (int64_t v = 16 / bytes; v > 1; v /= 2)
    if (count.divisible_by(v)) return int(v);
  return 1;
}

std::vector<ValueId> inputs_of(const Region& region, const std::vector<NodeId>& nodes,
                               const std::vector<ValueId>& outputs, ValueId except) {
  std::set<ValueId> made{except};
  std::vector<ValueId> inputs;
  for (NodeId n : nodes) made.insert(region.body[n].outputs[0]);
  const auto add = [&](ValueId v) {
    if (v != ValueId::none && !made.contains(v) && std::find(inputs.begin(), inputs.end(), v) == inputs.end())
      inputs.push_back(v);
  };
  for (NodeId n : nodes)
    for (ValueId v : region.body[n].inputs) add(v);
  for (ValueId v : outputs) add(v);
  return inputs;
}

}  // namespace rekindle::cuda
