// cpu.pad and cpu.tile: an index map an axis.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pad.h"

#include <algorithm>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/kernels/mapped_copy.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_pad(std::string_view params, Isa isa);
Result<std::shared_ptr<const Kernel>> make_tile(std::string_view params, Isa isa);

namespace {

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

class MappedLaunch final : public Launch {
 public:
  MappedLaunch(MappedCopy copy, bool has_fill) : copy_(std::move(copy)), has_fill_(has_fill) {}
  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    copy_.run(inputs[0], outputs[0], has_fill_ ? inputs[1] : nullptr);
    return {};
  }

 private:
  MappedCopy copy_;
  bool has_fill_;
};

Status check(const LaunchShapes& shapes, size_t least, size_t most) {
  if (shapes.inputs.size() < least || shapes.inputs.size() > most || shapes.outputs.size() != 1)
    return bad(std::to_string(shapes.inputs.size()) + " inputs and " + std::to_string(shapes.outputs.size()) +
               " outputs, expected at most " + std::to_string(most) + " and 1");
  const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
  if (x.dtype != y.dtype || bits_of(x.dtype) < 8 || x.dims.size() != y.dims.size())
    return bad("an input of " + std::string(to_string(x.dtype)) + to_string(x.dims) + " for an output of " +
               std::string(to_string(y.dtype)) + to_string(y.dims));
  return {};
}

/// The input position of position p, counted from the first kept element, of n kept ones; -1 outside.
int64_t source(ops::PadMode mode, int64_t p, int64_t n) {
  switch (mode) {
    case ops::PadMode::constant:
      return p >= 0 && p < n ? p : -1;
    case ops::PadMode::edge:
      return std::clamp<int64_t>(p, 0, n - 1);
    case ops::PadMode::wrap:
      return (p % n + n) % n;
    case ops::PadMode::reflect:
      break;
  }
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), at = (p % period + period) % period;
  return at < n ? at : period - at;
}

class PadKernel final : public Kernel {
 public:
  explicit PadKernel(PadParams params) : params_(params) {}
  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    RK_CHECK(check(shapes, 1, 2));
    const Dims &in = shapes.inputs[0].dims, &out = shapes.outputs[0].dims;
    const size_t rank = in.size();
    if (shapes.scalars.size() != 2 * rank)
      return bad(std::to_string(shapes.scalars.size()) + " pads, expected " + std::to_string(2 * rank));
    const bool has_fill = shapes.inputs.size() == 2 && shapes.inputs[1].present;
    if (has_fill &&
        (shapes.inputs[1].dtype != shapes.inputs[0].dtype || count_of(shapes.inputs[1].dims) != 1))
      return bad("a pad value that is not one element of x's type");
    std::vector<AxisMap> maps(rank);
    for (size_t a = 0; a < rank; ++a) {
      const int64_t begin = shapes.scalars[a], end = shapes.scalars[rank + a];
      if (begin == 0 && end == 0 && in[a] == out[a]) continue;
      const int64_t first = std::max<int64_t>(0, -begin), kept = in[a] - first - std::max<int64_t>(0, -end);
      if (in[a] + begin + end != out[a])
        return bad("pads of " + std::to_string(begin) + " and " + std::to_string(end) + " make " +
                   std::to_string(in[a]) + " not " + std::to_string(out[a]));
      if (kept <= 0 && params_.mode != ops::PadMode::constant && count_of(out) > 0)
        return bad("axis " + std::to_string(a) + " of " + to_string(in) + " has no elements to pad with");
      maps[a].resize(size_t(out[a]));
      for (int64_t o = 0; o < out[a]; ++o) {
        const int64_t i = kept > 0 || params_.mode == ops::PadMode::constant
                              ? source(params_.mode, o - std::max<int64_t>(0, begin), kept)
                              : -1;
        maps[a][size_t(o)] = i < 0 ? -1 : first + i;
      }
    }
    RK_TRY(MappedCopy copy, MappedCopy::make(shapes.inputs[0], shapes.outputs[0], maps, shapes.threads));
    return std::unique_ptr<Launch>(std::make_unique<MappedLaunch>(std::move(copy), has_fill));
  }

 private:
  PadParams params_;
};

class TileKernel final : public Kernel {
 public:
  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    RK_CHECK(check(shapes, 1, 1));
    const Dims &in = shapes.inputs[0].dims, &out = shapes.outputs[0].dims;
    std::vector<AxisMap> maps(in.size());
    for (size_t a = 0; a < in.size(); ++a) {
      if (in[a] == out[a]) continue;
      if (in[a] == 0 || out[a] % in[a] != 0)
        return bad(to_string(out) + " is no multiple of " + to_string(in));
      for (int64_t o = 0; o < out[a]; ++o) maps[a].push_back(o % in[a]);
    }
    RK_TRY(MappedCopy copy, MappedCopy::make(shapes.inputs[0], shapes.outputs[0], maps, shapes.threads));
    return std::unique_ptr<Launch>(std::make_unique<MappedLaunch>(std::move(copy), false));
  }
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_pad(std::string_view params, Isa) {
  RK_TRY(PadParams p, from_bytes<PadParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<PadKernel>(p));
}

Result<std::shared_ptr<const Kernel>> make_tile(std::string_view params, Isa) {
  if (!params.empty()) return Status::error(Code::data_loss, "tile has parameters, expected none");
  return std::shared_ptr<const Kernel>(std::make_shared<TileKernel>());
}

}  // namespace rekindle::cpu
