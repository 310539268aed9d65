// Convolutions and pools against loops that follow their definitions, over random attributes; their types
// with symbols. SPDX-License-Identifier: Apache-2.0
#include "math/conv.h"

#include <random>

#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

struct Random {
  std::mt19937 engine{7};
  int64_t from(int64_t low, int64_t high) { return low + int64_t(engine() % uint64_t(high - low + 1)); }
  std::vector<int64_t> list(size_t size, int64_t low, int64_t high) {
    std::vector<int64_t> values(size);
    for (int64_t& v : values) v = from(low, high);
    return values;
  }
  Tensor tensor(Dims dims) {
    Tensor t(DType::f32, std::move(dims));
    for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = float(from(-100, 100)) / 64;
    return t;
  }
};

/// Calls visit(index) for every index of dims.
template <class F> void for_each_index(const Dims& dims, F&& visit) {
  const Dims strides = contiguous_strides(dims);
  for (int64_t i = 0; i < count_of(dims); ++i) {
    Dims index(dims.size());
    for (size_t d = 0; d < dims.size(); ++d) index[d] = i / strides[d] % dims[d];
    visit(index);
  }
}
int64_t position(const Dims& index, const Dims& dims) {
  int64_t at = 0;
  for (size_t d = 0; d < dims.size(); ++d) at = at * dims[d] + index[d];
  return at;
}

/// y of a convolution, straight from its definition.
Tensor convolve(const Conv& op, const Tensor& x, const Tensor& w, const Dims& out) {
  Tensor y(DType::f32, out);
  const size_t spatial = out.size() - 2;
  const int64_t inputs = w.dims()[1], outputs = w.dims()[0] / op.group;
  Dims taps = w.dims();
  taps.erase(taps.begin());
  for_each_index(out, [&](const Dims& o) {
    double sum = 0;
    for_each_index(taps, [&](const Dims& k) {
      Dims from{o[0], o[1] / outputs * inputs + k[0]}, weight{o[1]};
      weight.insert(weight.end(), k.begin(), k.end());
      bool inside = true;
      for (size_t d = 0; d < spatial; ++d) {
        from.push_back(o[d + 2] * op.strides[d] + k[d + 1] * op.dilations[d] - op.pads[d]);
        inside = inside && from.back() >= 0 && from.back() < x.dims()[d + 2];
      }
      if (inside)
        sum += double(x.data<float>()[position(from, x.dims())]) *
               double(w.data<float>()[position(weight, w.dims())]);
    });
    y.data<float>()[position(o, out)] = float(sum);
  });
  return y;
}

void expect_near(const Tensor& got, const Tensor& wanted, double tolerance) {
  ASSERT_EQ(got.dims(), wanted.dims());
  for (int64_t i = 0; i < got.count(); ++i)
    ASSERT_NEAR(got.as_double(i), wanted.as_double(i), tolerance * (1 + std::fabs(wanted.as_double(i)))) << i;
}

TEST(Conv, FollowsItsDefinition) {
  Random random;
  int compared = 0;
  for (int round = 0; round < 150; ++round) {
    const size_t spatial = size_t(random.from(1, 3));
    const int64_t group = random.from(1, 3);
    Conv op{random.list(spatial, 1, 3), random.list(spatial, 1, 2), random.list(2 * spatial, 0, 2), group};
    Dims in{random.from(1, 2), group * random.from(1, 3)}, weight{group * random.from(1, 3), in[1] / group};
    for (size_t d = 0; d < spatial; ++d) in.push_back(random.from(3, 9)), weight.push_back(random.from(1, 3));
    const Tensor x = random.tensor(in), w = random.tensor(weight);
    if (!op.infer(types_of({x, w})).ok()) continue;
    const Tensor y = run(op, {x, w});
    expect_near(y, convolve(op, x, w, y.dims()), 1e-5);
    op.layout = Layout::nhwc;
    EXPECT_TENSOR(*to_nchw(run(op, {*to_nhwc(x), w})), y);
    ++compared;
  }
  EXPECT_GT(compared, 100);
}

TEST(Conv, BlocksMeet) {  // more rows, columns and depth than one block of the product holds
  Random random;
  const Conv op{{1, 1}, {1, 1}, {1, 1, 1, 1}};
  const Tensor x = random.tensor({1, 17, 19, 15}), w = random.tensor({67, 17, 3, 3});
  expect_near(run(op, {x, w}), convolve(op, x, w, {1, 67, 19, 15}), 1e-5);
}

/// The transpose is what makes <conv(x), y> equal <x, conv_transpose(y)>, over a shape without a remainder.
TEST(ConvTranspose, IsTheTransposeOfConv) {
  Random random;
  int compared = 0;
  for (int round = 0; round < 100; ++round) {
    const size_t spatial = size_t(random.from(1, 3));
    const int64_t group = random.from(1, 2);
    const Conv conv{random.list(spatial, 1, 3), random.list(spatial, 1, 2), random.list(2 * spatial, 0, 1),
                    group};
    Dims in{2, group * random.from(1, 3)}, weight{group * random.from(1, 2), in[1] / group};
    for (size_t d = 0; d < spatial; ++d) in.push_back(random.from(4, 8)), weight.push_back(random.from(1, 3));
    const Tensor x = random.tensor(in), w = random.tensor(weight);
    const auto types = conv.infer(types_of({x, w}));
    if (!types.ok()) continue;
    const Tensor y = random.tensor(*to_dims((*types)[0].shape));
    const ConvTranspose back{conv.strides, conv.dilations, conv.pads, {}, Dims(in.begin() + 2, in.end()),
                             group};
    ConvTranspose padded = back;  // output_padding instead of output_shape, so that the pads stay
    padded.output_shape.clear();
    for (size_t d = 0; d < spatial; ++d)
      padded.output_padding.push_back(in[d + 2] - ((y.dims()[d + 2] - 1) * conv.strides[d] +
                                                   (weight[d + 2] - 1) * conv.dilations[d] + 1 -
                                                   conv.pads[d] - conv.pads[d + spatial]));
    const Tensor forward = run(conv, {x, w}), backward = run(padded, {y, w});
    ASSERT_EQ(backward.dims(), in);
    double left = 0, right = 0;
    for (int64_t i = 0; i < y.count(); ++i) left += forward.as_double(i) * y.as_double(i);
    for (int64_t i = 0; i < x.count(); ++i) right += backward.as_double(i) * x.as_double(i);
    EXPECT_NEAR(left, right, 1e-3 * (1 + std::fabs(left)));
    ++compared;
  }
  EXPECT_GT(compared, 60);
}

