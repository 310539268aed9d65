// A tactic is one way to run a region on a device. It either offers a search space or says why not.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/region.h"
#include "plan/plan.h"

namespace rekindle {

/// A point of a space: {bm, 128}, {bn, 64}, {stages, 3}.
using Config = std::vector<std::pair<std::string, int64_t>>;
std::string to_string(const Config&);  // "bm=128 bn=64"

class Space {
 public:
  Space& axis(std::string name, std::vector<int64_t> choices);  // best guess first
  Space& require(std::string why,
                 std::function<bool(const Config&)> holds);  // prunes before anything is compiled
  /// 0: the first point that holds; 1: those that differ from it in one axis; 2 and more: every point.
  std::vector<Config> configs(int effort) const;

 private:
  std::vector<std::pair<std::string, std::vector<int64_t>>> axes_;
  std::vector<std::pair<std::string, std::function<bool(const Config&)>>> requirements_;
};

/// An input of the built kernel: one of the region's inputs, or a constant made at build (packed weights).
struct KernelInput {
  int region_input = -1;  // or
  Tensor constant;
};

/// A region turned into something a device can load. Outputs are the region's, in order.
struct BuiltKernel {
  KernelImage image;  // code_offset is filled when the plan is written; `code` has the bytes
  std::string code;   // device code; empty for host kernels
  std::vector<KernelInput> inputs;
  std::vector<Dim> grid, scalars;
  std::vector<uint32_t>
      may_overwrite;  // region inputs whose memory output 0 may take: read at an index before it is written
  bool strided_inputs = false;  // inputs may be views with any strides, last dim contiguous
  bool strided_output = false;  // so may output 0: a part of a concatenation
};

/// What a model expects of a kernel.
struct Prediction {
  double microseconds = 0;      // 0: there is no model
  std::string_view bound = "";  // by what: arithmetic, memory, cache, latency or launch; a literal
};

class Tactic {
 public:
  virtual ~Tactic() = default;
  virtual std::string_view name() const = 0;  // "cpu.conv.direct"
  virtual int version() const {
    return 1;
  }  // raise it when kernels change: only this tactic's measurements are dropped
  /// The reference: taken only when nothing else applies.
  virtual bool is_last_resort() const { return false; }
  /// What it multiplies in. Those in BF16 are asked only where the build allows it.
  virtual DType computes_in() const { return DType::f32; }
  virtual Result<Space> offer(const Region&, const Target&) const = 0;  // or the reason it refuses
  virtual Result<BuiltKernel> build(const Region&, const Config&, const Target&) const = 0;
  /// What a measured time is multiplied with before it is compared: what a tactic costs beside its own run,
  /// as code that is made when an engine is loaded.
  virtual double handicap() const { return 1; }
  /// By a model of the target; without one the order of the table decides where nothing is measured. `built`,
  /// which may be null, is the kernel with what the assembler said of it: then the prediction is better, or
  /// it is refused, as for spills.
  virtual Result<Prediction> predict(const Region&, const Config&, const Target&,
                                     const BuiltKernel* /*built*/) const {
    return Prediction();
  }
};

/// The reason a tactic does not apply: "K=30 is not a multiple of 8".
Status refuse(std::string reason, Where at = Where::here());

}  // namespace rekindle
