// non_max_suppression: sort by score once, then compare each box with those already kept.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "math/op_checks.h"
#include "math/selection.h"

namespace rekindle::ops {

namespace {

struct Box {
  float y1, x1, y2, x2, area;
};

Box make_box(const float* p, bool center_point) {
  Box b{};
  if (center_point) {
    const float half_width = p[2] / 2, half_height = p[3] / 2;
    b = {p[1] - half_height, p[0] - half_width, p[1] + half_height, p[0] + half_width, 0};
  } else {
    b = {std::min(p[0], p[2]), std::min(p[1], p[3]), std::max(p[0], p[2]), std::max(p[1], p[3]), 0};
  }
  b.area = (b.y2 - b.y1) * (b.x2 - b.x1);
  return b;
}

/// The kept boxes, a list a coordinate, so that the comparison with all of them is a loop compilers
/// vectorize.
class KeptBoxes {
 public:
  void clear() { y1_.clear(), x1_.clear(), y2_.clear(), x2_.clear(), area_.clear(); }
  int64_t size() const { return int64_t(y1_.size()); }
  void add(const Box& b) {
    y1_.push_back(b.y1), x1_.push_back(b.x1), y2_.push_back(b.y2), x2_.push_back(b.x2),
        area_.push_back(b.area);
  }
  /// Whether some kept box has an intersection over union above the threshold. Boxes without area overlap
  /// nothing.
  bool overlap(const Box& b, float threshold) const {
    constexpr size_t kBlock = 64;
    if (!(b.area > 0)) return false;
    for (size_t from = 0; from < y1_.size(); from += kBlock) {
      const size_t to = std::min(from + kBlock, y1_.size());
      int found = 0;
      for (size_t i = from; i < to; ++i) {
        const float height = std::min(y2_[i], b.y2) - std::max(y1_[i], b.y1);
        const float width = std::min(x2_[i], b.x2) - std::max(x1_[i], b.x1);
        const float both = height * width, either = area_[i] + b.area - both;
        found |= int(height > 0) & int(width > 0) & int(area_[i] > 0) & int(either > 0) &
                 int(both / either > threshold);
      }
      if (found) return true;
    }
    return false;
  }

 private:
  std::vector<float> y1_, x1_, y2_, x2_, area_;
};

/// Boxes that may be selected, best first; equal scores by index, NaN last.
std::vector<int64_t> candidates(const float* scores, int64_t n, const float* least) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < n; ++i)
    if (least == nullptr || scores[i] > *least) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const bool a_is_nan = std::isnan(scores[a]), b_is_nan = std::isnan(scores[b]);
    if (a_is_nan || b_is_nan) return a_is_nan == b_is_nan ? a < b : b_is_nan;
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  return order;
}

struct Limits {
  int64_t most = 0;
  float iou = 0, score = 0;
  bool has_score = false;
};

Result<Limits> read_limits(std::span<const Tensor> in) {
  constexpr auto op = NonMaxSuppression::name;
  Limits limits;
  for (size_t i = 2; i < in.size(); ++i)
    if (has_input(in, i) && in[i].count() != 1)
      return op_error(op, "input " + std::to_string(i) + " has " + std::to_string(in[i].count()) +
                              " elements, expected 1");
  if (has_input(in, 2)) limits.most = std::max<int64_t>(in[2].as_int64(0), 0);
  if (has_input(in, 3)) limits.iou = float(in[3].as_double(0));
  if (!(limits.iou >= 0 && limits.iou <= 1))
    return op_error(op, "the IoU threshold is " + std::to_string(limits.iou) + ", expected 0 to 1");
  if (has_input(in, 4)) limits.has_score = true, limits.score = float(in[4].as_double(0));
  return limits;
}

}  // namespace

Result<Types> NonMaxSuppression::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 5));
  RK_CHECK(check_present(name, in, 2));
  const TensorType &boxes = in[0], &scores = in[1];
  if (boxes.dtype != DType::f32 || boxes.rank() != 3)
    return op_error(name, "the boxes are " + boxes.to_string() + ", expected f32[batch, boxes, 4]");
  if (scores.dtype != DType::f32 || scores.rank() != 3)
    return op_error(name, "the scores are " + scores.to_string() + ", expected f32[batch, classes, boxes]");
  RK_CHECK(check_equal_dims(name, "the last dim of the boxes", boxes.shape[2], 4));
  RK_CHECK(check_equal_dims(name, "the batch of the scores", scores.shape[0], boxes.shape[0]));
  RK_CHECK(check_equal_dims(name, "the number of scores", scores.shape[2], boxes.shape[1]));
  if (has_input(in, 2)) {
    RK_CHECK(check_indices(name, in[2], "counts of outputs"));
    RK_CHECK(check_scalar(name, in[2], "count of outputs"));
  }
  for (size_t i = 3; i < in.size(); ++i) {
    if (!has_input(in, i)) continue;
    RK_CHECK(check_dtype(name, in[i], Domain::floating));
    RK_CHECK(check_scalar(name, in[i], i == 3 ? "IoU threshold" : "score threshold"));
  }
  return Types{{DType::i64, {Dim::unknown(), 3}}};
}

Result<Tensors> NonMaxSuppression::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Limits limits, read_limits(in));
  const int64_t batches = in[1].dims()[0], classes = in[1].dims()[1], n = in[1].dims()[2];
  std::vector<int64_t> selected;
  KeptBoxes kept;
  for (int64_t line = 0; limits.most > 0 && line < batches * classes; ++line) {
    const int64_t batch = line / classes;
    kept.clear();
    for (const int64_t i :
         candidates(in[1].data<float>() + line * n, n, limits.has_score ? &limits.score : nullptr)) {
      const Box box = make_box(in[0].data<float>() + (batch * n + i) * 4, center_point_box);
      if (kept.overlap(box, limits.iou)) continue;
      selected.insert(selected.end(), {batch, line % classes, i});
      kept.add(box);
      if (kept.size() == limits.most) break;
    }
  }
  const int64_t count = int64_t(selected.size()) / 3;
  RK_TRY(Tensor out, make_tensor(name, DType::i64, {count, 3}));
  std::copy(selected.begin(), selected.end(), out.data<int64_t>());
  return Tensors{std::move(out)};
}

}  // namespace rekindle::ops
