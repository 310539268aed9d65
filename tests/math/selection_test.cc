// top_k, non_zero, compress, unique, non_max_suppression.
// SPDX-License-Identifier: Apache-2.0
#include "math/selection.h"

#include <chrono>
#include <cmath>

#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

TEST(TopK, LargestAndSmallest) {
  const Tensor x = Tensor::of<float>({2, 4}, {3, 1, 3, 2, -1, 5, 0, 5});
  Tensors out = run_all(TopK{-1, true, true, 3}, {x});
  EXPECT_TENSOR(out[0], Tensor::of<float>({2, 3}, {3, 3, 2, 5, 5, 0}));
  EXPECT_TENSOR(out[1], Tensor::of<int64_t>({2, 3}, {0, 2, 3, 1, 3, 2}));
  out = run_all(TopK{-1, false, true, 2}, {x});
  EXPECT_TENSOR(out[0], Tensor::of<float>({2, 2}, {1, 2, -1, 0}));
  EXPECT_TENSOR(out[1], Tensor::of<int64_t>({2, 2}, {1, 3, 0, 2}));
  out = run_all(TopK{0, true, true, 1}, {x});
  EXPECT_TENSOR(out[0], Tensor::of<float>({1, 4}, {3, 5, 3, 5}));
  EXPECT_TENSOR(out[1], Tensor::of<int64_t>({1, 4}, {0, 1, 0, 1}));
}
TEST(TopK, TypesAndEdges) {
  Tensors out =
      run_all(TopK{0, true, true, 2}, {Tensor::of<int64_t>({3}, {INT64_MIN, INT64_MAX, INT64_MAX - 1})});
  EXPECT_TENSOR(out[0], i64s({INT64_MAX, INT64_MAX - 1}));
  out = run_all(TopK{0, true, true, 3}, {Tensor::of<float>({4}, {1, NAN, INFINITY, -1})});
  EXPECT_TENSOR(out[1], i64s({1, 2, 0}));
  out = run_all(TopK{0, false, true, 2}, {Tensor::of<f16_t>({3}, {f16_t(2.f), f16_t(-4.f), f16_t(1.f)})});
  EXPECT_TENSOR(out[1], i64s({1, 2}));
  EXPECT_TENSOR(run_all(TopK{1, true, true, 0}, {counting({2, 3})})[1], Tensor(DType::i64, {2, 0}));
  EXPECT_TENSOR(run_all(TopK{0, true, true, 2}, {counting({2, 0})})[0], counting({2, 0}));
  EXPECT_TENSOR(run_all(TopK{}, {counting({4}), i64s({2})})[0], Tensor::of<float>({2}, {3, 2}));
}
TEST(TopK, Refuses) {
  EXPECT_EQ(error_of(TopK{0, true, true, 4}, {counting({3})}),
            "top_k: k is 4, more than the 3 elements of axis 0");
  EXPECT_EQ(error_of(TopK{0, true, true, -1}, {counting({3})}), "top_k: k is -1, expected at least 0");
  EXPECT_EQ(error_of(TopK{}, {counting({3}), i64s({4})}),
            "top_k: k is 4, more than the 3 elements of axis 0");
  EXPECT_EQ(error_of(TopK{}, {counting({3}), i64s({-2})}), "top_k: k is -2, expected at least 0");
  EXPECT_EQ(error_of(TopK{}, {counting({})}), "top_k: axis -1 is outside rank 0");
  EXPECT_EQ(error_of(TopK{}, {Tensor(DType::boolean, {2})}),
            "top_k: the element type is boolean, expected a number type");
  EXPECT_EQ(inferred(TopK{1, true, true, Dim::symbol("K")}, {type("f16[N, 9]")}), "f16[N, K] i64[N, K]");
}

