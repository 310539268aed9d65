// cuda.copy: a tensor into a part of another, as concatenations want.
// SPDX-License-Identifier: Apache-2.0
#include "math/copy.h"

#include "backends/cuda/tactics/flat_kernel.h"
#include "backends/cuda/tactics/single_node.h"
#include "backends/cuda/tactics/table.h"

namespace rekindle::cuda {

namespace {

/// Where the part begins, and how long its runs are, is known only at the launch: vectors are used where all
/// of it is a multiple of four elements.
constexpr const char* kBody =
    R"(  const bool is_even = (run_length % 4 | run_step % 4) == 0 && (u64)out % sizeof(V) == 0;
  if (is_even && e + 4 <= count) {
    rk_store(out + (i64)(e / run_length) * run_step + e % run_length, rk_load<T, 4>(in + e));
    return;
  }
  for (int i = e; i < min(e + 4, count); ++i)
    out[(i64)(i / run_length) * run_step + i % run_length] = in[i];
)";

class CopyTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.copy"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(write(region, 256).status());
    return Space().axis("threads", {256, 128, 512});
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    const int64_t threads = config[0].second;
    RK_TRY(FlatKernel written, write(region, threads));
    return written.finish("copy", region, threads, target);
  }

 private:
  static Result<FlatKernel> write(const Region& region, int64_t threads) {
    FlatKernel written;
    KernelWriter& w = written.writer;
    RK_TRY(const Node* node, only_node(region));
    if (!node->op.is<ops::Copy>()) return refuse("the op is " + std::string(node->op.name()) + ", not copy");
    RK_TRY(std::string element, element_type(region.output_type(0).dtype));
    RK_CHECK(w.input(region, node->inputs[0], "in"));
    RK_CHECK(w.output(region.output_type(0), "out"));
    w.runs();
    written.width = 4;
    written.begin(region, threads);
    w.body("  using T = " + element + ";\n  using V = Vector<T, 4>;\n  const int count = " +
           w.dim(region.output_type(0).count()) + ";\n" + kBody);
    return written;
  }
};

}  // namespace

const Tactic& copy_tactic() {
  static const CopyTactic tactic;
  return tactic;
}

}  // namespace rekindle::cuda
