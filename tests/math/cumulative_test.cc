// cumulative: every combination of its flags, types that wrap, and empty axes.
// SPDX-License-Identifier: Apache-2.0
#include "math/cumulative.h"

#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;
using enum CumulativeOp;

TEST(Cumulative, SumsAndProducts) {
  const Tensor x = counting({4}, 1.f);
  EXPECT_TENSOR(run(Cumulative{}, {x}), Tensor::of<float>({4}, {1, 3, 6, 10}));
  EXPECT_TENSOR(run(Cumulative{sum, 0, true}, {x}), Tensor::of<float>({4}, {0, 1, 3, 6}));
  EXPECT_TENSOR(run(Cumulative{sum, 0, false, true}, {x}), Tensor::of<float>({4}, {10, 9, 7, 4}));
  EXPECT_TENSOR(run(Cumulative{sum, -1, true, true}, {x}), Tensor::of<float>({4}, {9, 7, 4, 0}));
  EXPECT_TENSOR(run(Cumulative{prod, 0}, {x}), Tensor::of<float>({4}, {1, 2, 6, 24}));
  EXPECT_TENSOR(run(Cumulative{prod, 0, true, true}, {x}), Tensor::of<float>({4}, {24, 12, 4, 1}));
  EXPECT_TENSOR(run(Cumulative{sum, 0}, {counting({2, 3})}), Tensor::of<float>({2, 3}, {0, 1, 2, 3, 5, 7}));
  EXPECT_TENSOR(run(Cumulative{sum, 1}, {counting<int64_t>({2, 3})}),
                Tensor::of<int64_t>({2, 3}, {0, 1, 3, 3, 7, 12}));
}
TEST(Cumulative, TypesAndEdges) {
  EXPECT_TENSOR(run(Cumulative{}, {Tensor::of<int8_t>({3}, {100, 100, 1})}),
                Tensor::of<int8_t>({3}, {100, -56, -55}));
  EXPECT_TENSOR(run(Cumulative{}, {i64s({INT64_MAX, 1})}), i64s({INT64_MAX, INT64_MIN}));
  EXPECT_TENSOR(run(Cumulative{}, {counting({0})}), counting({0}));
  EXPECT_TENSOR(run(Cumulative{sum, 1}, {counting({2, 0})}), counting({2, 0}));
  Tensor ones(DType::f16, {4096});
  for (int64_t i = 0; i < 4096; ++i) ones.set_double(i, 1);
  EXPECT_EQ(run(Cumulative{}, {ones}).as_double(4095), 4096);  // rounded at the end only
  EXPECT_EQ(error_of(Cumulative{sum, 1}, {counting({3})}), "cumulative: axis 1 is outside rank 1");
  EXPECT_EQ(error_of(Cumulative{}, {counting({})}), "cumulative: axis 0 is outside rank 0");
  EXPECT_EQ(error_of(Cumulative{}, {Tensor(DType::boolean, {2})}),
            "cumulative: the element type is boolean, expected a number type");
}

}  // namespace
}  // namespace rekindle::ops
