// A counter run through a mixing function: number i is a function of (seed, i) alone.
// SPDX-License-Identifier: Apache-2.0
#include "math/random.h"

#include <cmath>
#include <numbers>

#include "math/op_checks.h"

namespace rekindle::ops {

namespace {

/// SplitMix64: an odd step, then a mix of the bits.
uint64_t mixed(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
double unit(uint64_t bits) { return double(bits >> 11) * 0x1p-53; }  // [0, 1)

/// Box and Muller's transform of two uniform numbers.
double normal(uint64_t seed, uint64_t i) {
  const double radius = std::sqrt(-2 * std::log(1 - unit(mixed(seed, 2 * i))));
  return radius * std::cos(2 * std::numbers::pi * unit(mixed(seed, 2 * i + 1)));
}

}  // namespace

Result<Types> Random::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 0, 0));
  if (!is_float(dtype))
    return op_error(name, "the element type is " + std::string(to_string(dtype)) + ", expected a float type");
  return Types{{dtype, shape}};
}

Result<Tensors> Random::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensor out, make_output(*this, in));
  const uint64_t key = mixed(uint64_t(seed), 0);
  const double below = std::nextafter(double(high), double(low));
  visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* to = out.template data<T>();
    for (int64_t i = 0, n = out.count(); i < n; ++i) {
      double value = 0;
      if (distribution == Distribution::normal) {
        value = double(low) + double(high) * normal(key, uint64_t(i));
      } else {
        value = double(low) + unit(mixed(key, uint64_t(i))) * (double(high) - double(low));
        if (float(value) >= high && high > low) value = std::nextafterf(high, low);  // rounding reached it
        if (dtype == DType::f64) value = std::min(value, below);
      }
      if constexpr (std::is_same_v<T, f16_t> || std::is_same_v<T, bf16_t>)
        to[i] = T(float(value));
      else
        to[i] = T(value);
    }
  });
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