TEST(NonZero, Coordinates) {
  EXPECT_TENSOR(run(NonZero{}, {Tensor::of<float>({2, 3}, {0, 1, 0, NAN, 0, -0.f})}),
                Tensor::of<int64_t>({2, 2}, {0, 1, 1, 0}));
  EXPECT_TENSOR(run(NonZero{}, {Tensor::of<bool>({3}, {true, false, true})}),
                Tensor::of<int64_t>({1, 2}, {0, 2}));
  EXPECT_TENSOR(run(NonZero{}, {Tensor::scalar(5.f)}), Tensor(DType::i64, {0, 1}));
  EXPECT_TENSOR(run(NonZero{}, {Tensor::scalar(0.f)}), Tensor(DType::i64, {0, 0}));
  EXPECT_TENSOR(run(NonZero{}, {counting({2, 0})}), Tensor(DType::i64, {2, 0}));
  EXPECT_TENSOR(run(NonZero{}, {Tensor::of_strings({2}, {"", "a"})}), Tensor::of<int64_t>({1, 1}, {1}));
}

TEST(Compress, KeepsWhereTrue) {
  const Tensor x = counting({3, 2}, 1.f);
  EXPECT_TENSOR(run(Compress{0}, {x, Tensor::of<bool>({3}, {false, true, true})}),
                Tensor::of<float>({2, 2}, {3, 4, 5, 6}));
  EXPECT_TENSOR(run(Compress{-1}, {x, Tensor::of<bool>({2}, {false, true})}),
                Tensor::of<float>({3, 1}, {2, 4, 6}));
  EXPECT_TENSOR(run(Compress{}, {x, Tensor::of<bool>({5}, {false, true, false, false, true})}),
                Tensor::of<float>({2}, {2, 5}));
  EXPECT_TENSOR(run(Compress{0}, {x, Tensor(DType::boolean, {0})}), Tensor(DType::f32, {0, 2}));
  EXPECT_TENSOR(run(Compress{0}, {x, Tensor::of<bool>({5}, {true, false, false, false, false})}),
                Tensor::of<float>({1, 2}, {1, 2}));
  EXPECT_EQ(error_of(Compress{1}, {x, Tensor::of<bool>({3}, {true, false, true})}),
            "compress: condition 2 is true, outside the 2 elements of axis 1");
  EXPECT_EQ(error_of(Compress{}, {x, i64s({1})}),
            "compress: the condition is i64[1], expected a list of booleans");
}

TEST(Unique, FlatAndAlongAxes) {
  const Tensor x = Tensor::of<float>({6}, {2, 1, 1, 3, 4, 3});
  Tensors out = run_all(Unique{}, {x});
  EXPECT_TENSOR(out[0], Tensor::of<float>({4}, {1, 2, 3, 4}));
  EXPECT_TENSOR(out[1], i64s({1, 0, 3, 4}));
  EXPECT_TENSOR(out[2], i64s({1, 0, 0, 2, 3, 2}));
  EXPECT_TENSOR(out[3], i64s({2, 1, 2, 1}));
  out = run_all(Unique{{}, false}, {x});
  EXPECT_TENSOR(out[0], Tensor::of<float>({4}, {2, 1, 3, 4}));
  EXPECT_TENSOR(out[1], i64s({0, 1, 3, 4}));
  EXPECT_TENSOR(out[2], i64s({0, 1, 1, 2, 3, 2}));
  EXPECT_TENSOR(out[3], i64s({1, 2, 2, 1}));
  out = run_all(Unique{0}, {Tensor::of<float>({3, 3}, {1, 0, 0, 1, 0, 0, 2, 3, 4})});
  EXPECT_TENSOR(out[0], Tensor::of<float>({2, 3}, {1, 0, 0, 2, 3, 4}));
  EXPECT_TENSOR(out[2], i64s({0, 0, 1}));
  out = run_all(Unique{1}, {Tensor::of<float>({2, 4}, {1, 0, 1, 0, 1, 1, 1, 0})});
  EXPECT_TENSOR(out[0], Tensor::of<float>({2, 3}, {0, 0, 1, 0, 1, 1}));
  EXPECT_TENSOR(out[1], i64s({3, 1, 0}));
  EXPECT_TENSOR(run(Unique{}, {Tensor::of_strings({3}, {"b", "a", "b"})}),
                Tensor::of_strings({2}, {"a", "b"}));
  EXPECT_TENSOR(run_all(Unique{}, {Tensor::of<float>({3}, {NAN, 1, NAN})})[3], i64s({1, 2}));
  EXPECT_TENSOR(run_all(Unique{}, {counting({0, 2})})[0], counting({0}));
}

