// Cuts problems of oneDNN by images, rows or pixels, and runs the slices in parallel.
// SPDX-License-Identifier: Apache-2.0
//
// oneDNN's own threads are OpenMP's, whose regions wait for every thread of a team. Ours do not, so oneDNN
// runs on one thread a call and the cutting is done here. Results lie with channels last: rows of an image
// and of a matrix are contiguous.
#include "backends/cpu/onednn_slices.h"

#include <algorithm>
#include <numeric>

#include "backends/cpu/workers.h"

namespace rekindle::cpu {

namespace {

using Problem = OnednnProblem;
using Axis = Problem::Axis;

/// Into how many slices each of `items` is cut so that together they occupy the threads evenly; 1 where whole
/// items do so well enough.
int64_t cuts_of_each(int64_t items, int64_t threads) {
  if (items % threads == 0 || items >= 4 * threads) return 1;
  const int64_t even = threads / std::gcd(items, threads);
  if (items * even <= 4 * threads) return even;  // each slice is a primitive to be made
  return (threads + items - 1) / items;
}

/// Calls slice(begin, end) for even shares of 0 … items.
template <class F> void cut(int64_t items, int64_t shares, F&& slice) {
  shares = std::clamp<int64_t>(shares, 1, std::max<int64_t>(1, items));
  for (int64_t s = 0; s < shares; ++s) slice(items * s / shares, items * (s + 1) / shares);
}

/// The window of results begin … end: it may read fewer positions in front of and behind it, and less
/// padding. `from` receives the first position it reads; false when it reads padding alone.
bool narrow(Axis& axis, int64_t begin, int64_t end, int64_t& from) {
  const int64_t first = begin * axis.stride - axis.begin;
  const int64_t last = (end - 1) * axis.stride - axis.begin + (axis.kernel - 1) * axis.dilation + 1;
  from = std::max<int64_t>(0, first);
  const int64_t to = std::min(axis.in, last);
  if (from >= to) return false;
  axis.begin = from - first, axis.end = last - to;
  axis.in = to - from, axis.out = end - begin;
  return true;
}

bool is_pointwise(const Axis& axis) {
  return axis.kernel == 1 && axis.stride == 1 && axis.begin == 0 && axis.end == 0 && axis.in == axis.out;
}

/// Whether each row of the input makes `stride` rows of the result that no other row touches.
bool is_tiling(const Axis& axis) {
  return axis.kernel == axis.stride && axis.dilation == 1 && axis.begin == 0 &&
         axis.out == axis.in * axis.stride;
}

std::vector<OnednnSlice> by_images(const Problem& p, int64_t threads) {
  std::vector<OnednnSlice> slices;
  cut(p.batch, threads, [&](int64_t begin, int64_t end) {
    OnednnSlice s{p, begin * p.y.in * p.x.in * p.in_channels, 0, begin * p.y.out * p.x.out * p.out_channels};
    s.problem.batch = end - begin;
    slices.push_back(std::move(s));
  });
  return slices;
}

/// A convolution with a kernel of one position sees no neighbours: its pixels are one long row.
std::vector<OnednnSlice> by_pixels(const Problem& p, int64_t threads) {
  std::vector<OnednnSlice> slices;
  cut(p.batch * p.y.out * p.x.out, threads, [&](int64_t begin, int64_t end) {
    OnednnSlice s{p, begin * p.in_channels, 0, begin * p.out_channels};
    s.problem.batch = 1, s.problem.y = Axis();
    s.problem.x.in = s.problem.x.out = end - begin;
    slices.push_back(std::move(s));
  });
  return slices;
}

/// Each image by rows, or by columns where it has a single row; none when a slice would read padding alone.
std::vector<OnednnSlice> by_rows(const Problem& p, int64_t cuts) {
  const bool one_row = p.y.out == 1 && p.y.in == 1;
  const Axis& axis = one_row ? p.x : p.y;
  const int64_t line = one_row ? 1 : p.x.in, result_line = one_row ? 1 : p.x.out;
  const bool turned = p.kind == Problem::Kind::conv_transpose;
  std::vector<OnednnSlice> slices;
  bool fits = true;
  for (int64_t image = 0; image < p.batch; ++image)
    cut(turned ? axis.in : axis.out, cuts, [&](int64_t begin, int64_t end) {
      OnednnSlice s{p, 0, 0, 0};
      s.problem.batch = 1;
      Axis& own = one_row ? s.problem.x : s.problem.y;
      int64_t from = begin, to = begin;
      if (turned)
        own.in = end - begin, own.out = own.in * own.stride, to = begin * own.stride;
      else
        fits = narrow(own, begin, end, from) && fits;
      s.source = (image * p.y.in * p.x.in + from * line) * p.in_channels;
      s.result = (image * p.y.out * p.x.out + to * result_line) * p.out_channels;
      slices.push_back(std::move(s));
    });
  if (!fits) slices.clear();
  return slices;
}

std::vector<OnednnSlice> of_convolution(const Problem& p, int64_t threads) {
  const int64_t cuts = cuts_of_each(p.batch, threads);
  if (cuts == 1) return by_images(p, threads);
  const bool turned = p.kind == Problem::Kind::conv_transpose;
  if (turned && !is_tiling(p.y.out == 1 && p.y.in == 1 ? p.x : p.y)) return by_images(p, threads);
  const bool one_row = p.y.out == 1 && p.y.in == 1;
  const int64_t rows = one_row ? p.x.out : p.y.out;
  if (!turned && rows % cuts != 0 && is_pointwise(p.y) && is_pointwise(p.x)) return by_pixels(p, threads);
  std::vector<OnednnSlice> slices = by_rows(p, cuts);
  return slices.empty() ? by_images(p, threads) : slices;
}

std::vector<OnednnSlice> of_matmul(const Problem& p, int64_t threads) {
  std::vector<OnednnSlice> slices;
  if (!p.batched_weights) {
    cut(p.batch * p.rows, p.transposed_source ? 1 : threads, [&](int64_t begin, int64_t end) {
      OnednnSlice s{p, begin * p.in_channels, 0, begin * p.out_channels};
      s.problem.batch = 1, s.problem.rows = end - begin;
      slices.push_back(std::move(s));
    });
    return slices;
  }
  const int64_t cuts = p.transposed_source ? 1 : cuts_of_each(p.batch, threads);
  if (cuts == 1) {
    cut(p.batch, threads, [&](int64_t begin, int64_t end) {
      OnednnSlice s{p, begin * p.rows * p.in_channels, begin * p.in_channels * p.out_channels,
                    begin * p.rows * p.out_channels};
      s.problem.batch = end - begin;
      slices.push_back(std::move(s));
    });
    return slices;
  }
  for (int64_t b = 0; b < p.batch; ++b)
    cut(p.rows, cuts, [&](int64_t begin, int64_t end) {
      const int64_t row = b * p.rows + begin;
      OnednnSlice s{p, row * p.in_channels, b * p.in_channels * p.out_channels, row * p.out_channels};
      s.problem.batch = 1, s.problem.rows = end - begin;
      slices.push_back(std::move(s));
    });
  return slices;
}

/// Primitives that read the same packed weights, one a slice.
class Sliced final : public OnednnPrimitive {
 public:
  struct Part {
    std::unique_ptr<OnednnPrimitive> primitive;
    int64_t source = 0, weights = 0, result = 0;  // bytes, bytes, elements
    int64_t scratch = 0;
    std::vector<const float*> operands;
    Status status;
  };

