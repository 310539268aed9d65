// cpu.attention: for each block of queries a running softmax over blocks of keys; products by the tiles of
// GEMM.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/attention.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/isa/rows.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/panels.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_attention(std::string_view params, Isa isa);

namespace {

constexpr int64_t kQueries = 256, kKeys = 256;  // of a block: its keys are turned once for all its queries
constexpr int64_t kRows = 64;                   // queries whose scores are in memory at once
constexpr int64_t kMostVector = 16;
constexpr int64_t kWorkGrain = 65536;       // the least multiplications worth a thread
constexpr int64_t kFar = int64_t(1) << 48;  // beyond every tensor

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

/// Strides of one operand's matrix, in elements.
struct Matrix {
  int64_t row = 0, column = 0;
};

struct AttentionPlan {
  LoopNest batch;  // operands: y, q, k, v, mask
  Matrix y, q, k, v, mask;
  int64_t items = 0, queries = 0, keys = 0, depth = 0, width = 0;
  int64_t padded_width = 0;  // of v in whole vectors
  bool packs_v = false, has_mask = false, mask_is_boolean = false, causal = false;
  int64_t causal_offset = 0;
  float scale = 1;
  int workers = 1;
  int64_t blocks() const { return (queries + kQueries - 1) / kQueries; }
  // The largest blocks that occur, keys in whole vectors at every level.
  int64_t key_block() const { return std::min(kKeys, (keys + kMostVector - 1) / kMostVector * kMostVector); }
  int64_t query_block() const { return std::min(kQueries, queries); }
  /// Transposed keys (or queries and what they score), scores, sums, packed values, a row of mask, the
  /// softmax so far.
  int64_t key_floats() const { return std::max(depth * key_block(), (depth + key_block()) * kMostVector); }
  int64_t scratch_floats() const {
    return key_floats() + kRows * key_block() + query_block() * padded_width +
           (packs_v ? key_block() * padded_width : 0) + key_block() + 2 * query_block();
  }
};

/// c[m][columns] (+)= rows * b, in tiles.
void multiply(const TileKernels& tiles, const float* const* rows, int64_t m, int64_t k, const float* b,
              int64_t b_step, float* c, int64_t c_step, int64_t columns, bool adds) {
  const int64_t widest = int64_t(tiles.most_vectors) * tiles.width;
  for (int64_t j = 0; j < columns; j += widest) {
    TileJob job;
    job.columns = std::min(widest, columns - j);
    const int64_t vectors = (job.columns + tiles.width - 1) / tiles.width;
    job.k = k;
    job.b = b + j, job.b_step = b_step;
    job.c_step = job.start_step = c_step;
    for (int64_t i = 0; i < m;) {
      const int64_t height = std::min<int64_t>(tiles.height[vectors], m - i);
      job.rows = rows + i;
      job.c = c + i * c_step + j;
      job.start = adds ? job.c : nullptr;
      tiles.run[vectors][height](job);
      i += height;
    }
  }
}

class AttentionLaunch final : public Launch {
 public:
  AttentionLaunch(AttentionPlan plan, Isa isa)
      : plan_(std::move(plan)),
        lines_(line_kernels(isa)),
        tiles_(tile_kernels(isa)),
        worker_bytes_(padded_bytes(plan_.scratch_floats() * int64_t(sizeof(float)))) {}
  int64_t workspace_bytes() const override { return worker_bytes_ * plan_.workers; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    const int64_t blocks = plan_.blocks();
    share_items(plan_.items * blocks, plan_.workers, [&](int w, int64_t begin, int64_t end) {
      auto* const scratch = reinterpret_cast<float*>(static_cast<char*>(workspace) + w * worker_bytes_);
      for (int64_t unit = begin; unit < end; ++unit) {
        const LoopPosition at(plan_.batch, plan_.batch.depth(), unit / blocks);
        attend(at, inputs, outputs, unit % blocks * kQueries, scratch);
      }
    });
    return {};
  }

