// Compiles dims to postfix code over symbol slots and runs it.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/dim_program.h"

#include <algorithm>
#include <array>

#include "tensor/dim_expr.h"

namespace rekindle {

namespace {
// Expressions nest at most 32 levels and each level keeps at most three values waiting; deeper ones are not
// evaluated.
constexpr int kStack = 128;
}  // namespace

uint32_t DimProgram::slot(std::string_view symbol) {
  const auto [found, is_new] = slot_numbers_.try_emplace(std::string(symbol), uint32_t(symbols_.size()));
  if (is_new) symbols_.emplace_back(symbol);
  return found->second;
}

std::optional<uint32_t> DimProgram::find_slot(std::string_view symbol) const {
  const auto found = slot_numbers_.find(std::string(symbol));
  return found == slot_numbers_.end() ? std::nullopt : std::optional(found->second);
}

uint32_t DimProgram::add(const Dim& dim) {
  const auto number = uint32_t(dims_.size());
  if (const auto constant = dim.as_int()) {
    const auto [found, is_new] = constant_numbers_.try_emplace(*constant, number);
    if (!is_new) return found->second;
  } else {
    const auto [found, is_new] = dim_numbers_.try_emplace(dim.to_string(), number);
    if (!is_new) return found->second;
  }
  dims_.push_back(dim);
  const auto code_begin = uint32_t(code_.size()), slots_begin = uint32_t(slots_.size());
  compile(dim, 1);
  std::set<std::string, std::less<>> symbols;
  dim.collect_symbols(symbols);
  for (const std::string& s : symbols) slots_.push_back(slot(s));
  std::sort(slots_.begin() + slots_begin, slots_.end());
  code_of_.push_back({code_begin, uint32_t(code_.size())});
  slots_of_.push_back({slots_begin, uint32_t(slots_.size())});
  return number;
}

std::span<const uint32_t> DimProgram::slots_of(uint32_t number) const {
  const Extent at = slots_of_[number];
  return std::span(slots_).subspan(at.begin, at.end - at.begin);
}

void DimProgram::compile(const Dim& dim, int depth) {
  if (const DimExpr* e = DimArithmetic::expr(dim)) return compile(*e, depth);
  code_.push_back({Operation::constant, *dim.as_int()});
}

/// Leaves one value on the stack; `depth` is the stack's height when it is there.
void DimProgram::compile(const DimExpr& expr, int depth) {
  if (depth + 2 >= kStack) return code_.push_back({Operation::undefined, 0});
  Operation operation = Operation::undefined;
  switch (expr.kind) {
    case DimExpr::Kind::symbol:
      return code_.push_back({Operation::symbol, int64_t(slot(expr.text))});
    case DimExpr::Kind::unknown:
      return code_.push_back({Operation::undefined, 0});
    case DimExpr::Kind::sum:
      return compile_sum(expr, depth);
    case DimExpr::Kind::floor_div:
      operation = Operation::floor_div;
      break;
    case DimExpr::Kind::mod:
      operation = Operation::mod;
      break;
    case DimExpr::Kind::min:
      operation = Operation::min;
      break;
    case DimExpr::Kind::max:
      operation = Operation::max;
      break;
    case DimExpr::Kind::broadcast:
      operation = Operation::broadcast;
      code_.push_back({Operation::constant, 1});  // the size that every other one may take the place of
      break;
  }
  bool first = operation != Operation::broadcast;
  for (const Dim& arg : expr.args) {
    compile(arg, first ? depth : depth + 1);
    if (!first) code_.push_back({operation, 0});
    first = false;
  }
}

void DimProgram::compile_sum(const DimExpr& expr, int depth) {
  code_.push_back({Operation::constant, expr.sum.constant});
  for (const DimTerm& term : expr.sum.terms) {
    code_.push_back({Operation::constant, term.coefficient});
    for (const DimExpr* factor : term.factors) {
      compile(*factor, depth + 2);
      code_.push_back({Operation::multiply, 0});
    }
    code_.push_back({Operation::add, 0});
  }
}

bool DimProgram::apply(Operation operation, int64_t a, int64_t b, int64_t& result) {
  switch (operation) {
    case Operation::add:
      return !__builtin_add_overflow(a, b, &result);
    case Operation::multiply:
      return !__builtin_mul_overflow(a, b, &result);
    case Operation::min:
      result = std::min(a, b);
      return true;
    case Operation::max:
      result = std::max(a, b);
      return true;
    case Operation::broadcast:
      result = b == 1 ? a : b;
      return b == 1 || a == 1 || a == b;
    case Operation::floor_div:
    case Operation::mod:
      if (b == 0 || (b == -1 && a == INT64_MIN)) return false;
      result = operation == Operation::mod ? floor_remainder(a, b) : floor_quotient(a, b);
      return true;
    default:
      return false;
  }
}

bool DimProgram::run(Extent code, std::span<const int64_t> symbols, int64_t& result) const {
  std::array<int64_t, kStack> stack;
  size_t top = 0;
  for (uint32_t i = code.begin; i < code.end; ++i) {
    const Instruction& at = code_[i];
    if (at.operation == Operation::constant) {
      stack[top++] = at.operand;
    } else if (at.operation == Operation::symbol) {
      stack[top++] = symbols[size_t(at.operand)];
    } else {
      if (top < 2) return false;  // `undefined` alone
      --top;
      if (!apply(at.operation, stack[top - 1], stack[top], stack[top - 1])) return false;
    }
  }
  result = stack[0];
  return true;
}

std::vector<int64_t> DimProgram::initial_values() const {
  std::vector<int64_t> values(dims_.size(), 0);
  for (const auto& [constant, number] : constant_numbers_) values[number] = constant;
  return values;
}

std::optional<uint32_t> DimProgram::evaluate(std::span<const uint32_t> numbers,
                                             std::span<const int64_t> symbols,
                                             std::span<int64_t> values) const {
  for (const uint32_t number : numbers)
    if (!run(code_of_[number], symbols, values[number])) return number;
  return std::nullopt;
}

Status DimProgram::explain(uint32_t number, std::span<const int64_t> symbols) const {
  Bindings bindings;
  for (const uint32_t s : slots_of(number)) bindings[symbols_[s]] = symbols[s];
  const Status status = dims_[number].eval(bindings).status();
  if (!status.ok()) return status;
  return Status::error(Code::invalid_argument,
                       "the dim " + dims_[number].to_string() + " is nested too deep to be evaluated");
}

}  // namespace rekindle
