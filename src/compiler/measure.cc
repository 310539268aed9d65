// Timing one kernel on made-up inputs, with its result checked and its memory fenced.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "compiler/tune.h"

namespace rekindle {

namespace {

constexpr int64_t kFence = 256;  // bytes before and after every buffer
constexpr uint8_t kFenceByte = 0xA5;

/// Device memory between two fences.
struct FencedBuffer {
  std::shared_ptr<void> memory;
  int64_t bytes = 0;
  void* data() const { return static_cast<std::byte*>(memory.get()) + kFence; }
};

Result<FencedBuffer> allocate_fenced(Device& device, Stream& stream, int64_t bytes) {
  FencedBuffer buffer;
  buffer.bytes = bytes;
  RK_TRY(buffer.memory, device.allocate(bytes + 2 * kFence));
  const std::vector<uint8_t> fence(size_t(kFence), kFenceByte);
  RK_CHECK(device.copy_in(stream, buffer.memory.get(), fence.data(), kFence));
  RK_CHECK(device.copy_in(stream, static_cast<std::byte*>(buffer.data()) + bytes, fence.data(), kFence));
  return buffer;
}

Status check_fences(Device& device, Stream& stream, const FencedBuffer& buffer, const std::string& what) {
  std::vector<uint8_t> seen(size_t(2 * kFence));
  RK_CHECK(device.copy_out(stream, seen.data(), buffer.memory.get(), kFence));
  RK_CHECK(device.copy_out(stream, seen.data() + kFence,
                           static_cast<std::byte*>(buffer.data()) + buffer.bytes, kFence));
  RK_CHECK(stream.synchronize());
  if (std::any_of(seen.begin(), seen.end(), [](uint8_t b) { return b != kFenceByte; }))
    return Status::error(Code::internal, "the kernel wrote outside its " + what);
  return {};
}

/// Largest difference over the largest magnitude; integers must be equal. Non-finite values must agree.
Status compare(const Tensor& got, const Tensor& expected, double tolerance) {
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < expected.count(); ++i) {
    const double e = expected.as_double(i), g = got.as_double(i);
    if (std::isfinite(e)) largest = std::max(largest, std::fabs(e));
    if (std::isnan(e) != std::isnan(g) || (std::isinf(e) && e != g))
      return Status::error(Code::internal, "element " + std::to_string(i) + " is " + std::to_string(g) +
                                               ", expected " + std::to_string(e));
    if (std::isfinite(e)) difference = std::max(difference, std::fabs(e - g));
  }
  if (!is_float(expected.dtype())) tolerance = 0;
  if (!(difference <= tolerance * largest))
    return Status::error(Code::internal, "the result is off by " + std::to_string(difference) +
                                             " where the largest value is " + std::to_string(largest));
  return {};
}

/// Everything a launch of the kernel needs, ready on the device.
struct Bench {
  std::vector<FencedBuffer> inputs, outputs;
  std::vector<Tensor> host_outputs;
  std::vector<const void*> input_pointers;
  std::vector<void*> output_pointers;
  FencedBuffer workspace;
  std::unique_ptr<Launch> launch;
};

Status prepare_inputs(Device& device, Stream& stream, const BuiltKernel& kernel, const Tensors& region_inputs,
                      Bench& bench, std::vector<ArgShape>& shapes, std::vector<const void*>& constants,
                      const Region& region) {
  for (const KernelInput& in : kernel.inputs) {
    const Tensor& tensor = in.region_input >= 0 ? region_inputs[size_t(in.region_input)] : in.constant;
    if (in.region_input < 0 && !tensor.has_data()) {
      shapes.push_back({DType::f32, {}, {}, false});
      constants.push_back(nullptr);
      bench.input_pointers.push_back(nullptr);
      continue;
    }
    RK_TRY(FencedBuffer buffer, allocate_fenced(device, stream, tensor.bytes()));
    RK_CHECK(device.copy_in(stream, buffer.data(), tensor.raw(), tensor.bytes()));
    const bool is_constant = in.region_input < 0 || region.constants[size_t(in.region_input)] != nullptr;
    shapes.push_back({tensor.dtype(), tensor.dims(), {}, true});
    constants.push_back(is_constant ? buffer.data() : nullptr);
    bench.input_pointers.push_back(buffer.data());
    bench.inputs.push_back(std::move(buffer));
  }
  return {};
}

Result<std::vector<int64_t>> eval_all(const std::vector<Dim>& dims, const Bindings& sizes) {
  std::vector<int64_t> values;
  for (const Dim& d : dims) {
    RK_TRY(int64_t value, d.eval(sizes));
    values.push_back(value);
  }
  return values;
}

Status prepare(Device& device, Stream& stream, const Region& region, const BuiltKernel& kernel, int threads,
               const Tensors& region_inputs, Bench& bench) {
  std::vector<ArgShape> inputs, outputs;
  std::vector<const void*> constants;
  RK_CHECK(prepare_inputs(device, stream, kernel, region_inputs, bench, inputs, constants, region));
  for (ValueId v : region.body.outputs) {
    RK_TRY(Dims dims, eval(region.body[v].type.shape, region.sizes));
    RK_TRY(Tensor host, Tensor::make(region.body[v].type.dtype, dims));
    RK_TRY(FencedBuffer buffer, allocate_fenced(device, stream, host.bytes()));
    outputs.push_back({host.dtype(), host.dims(), {}, true});
    bench.output_pointers.push_back(buffer.data());
    bench.outputs.push_back(std::move(buffer));
    bench.host_outputs.push_back(std::move(host));
  }
  RK_TRY(auto loaded,
         device.load(kernel.image, std::as_bytes(std::span(kernel.code.data(), kernel.code.size()))));
  if (loaded->makes_outputs())
    return Status::error(Code::unsupported, "the kernel makes its outputs while running");
  RK_TRY(auto grid, eval_all(kernel.grid, region.sizes));
  RK_TRY(auto scalars, eval_all(kernel.scalars, region.sizes));
  RK_TRY(bench.launch, loaded->prepare({inputs, outputs, grid, scalars, threads, constants}));
  RK_TRY(bench.workspace, allocate_fenced(device, stream, bench.launch->workspace_bytes()));
  return {};
}

}  // namespace

