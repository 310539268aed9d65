// Sequences as two tensors: packing, every edit, elements of several ranks, strings, and shapes that lie.
// SPDX-License-Identifier: Apache-2.0
#include "math/sequence.h"

#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

Tensors pack(const Tensors& elements, DType dtype = DType::f32) {
  return run_all(SequencePack{dtype}, elements);
}
Tensor at(const Tensors& s, int64_t position, std::vector<Dim> shape) {
  return run_all(SequenceAt{std::move(shape)}, {s[0], s[1], Tensor::scalar<int64_t>(position)})[0];
}

TEST(Sequence, KeepsElementsOfAnyShape) {
  const Tensor a = Tensor::scalar<float>(7), b = Tensor::of<float>({2, 1}, {1, 2}), c(DType::f32, {0, 3});
  const Tensors s = pack({a, b, c});
  EXPECT_TENSOR(s[0], Tensor::of<float>({3}, {7, 1, 2}));
  EXPECT_EQ(s[1].dims(), (Dims{3, kSequenceColumns}));
  EXPECT_TENSOR(at(s, 0, {}), a);
  EXPECT_TENSOR(at(s, -2, {-1, 1}), b);
  EXPECT_TENSOR(at(s, 2, {0, -1}), c);
  EXPECT_EQ(error_of(SequenceAt{{2}}, {s[0], s[1], Tensor::scalar<int64_t>(1)}),
            "sequence_at: element 1 is f32[2, 1], expected [2]");
  EXPECT_EQ(error_of(SequenceAt{{}}, {s[0], s[1], Tensor::scalar<int64_t>(3)}),
            "sequence_at: position 3 is outside a sequence of 3");
}

TEST(Sequence, InsertsAndErases) {
  const Tensor one = Tensor::of<float>({1}, {1}), two = Tensor::of<float>({2}, {2, 2});
  Tensors s = pack({});
  s = run_all(SequenceInsert{}, {s[0], s[1], two});
  s = run_all(SequenceInsert{}, {s[0], s[1], one, Tensor::scalar<int64_t>(0)});
  EXPECT_TENSOR(s[0], Tensor::of<float>({3}, {1, 2, 2}));
  EXPECT_TENSOR(run_all(SequenceErase{}, {s[0], s[1]})[0], one);
  EXPECT_TENSOR(run_all(SequenceErase{}, {s[0], s[1], Tensor::scalar<int64_t>(0)})[0], two);
  const Tensors empty = pack({});
  EXPECT_EQ(error_of(SequenceErase{}, {empty[0], empty[1]}),
            "sequence_erase: the sequence is empty, expected an element to take out");
}

TEST(Sequence, JoinsAndSplits) {
  const Tensors s = pack({Tensor::of<float>({2}, {1, 2}), Tensor::of<float>({2}, {3, 4})});
  EXPECT_TENSOR(run_all(SequenceConcat{0, 1, false}, {s[0], s[1]})[0], Tensor::of<float>({4}, {1, 2, 3, 4}));
  EXPECT_TENSOR(run_all(SequenceConcat{1, 2, true}, {s[0], s[1]})[0],
                Tensor::of<float>({2, 2}, {1, 3, 2, 4}));
  const Tensor x = counting({2, 3});
  const Tensors parts = run_all(SequenceSplit{1, true}, {x, Tensor::scalar<int64_t>(2)});
  EXPECT_TENSOR(at(parts, 0, {2, 2}), Tensor::of<float>({2, 2}, {0, 1, 3, 4}));
  EXPECT_TENSOR(at(parts, 1, {2, 1}), Tensor::of<float>({2, 1}, {2, 5}));
  EXPECT_TENSOR(at(run_all(SequenceSplit{0, false}, {x}), 1, {3}), Tensor::of<float>({3}, {3, 4, 5}));
  EXPECT_EQ(error_of(SequenceSplit{1, true}, {x, i64s({1, 1})}),
            "sequence_split: the split adds up to 2, expected 3");
}

TEST(Sequence, RefusesShapesThatLie) {
  Tensors s = pack({Tensor::of<float>({2}, {1, 2})});
  s[1].data<int64_t>()[1] = 3;
  EXPECT_EQ(error_of(SequenceAt{{-1}}, {s[0], s[1], Tensor::scalar<int64_t>(0)}),
            "sequence_at: the shapes need more elements than the 2 there are");
  s[1].data<int64_t>()[0] = 9;
  EXPECT_EQ(error_of(SequenceAt{{-1}}, {s[0], s[1], Tensor::scalar<int64_t>(0)}),
            "sequence_at: element 0 has rank 9, expected 0 to 8");
}

TEST(Sequence, HoldsStrings) {
  const Tensors s = pack({Tensor::of_strings({1}, {"a"}), Tensor::of_strings({}, {"b"})}, DType::string);
  EXPECT_EQ(s[0].strings(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(at(s, 1, {}).strings(), std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace rekindle::ops