// Boxes of the ONNX documentation: two overlapping groups and one apart.
const std::vector<float> kBoxes{0, 0,  1, 1,  0, 0.1f,  1, 1.1f,  0, -0.1f, 1, 0.9f,
                                0, 10, 1, 11, 0, 10.1f, 1, 11.1f, 0, 100,   1, 101};
const std::vector<float> kScores{0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f};

Tensor suppress(int64_t most, float iou, float score, bool center = false, std::vector<float> boxes = kBoxes,
                std::vector<float> scores = kScores) {
  const int64_t n = int64_t(scores.size());
  return run(NonMaxSuppression{center},
             {Tensor::of<float>({1, n, 4}, boxes), Tensor::of<float>({1, 1, n}, scores), i64s({most}),
              Tensor::of<float>({1}, {iou}), Tensor::of<float>({1}, {score})});
}

TEST(NonMaxSuppression, KeepsTheBestOfEachGroup) {
  EXPECT_TENSOR(suppress(3, 0.5f, 0), Tensor::of<int64_t>({3, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5}));
  EXPECT_TENSOR(suppress(3, 0.5f, 0.4f), Tensor::of<int64_t>({2, 3}, {0, 0, 3, 0, 0, 0}));
  EXPECT_TENSOR(suppress(1, 0.5f, 0), Tensor::of<int64_t>({1, 3}, {0, 0, 3}));
  EXPECT_TENSOR(suppress(0, 0.5f, 0), Tensor(DType::i64, {0, 3}));
  EXPECT_TENSOR(suppress(-1, 0.5f, 0), Tensor(DType::i64, {0, 3}));
  EXPECT_TENSOR(suppress(9, 1, 0),
                Tensor::of<int64_t>({6, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 4, 0, 0, 5}));
  // Scores equal to the threshold do not pass.
  EXPECT_TENSOR(suppress(9, 0, 0.9f), Tensor::of<int64_t>({1, 3}, {0, 0, 3}));
}
TEST(NonMaxSuppression, FormatsOfBoxes) {
  const std::vector<float> centers{0.5f, 0.5f,  1, 1, 0.5f, 0.6f,  1, 1, 0.5f, 0.4f,   1, 1,
                                   0.5f, 10.5f, 1, 1, 0.5f, 10.6f, 1, 1, 0.5f, 100.5f, 1, 1};
  EXPECT_TENSOR(suppress(3, 0.5f, 0, true, centers),
                Tensor::of<int64_t>({3, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5}));
  const std::vector<float> flipped{1, 1,  0, 0,  0, 0.1f,  1, 1.1f,  0, 0.9f, 1, -0.1f,
                                   0, 10, 1, 11, 1, 10.1f, 0, 11.1f, 1, 101,  0, 100};
  EXPECT_TENSOR(suppress(3, 0.5f, 0, false, flipped),
                Tensor::of<int64_t>({3, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5}));
  // Boxes without area overlap nothing, not even themselves.
  EXPECT_TENSOR(suppress(3, 0, 0, false, {0, 0, 0, 0, 0, 0, 0, 0}, {0.5f, 0.5f}),
                Tensor::of<int64_t>({2, 3}, {0, 0, 0, 0, 0, 1}));
}
TEST(NonMaxSuppression, BatchesAndClasses) {
  std::vector<float> boxes = kBoxes, scores = kScores;
  boxes.insert(boxes.end(), kBoxes.begin(), kBoxes.end());
  for (const float s : kScores) scores.push_back(1 - s);
  std::vector<float> all = scores;
  all.insert(all.end(), scores.begin(), scores.end());
  const Tensor out =
      run(NonMaxSuppression{}, {Tensor::of<float>({2, 6, 4}, boxes), Tensor::of<float>({2, 2, 6}, all),
                                Tensor::scalar(int64_t(2)), Tensor::scalar(0.5f)});
  EXPECT_TENSOR(out, Tensor::of<int64_t>(
                         {8, 3}, {0, 0, 3, 0, 0, 0, 0, 1, 5, 0, 1, 4, 1, 0, 3, 1, 0, 0, 1, 1, 5, 1, 1, 4}));
  EXPECT_TENSOR(
      run(NonMaxSuppression{}, {Tensor::of<float>({2, 6, 4}, boxes), Tensor::of<float>({2, 2, 6}, all)}),
      Tensor(DType::i64, {0, 3}));
}
TEST(NonMaxSuppression, NaNScores) {
  const std::vector<float> scores{NAN, 0.75f, NAN, NAN, 0.5f, 0.3f};
  EXPECT_TENSOR(suppress(9, 0.5f, 0, false, kBoxes, scores),
                Tensor::of<int64_t>({3, 3}, {0, 0, 1, 0, 0, 4, 0, 0, 5}));
  const Tensor all =
      run(NonMaxSuppression{}, {Tensor::of<float>({1, 6, 4}, kBoxes), Tensor::of<float>({1, 1, 6}, scores),
                                i64s({9}), Tensor::scalar(1.f)});
  EXPECT_TENSOR(all, Tensor::of<int64_t>({6, 3}, {0, 0, 1, 0, 0, 4, 0, 0, 5, 0, 0, 0, 0, 0, 2, 0, 0, 3}));
}
TEST(NonMaxSuppression, HundredThousandBoxes) {
  constexpr int64_t n = 100000;
  Tensor boxes(DType::f32, {1, n, 4}), scores(DType::f32, {1, 1, n});
  uint32_t state = 1;
  const auto random = [&] { return float((state = state * 1664525u + 1013904223u) >> 8) / float(1 << 24); };
  for (int64_t i = 0; i < n; ++i) {
    const float y = random() * 1000, x = random() * 1000;
    const float box[] = {y, x, y + 5, x + 5};
    std::copy(box, box + 4, boxes.data<float>() + 4 * i);
    scores.data<float>()[i] = random();
  }
  const auto start = std::chrono::steady_clock::now();
  const Tensor out = run(NonMaxSuppression{}, {boxes, scores, i64s({1000}), Tensor::scalar(0.3f)});
  EXPECT_EQ(out.dims(), (Dims{1000, 3}));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}
