// Dim: a tensor dimension, an integer or an expression over named symbols such as "N*12 + 1".
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/encode.h"
#include "base/result.h"

namespace rekindle {

/// What a build profile says about a symbol: the least, the usual and the largest value.
struct Range {
  int64_t min = 0, opt = 0, max = INT64_MAX;
  static constexpr auto fields = rekindle::fields("min", &Range::min, "opt", &Range::opt, "max", &Range::max);
  bool operator==(const Range&) const = default;
};
using Profile = std::map<std::string, Range, std::less<>>;
using Bindings = std::map<std::string, int64_t, std::less<>>;  // the value of each symbol

struct DimExpr;  // immutable and interned: lives for the process

class Dim;
using DimMap = std::map<std::string, Dim, std::less<>>;  // what symbols are replaced by

/// Arithmetic keeps expressions in one canonical form (a sorted sum of products), so equal expressions
/// compare equal: (N+1)*2 == 2*N + 2. Integer arithmetic saturates nowhere: overflow makes INT64_MAX/MIN,
/// which every check refuses.
class Dim {
 public:
  Dim(int64_t value = 0) : value_(value) {}  // NOLINT(google-explicit-constructor)
  static Dim symbol(std::string_view name);
  /// The result of `infer` when only running the op tells the size (NonZero, TopK with a run-time k).
  /// Graph::add gives each such dim a symbol of its own, which the op's step defines when it runs.
  static Dim unknown();
  bool is_unknown() const;

  std::optional<int64_t> as_int() const { return expr_ ? std::nullopt : std::optional(value_); }
  bool is(int64_t value) const { return !expr_ && value_ == value; }
  bool is_symbolic() const { return expr_ != nullptr; }
  /// The name when the dim is one plain symbol.
  std::optional<std::string_view> as_symbol() const;
  /// Every symbol must be bound; a missing one is an error. Broadcast of unequal sizes and division by 0 are
  /// errors too.
  Result<int64_t> eval(const Bindings&) const;
  /// The same without messages, for hot paths: false when it cannot be evaluated.
  bool try_eval(const Bindings&, int64_t& value) const;
  void collect_symbols(std::set<std::string, std::less<>>& into) const;
  /// Replaces symbols by other dims where `with` has them.
  Dim substitute(const std::map<std::string, Dim, std::less<>>& with) const;
  /// Bounds that can be proved from the profile (interval arithmetic).
  Range range(const Profile& profile) const;
  /// True when the dim is provably a multiple of n.
  bool divisible_by(int64_t n) const;
  std::string to_string() const;  // parse_dim() reads it back

  friend Dim operator+(Dim, Dim);
  friend Dim operator-(Dim, Dim);
  friend Dim operator*(Dim, Dim);
  friend Dim floor_div(Dim, Dim);
  friend Dim ceil_div(Dim, Dim);
  friend Dim mod(Dim, Dim);
  friend Dim min(Dim, Dim);
  friend Dim max(Dim, Dim);
  /// Not max(): it also asserts that the two are equal or one of them is 1.
  friend Dim broadcast(Dim, Dim);
  friend bool operator==(const Dim& a, const Dim& b) { return a.value_ == b.value_ && a.expr_ == b.expr_; }
  /// Some total order, the same in every run of the program on the same input.
  friend bool operator<(const Dim&, const Dim&);

 private:
  friend struct DimExpr;
  friend struct DimArithmetic;
  int64_t value_ = 0;
  const DimExpr* expr_ = nullptr;
};
Dim operator+(Dim, Dim);
Dim operator-(Dim, Dim);
Dim operator*(Dim, Dim);
Dim floor_div(Dim, Dim);
Dim ceil_div(Dim, Dim);
Dim mod(Dim, Dim);
Dim min(Dim, Dim);
Dim max(Dim, Dim);
Dim broadcast(Dim, Dim);

/// "N", "2*N + 1", "floor(N/2)", "max(N, 1)", "broadcast(N, M)". Symbols are [A-Za-z_][A-Za-z0-9_.]*; other
/// characters of an ONNX name become '_' before they get here.
Result<Dim> parse_dim(std::string_view text);
std::string sanitize_symbol(std::string_view onnx_name);

void encode(Encoder&, const Dim&);
void decode(Decoder&, Dim&);

}  // namespace rekindle