 private:
  struct Scratch {
    float *keys, *scores, *sums, *values, *mask, *largest, *total;
  };
  Scratch divide(float* memory) const {
    Scratch s{};
    const auto take = [&](int64_t n) { return memory += n, memory - n; };
    s.keys = take(plan_.key_floats());
    s.scores = take(kRows * plan_.key_block());
    s.sums = take(plan_.query_block() * plan_.padded_width);
    if (plan_.packs_v) s.values = take(plan_.key_block() * plan_.padded_width);
    s.mask = take(plan_.key_block());
    s.largest = take(plan_.query_block());
    s.total = take(plan_.query_block());
    return s;
  }

  /// Some queries of one item, with all keys they see.
  void attend(const LoopPosition& at, const void* const* inputs, void* const* outputs, int64_t first,
              float* memory) const {
    const AttentionPlan& p = plan_;
    const Scratch s = divide(memory);
    const int64_t m = std::min(kQueries, p.queries - first), step = p.key_block();
    const float* const q = static_cast<const float*>(inputs[0]) + at.offset(1) + first * p.q.row;
    const float* const k = static_cast<const float*>(inputs[1]) + at.offset(2);
    const float* const v = static_cast<const float*>(inputs[2]) + at.offset(3);
    const float *query_rows[kQueries], *score_rows[kRows];
    for (int64_t i = 0; i < m; ++i) query_rows[i] = q + i * p.q.row;
    for (int64_t i = 0; i < kRows; ++i) score_rows[i] = s.scores + i * step;
    std::fill_n(s.sums, m * p.padded_width, 0.0f);
    std::fill_n(s.largest, m, -INFINITY);
    std::fill_n(s.total, m, 0.0f);
    const bool are_few = m <= tiles_.width && p.k.column == 1;
    const int64_t seen = p.causal ? std::clamp<int64_t>(first + m + p.causal_offset, 0, p.keys) : p.keys;
    for (int64_t j = 0; j < seen; j += step) {
      const int64_t n = std::min(step, p.keys - j);
      if (are_few)
        score_few(query_rows, m, k + j * p.k.row, n, s);
      else
        transpose_keys(k + j * p.k.row, n, s.keys);
      const float* values = v + j * p.v.row;
      const int64_t value_step = p.packs_v ? p.padded_width : p.v.row;
      if (p.packs_v) values = pack_values(values, n, s.values);
      for (int64_t row = 0; row < m; row += kRows) {
        const int64_t count = std::min(kRows, m - row);
        if (!are_few)
          multiply(tiles_, query_rows + row, count, p.depth, s.keys, step, s.scores, step, n, false);
        for (int64_t i = row; i < row + count; ++i)
          weigh(at, inputs, first + i, j, n, i, s.scores + (i - row) * step, s);
        multiply(tiles_, score_rows, count, n, values, value_step, s.sums + row * p.padded_width,
                 p.padded_width, p.width, true);
      }
    }
    float* const y = static_cast<float*>(outputs[0]) + at.offset(0) + first * p.y.row;
    for (int64_t i = 0; i < m; ++i)  // a query that sees nothing gives zeros
      lines_.shift_scale(s.sums + i * p.padded_width, y + i * p.y.row, p.width, 0,
                         s.total[i] == 0 ? 0 : 1 / s.total[i]);
  }

