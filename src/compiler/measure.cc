// Running kernels on made-up inputs, with results checked and memory fenced, and timing them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "compiler/region_bench.h"

namespace rekindle {

namespace {

constexpr uint8_t kFenceByte = 0xA5;
constexpr uint8_t kPoison = 0xFF;  // a NaN in every float type

Status off_by(double difference, double largest) {
  return Status::error(Code::internal, "the result is off by " + std::to_string(difference) +
                                           " where the largest value is " + std::to_string(largest));
}

Status wrong_element(int64_t i, double got, double expected) {
  return Status::error(Code::internal, "element " + std::to_string(i) + " is " + std::to_string(got) +
                                           ", expected " + std::to_string(expected));
}

/// Largest difference over the largest magnitude; integers must be equal. Non-finite values must agree.
class Comparison {
 public:
  explicit Comparison(double tolerance) : tolerance_(tolerance) {}
  Status add(const Tensor& got, const Tensor& expected, int64_t first) {
    if (expected.dtype() == DType::f32) {
      const float *g = got.data<float>(), *e = expected.data<float>();
      for (int64_t i = 0; i < expected.count(); ++i) RK_CHECK(add(double(g[i]), double(e[i]), first + i));
      return {};
    }
    for (int64_t i = 0; i < expected.count(); ++i)
      RK_CHECK(add(got.as_double(i), expected.as_double(i), first + i));
    return {};
  }
  Status result() const {
    return difference_ <= tolerance_ * largest_ ? Status() : off_by(difference_, largest_);
  }