TEST(Conv, IntegersAreExact) {
  const Tensor x = Tensor::of<int32_t>({1, 1, 3}, {1 << 20, 3, -5}),
               w = Tensor::of<int32_t>({1, 1, 2}, {1 << 10, 7});
  EXPECT_TENSOR(run(Conv{}, {x, w}), Tensor::of<int32_t>({1, 1, 2}, {(1 << 30) + 21, 3 * 1024 - 35}));
}

TEST(Conv, SymbolicSizes) {
  EXPECT_EQ(inferred(Conv{{2, 2}, {}, {1, 1, 1, 1}}, {type("f32[N, 3, H, 224]"), type("f32[64, 3, 3, 3]")}),
            "f32[N, 64, floor((H + 1)/2), 112]");
  EXPECT_EQ(inferred(Conv{{}, {}, {1, 1, 1, 1}}, {type("f32[N, 3, H, W]"), type("f32[8, 3, 3, 3]")}),
            "f32[N, 8, H, W]");
  EXPECT_EQ(inferred(Conv{{2}, {}, {}, 1, AutoPad::same_upper}, {type("f32[N, C, W]"), type("f32[8, C, 3]")}),
            "f32[N, 8, floor((W + 1)/2)]");
  EXPECT_EQ(inferred(Conv{{}, {}, {}, 1, AutoPad::explicit_pads, Layout::nhwc},
                     {type("f32[N, H, W, 3]"), type("f32[8, 3, 1, 1]")}),
            "f32[N, H, W, 8]");
  EXPECT_EQ(inferred(ConvTranspose{{2, 2}}, {type("f32[N, 3, H, W]"), type("f32[3, 8, 2, 2]")}),
            "f32[N, 8, 2*H, 2*W]");
}

TEST(Conv, SizesAreCheckedAgainWhenTheyAreKnown) {
  EXPECT_EQ(infer_error(Conv{}, {type("f32[1, C, 9]"), type("f32[4, 3, 3]")}), "");
  EXPECT_EQ(error_of(Conv{}, {Tensor(DType::f32, {1, 2, 9}), Tensor(DType::f32, {4, 3, 3})}),
            "conv: the input has 2 channels, the weight expects 3 (group 1)");
  EXPECT_EQ(Conv{}
                .evaluate(Tensors{Tensor(DType::f32, {1, 2, 9}), Tensor(DType::f32, {4, 3, 3})})
                .status()
                .message(),
            "conv: the input has 2 channels, the weight expects 3 (group 1)");
}

TEST(Window, CeilModeIgnoresWindowsThatBeginInThePadding) {
  EXPECT_EQ(inferred(MaxPool{{2}, {2}, {}, {1, 1}, true}, {type("f32[1, 1, 2]")}), "f32[1, 1, 2]");  // not 3
  EXPECT_EQ(inferred(MaxPool{{3}, {2}, {}, {}, true}, {type("f32[1, 1, 6]")}), "f32[1, 1, 3]");
  EXPECT_EQ(inferred(MaxPool{{3}, {2}}, {type("f32[1, 1, 6]")}), "f32[1, 1, 2]");
}

TEST(Window, HugeAttributesAreRefusedOrHarmless) {
  const int64_t most = INT32_MAX;
  const Types x{type("f32[1, 1, 4]")};
  EXPECT_EQ(infer_error(MaxPool{{most}, {}, {}, {0, 0}}, x),
            "max_pool: the kernel spans 2147483647 elements of spatial axis 0, the padded input has 4");
  EXPECT_EQ(infer_error(MaxPool{{2}, {}, {INT64_MAX}}, x),
            "max_pool: dilations has 9223372036854775807, expected at least 1 and less than 2^31");
  EXPECT_EQ(infer_error(MaxPool{{2}, {most}, {}, {INT64_MIN, 0}}, x),
            "max_pool: pads has -9223372036854775808, expected at least 0 and less than 2^31");
  // Two outputs, most of whose taps see nothing.
  const MaxPool wide{{most}, {most}, {}, {most - 1, most - 1}};
  EXPECT_TENSOR(run(wide, {counting<float>({1, 1, 4})}), Tensor::of<float>({1, 1, 2}, {0, 3}));
  EXPECT_EQ(infer_error(ConvTranspose{{most}, {most}, {}, {most}},
                        {type("f32[1, 1, 281474976710655]"), type("f32[1, 1, 2147483647]")}),
            "");
}

TEST(Layout, RoundTrip) {
  const Tensor x = counting<double>({2, 3, 4, 5});
  EXPECT_EQ(to_nhwc(x)->dims(), (Dims{2, 4, 5, 3}));
  EXPECT_TENSOR(*to_nchw(*to_nhwc(x)), x);
  EXPECT_FALSE(to_nhwc(Tensor::of_strings({1, 1, 1}, {"a"})).ok());
}

}  // namespace
}  // namespace rekindle::ops
