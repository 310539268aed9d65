// cpu.cast: to and from f32 by the conversions of programs, other pairs by a loop each.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/cast.h"

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"
#include "tensor/convert.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_cast(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 16384;  // the least elements worth a thread

using Convert = void (*)(const void* from, void* to, int64_t begin, int64_t end);
template <class From, class To> void convert_some(const void* from, void* to, int64_t begin, int64_t end) {
  const From* const x = static_cast<const From*>(from);
  To* const y = static_cast<To*>(to);
  for (int64_t i = begin; i < end; ++i) y[i] = convert<To>(x[i]);
}

class CastLaunch final : public Launch {
 public:
  CastLaunch(Convert convert, int64_t count, int threads)
      : convert_(convert), count_(count), workers_(worker_count(count, kElementGrain, threads)) {}
  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    share_items(count_, workers_,
                [&](int, int64_t begin, int64_t end) { convert_(inputs[0], outputs[0], begin, end); });
    return {};
  }

 private:
  Convert convert_;
  int64_t count_;
  int workers_;
};

/// To f32 or from it, with vectors where the types have some.
class FloatCastLaunch final : public Launch {
 public:
  FloatCastLaunch(Widen widen, Narrow narrow, const ArgShape& from, const ArgShape& to, int threads)
      : widen_(widen),
        narrow_(narrow),
        from_bytes_(bits_of(from.dtype) / 8),
        to_bytes_(bits_of(to.dtype) / 8),
        count_(count_of(from.dims)),
        workers_(worker_count(count_, kElementGrain, threads)) {}
  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    share_items(count_, workers_, [&](int, int64_t begin, int64_t end) {
      const char* const x = static_cast<const char*>(inputs[0]) + begin * from_bytes_;
      char* const y = static_cast<char*>(outputs[0]) + begin * to_bytes_;
      if (widen_)
        widen_(x, 1, reinterpret_cast<float*>(y), end - begin);
      else
        narrow_(reinterpret_cast<const float*>(x), y, 1, end - begin);
    });
    return {};
  }

 private:
  Widen widen_;
  Narrow narrow_;
  int64_t from_bytes_, to_bytes_, count_;
  int workers_;
};

class CastKernel final : public Kernel {
 public:
  explicit CastKernel(Isa isa) : isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != 1 ||
        shapes.inputs[0].dims != shapes.outputs[0].dims || !is_contiguous(shapes.inputs[0]) ||
        !is_contiguous(shapes.outputs[0]))
      return Status::error(Code::invalid_argument, "cast takes 1 contiguous input and makes 1 like it");
    const DType from = shapes.inputs[0].dtype, to = shapes.outputs[0].dtype;
    const ProgramKernels& conversions = program_kernels(isa_);
    const Widen widen = to == DType::f32 ? conversions.widen[int(from)] : nullptr;
    const Narrow narrow = from == DType::f32 ? conversions.narrow[int(to)] : nullptr;
    if (widen || narrow)
      return std::unique_ptr<Launch>(std::make_unique<FloatCastLaunch>(widen, narrow, shapes.inputs[0],
                                                                       shapes.outputs[0], shapes.threads));
    Convert convert = nullptr;
    visit_dtype(from, [&](auto f) {
      visit_dtype(to, [&](auto t) { convert = convert_some<decltype(f), decltype(t)>; });
    });
    if (!convert)
      return Status::error(Code::unsupported, "cast from " + std::string(to_string(from)) + " to " +
                                                  std::string(to_string(to)) +
                                                  ", expected numbers or booleans");
    return std::unique_ptr<Launch>(
        std::make_unique<CastLaunch>(convert, count_of(shapes.inputs[0].dims), shapes.threads));
  }

 private:
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_cast(std::string_view params, Isa isa) {
  if (!params.empty()) return Status::error(Code::data_loss, "cast has parameters, expected none");
  return std::shared_ptr<const Kernel>(std::make_shared<CastKernel>(isa));
}

}  // namespace rekindle::cpu