 private:
  Status add(double g, double e, int64_t i) {
    if (std::isfinite(e) && std::isfinite(g)) {
      largest_ = std::max(largest_, std::fabs(e));
      difference_ = std::max(difference_, std::fabs(e - g));
      return {};
    }
    if (std::isnan(e) && std::isnan(g)) return {};
    return e == g ? Status() : wrong_element(i, g, e);
  }
  double tolerance_, largest_ = 0, difference_ = 0;
};

Result<std::vector<int64_t>> eval_all(const std::vector<Dim>& dims, const Bindings& sizes) {
  std::vector<int64_t> values;
  for (const Dim& d : dims) {
    RK_TRY(int64_t value, d.eval(sizes));
    values.push_back(value);
  }
  return values;
}

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + long(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}  // namespace

Result<std::unique_ptr<RegionBench>> RegionBench::make(Device& device, const Region& region, int threads,
                                                       const Tensors& inputs) {
  std::unique_ptr<RegionBench> bench(new RegionBench(device, region, threads));
  RK_TRY(bench->stream_, device.create_stream());
  RK_TRY(bench->timer_, device.create_timer());
  for (const Tensor& tensor : inputs) {
    RK_TRY(FencedBuffer buffer, bench->allocate(tensor.bytes()));
    RK_CHECK(bench->upload(buffer, tensor));
    bench->inputs_.push_back(std::move(buffer));
    bench->input_shapes_.push_back({tensor.dtype(), tensor.dims(), {}, true});
  }
  for (ValueId v : region.body.outputs) {
    const TensorType& type = region.body[v].type;
    RK_TRY(Dims dims, eval(type.shape, region.sizes));
    RK_TRY(const int64_t count, checked_count(dims));
    RK_TRY(FencedBuffer buffer, bench->allocate(bytes_for(type.dtype, count)));
    bench->outputs_.push_back(std::move(buffer));
    bench->output_shapes_.push_back({type.dtype, std::move(dims), {}, true});
  }
  return bench;
}

Result<FencedBuffer> RegionBench::allocate(int64_t bytes) {
  FencedBuffer buffer;
  buffer.bytes = bytes;
  RK_TRY(buffer.memory, device_.allocate(bytes + 2 * FencedBuffer::kFence));
  const std::vector<uint8_t> fence(size_t(FencedBuffer::kFence), kFenceByte);
  RK_CHECK(device_.copy_in(*stream_, buffer.memory.get(), fence.data(), FencedBuffer::kFence));
  RK_CHECK(device_.copy_in(*stream_, static_cast<std::byte*>(buffer.data()) + bytes, fence.data(),
                           FencedBuffer::kFence));
  return buffer;
}

Status RegionBench::upload(const FencedBuffer& buffer, const Tensor& tensor) {
  return device_.copy_in(*stream_, buffer.data(), tensor.raw(), tensor.bytes());
}

Status RegionBench::check_fences(const FencedBuffer& buffer, const std::string& what) {
  constexpr int64_t kFence = FencedBuffer::kFence;
  std::vector<uint8_t> seen(size_t(2 * kFence));
  RK_CHECK(device_.copy_out(*stream_, seen.data(), buffer.memory.get(), kFence));
  RK_CHECK(device_.copy_out(*stream_, seen.data() + kFence,
                            static_cast<std::byte*>(buffer.data()) + buffer.bytes, kFence));
  RK_CHECK(stream_->synchronize());
  if (std::any_of(seen.begin(), seen.end(), [](uint8_t b) { return b != kFenceByte; }))
    return Status::error(Code::internal, "the kernel wrote outside its " + what);
  return {};
}

Status RegionBench::prepare_arguments(const BuiltKernel& kernel, Prepared& prepared,
                                      std::vector<ArgShape>& shapes, std::vector<const void*>& constants) {
  for (const KernelInput& in : kernel.inputs) {
    if (in.region_input >= 0) {
      const auto i = size_t(in.region_input);
      shapes.push_back(input_shapes_[i]);
      prepared.inputs.push_back(inputs_[i].data());
      constants.push_back(region_.constants[i] != nullptr ? inputs_[i].data() : nullptr);
      continue;
    }
    if (!in.constant.has_data()) {
      shapes.push_back({DType::f32, {}, {}, false});
      prepared.inputs.push_back(nullptr);
      constants.push_back(nullptr);
      continue;
    }
    RK_TRY(FencedBuffer buffer, allocate(in.constant.bytes()));
    RK_CHECK(upload(buffer, in.constant));
    shapes.push_back({in.constant.dtype(), in.constant.dims(), {}, true});
    prepared.inputs.push_back(buffer.data());
    constants.push_back(buffer.data());
    prepared.constants.push_back(std::move(buffer));
  }
  return {};
}

Result<RegionBench::Prepared> RegionBench::prepare(const BuiltKernel& kernel) {
  Prepared prepared;
  std::vector<ArgShape> shapes;
  std::vector<const void*> constants;
  RK_CHECK(prepare_arguments(kernel, prepared, shapes, constants));
  for (const FencedBuffer& output : outputs_) prepared.outputs.push_back(output.data());
  RK_TRY(auto loaded,
         device_.load(kernel.image, std::as_bytes(std::span(kernel.code.data(), kernel.code.size()))));
  if (loaded->makes_outputs())
    return Status::error(Code::unsupported, "the kernel makes its outputs while running");
  RK_TRY(auto grid, eval_all(kernel.grid, region_.sizes));
  RK_TRY(auto scalars, eval_all(kernel.scalars, region_.sizes));
  RK_TRY(prepared.launch, loaded->prepare({shapes, output_shapes_, grid, scalars, threads_, constants}));
  RK_TRY(prepared.workspace, allocate(prepared.launch->workspace_bytes()));
  return prepared;
}

Status RegionBench::launch(Prepared& prepared) {
  return prepared.launch->run(*stream_, prepared.inputs.data(), prepared.outputs.data(),
                              prepared.workspace.data());
}

Status RegionBench::try_once(Prepared& prepared) {
  // What an earlier kernel left there must not pass for this one's result.
  for (const FencedBuffer& b : outputs_) RK_CHECK(device_.fill(*stream_, b.data(), kPoison, b.bytes));
  RK_CHECK(launch(prepared));
  RK_CHECK(stream_->synchronize());
  for (const auto* list : {&inputs_, &prepared.constants})
    for (const FencedBuffer& b : *list) RK_CHECK(check_fences(b, "inputs"));
  for (const FencedBuffer& b : outputs_) RK_CHECK(check_fences(b, "outputs"));
  return check_fences(prepared.workspace, "workspace");
}

Result<Tensors> RegionBench::run(const BuiltKernel& kernel) {
  RK_TRY(Prepared prepared, prepare(kernel));
  RK_CHECK(try_once(prepared));
  Tensors results;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    RK_TRY(Tensor result, Tensor::make(output_shapes_[i].dtype, output_shapes_[i].dims));
    RK_CHECK(device_.copy_out(*stream_, result.raw(), outputs_[i].data(), result.bytes()));
    results.push_back(std::move(result));
  }
  RK_CHECK(stream_->synchronize());
  return results;
}

/// All of a small output; of a large one parts all over it, its ends among them.
Status RegionBench::compare_output(size_t output, const Tensor& expected, double tolerance) {
  constexpr int64_t kWhole = int64_t(4) << 20, kParts = 64, kPart = 65521;  // elements
  const DType dtype = expected.dtype();
  const int64_t count = expected.count();
  const bool is_whole = count <= kWhole || bits_of(dtype) < 8;
  const int64_t part = is_whole ? count : kPart, parts = is_whole ? 1 : kParts;
  RK_TRY(Tensor got, Tensor::make(dtype, {part}));
  Comparison comparison(is_float(dtype) ? tolerance : 0);
  for (int64_t p = 0; p < parts; ++p) {
    const int64_t first = parts == 1 ? 0 : (count - part) * p / (parts - 1);
    const int64_t offset = bytes_for(dtype, first);
    RK_CHECK(device_.copy_out(*stream_, got.raw(),
                              static_cast<const std::byte*>(outputs_[output].data()) + offset, got.bytes()));
    RK_CHECK(stream_->synchronize());
    auto* const bytes = const_cast<std::byte*>(static_cast<const std::byte*>(expected.raw()));
    RK_CHECK(comparison.add(got, Tensor::view(dtype, {part}, bytes + offset, nullptr), first));
  }
  return comparison.result();
}

/// Enough repetitions for a steady median, bounded in time: short kernels run in groups to rise above the
/// clock.
Result<double> RegionBench::time_calls(Prepared& prepared) {
  const auto timed = [&](int group) -> Result<double> {
    RK_CHECK(timer_->start(*stream_));
    for (int i = 0; i < group; ++i) RK_CHECK(launch(prepared));
    RK_CHECK(timer_->stop(*stream_));
    RK_TRY(const double time, timer_->microseconds());
    return time / group;
  };
  RK_TRY(double once, timed(1));
  const int group = std::clamp(int(50 / std::max(once, 0.1)), 1, 200);
  const int repetitions = std::clamp(int(20000 / std::max(once * group, 1.0)), 3, 15);
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    RK_TRY(double t, timed(group));
    times.push_back(t);
  }
  return median(std::move(times));
}

