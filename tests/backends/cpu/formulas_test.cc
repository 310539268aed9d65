// Every formula on Vec against the same formula on double: no worse than 8 ulp or twice the error of the
// float formula.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/kernel_test.h"
#include "math/elementwise.h"

namespace rekindle::cpu {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> interesting_values() {
  std::vector<float> v = {
      0.0f,        -0.0f,      1.0f,   -1.0f,   0.5f,   -0.5f,   2.0f,    -2.0f,      3.0f,       kInf,
      -kInf,       kNan,       1e-40f, -1e-40f, 1e-20f, -1e-20f, 88.0f,   88.8f,      89.5f,      -87.4f,
      -103.0f,     -104.5f,    200.0f, -200.0f, 1e10f,  -1e10f,  3.4e38f, -3.4e38f,   1.5f,       2.5f,
      -1.5f,       0.92f,      -0.92f, 3.95f,   4.1f,   8190.0f, 8200.0f, 1.5707963f, 3.1415927f, 0.9999999f,
      -0.9999999f, 1.0000001f, 9.0f,   -9.2f,   17.5f,  -17.5f};
  for (const float x : random_floats(700, 1, -10, 10)) v.push_back(x);
  for (const float x : random_floats(300, 2, -1, 1)) v.push_back(x);
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i)
    v.push_back(std::ldexp(std::uniform_real_distribution<float>(-1, 1)(random), int(random() % 250) - 125));
  return v;
}

double ulp(double x) {
  const float f = std::fabs(float(x));
  if (!std::isfinite(f)) return 0;
  return std::max(double(std::nextafter(f, kInf)) - double(f), 1e-45);
}

template <class T> struct Check {
  T op;
  template <class F> F compute(const std::vector<F>& x) const {
    if constexpr (arity_of<T>() == 1)
      return F(op.formula(x[0]));
    else if constexpr (arity_of<T>() == 2)
      return F(op.formula(x[0], x[1]));
    else
      return F(op.formula(x[0], x[1], x[2]));
  }
  void one(const std::vector<float>& x, float got) const {
    std::vector<double> wide(x.begin(), x.end());
    const float same = compute<float>(x);
    const double exact = compute<double>(wide);
    std::string call = T::name + std::string("(");
    for (const float v : x) call += std::to_string(v) + " ";
    if (std::isnan(same) || std::isinf(same)) {
      // Near the float formula's overflow one of the two may still be finite: both must then be huge.
      const bool fits = std::isnan(same) ? std::isnan(got) : got == same || std::fabs(got) > 1e38f;
      EXPECT_TRUE(fits) << call << ") = " << got << ", expected " << same;
      return;
    }
    double allowed = std::max({8 * ulp(exact), 2 * std::fabs(double(same) - exact), 1.3e-44});
    // alpha * x + beta cancels near the knee, where one rounding (fused) and two differ.
    if constexpr (std::is_same_v<T, ops::HardSwish> || std::is_same_v<T, ops::HardSigmoid>)
      allowed = std::max(allowed, ulp(x[0]));
    const bool tiny = std::fabs(exact) < 1.2e-38 && std::fabs(got) < 1.2e-38;
    EXPECT_TRUE(std::fabs(double(got) - exact) <= allowed || tiny)
        << call << ") = " << got << ", float gives " << same << ", double " << exact;
    EXPECT_TRUE(same != 0.0f || got != 0.0f || std::signbit(same) == std::signbit(got))
        << call << ") has the wrong sign";
  }
  void run(int index, Isa isa) const {
    const RowKernels& rows = program_kernels(isa).formulas[index];
    if constexpr (domain_of<T>() == Domain::integer) {
      EXPECT_EQ(rows.plain, nullptr);
      return;
    } else {
      const std::vector<float> values = interesting_values();
      const int64_t n = int64_t(values.size());
      std::vector<std::vector<float>> args;
      std::vector<const float*> in;
      constexpr bool is_boolean = domain_of<T>() == Domain::boolean;
      for (size_t a = 0; a < arity_of<T>(); ++a) {
        std::vector<float> arg = values;
        if (a > 0) std::shuffle(arg.begin(), arg.end(), std::mt19937(uint32_t(a)));
        if (is_boolean)
          for (float& x : arg) x = x > 0 ? 1.0f : 0.0f;
        args.push_back(std::move(arg));
      }
      for (const auto& a : args) in.push_back(a.data());
      std::vector<float> out(size_t(n) + 1, 77.0f);
      rows.plain(&op, in.data(), out.data(), n);
      EXPECT_EQ(out[size_t(n)], 77.0f);
      for (int64_t i = 0; i < n; ++i) {
        std::vector<float> x;
        for (const auto& a : args) x.push_back(a[size_t(i)]);
        one(x, out[size_t(i)]);
      }
      if constexpr (arity_of<T>() == 2) check_scalars(rows, args);
    }
  }
  /// A scalar operand gives the bits that a row full of it gives, for every length around the vector width.
  void check_scalars(const RowKernels& rows, const std::vector<std::vector<float>>& args) const {
    for (int64_t n = 0; n <= 37; ++n) {
      for (const bool first : {true, false}) {
        const float scalar = args[first ? 0 : 1][size_t(n)];
        const std::vector<float> full(size_t(n) + 1, scalar);
        const float* with_scalar[] = {first ? &scalar : args[0].data(), first ? args[1].data() : &scalar};
        const float* with_row[] = {first ? full.data() : args[0].data(),
                                   first ? args[1].data() : full.data()};
        std::vector<float> a(size_t(n) + 1, 5.0f), b = a;
        (first ? rows.scalar_first : rows.scalar_second)(&op, with_scalar, a.data(), n);
        rows.plain(&op, with_row, b.data(), n);
        EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << T::name << " n=" << n;
      }
    }
  }
};

class Formulas : public ::testing::TestWithParam<Isa> {};

TEST_P(Formulas, VecAgreesWithDouble) {
  int index = 0;
#define RK_ELEMENTWISE(Struct) Check<ops::Struct>{}.run(index++, GetParam());
#include "math/elementwise.def"
#undef RK_ELEMENTWISE
}

TEST_P(Formulas, ParametersAreRead) {
  const ProgramKernels& k = program_kernels(GetParam());
  int index = 0, clip = -1;
#define RK_ELEMENTWISE(Struct)                                              \
  if (std::string_view(ops::Struct::name) == ops::Clip::name) clip = index; \
  ++index;
#include "math/elementwise.def"
#undef RK_ELEMENTWISE
  const ops::Clip op{-0.25f, 0.5f};
  const std::vector<float> x = {-1, -0.25f, 0, 0.5f, 3};
  const float* in[] = {x.data()};
  std::vector<float> y(5);
  k.formulas[clip].plain(&op, in, y.data(), 5);
  EXPECT_EQ(y, (std::vector<float>{-0.25f, -0.25f, 0, 0.5f, 0.5f}));
}

INSTANTIATE_TEST_SUITE_P(Isa, Formulas, ::testing::ValuesIn(isa_levels()),
                         [](const auto& info) { return std::string(enum_name(info.param)); });

}  // namespace
}  // namespace rekindle::cpu
