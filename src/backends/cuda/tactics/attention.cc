// cuda.attention and cuda.attention_mma: attention in one kernel, in FP32 on the plain cores, or over FP16 on
// the tensor cores of sm_75 and later.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "backends/cuda/tactics/attention_views.h"
#include "backends/cuda/tactics/cost_model.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/index_split.h"
#include "backends/cuda/tactics/table.h"
#include "math/matmul.h"

namespace rekindle::cuda {

namespace {

struct AttentionRegion {
  AnchoredRegion parts;
  const ops::Attention* op = nullptr;
  int64_t depth = 1, value_depth = 1;
  Dim queries, keys, items = 1;
  Shape batch;
  std::vector<Shape> batches;  // of q, k, v and the mask
  ValueId mask = ValueId::none;
};

Result<AttentionRegion> as_attention(const Region& region, bool with_maps = false) {
  AttentionRegion made;
  if (with_maps) {
    made.parts.anchor = region.anchor_node();
  } else {
    RK_TRY(made.parts, split_at_anchor(region));
  }
  if (!made.parts.anchor) return refuse("the region has no contraction or reduction");
  const Node& node = *made.parts.anchor;
  made.op = node.op.as<ops::Attention>();
  if (!made.op) return refuse("the anchor is " + std::string(node.op.name()) + ", not attention");
  if (!made.parts.head.empty()) return refuse("something elementwise comes before the attention");
  if (node.inputs.size() > 3) made.mask = node.inputs[3];
  for (size_t i = 0; i < 3; ++i) {
    const TensorType& type = region.body[node.inputs[i]].type;
    if (type.dtype != DType::f32 && type.dtype != DType::f16)
      return refuse("the type is " + std::string(to_string(type.dtype)) + ", needs f32 or f16");
    made.batches.emplace_back(type.shape.begin(), type.shape.end() - 2);
  }
  const Shape& q = region.body[node.inputs[0]].type.shape;
  const Shape& k = region.body[node.inputs[1]].type.shape;
  const Shape& v = region.body[node.inputs[2]].type.shape;
  const auto depth = q.back().as_int(), value_depth = v.back().as_int();
  if (!depth || !value_depth || *depth > 128 || *value_depth > 128 || *depth < 1 || *value_depth < 1)
    return refuse("heads are " + q.back().to_string() + " and " + v.back().to_string() +
                  " deep, needs 1 to 128");
  made.depth = *depth;
  made.value_depth = *value_depth;
  made.queries = q[q.size() - 2];
  made.keys = k[k.size() - 2];
  const Shape& y = region.body[node.outputs[0]].type.shape;
  made.batch.assign(y.begin(), y.end() - 2);
  for (const Dim& d : made.batch) made.items = made.items * d;
  return made;
}

/// Shared memory of a block in floats, at most what every GPU has without asking: 48 KiB.
bool fits(const AttentionRegion& made, int64_t queries, int64_t keys) {
  return (queries * made.depth + keys * (made.depth + 1) + keys * made.value_depth) * 4 <= 48 * 1024;
}

/// Writes the mask's struct; returns the text of an object of it.
Result<std::string> write_mask(KernelWriter& w, const Region& region, const AttentionRegion& made) {
  if (made.mask == ValueId::none) return std::string("RkNoMask{}");
  const TensorType& type = region.body[made.mask].type;
  if (type.dtype != DType::f32 && type.dtype != DType::f16 && type.dtype != DType::boolean)
    return refuse("the mask is " + std::string(to_string(type.dtype)) + ", needs f32, f16 or boolean");
  Shape all = made.batch;
  all.push_back(made.queries);
  all.push_back(made.keys);
  RK_TRY(IndexSplit split, IndexSplit::make(all, {type.shape}));
  RK_TRY(std::string element, element_type(type.dtype));
  RK_CHECK(w.input(region, made.mask, "mask"));
  const std::string queries = w.dim(made.queries), keys = w.dim(made.keys);
  const std::string declare = split.declare(w, "e", "i"), offset = split.offset(w, 0, "e", "i");
  std::string members, initial;
  for (const std::string& size : w.size_parameters()) {
    members += "  int " + size + ";\n";
    initial += ", " + size;
  }
  w.outside("struct Mask {\n  const " + element + "* __restrict__ mask;\n  int item;\n" + members +
            "  __device__ __forceinline__ float add(float score, int row, int key) const {\n    const int "
            "e = (item * " +
            queries + " + row) * " + keys + " + key;\n" + declare +
            (type.dtype == DType::boolean ? "    return mask[" + offset + "] ? score : -RK_INF;\n"
                                          : "    return score + float(mask[" + offset + "]);\n") +
            "  }\n};\n");
  return "Mask{mask, item" + initial + "}";
}

/// Makes q, k and v point to the item of the block; returns the mask's object and the epilogue's statement.
struct WrittenParts {
  std::string mask, scale;
};
Result<WrittenParts> write_parts(KernelWriter& w, const Region& region, const AttentionRegion& made,
                                 int width) {
  RK_TRY(IndexSplit split, IndexSplit::make(made.batch, made.batches));
  const std::string sq = w.dim(made.queries), sk = w.dim(made.keys);
  w.body("  const int item = blockIdx.y;\n" + split.declare(w, "item", "z"));
  const int64_t sizes[] = {made.depth, made.depth, made.value_depth};
  for (size_t i = 0; i < 3; ++i)
    w.body(std::string("  ") + "qkv"[i] + " += (i64)(" + split.offset(w, i, "item", "z") + ") * " +
           (i == 0 ? sq : sk) + " * " + std::to_string(sizes[i]) + ";\n");
  WrittenParts parts;
  RK_TRY(parts.mask, write_mask(w, region, made));
  RK_TRY(const std::string epilogue, write_epilogue(w, region, made.parts, Dim(made.value_depth), width));
  w.body(epilogue);
  parts.scale = Expr(made.op->scale != 0 ? made.op->scale : 1.0 / std::sqrt(double(made.depth))).text;
  return parts;
}

void define_sizes(KernelWriter& w, const AttentionRegion& made, int64_t queries, int64_t keys) {
  w.define("RK_QUERIES", queries);
  w.define("RK_KEYS", keys);
  w.define("RK_DEPTH", made.depth);
  w.define("RK_VALUE_DEPTH", made.value_depth);
  w.define("RK_CAUSAL", made.op->causal ? 1 : 0);
}

class AttentionTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.attention"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(AttentionRegion made, as_attention(region));
    RK_CHECK(write(region, made, 16, 32).status());
    Space space;
    space.axis("queries", {16, 32, 8}).axis("keys", {64, 32});
    space.require("the tiles fit into shared memory",
                  [made](const Config& c) { return fits(made, c[0].second, c[1].second); });
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(AttentionRegion made, as_attention(region));
    RK_TRY(KernelWriter writer, write(region, made, config[0].second, config[1].second));
    return writer.finish("attention_simt", {128}, {ceil_div(made.queries, Dim(config[0].second)), made.items},
                         target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_CHECK(check_spills(built, target));
    RK_TRY(AttentionRegion made, as_attention(region));
    const int64_t tile_q = axis_of(config, "queries", 16), tile_k = axis_of(config, "keys", 64);
    const double mine = double(tile_q) / 4, key_lanes = double(tile_k) / 32;
    const double value_lanes = std::ceil(double(made.value_depth) / 32), depth = double(made.depth);
    const double queries = size_at(region, made.queries), keys = size_at(region, made.keys);
    const double items = size_at(region, made.items), tiles = std::ceil(keys / double(tile_k));
    // Of a thread, for one tile of keys: scores, softmax, sums, and its part of the tiles' copies.
    const double products = depth * mine * key_lanes + double(tile_k) * mine * value_lanes;
    const double shared = depth * (key_lanes + mine) + double(tile_k) * (value_lanes + mine);
    const double copies = double(tile_k) * (depth + double(made.value_depth)) / 128;
    FlatWork work;
    work.threads = std::ceil(queries / double(tile_q)) * items * 128;
    work.instructions =
        200 + tiles * (products + shared + 6 * copies + mine * (40 + 12 * key_lanes)) + mine * 40;
    work.shared_vectors = tiles * (shared + copies) + double(tile_q) * depth / 128;
    work.memory_bytes = bytes_touched(region);
    work.cache_bytes = work.threads / 128 * tiles * double(tile_k) * (depth + double(made.value_depth)) * 4;
    work.steps = 1 + tiles;
    work.barriers = 2 * tiles;
    BlockResources block{128, 40 + mine * (value_lanes + key_lanes + 2), 0, 0};
    block.shared_bytes = (tile_q * made.depth + tile_k * (made.depth + 1) + tile_k * made.value_depth) * 4;
    return predict_flat(*target.gpu, work, resources_of(block, built));
  }

