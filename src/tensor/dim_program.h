// DimProgram: many dims compiled once, so that a shape change evaluates them in nanoseconds each, with no
// lock and no allocation. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>
#include <unordered_map>

#include "tensor/dim.h"

namespace rekindle {

/// A growing list of distinct dims. A dim is known by its number in the list, a symbol by its slot.
/// Evaluation reads an array of symbol values (one a slot) and writes an array of dim values (one a number);
/// both belong to the caller.
class DimProgram {
 public:
  /// The number of `dim`; equal dims share one.
  uint32_t add(const Dim& dim);
  /// The slot of a symbol, made on first use.
  uint32_t slot(std::string_view symbol);
  std::optional<uint32_t> find_slot(std::string_view symbol) const;
  const std::vector<std::string>& symbols() const { return symbols_; }
  size_t size() const { return dims_.size(); }
  const Dim& dim(uint32_t number) const { return dims_[number]; }
  /// The slots that a dim reads, ascending; none for a constant.
  std::span<const uint32_t> slots_of(uint32_t number) const;

  /// What a fresh array of dim values holds: constants in place, the rest 0.
  std::vector<int64_t> initial_values() const;
  /// Computes the dims in `numbers`. The first one that has no value (division by 0, unequal broadcast,
  /// overflow) stops it and is returned. Symbol values must not be negative.
  std::optional<uint32_t> evaluate(std::span<const uint32_t> numbers, std::span<const int64_t> symbols,
                                   std::span<int64_t> values) const;
  /// The error for a dim that evaluate() returned.
  Status explain(uint32_t number, std::span<const int64_t> symbols) const;

 private:
  enum class Operation : uint8_t {
    constant,
    symbol,
    add,
    multiply,
    floor_div,
    mod,
    min,
    max,
    broadcast,
    undefined
  };
  struct Instruction {
    Operation operation = Operation::constant;
    int64_t operand = 0;  // the constant, or the symbol's slot
  };
  struct Extent {
    uint32_t begin = 0, end = 0;
  };
  static bool apply(Operation operation, int64_t a, int64_t b, int64_t& result);
  bool run(Extent code, std::span<const int64_t> symbols, int64_t& result) const;
  void compile(const Dim& dim, int depth);
  void compile(const DimExpr& expr, int depth);
  void compile_sum(const DimExpr& expr, int depth);

  std::vector<Dim> dims_;
  std::vector<Extent> code_of_, slots_of_;
  std::vector<Instruction> code_;
  std::vector<uint32_t> slots_;
  std::vector<std::string> symbols_;
  std::unordered_map<std::string, uint32_t> slot_numbers_, dim_numbers_;
  std::unordered_map<int64_t, uint32_t> constant_numbers_;
};

}  // namespace rekindle
