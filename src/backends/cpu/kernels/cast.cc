// cpu.cast: one loop for each pair of types.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/cast.h"

#include "backends/cpu/host_kernels.h"
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

class CastKernel final : public Kernel {
 public:
  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != 1 ||
        shapes.inputs[0].dims != shapes.outputs[0].dims || !is_contiguous(shapes.inputs[0]) ||
        !is_contiguous(shapes.outputs[0]))
      return Status::error(Code::invalid_argument, "cast takes 1 contiguous input and makes 1 like it");
    const DType from = shapes.inputs[0].dtype, to = shapes.outputs[0].dtype;
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
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_cast(std::string_view params, Isa) {
  if (!params.empty()) return Status::error(Code::data_loss, "cast has parameters, expected none");
  return std::shared_ptr<const Kernel>(std::make_shared<CastKernel>());
}

}  // namespace rekindle::cpu