 private:
  static Result<KernelWriter> write(const Region& region, const AttentionRegion& made, int64_t queries,
                                    int64_t keys) {
    KernelWriter w;
    for (size_t i = 0; i < 3; ++i)
      RK_CHECK(w.input(region, made.parts.anchor->inputs[i], std::string(1, "qkv"[i])));
    define_sizes(w, made, queries, keys);
    w.include("attention.cuh");
    RK_TRY(const WrittenParts parts, write_parts(w, region, made, 1));
    const std::string sq = w.dim(made.queries);
    w.body("  rk_attention(q, k, v, " + sq + ", " + w.dim(made.keys) + ", " + parts.scale + ", " +
           w.dim(made.op->causal_offset) + ", " + parts.mask + ", item * " + sq + ", epilogue);\n");
    return w;
  }
};

/// Columns that rows of shared memory have for heads so deep.
int64_t padded(int64_t depth) { return depth <= 32 ? 32 : depth <= 64 ? 64 : 128; }

int64_t mma_bytes(const AttentionRegion& made, int64_t queries, int64_t keys, int64_t stages) {
  const int64_t depth = padded(made.depth), value_depth = padded(made.value_depth);
  return 2 * (queries * depth + stages * keys * (depth + value_depth));
}

/// Whether there are index maps in the region, which this kernel reads and writes through.
Result<bool> takes_maps(const Region& region) {
  if (!region.anchor_node() || !region.anchor_node()->op.is<ops::Attention>()) return false;
  for (NodeId n = region.body.first(); n != NodeId::none; n = region.body.next(n))
    if (region.body[n].op.kind() == OpKind::injective) return true;
  return false;
}

/// Writes the part of the body that finds the block's item through index maps: q, k, v, item and epilogue.
Result<WrittenParts> write_mapped(KernelWriter& w, const Region& region, const AttentionRegion& made,
                                  const std::vector<MappedValue>& values) {
  std::string body = "  const int item = blockIdx.y;\n  int rest = item;\n";
  for (size_t d = made.batch.size(); d-- > 0;) {
    const std::string z = "z" + std::to_string(d), size = w.dim(made.batch[d]);
    body += "  const int " + z + " = rest % " + size + ";\n  rest /= " + size + ";\n";
  }
  for (size_t i = 0; i < 3; ++i)
    body += std::string("  ") + "qkv"[i] + " += " + values[i].item_offset(w, made.batch.size()) + ";\n";
  WrittenParts parts;
  RK_TRY(parts.mask, write_mask(w, region, made));
  const TensorType& type = region.output_type(0);
  RK_TRY(const std::string element, element_type(type.dtype));
  RK_CHECK(w.output(type, "y"));
  const bool pairs = values[3].is_aligned(2) && made.value_depth % 2 == 0;
  w.outside("struct Epilogue {\n  " + element +
            "* __restrict__ y;\n  int step;\n"
            "  __device__ __forceinline__ void store(int m, int n, float (&x)[2]) const {\n    " +
            element + "* const to = y + ((i64)m * step + n);\n" +
            (pairs ? "    Vector<" + element + ", 2> both;\n    both.at[0] = x[0], both.at[1] = x[1];\n" +
                         "    rk_store(to, both);\n"
                   : "    to[0] = x[0];\n    if (n + 1 < RK_VALUE_DEPTH) to[1] = x[1];\n") +
            "  }\n};\n");
  w.body(body + "  const Epilogue epilogue{y + " + values[3].item_offset(w, made.batch.size()) + ", " +
         w.dim(values[3].row_step()) + "};\n");
  parts.scale = Expr(made.op->scale != 0 ? made.op->scale : 1.0 / std::sqrt(double(made.depth))).text;
  return parts;
}

class AttentionMma final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.attention_mma"; }
  Result<Space> offer(const Region& region, const Target& target) const override {
    RK_TRY(const bool with_maps, takes_maps(region));
    RK_TRY(AttentionRegion made, as_attention(region, with_maps));
    if (region.body[made.parts.anchor->inputs[0]].type.dtype != DType::f16)
      return refuse("the type is f32, needs f16");
    if (target.sm < 75)
      return refuse("sm_" + std::to_string(target.sm) + " has no mma.m16n8k8, which needs sm_75");
    RK_CHECK(write(region, made, target, 64, 64).status());
    int64_t queries = 1, items = 1;
    made.queries.try_eval(region.sizes, queries);
    made.items.try_eval(region.sizes, items);
    // Few queries: smaller blocks, so that every multiprocessor has one.
    const bool is_small = items * ((queries + 63) / 64) < target.units;
    Space space;
    space.axis("queries", is_small ? std::vector<int64_t>{32, 64, 16} : std::vector<int64_t>{64, 128, 32});
    space.axis("keys", {64, 32});
    space.require("the tiles fit into shared memory", [made, target](const Config& c) {
      return mma_bytes(made, c[0].second, c[1].second, stages(target)) <= (target.sm < 80 ? 64 : 96) * 1024;
    });
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(const bool with_maps, takes_maps(region));
    RK_TRY(AttentionRegion made, as_attention(region, with_maps));
    const int64_t queries = config[0].second;
    RK_TRY(KernelWriter writer, write(region, made, target, queries, config[1].second));
    return writer.finish("attention_mma", {uint32_t(queries * 2)},
                         {ceil_div(made.queries, Dim(queries)), made.items}, target, 1);
  }