  explicit Sliced(const Problem& problem) : problem_(problem) {}
  void add(std::unique_ptr<OnednnPrimitive> primitive, const OnednnSlice& slice) {
    const int64_t item = bits_of(problem_.compute) / 8;
    Part part{
        std::move(primitive), slice.source * item, slice.weights * item, slice.result, scratch_, {}, {}};
    part.operands.resize(problem_.operands.size());
    scratch_ += padded_bytes(part.primitive->scratch_bytes());
    parts_.push_back(std::move(part));
  }

  std::string implementation() const override { return parts_[0].primitive->implementation(); }
  std::string weights_format() const override { return parts_[0].primitive->weights_format(); }
  int64_t weights_bytes() const override { return parts_[0].primitive->weights_bytes(); }
  int64_t scratch_bytes() const override { return scratch_; }
  Result<Tensor> pack(const Tensor& plain) const override { return parts_[0].primitive->pack(plain); }
  Status repack(const std::string& format, int64_t bytes, const void* from, void* to) const override {
    return parts_[0].primitive->repack(format, bytes, from, to);
  }

  Status run(const void* source, const void* weights, const float* bias, const float* const* operands,
             float* result, void* scratch) override {
    parallel_for(int64_t(parts_.size()), 1, [&](int64_t begin, int64_t end) {
      for (Part* part = &parts_[size_t(begin)]; begin < end; ++begin, ++part) {
        for (size_t i = 0; i < part->operands.size(); ++i)
          part->operands[i] =
              operands[i] + (problem_.operands[i] == Problem::Spread::whole ? part->result : 0);
        part->status = part->primitive->run(static_cast<const char*>(source) + part->source,
                                            static_cast<const char*>(weights) + part->weights, bias,
                                            part->operands.data(), result + part->result,
                                            static_cast<char*>(scratch) + part->scratch);
      }
    });
    for (const Part& part : parts_) RK_CHECK(part.status);
    return {};
  }

 private:
  Problem problem_;
  std::vector<Part> parts_;
  int64_t scratch_ = 0;
};

/// Slices that all read weights as the first one does; null when they do not agree.
std::unique_ptr<OnednnPrimitive> make_sliced(const Problem& problem, std::vector<OnednnSlice> slices) {
  auto sliced = std::make_unique<Sliced>(problem);
  std::string format = problem.weights_format;
  for (OnednnSlice& slice : slices) {
    slice.problem.weights_format = format;
    auto primitive = make_whole_onednn(slice.problem);
    if (!primitive.ok() || (*primitive)->is_reference()) return nullptr;
    if (format.empty()) format = (*primitive)->weights_format();
    if (format.empty()) return nullptr;
    sliced->add(*std::move(primitive), slice);
  }
  return sliced;
}

}  // namespace

std::vector<OnednnSlice> onednn_slices(const OnednnProblem& problem, int threads) {
  std::vector<OnednnSlice> slices;
  if (threads > 1)
    slices = problem.kind == Problem::Kind::matmul ? of_matmul(problem, threads)
                                                   : of_convolution(problem, threads);
  if (slices.size() <= 1) slices.assign(1, OnednnSlice{problem, 0, 0, 0});
  return slices;
}

Result<std::unique_ptr<OnednnPrimitive>> OnednnPrimitive::make(const OnednnProblem& problem, int threads) {
  std::vector<OnednnSlice> slices = onednn_slices(problem, threads);
  if (slices.size() > 1)
    if (auto sliced = make_sliced(problem, std::move(slices))) return sliced;
  return make_whole_onednn(problem);
}

}  // namespace rekindle::cpu
