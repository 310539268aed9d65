// Groups 18 to 25: models that are fine until they run. Each is built into an engine for every instruction
// set of this machine and interpreted by the references: both must end with the same error, or with the same
// numbers.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "hostile/ending.h"

namespace rekindle {
namespace {

using onnx::test::model;
using test::by_engine;
using test::by_reference;
using test::Ending;
using testing::HasSubstr;

template <class T> Tensor list(std::vector<T> values) {
  const auto count = int64_t(values.size());
  return Tensor::of<T>({count}, values);
}
Tensor number(int64_t v) { return Tensor::scalar<int64_t>(v); }
Tensor numbers(std::vector<int64_t> v) { return list<int64_t>(std::move(v)); }
Tensor floats(Dims dims) { return Tensor(DType::f32, std::move(dims)); }

constexpr int64_t kHuge = int64_t(1) << 50;
constexpr double kMostSeconds =
    10;  // of one model; each takes milliseconds, sanitizers and full machines more

/// One model, one input list, the same ending on every road.
void expect_error(const char* text, const Tensors& inputs, const char* message) {
  SCOPED_TRACE(text);
  const test::Stopwatch watch;
  const std::string bytes = model(text);
  EXPECT_THAT(by_reference(bytes, inputs).error, HasSubstr(message));
  for (const std::string& target : test::targets_here())
    EXPECT_THAT(by_engine(bytes, inputs, target).error, HasSubstr(message)) << target;
  EXPECT_LT(watch.seconds(), kMostSeconds);
}

/// Runs, and every road gives the same elements; NaNs are equal. Returns the reference's outputs.
Tensors expect_same(const std::string& bytes, const Tensors& inputs) {
  const test::Stopwatch watch;
  const Ending reference = by_reference(bytes, inputs);
  EXPECT_EQ(reference.error, "");
  for (const std::string& target : test::targets_here()) {
    const Ending engine = by_engine(bytes, inputs, target);
    EXPECT_EQ(engine.error, "") << target;
    if (engine.outputs.size() != reference.outputs.size()) continue;
    for (size_t i = 0; i < engine.outputs.size(); ++i)
      EXPECT_EQ(engine.outputs[i].to_string(64), reference.outputs[i].to_string(64)) << target;
  }
  EXPECT_LT(watch.seconds(), kMostSeconds);
  return reference.outputs;
}
Tensors expect_same_text(const char* text, const Tensors& inputs) {
  SCOPED_TRACE(text);
  return expect_same(model(text), inputs);
}

// ---- 19: more elements than there is memory, asked for by the values of inputs

TEST(HostileRun, SizesFromInputs) {
  const Tensor huge = numbers({kHuge}), zero = number(0), one = number(1), most = number(INT64_MAX);
  const char* message = "is too large, expected fewer than 2^48 elements";
  expect_error("s: i64[1]; y = ConstantOfShape(s)", {huge}, message);
  expect_error("s: i64[1]; x = f32[1] {1}; y = Expand(x, s)", {huge}, message);
  expect_error("s: i64[1]; x: f32[1]; y = Expand(x, s)", {huge, floats({1})}, message);
  expect_error("s: i64[1]; x: f32[1]; y = Tile(x, s)", {huge, floats({1})}, message);
  expect_error("a: i64[]; b: i64[]; d: i64[]; y = Range(a, b, d)", {zero, number(kHuge), one}, message);
  expect_error("a: i64[]; b: i64[]; d: i64[]; y = Range(a, b, d)", {number(INT64_MIN), most, one}, message);
  expect_error("x: i64[3]; d: i64[]; v = f32[2] {0, 1}; y = OneHot(x, d, v)",
               {numbers({0, 1, 2}), number(kHuge)}, message);
  expect_error("x: f32[1]; p: i64[2]; y = Pad(x, p)", {floats({1}), numbers({kHuge, 0})}, message);
  expect_error("x: f32[1, 1, 2, 2]; s: i64[4]; y = Resize(x, _, _, s)",
               {floats({1, 1, 2, 2}), numbers({1, 1, int64_t(1) << 25, int64_t(1) << 25})}, message);
}

TEST(HostileRun, NegativeSizesFromInputs) {
  const Tensor minus = numbers({-3});
  expect_error("s: i64[1]; y = ConstantOfShape(s)", {minus},
               "shape [-3] has the dim -3, expected at least 0");
  expect_error("s: i64[1]; x: f32[1]; y = Expand(x, s)", {minus, floats({1})},
               "shape [-3] has the dim -3, expected at least 0");
  expect_error("s: i64[1]; x: f32[1]; y = Tile(x, s)", {minus, floats({1})},
               "axis 0 is repeated -3 times, expected at least 0");
}

// ---- 20: indices

TEST(HostileRun, IndicesFromInputs) {
  for (const int64_t index : {int64_t(3), int64_t(-4), INT64_MAX, INT64_MIN}) {
    const Tensor i = numbers({index}), pair = Tensor::of<int64_t>({1, 1}, {index}), u = list<float>({9});
    const Tensor x = list<float>({1, 2, 3});
    const std::string message = "index " + std::to_string(index) + " is outside";
    expect_error("x: f32[3]; i: i64[1]; y = Gather(x, i)", {x, i}, message.c_str());
    expect_error("x: f32[K]; i: i64[N]; y = Gather(x, i)", {x, i}, message.c_str());
    expect_error("x: f32[3]; i: i64[1]; y = GatherElements(x, i)", {x, i}, message.c_str());
    expect_error("x: f32[3]; i: i64[1, 1]; y = GatherND(x, i)", {x, pair}, message.c_str());
    expect_error("x: f32[3]; i: i64[1]; u: f32[1]; y = ScatterElements(x, i, u)", {x, i, u}, message.c_str());
    expect_error("x: f32[3]; i: i64[1, 1]; u: f32[1]; y = ScatterND(x, i, u)", {x, pair, u}, message.c_str());
  }
  // a whole table of rows through the fast gather, with one bad index at the end
  std::vector<int64_t> rows(100, 4);
  rows.back() = 5;
  expect_error("x: f32[5, 64]; i: i64[100]; y = Gather(x, i)", {floats({5, 64}), numbers(rows)},
               "index 5 is outside");
  std::vector<int32_t> narrow(100, 4);
  narrow.back() = INT32_MIN;
  expect_error("x: f32[5, 64]; i: i32[100]; y = Gather(x, i)", {floats({5, 64}), list(narrow)},
               "index -2147483648 is outside");
  expect_error(
      "x: f32[1, 1, 2, 2]; i: i64[1, 1, 2, 2]; y = MaxUnpool(x, i) {kernel_shape=[2, 2], strides=[2, 2]}",
      {floats({1, 1, 2, 2}), Tensor::of<int64_t>({1, 1, 2, 2}, {0, 1, 2, 99})},
      "index 99 is outside the 16 elements of ");
}

TEST(HostileRun, NegativeIndicesCountFromTheEnd) {
  const Tensors out =
      expect_same_text("x: f32[3]; i: i64[2]; y = Gather(x, i)", {list<float>({1, 2, 3}), numbers({-1, -3})});
  EXPECT_EQ(out[0].to_string(), "f32[2] {3, 1}");
}

// ---- 21: windows

TEST(HostileRun, WindowsLargerThanWhatRunTimeBrings) {
  const Tensor narrow = floats({1, 3, 4}), w = floats({2, 3, 9});
  const auto errors = [&](const char* text, const Tensors& inputs) {
    for (const std::string& target : test::targets_here()) {
      SCOPED_TRACE(target + ": " + text);
      const std::string error = by_engine(model(text), inputs, target).error;
      EXPECT_THAT(error, HasSubstr("the inputs are too small: W - 8 of a value f32[1, "));
      EXPECT_THAT(error, HasSubstr("is -4, expected at least 0"));
    }
    EXPECT_THAT(by_reference(model(text), inputs).error,
                HasSubstr("spans 9 elements of spatial axis 0, the padded input has 4"));
  };
  errors("x: f32[1, 3, W]; w: f32[2, 3, 9]; y = Conv(x, w)", {narrow, w});
  errors("x: f32[1, 3, W]; y = MaxPool(x) {kernel_shape=[9]}", {narrow});
  errors("x: f32[1, 3, W]; y = AveragePool(x) {kernel_shape=[9]}", {narrow});
  expect_same_text("x: f32[1, 3, W]; y = MaxPool(x) {kernel_shape=[9]}", {floats({1, 3, 9})});
}

// ---- 22: shapes

TEST(HostileRun, ShapesFromInputs) {
  const Tensor x = floats({2, 6});
  expect_error("x: f32[2, 6]; s: i64[2]; y = Reshape(x, s)", {x, numbers({-1, -1})},
               "the shape [-1, -1] holds -1 twice, expected at most one");
  expect_error("x: f32[2, 6]; s: i64[2]; y = Reshape(x, s)", {x, numbers({5, 3})},
               "[2, 6] cannot become [5, 3]: 12 elements against 15");
  expect_error("x: f32[2, 6]; s: i64[2]; y = Reshape(x, s)", {x, numbers({-1, 5})},
               "cannot hold the 12 elements of [2, 6]: they do not divide by 5");
  expect_error("x: f32[2, 6]; s: i64[2]; y = Reshape(x, s)", {x, numbers({INT64_MIN, 5})},
               "holds -9223372036854775808, expected -1 or more");
  expect_error("x: f32[2, 6]; s: i64[3]; y = Reshape(x, s)", {x, numbers({1, 2, 0})},
               "copies dim 2 of [2, 6], which has none there");
  expect_error("x: f32[2, 6]; s: i64[2]; y = Reshape(x, s) {allowzero=1}", {x, numbers({0, 12})},
               "12 elements against 0");
  expect_error("x: f32[2, 6]; s: i64[2]; y = Reshape(x, s) {allowzero=1}", {x, numbers({0, -1})},
               "holds both 0 and -1 with allow_zero, expected one of them");
  const Tensor seven = floats({7}), axis = numbers({0});
  const char* slice = "x: f32[7]; b: i64[1]; e: i64[1]; a = i64[1] {0}; t: i64[1]; y = Slice(x, b, e, a, t)";
  expect_error(slice, {seven, numbers({0}), numbers({5}), numbers({0})},
               "a step is 0, expected another number");
  expect_error("x: f32[7]; b: i64[1]; e: i64[1]; a: i64[1]; y = Slice(x, b, e, a)",
               {seven, numbers({0}), numbers({5}), numbers({3})}, "axis 3 is outside rank 1");
}

TEST(HostileRun, SlicesAtTheEdgesOfIntegers) {
  const Tensor x = list<float>({1, 2, 3, 4, 5, 6, 7});
  const char* slice = "x: f32[7]; b: i64[1]; e: i64[1]; a = i64[1] {0}; t: i64[1]; y = Slice(x, b, e, a, t)";
  const auto cut = [&](int64_t begin, int64_t end, int64_t step) {
    return expect_same_text(slice, {x, numbers({begin}), numbers({end}), numbers({step})})[0].to_string();
  };
  EXPECT_EQ(cut(INT64_MIN, INT64_MAX, 3), "f32[3] {1, 4, 7}");
  EXPECT_EQ(cut(INT64_MAX, INT64_MIN, -3), "f32[3] {7, 4, 1}");
  EXPECT_EQ(cut(INT64_MAX, INT64_MIN, 1), "f32[0] {}");
  EXPECT_EQ(cut(2, INT64_MAX, INT64_MAX), "f32[1] {3}");
  EXPECT_EQ(cut(2, INT64_MIN, INT64_MIN + 1), "f32[1] {3}");
}

// ---- 23: numbers that have no answer

TEST(HostileRun, CastsOfWhatDoesNotFit) {
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  std::vector<float> values = {nan,          infinity,      -infinity, 1e30F, -1e30F,
                               2147483648.F, -2147483648.F, 0.5F,      -0.0F};
  while (values.size() < 37) values.push_back(values[values.size() % 9] * 0.5F);  // past every vector width
  const Tensor x = list(values);
  for (const int to : {2, 3, 4, 5, 6, 7, 9, 12, 13})
    expect_same_text(("opset 19; x: f32[37]; y = Cast(x) {to=" + std::to_string(to) + "}").c_str(), {x});
}

TEST(HostileRun, IntegerDivision) {
  std::vector<int32_t> dividends(37), divisors(37);
  std::vector<int64_t> long_dividends(37), long_divisors(37);
  for (size_t i = 0; i < 37; ++i) {
    dividends[i] = i % 3 == 0 ? INT32_MIN : i % 3 == 1 ? INT32_MAX : -7;
    divisors[i] = i % 4 == 0 ? -1 : i % 4 == 1 ? 0 : i % 4 == 2 ? 1 : INT32_MIN;
    long_dividends[i] = i % 3 == 0 ? INT64_MIN : i % 3 == 1 ? INT64_MAX : -7;
    long_divisors[i] = i % 4 == 0 ? -1 : i % 4 == 1 ? 0 : i % 4 == 2 ? 1 : INT64_MIN;
  }
  for (const char* op :
       {"Div(x, d)", "Mod(x, d)", "Mod(x, d) {fmod=1}", "Mul(x, d)", "Sub(x, d)", "Pow(x, d)"}) {
    expect_same_text(("x: i32[37]; d: i32[37]; y = " + std::string(op)).c_str(),
                     {list(dividends), list(divisors)});
    expect_same_text(("x: i64[37]; d: i64[37]; y = " + std::string(op)).c_str(),
                     {list(long_dividends), list(long_divisors)});
  }
  expect_same_text("x: i32[37]; y = Abs(x); z = Neg(x); return y, z", {list(dividends)});
  expect_same_text("x: i64[37]; y = Abs(x); z = Neg(x); return y, z", {list(long_dividends)});
}

TEST(HostileRun, ReductionsOfNothing) {
  for (const char* op :
       {"ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean", "ReduceProd", "ReduceLogSumExp"})
    expect_same_text(("opset 20; x: f32[3, N]; a = i64[1] {1}; y = " + std::string(op) + "(x, a)").c_str(),
                     {floats({3, 0})});
  expect_same_text("x: f32[3, N]; y = Softmax(x)", {floats({3, 0})});
  expect_same_text("x: f32[N, 4]; w = f32[4, 2] {1, 2, 3, 4, 5, 6, 7, 8}; y = MatMul(x, w)",
                   {floats({0, 4})});
  expect_same_text("x: f32[4, K]; w: f32[K, 2]; y = MatMul(x, w)", {floats({4, 0}), floats({0, 2})});
  expect_same_text("x: f32[N, 2, 5]; w: f32[3, 2, 3]; y = Conv(x, w)",
                   {floats({0, 2, 5}), floats({3, 2, 3})});
  for (const char* op : {"ArgMax", "ArgMin"})
    expect_error(("x: f32[3, N]; y = " + std::string(op) + "(x) {axis=1}").c_str(), {floats({3, 0})},
                 "has no elements");
}

// ---- 24: selection

TEST(HostileRun, TopKOutOfRange) {
  const Tensor x = floats({5});
  expect_error("x: f32[5]; k: i64[1]; v, i = TopK(x, k)", {x, numbers({6})},
               "k is 6, more than the 5 elements");
  expect_error("x: f32[5]; k: i64[1]; v, i = TopK(x, k)", {x, numbers({-1})}, "k is -1, expected at least 0");
  expect_error("x: f32[5]; k: i64[1]; v, i = TopK(x, k)", {x, numbers({INT64_MAX})},
               "k is 9223372036854775807, more than the 5 elements");
}

TEST(HostileRun, SuppressionOfNaNs) {
  const float nan = std::nanf("");
  const Tensor boxes = Tensor::of<float>({1, 4, 4}, {0, 0, 1, 1, nan, nan, nan, nan, 0, 0, 1, 1, 5, 5, 6, 6}),
               scores = Tensor::of<float>({1, 1, 4}, {0.5F, 0.9F, nan, 0.7F});
  expect_same_text(
      "b: f32[1, 4, 4]; s: f32[1, 1, 4]; k = i64[1] {9}; t = f32[1] {0.5}; y = NonMaxSuppression(b, s, k, t)",
      {boxes, scores});
}

TEST(HostileRun, SuppressionOfAMillionBoxes) {
  constexpr int64_t kBoxes = 1'000'000;
  Tensor boxes(DType::f32, {1, kBoxes, 4}), scores(DType::f32, {1, 1, kBoxes});
  float *b = boxes.data<float>(), *s = scores.data<float>();
  for (size_t i = 0; i < size_t(kBoxes); ++i) {  // half of them below the score threshold, few of them apart
    const auto at = float(i % 64);
    b[i * 4] = at, b[i * 4 + 1] = at, b[i * 4 + 2] = at + 1, b[i * 4 + 3] = at + 1;
    s[i] = float(i * 7919 % 1000) / 1000;
  }
  const test::Stopwatch watch;
  const Ending ending = by_engine(
      model("b: f32[1, N, 4]; s: f32[1, 1, N]; k = i64[1] {100}; t = f32[1] {0.5}; m = f32[1] {0.5}; y = "
            "NonMaxSuppression(b, s, k, t, m)"),
      {boxes, scores}, test::targets_here().back());
  EXPECT_EQ(ending.error, "");
  ASSERT_EQ(ending.outputs.size(), 1U);
  EXPECT_EQ(ending.outputs[0].dims(), (Dims{64, 3}));
  EXPECT_LT(watch.seconds(), 20);
}

// ---- 25: recurrent networks and einsum

TEST(HostileRun, SequencesLongerThanTheInput) {
  const Tensor x = floats({3, 2, 4}), w = floats({1, 5, 4}), r = floats({1, 5, 5}), b = floats({1, 10});
  const char* text =
      "x: f32[3, 2, 4]; w: f32[1, 5, 4]; r: f32[1, 5, 5]; b: f32[1, 10]; l: i32[2]; y = RNN(x, w, r, b, l) "
      "{hidden_size=5}";
  expect_error(text, {x, w, r, b, list<int32_t>({4, 3})},
               "sequence 0 has the length 4, expected 0 to the 3 steps of x");
  expect_error(text, {x, w, r, b, list<int32_t>({-1, 3})},
               "sequence 0 has the length -1, expected 0 to the 3 steps of x");
}

TEST(HostileRun, EinsumOfSizesThatDiffer) {
  const std::string bytes = model("x: f32[N, M]; z: f32[M, K]; y = Einsum(x, z) {equation=\"ij,jk->ik\"}");
  const Tensors inputs = {floats({2, 3}), floats({4, 2})};
  EXPECT_THAT(by_reference(bytes, inputs).error,
              HasSubstr("the input %z has the shape [4, 2], expected [M, K] with M=3"));
  EXPECT_THAT(by_engine(bytes, inputs, "cpu").error,
              HasSubstr("dim 0 of input z is 4, but M is 3 elsewhere"));
}

// ---- bindings: what a caller gets wrong

TEST(HostileRun, InputsThatDoNotFit) {
  const std::string bytes = model("x: f32[N, 4]; z: f32[N, 2]; y = Concat(x, z) {axis=1}");
  const auto error = [&](const Tensors& inputs) { return by_engine(bytes, inputs, "cpu").error; };
  EXPECT_THAT(error({}), HasSubstr("input x is not bound"));
  EXPECT_THAT(error({floats({2, 5}), floats({2, 2})}), HasSubstr("has shape [2, 5], expected [N, 4]"));
  EXPECT_THAT(error({floats({2, 4, 1}), floats({2, 2})}),
              HasSubstr("input x is f32[2, 4, 1], expected f32[N, 4]"));
  EXPECT_THAT(error({numbers({1}), floats({2, 2})}), HasSubstr("input x is i64[1], expected f32[N, 4]"));
  EXPECT_THAT(error({floats({2, 4}), floats({3, 2})}), HasSubstr("N"));
}

}  // namespace
}  // namespace rekindle
