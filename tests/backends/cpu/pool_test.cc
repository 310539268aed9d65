// cpu.pool against the reference pools.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pool.h"

#include <cmath>

#include "backends/cpu/kernel_test.h"
#include "math/pool.h"

namespace rekindle::cpu {
namespace {

class PoolTest : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Isa, PoolTest, ::testing::ValuesIn(isa_levels()),
                         [](const auto& info) { return std::string(enum_name(info.param)); });

struct PoolCase {
  Dims x;
  std::vector<int64_t> kernel, strides, dilations, begin, end;
  bool ceil_mode = false;
};
const std::vector<PoolCase>& cases() {
  static const std::vector<PoolCase> list = {
      {{1, 12, 12, 64}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
      {{2, 9, 7, 5}, {2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, true},
      {{1, 20, 20, 33}, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}},
      {{1, 8, 9, 3}, {3, 2}, {1, 3}, {2, 1}, {1, 0}, {2, 1}},
      {{1, 4, 4, 17}, {4, 4}, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
      {{3, 25, 8}, {3}, {2}, {1}, {1}, {1}, true},
      {{1, 7, 7, 16}, {3, 3}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true},
  };
  return list;
}

TEST_P(PoolTest, MatchesTheReference) {
  for (const PoolCase& c : cases()) {
    Tensor x = random_tensor(c.x, 1);
    x.data<float>()[3] = NAN;
    std::vector<int64_t> pads = c.begin;
    pads.insert(pads.end(), c.end.begin(), c.end.end());
    for (const int form : {0, 1, 2}) {
      const Tensor in[] = {x};
      ops::AveragePool average{c.kernel,  c.strides,        c.dilations,
                               pads,      c.ceil_mode,      ops::AutoPad::explicit_pads,
                               form == 2, ops::Layout::nhwc};
      ops::MaxPool max;
      max.kernel = c.kernel, max.strides = c.strides, max.dilations = c.dilations, max.pads = pads,
      max.ceil_mode = c.ceil_mode, max.layout = ops::Layout::nhwc;
      auto expected = form == 0 ? max.evaluate(in) : average.evaluate(in);
      ASSERT_TRUE(expected.ok()) << expected.status().to_string();
      const PoolParams params{form == 0 ? PoolOp::max : PoolOp::average,
                              {c.kernel, c.strides, c.dilations, c.begin, false, false},
                              c.end,
                              form == 2};
      for (const int threads : {1, 3}) {
        Tensor y(DType::f32, (*expected)[0].dims());
        const Status status = launch("cpu.pool", to_bytes(params), GetParam(), {x}, {y}, threads);
        ASSERT_TRUE(status.ok()) << status.to_string();
        EXPECT_TRUE(near(y, (*expected)[0], 1e-6, 1e-6)) << to_string(c.x) << " form " << form;
      }
    }
  }
}

TEST(Pool, RefusesWhatDoesNotFit) {
  const PoolParams params{PoolOp::max, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, false, false}, {0, 0}, false};
  EXPECT_EQ(launch("cpu.pool", to_bytes(params), Isa::baseline, {random_tensor({1, 4, 4, 3}, 1)},
                   {Tensor(DType::f32, {1, 2, 2, 4})})
                .message(),
            "pool: output [1, 2, 2, 4] for 3 channels without gaps");
  EXPECT_FALSE(launch("cpu.pool", "x", Isa::baseline, {random_tensor({1, 4, 4, 3}, 1)},
                      {Tensor(DType::f32, {1, 2, 2, 3})})
                   .ok());
}

}  // namespace
}  // namespace rekindle::cpu