TEST(NonMaxSuppression, Refuses) {
  const Tensor boxes(DType::f32, {1, 6, 4}), scores(DType::f32, {1, 1, 6});
  EXPECT_EQ(error_of(NonMaxSuppression{}, {boxes, Tensor(DType::f32, {1, 1, 5})}),
            "non_max_suppression: the number of scores is 5, expected 6");
  EXPECT_EQ(error_of(NonMaxSuppression{}, {Tensor(DType::f32, {1, 6, 5}), scores}),
            "non_max_suppression: the last dim of the boxes is 5, expected 4");
  EXPECT_EQ(error_of(NonMaxSuppression{}, {Tensor(DType::f32, {6, 4}), scores}),
            "non_max_suppression: the boxes are f32[6, 4], expected f32[batch, boxes, 4]");
  EXPECT_EQ(error_of(NonMaxSuppression{}, {boxes, scores, i64s({1}), Tensor::scalar(1.5f)}),
            "non_max_suppression: the IoU threshold is 1.500000, expected 0 to 1");
  EXPECT_EQ(error_of(NonMaxSuppression{}, {boxes, scores, i64s({1}), Tensor::scalar(NAN)}),
            "non_max_suppression: the IoU threshold is nan, expected 0 to 1");
}

}  // namespace
}  // namespace rekindle::ops
