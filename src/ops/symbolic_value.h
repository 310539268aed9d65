// The contents of small integer tensors as far as they are known at build: what makes Shape, Gather, Concat
// and Reshape chains vanish into dims.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "ir/op.h"
#include "ops/symbolic_number.h"

namespace rekindle {

inline constexpr int64_t kMostSymbolicElements = 64;

/// All elements of a tensor, in row-major order; its shape, which is static, comes from the value's type.
/// Booleans are 0 and
/// 1. Floats occur between integers: Shape -> Cast -> Mul(0.5) -> Floor -> Cast.
using SymbolicValue = std::vector<SymbolicNumber>;

/// A constant of at most kMostSymbolicElements finite numbers.
std::optional<SymbolicValue> symbolic_constant(const Tensor& constant);
SymbolicValue symbolic_dims(std::span<const Dim> dims);
/// The elements as dims, when all are integers.
std::optional<std::vector<Dim>> dims_of(const SymbolicValue& value);

/// The content of one output of an op, from the types of its inputs and those of their contents that are
/// known. nullopt: it depends on what only running tells, or is no shape arithmetic. Never contains an
/// unknown dim.
std::optional<SymbolicValue> symbolic_value(const Op& op, std::span<const TensorType> types,
                                            std::span<const std::optional<SymbolicValue>> inputs,
                                            size_t output = 0);
/// The same for those who keep integers only.
std::optional<std::vector<Dim>> symbolic_value(const Op& op, std::span<const TensorType> types,
                                               std::span<const std::optional<std::vector<Dim>>> inputs,
                                               size_t output = 0);

}  // namespace rekindle
