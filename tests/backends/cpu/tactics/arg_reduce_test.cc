// Positions of extremes against the reference.
// SPDX-License-Identifier: Apache-2.0
#include "math/reduce.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

TEST(ArgReduceTactic, TiesAndNaNOnAnyAxis) {
  for (const Dims& dims : {Dims{1}, Dims{19}, Dims{5, 7, 3}, Dims{40, 1000}, Dims{0, 3}}) {
    Tensor x(DType::f32, dims);
    for (int64_t i = 0; i < x.count(); ++i) x.set_double(i, i % 23 == 22 ? NAN : double(i * 7 % 5));
    for (const auto op : {ops::ArgReduceOp::max, ops::ArgReduceOp::min})
      for (const bool last : {false, true})
        for (int64_t axis = dims[0] == 0 ? 1 : 0; axis < int64_t(dims.size()); ++axis)
          expect_like_reference("cpu.arg_reduce", ops::ArgReduce{op, axis - int64_t(dims.size()), last, last},
                                {x});
  }
}

TEST(ArgReduceTactic, RefusesIntegers) {
  const auto got = run_op("cpu.arg_reduce", ops::ArgReduce{}, {Tensor(DType::i64, {2})}, Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().message(), "the type is i64, needs f32");
}

}  // namespace
}  // namespace rekindle::cpu