Result<double> measure(Device& device, const Region& region, const BuiltKernel& kernel, int threads,
                       const Tensors* inputs, const Tensors* expected, double tolerance) {
  RK_TRY(auto stream, device.create_stream());
  Bench bench;
  RK_CHECK(prepare(device, *stream, region, kernel, threads, *inputs, bench));
  const auto launch = [&] {
    return bench.launch->run(*stream, bench.input_pointers.data(), bench.output_pointers.data(),
                             bench.workspace.data());
  };
  RK_CHECK(launch());
  RK_CHECK(stream->synchronize());
  for (const auto& b : bench.inputs) RK_CHECK(check_fences(device, *stream, b, "inputs"));
  for (const auto& b : bench.outputs) RK_CHECK(check_fences(device, *stream, b, "outputs"));
  RK_CHECK(check_fences(device, *stream, bench.workspace, "workspace"));
  for (size_t i = 0; expected && i < expected->size(); ++i) {
    RK_CHECK(device.copy_out(*stream, bench.host_outputs[i].raw(), bench.output_pointers[i],
                             bench.host_outputs[i].bytes()));
    RK_CHECK(stream->synchronize());
    RK_CHECK(compare(bench.host_outputs[i], (*expected)[i], tolerance));
  }
  // Enough repetitions for a steady median, bounded in time: short kernels run in groups to rise above the
  // clock.
  using Clock = std::chrono::steady_clock;
  const auto timed = [&](int group) -> Result<double> {
    const auto start = Clock::now();
    for (int i = 0; i < group; ++i) RK_CHECK(launch());
    RK_CHECK(stream->synchronize());
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / group;
  };
  RK_TRY(double once, timed(1));
  const int group = std::clamp(int(50 / std::max(once, 0.1)), 1, 200);
  const int repetitions = std::clamp(int(20000 / std::max(once * group, 1.0)), 3, 15);
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    RK_TRY(double t, timed(group));
    times.push_back(t);
  }
  std::nth_element(times.begin(), times.begin() + long(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}  // namespace rekindle