  /// to[d][j] = k[j][d]; columns past n are zeros.
  void transpose_keys(const float* k, int64_t n, float* to) const {
    const int64_t step = plan_.key_block();
    if (plan_.k.column == 1) {
      transpose_floats(k, plan_.k.row, n, plan_.depth, to, step);
    } else {
      for (int64_t d = 0; d < plan_.depth; ++d)
        for (int64_t j = 0; j < n; ++j) to[d * step + j] = k[j * plan_.k.row + d * plan_.k.column];
    }
    const int64_t whole = (n + kMostVector - 1) / kMostVector * kMostVector;
    for (int64_t d = 0; d < plan_.depth && n < whole; ++d)
      std::fill(to + d * step + n, to + d * step + whole, 0.0f);
  }
  /// Scores of no more queries than a vector has lanes: keys are the rows of the product, which then need not
  /// be turned; the few results are.
  void score_few(const float* const* queries, int64_t m, const float* k, int64_t n, const Scratch& s) const {
    const int64_t lanes = tiles_.width, depth = plan_.depth;
    float *const turned = s.keys, *const scores = s.keys + depth * kMostVector;
    for (int64_t d = 0; d < depth; ++d)
      for (int64_t i = 0; i < lanes; ++i) turned[d * lanes + i] = i < m ? queries[i][d] : 0.0f;
    const float* rows[kKeys];
    for (int64_t j = 0; j < n; ++j) rows[j] = k + j * plan_.k.row;
    multiply(tiles_, rows, n, depth, turned, lanes, scores, lanes, lanes, false);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) s.scores[i * plan_.key_block() + j] = scores[j * lanes + i];
  }
  const float* pack_values(const float* v, int64_t n, float* to) const {
    for (int64_t j = 0; j < n; ++j) {
      std::copy_n(v + j * plan_.v.row, plan_.width, to + j * plan_.padded_width);
      std::fill_n(to + j * plan_.padded_width + plan_.width, plan_.padded_width - plan_.width, 0.0f);
    }
    return to;
  }

  /// The scores of query i of the block with keys j … j+n-1 become weights; what is summed so far is brought
  /// to the new largest score.
  void weigh(const LoopPosition& at, const void* const* inputs, int64_t query, int64_t j, int64_t n,
             int64_t i, float* row, const Scratch& s) const {
    const AttentionPlan& p = plan_;
    const int64_t seen = p.causal ? std::clamp<int64_t>(query + p.causal_offset + 1 - j, 0, n) : n;
    const float* mask = nullptr;
    int64_t mask_step = p.mask.column;
    if (p.has_mask) {
      const int64_t start = at.offset(4) + query * p.mask.row + j * p.mask.column;
      if (p.mask_is_boolean) {
        const auto* keeps = static_cast<const uint8_t*>(inputs[3]) + start;
        for (int64_t c = 0; c < seen; ++c) s.mask[c] = keeps[c * p.mask.column] ? 0.0f : -INFINITY;
        mask = s.mask, mask_step = 1;
      } else {
        mask = static_cast<const float*>(inputs[3]) + start;
      }
    }
    const float block = seen == 0 ? -INFINITY : lines_.scale_mask(row, seen, p.scale, mask, mask_step);
    const float before = s.largest[i], largest = before > block || std::isnan(before) ? before : block;
    if (largest == -INFINITY) return std::fill_n(row, n, 0.0f), void();
    const float sum = seen == 0 ? 0 : lines_.exp_sum(row, seen, largest);
    std::fill_n(row + seen, n - seen, 0.0f);
    if (largest != before && before == -INFINITY) {
      s.largest[i] = largest;  // nothing is summed yet
    } else if (largest != before) {
      const float shrink = std::exp(before - largest);
      s.total[i] *= shrink;
      lines_.shift_scale(s.sums + i * p.padded_width, s.sums + i * p.padded_width, p.width, 0, shrink);
      s.largest[i] = largest;
    }
    s.total[i] += sum;
  }

  AttentionPlan plan_;
  const LineKernels& lines_;
  const TileKernels& tiles_;
  int64_t worker_bytes_;
};

