// Numbers in shape arithmetic: an integer, a symbolic size, or such a size over an integer, as in floor(H *
// 0.5).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "tensor/dim.h"
#include "tensor/dtype.h"

namespace rekindle {

/// numerator / denominator, in lowest terms as far as that can be seen. Exporters compute sizes in f32. Such
/// values are kept as long as the float steps are exact: sizes below 2^14 times numbers with few bits. One
/// division by a number that is no power of two rounds, but not far enough to change what floor, ceil or a
/// cast to an integer makes of it; after one, nothing else is accepted.
struct SymbolicNumber {
  Dim numerator;
  int64_t denominator = 1;
  bool is_whole() const { return denominator == 1; }
  /// True when the float that holds it is only near it.
  bool is_rounded() const { return (denominator & (denominator - 1)) != 0; }
  /// The number when it is an integer known at build.
  std::optional<int64_t> as_int() const { return is_whole() ? numerator.as_int() : std::nullopt; }
  bool is_constant() const { return numerator.as_int().has_value(); }
  bool operator==(const SymbolicNumber&) const = default;
};
using MaybeNumber = std::optional<SymbolicNumber>;  // nullopt: not known, or not exactly

/// The exact value of a double; nullopt for infinities, NaN, and what needs more than 62 bits.
MaybeNumber number_of(double value);
double double_of(const SymbolicNumber& constant);

/// Elementwise ops by their IR name, on elements of the given type; nullopt for ops that are not shape
/// arithmetic.
MaybeNumber apply_unary(std::string_view op, DType type, const SymbolicNumber& x);
MaybeNumber apply_binary(std::string_view op, DType type, const SymbolicNumber& a, const SymbolicNumber& b);
/// `fmod`: the remainder has the sign of a.
MaybeNumber apply_mod(bool fmod, DType type, const SymbolicNumber& a, const SymbolicNumber& b);
MaybeNumber apply_cast(DType from, DType to, const SymbolicNumber& x);

}  // namespace rekindle