/// Launches in a recording, as models run them: one by one, short kernels would wait for the host. 0 where
/// the device does not record.
Result<double> RegionBench::time_replays(Prepared& prepared, double best) {
  constexpr double kSampleMicroseconds = 400, kEnoughMicroseconds = 20000, kClearlySlower = 1.3;
  constexpr int kWarmUps = 3, kMostRuns = 50, kEnoughRuns = 20, kMostSamples = 15, kLeastSamples = 3;
  RK_TRY(std::unique_ptr<Recording> recording, device_.record());
  if (recording == nullptr) return 0.0;
  RK_CHECK(timer_->start(*stream_));
  for (int i = 0; i < kWarmUps; ++i) RK_CHECK(launch(prepared));
  RK_CHECK(timer_->stop(*stream_));
  RK_TRY(const double warm, timer_->microseconds());
  const int runs = std::clamp(int(kSampleMicroseconds * kWarmUps / std::max(warm, 1.0)), 1, kMostRuns);
  for (uint32_t i = 0; i < uint32_t(runs); ++i) {
    const uint32_t before = i - 1;
    RK_CHECK(recording->add(*prepared.launch, prepared.inputs.data(), prepared.outputs.data(),
                            prepared.workspace.data(), std::span(&before, i == 0 ? 0 : 1)));
  }
  RK_CHECK(recording->finish());
  RK_CHECK(recording->replay(*stream_));
  std::vector<double> times;
  double total = 0;
  while (int(times.size()) < kMostSamples) {
    RK_CHECK(timer_->start(*stream_));
    RK_CHECK(recording->replay(*stream_));
    RK_CHECK(timer_->stop(*stream_));
    RK_TRY(const double sample, timer_->microseconds());
    times.push_back(sample / runs);
    total += sample;
    const int count = int(times.size());
    if (count >= 2 && *std::min_element(times.begin(), times.end()) > kClearlySlower * best) break;
    if (count >= kLeastSamples &&
        (count * runs >= kEnoughRuns * kLeastSamples || total >= kEnoughMicroseconds))
      break;
  }
  return median(std::move(times));
}

Result<double> RegionBench::measure(const BuiltKernel& kernel, const Tensors* expected, double tolerance,
                                    double best) {
  RK_TRY(Prepared prepared, prepare(kernel));
  RK_CHECK(try_once(prepared));
  for (size_t i = 0; expected && i < expected->size(); ++i)
    RK_CHECK(compare_output(i, (*expected)[i], tolerance));
  RK_TRY(const double replayed, time_replays(prepared, best));
  return replayed > 0 ? Result<double>(replayed) : time_calls(prepared);
}

}  // namespace rekindle