class AttentionKernel final : public Kernel {
 public:
  AttentionKernel(AttentionParams params, Isa isa) : params_(params), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    RK_CHECK(check(shapes));
    const auto &q = shapes.inputs[0], &k = shapes.inputs[1], &v = shapes.inputs[2], &y = shapes.outputs[0];
    const Dims batch(y.dims.begin(), y.dims.end() - 2);
    AttentionPlan p;
    p.queries = q.dims[q.dims.size() - 2], p.depth = q.dims.back();
    p.keys = k.dims[k.dims.size() - 2], p.width = v.dims.back();
    std::vector<Dims> strides;
    const auto add = [&](const ArgShape& arg, int64_t rows, int64_t columns, Matrix& matrix) -> Status {
      Dims dims = batch;
      dims.push_back(rows), dims.push_back(columns);
      RK_TRY(Dims s, broadcast_strides(arg, dims));
      matrix = {s[s.size() - 2], s.back()};
      s.resize(s.size() - 2);
      strides.push_back(std::move(s));
      return {};
    };
    RK_CHECK(add(y, p.queries, p.width, p.y));
    RK_CHECK(add(q, p.queries, p.depth, p.q));
    RK_CHECK(add(k, p.keys, p.depth, p.k));
    RK_CHECK(add(v, p.keys, p.width, p.v));
    p.has_mask = params_.has_mask;
    if (p.has_mask) {
      RK_CHECK(add(shapes.inputs[3], p.queries, p.keys, p.mask));
      p.mask_is_boolean = shapes.inputs[3].dtype == DType::boolean;
    }
    for (const auto& [matrix, columns] :
         {std::pair(p.y, p.width), std::pair(p.q, p.depth), std::pair(p.v, p.width)})
      if (columns > 1 && matrix.column != 1)
        return bad("q, v or y of attention is strided along its last dim");
    RK_TRY(p.batch, LoopNest::make(batch, strides, false));
    p.items = p.width == 0 ? 0 : count_of(batch);
    const int64_t vector = tile_kernels(isa_).width;
    p.padded_width = (p.width + vector - 1) / vector * vector;
    p.packs_v = p.padded_width != p.width;
    p.scale = params_.scale != 0 ? params_.scale : float(1 / std::sqrt(double(p.depth)));
    p.causal = params_.causal;
    if (p.causal) p.causal_offset = std::clamp(shapes.scalars[0], -kFar, kFar);
    p.workers = worker_count(p.items * p.queries * p.keys * (p.depth + p.width), kWorkGrain, shapes.threads);
    p.workers = int(std::clamp<int64_t>(p.items * p.blocks(), 1, p.workers));
    return std::unique_ptr<Launch>(std::make_unique<AttentionLaunch>(std::move(p), isa_));
  }

 private:
  Status check(const LaunchShapes& shapes) const {
    if (shapes.inputs.size() != (params_.has_mask ? 4 : 3) || shapes.outputs.size() != 1 ||
        shapes.scalars.size() != (params_.causal ? 1 : 0))
      return bad("attention has " + std::to_string(shapes.inputs.size()) + " inputs, " +
                 std::to_string(shapes.outputs.size()) + " outputs and " +
                 std::to_string(shapes.scalars.size()) + " scalars");
    for (size_t i = 0; i < 4; ++i) {
      const ArgShape& arg = i < 3 ? shapes.inputs[i] : shapes.outputs[0];
      if (arg.dtype != DType::f32 || arg.dims.size() < 2)
        return bad("an operand of attention is " + std::string(to_string(arg.dtype)) + to_string(arg.dims) +
                   ", expected f32 of rank 2 or more");
    }
    if (params_.has_mask && shapes.inputs[3].dtype != DType::f32 && shapes.inputs[3].dtype != DType::boolean)
      return bad("the mask of attention is " + std::string(to_string(shapes.inputs[3].dtype)) +
                 ", expected f32 or boolean");
    return {};
  }

  AttentionParams params_;
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_attention(std::string_view params, Isa isa) {
  RK_TRY(AttentionParams p, from_bytes<AttentionParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<AttentionKernel>(p, isa));
}

}  // namespace rekindle::cpu
