// Integer formulas: plain loops that the compiler makes vectors of, over lanes with a type of their own so
// that nothing compiled here is shared between instruction-set levels.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/integer_rows.h"

#include "math/elementwise.h"

namespace rekindle::cpu::RK_ISA {

namespace {

template <class R> struct UnsignedOf;
template <> struct UnsignedOf<int8_t> { using type = uint8_t; };
template <> struct UnsignedOf<int32_t> { using type = uint32_t; };
template <> struct UnsignedOf<int64_t> { using type = uint64_t; };

/// A number as formulas see it; arithmetic wraps. The functions are those of math/scalar.h.
template <class R> struct Lane {
  using U = typename UnsignedOf<R>::type;
  static constexpr U kBits = sizeof(R) * 8;
  R v;
  explicit Lane(R x) : v(x) {}
  U u() const { return U(v); }

  friend Lane operator+(Lane a, Lane b) { return Lane(R(a.u() + b.u())); }
  friend Lane operator-(Lane a, Lane b) { return Lane(R(a.u() - b.u())); }
  friend Lane operator*(Lane a, Lane b) { return Lane(R(a.u() * b.u())); }
  friend Lane operator-(Lane a) { return Lane(R(U(0) - a.u())); }
  friend bool operator<(Lane a, Lane b) { return a.v < b.v; }
  friend bool operator<=(Lane a, Lane b) { return a.v <= b.v; }
  friend bool operator>(Lane a, Lane b) { return a.v > b.v; }
  friend bool operator>=(Lane a, Lane b) { return a.v >= b.v; }
  friend bool operator==(Lane a, Lane b) { return a.v == b.v; }
  friend bool operator!=(Lane a, Lane b) { return a.v != b.v; }

  friend Lane select(bool condition, Lane yes, Lane no) { return Lane(condition ? yes.v : no.v); }
  friend Lane min(Lane a, Lane b) { return Lane(b.v < a.v ? b.v : a.v); }
  friend Lane max(Lane a, Lane b) { return Lane(b.v > a.v ? b.v : a.v); }
  friend Lane abs(Lane x) { return x.v < 0 ? -x : x; }
  friend Lane divide(Lane a, Lane b) { return b.v == 0 ? Lane(0) : b.v == R(-1) ? -a : Lane(R(a.v / b.v)); }
  friend Lane fmod(Lane a, Lane b) { return b.v == 0 || b.v == R(-1) ? Lane(0) : Lane(R(a.v % b.v)); }
  friend Lane pow(Lane a, Lane b) {
    if (b.v < 0) return a.v == 1 ? a : a.v == R(-1) ? Lane(b.v % 2 ? R(-1) : R(1)) : Lane(0);
    Lane result(1);
    for (; b.v > 0; b.v = R(b.v / 2), a = a * a)
      if (b.v % 2) result = result * a;
    return result;
  }
  friend Lane bits_and(Lane a, Lane b) { return Lane(R(a.u() & b.u())); }
  friend Lane bits_or(Lane a, Lane b) { return Lane(R(a.u() | b.u())); }
  friend Lane bits_xor(Lane a, Lane b) { return Lane(R(a.u() ^ b.u())); }
  friend Lane bits_not(Lane x) { return Lane(R(~x.u())); }
  friend Lane shift_left(Lane x, Lane n) { return Lane(n.u() < kBits ? R(U(x.u() << n.u())) : R(0)); }
  friend Lane shift_right(Lane x, Lane n) { return Lane(n.u() < kBits ? R(x.u() >> n.u()) : R(0)); }
};

template <class T, class R> void row(const void* op_address, const R* const* in, R* out, int64_t n) {
  const T op = *static_cast<const T*>(op_address);
  using L = Lane<R>;
  const R *a = in[0], *b = nullptr, *c = nullptr;
  if constexpr (arity_of<T>() > 1) b = in[1];
  if constexpr (arity_of<T>() > 2) c = in[2];
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (arity_of<T>() == 1)
      out[i] = op.formula(L(a[i])).v;
    else if constexpr (arity_of<T>() == 2)
      out[i] = op.formula(L(a[i]), L(b[i])).v;
    else
      out[i] = op.formula(L(a[i]), L(b[i]), L(c[i])).v;
  }
}

/// Only logic, choice and equality are asked of booleans.
template <class T, class R> constexpr typename IntegerKernels<R>::Row row_of() {
  constexpr Domain domain = domain_of<T>();
  constexpr bool is_logic = domain == Domain::boolean || domain == Domain::any;
  if constexpr (domain == Domain::floating || (sizeof(R) == 1 && !is_logic))
    return nullptr;
  else
    return row<T, R>;
}
template <class R>
constexpr typename IntegerKernels<R>::Row kRows[] = {
#define RK_ELEMENTWISE(Struct) row_of<ops::Struct, R>(),
#include "math/elementwise.def"
#undef RK_ELEMENTWISE
};

template <class S, class R> void widen(const void* from, R* to, int64_t n) {
  const S* s = static_cast<const S*>(from);
  for (int64_t i = 0; i < n; ++i) to[i] = R(s[i]);
}
template <class S, class R> void narrow(const R* from, void* to, int64_t n) {
  S* s = static_cast<S*>(to);
  for (int64_t i = 0; i < n; ++i) s[i] = S(from[i]);
}
template <class R> void widen_booleans(const void* from, R* to, int64_t n) {
  const uint8_t* s = static_cast<const uint8_t*>(from);
  for (int64_t i = 0; i < n; ++i) to[i] = s[i] != 0;
}
template <class R> void narrow_booleans(const R* from, void* to, int64_t n) {
  uint8_t* s = static_cast<uint8_t*>(to);
  for (int64_t i = 0; i < n; ++i) s[i] = from[i] != 0;
}

template <class S, class R> void add(IntegerKernels<R>& k, DType t) {
  k.widen[int(t)] = widen<S, R>;
  k.narrow[int(t)] = narrow<S, R>;
}
template <class R> IntegerKernels<R> make() {
  IntegerKernels<R> k;
  k.formulas = kRows<R>;
  k.widen[int(DType::boolean)] = widen_booleans<R>;
  k.narrow[int(DType::boolean)] = narrow_booleans<R>;
  return k;
}
IntegerTables make_tables() {
  IntegerTables t{make<int8_t>(), make<int32_t>(), make<int64_t>()};
  add<int8_t>(t.i32, DType::i8);
  add<uint8_t>(t.i32, DType::u8);
  add<int16_t>(t.i32, DType::i16);
  add<uint16_t>(t.i32, DType::u16);
  add<int32_t>(t.i32, DType::i32);
  add<uint32_t>(t.i64, DType::u32);
  add<int64_t>(t.i64, DType::i64);
  return t;
}

}  // namespace

const IntegerTables& integer_tables() {
  static const IntegerTables tables = make_tables();
  return tables;
}

}  // namespace rekindle::cpu::RK_ISA