 private:
  static int64_t stages(const Target& target) { return target.sm >= 80 ? 2 : 1; }
  static Result<KernelWriter> write(const Region& region, const AttentionRegion& made, const Target& target,
                                    int64_t queries, int64_t keys) {
    KernelWriter w;
    RK_TRY(const bool with_maps, takes_maps(region));
    std::vector<MappedValue> values;
    if (with_maps) {
      RK_TRY(values, mapped_values(region));
    }
    for (size_t i = 0; i < 3; ++i)
      RK_CHECK(w.input(region, with_maps ? values[i].tensor : made.parts.anchor->inputs[i],
                       std::string(1, "qkv"[i])));
    define_sizes(w, made, queries, keys);
    w.define("RK_DEPTH_PADDED", padded(made.depth));
    w.define("RK_VALUE_PADDED", padded(made.value_depth));
    w.define("RK_STAGES", stages(target));
    w.include("copy_async.cuh");
    w.include("mma.cuh");
    w.include("attention_mma.cuh");
    w.shared_memory(mma_bytes(made, queries, keys, stages(target)));
    const std::string sq = w.dim(made.queries);
    std::string steps, first_row = "item * " + sq;
    bool aligned = true;
    WrittenParts parts;
    if (with_maps) {
      RK_TRY(parts, write_mapped(w, region, made, values));
      for (size_t i = 0; i < 3; ++i) {
        steps += w.dim(values[i].row_step()) + ", ";
        aligned = aligned && values[i].is_aligned(8);
      }
      first_row = "0";
    } else {
      RK_TRY(parts, write_parts(w, region, made, 2));
      const std::string depth = std::to_string(made.depth);
      steps = depth + ", " + depth + ", " + std::to_string(made.value_depth) + ", ";
    }
    w.define("RK_ROWS_ALIGNED", aligned ? 1 : 0);
    w.body("  rk_attention_mma(q, k, v, " + steps + sq + ", " + w.dim(made.keys) + ", " + parts.scale + ", " +
           w.dim(made.op->causal_offset) + ", " + parts.mask + ", " + first_row + ", epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& attention_mma_tactic() {
  static const AttentionMma tactic;
  return tactic;
}

const Tactic& attention_tactic() {
  static const AttentionTactic tactic;
  return tactic;
}

}  // namespace rekindle::cuda
