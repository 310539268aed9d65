// EmulatorDevice: memory, launches.
// SPDX-License-Identifier: Apache-2.0
#include "backends/emulator/device.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "backends/cuda/code.h"
#include "backends/cuda/runs.h"
#include "backends/emulator/grid_run.h"

namespace rekindle {

namespace emulator {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int kUnwritten = 0xff;  // of a float this is NaN

/// Work is done when it is launched.
class EmulatorStream final : public Stream {
 public:
  Status synchronize() override { return {}; }
};

class EmulatorLaunch final : public Launch {
 public:
  EmulatorLaunch(std::shared_ptr<const Module> module, cuda::LaunchParams params)
      : module_(std::move(module)), params_(std::move(params)) {}

  Status set(const LaunchShapes& shapes) {
    const size_t skipped = (params_.has_workspace ? 1 : 0) + (params_.has_counters ? 1 : 0);
    if (shapes.scalars.size() < skipped)
      return Status::error(Code::internal, module_->name() + " has no scalar for the size of its workspace");
    if (params_.has_workspace) workspace_bytes_ = shapes.scalars[0];
    if (params_.has_counters) counters_.assign(size_t(std::max<int64_t>(shapes.scalars[skipped - 1], 0)), 0);
    inputs_.assign(shapes.inputs.begin(), shapes.inputs.end());
    outputs_.assign(shapes.outputs.begin(), shapes.outputs.end());
    scalars_.assign(shapes.scalars.begin() + long(skipped), shapes.scalars.end());
    if (inputs_.size() + outputs_.size() + scalars_.size() + 1 > GridRun::kMostArguments)
      return Status::error(Code::unsupported, module_->name() + " has more than " +
                                                  std::to_string(GridRun::kMostArguments) + " arguments");
    for (const int64_t value : scalars_)
      if (value < INT32_MIN || value > INT32_MAX)
        return Status::error(Code::unsupported, module_->name() + " is given the size " +
                                                    std::to_string(value) + ", its kernel counts in 32 bits");
    for (size_t i = 0; i < 3; ++i) {
      const int64_t size = i < shapes.grid.size() ? shapes.grid[i] : 1;
      if (size < 0 || size > (i == 0 ? INT32_MAX : 65535))
        return Status::error(Code::unsupported, module_->name() + " needs " + std::to_string(size) +
                                                    " blocks along one axis of its grid");
      shape_.blocks[i] = uint32_t(size);
      shape_.threads[i] = i < params_.block.size() ? params_.block[i] : 1;
    }
    std::vector<int32_t> runs;
    RK_CHECK(cuda::add_runs(params_, shapes.outputs, module_->name(), runs));
    scalars_.insert(scalars_.end(), runs.begin(), runs.end());
    shape_.dynamic_shared = params_.shared_bytes;
    RK_TRY(stacks_, FiberStacks::make(size_t(shape_.threads[0]) * shape_.threads[1] * shape_.threads[2]));
    return {};
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    GlobalMemory memory;
    std::vector<int64_t> arguments;
    const auto add = [&](const void* p) { arguments.push_back(int64_t(reinterpret_cast<intptr_t>(p))); };
    const auto extent = [&](const char* what, size_t i, const void* p, const ArgShape& shape) {
      return Extent{what + (" " + std::to_string(i)), static_cast<const std::byte*>(p),
                    p ? extent_bytes(shape) : 0};
    };
    for (size_t i = 0; i < inputs_.size(); ++i) {
      memory.add_input(extent("input", i, inputs[i], inputs_[i]));
      add(inputs[i]);
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      memory.add_output(extent("output", i, outputs[i], outputs_[i]), outputs_[i]);
      add(outputs[i]);
    }
    if (params_.has_workspace) {
      const int64_t zeroed = params_.zeroed_workspace_bytes;
      if (workspace_bytes_ > 0) std::memset(workspace, kUnwritten, size_t(workspace_bytes_));
      if (zeroed > 0) std::memset(workspace, 0, size_t(zeroed));
      memory.add_workspace({"the workspace", static_cast<const std::byte*>(workspace), workspace_bytes_},
                           zeroed);
      add(workspace);
    }
    if (params_.has_counters) {
      const int64_t bytes = int64_t(counters_.size()) * 4;
      memory.add_workspace({"the counters", reinterpret_cast<const std::byte*>(counters_.data()), bytes},
                           bytes);
      add(counters_.data());
    }
    arguments.insert(arguments.end(), scalars_.begin(), scalars_.end());
    const std::lock_guard lock(module_->in_use());
    return GridRun(*module_, shape_, arguments, memory, stacks_).run();
  }

 private:
  std::shared_ptr<const Module> module_;
  cuda::LaunchParams params_;
  std::vector<ArgShape> inputs_, outputs_;
  std::vector<int64_t> scalars_;
  int64_t workspace_bytes_ = 0;
  std::vector<uint32_t> counters_;
  GridShape shape_;
  FiberStacks stacks_;
};

class EmulatorKernel final : public Kernel {
 public:
  EmulatorKernel(std::shared_ptr<const Module> module, cuda::LaunchParams params)
      : module_(std::move(module)), params_(std::move(params)) {}
  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    auto launch = std::make_unique<EmulatorLaunch>(module_, params_);
    RK_CHECK(launch->set(shapes));
    return std::unique_ptr<Launch>(std::move(launch));
  }

 private:
  std::shared_ptr<const Module> module_;
  cuda::LaunchParams params_;
};

Status check_params(const cuda::LaunchParams& params, const std::string& name) {
  uint64_t threads = 1;
  for (uint32_t n : params.block) threads *= n > 1024 ? 0 : n;
  if (params.block.empty() || params.block.size() > 3 || threads == 0 || threads > 1024)
    return Status::error(Code::data_loss, "the block of " + name + " is not 1 to 1024 threads");
  return {};
}

/// Bytes of shared memory a block may have, from the tables of the CUDA C++ Programming Guide.
uint32_t most_shared(uint32_t sm) {
  switch (sm) {
    case 70:
    case 72:
      return 96 * 1024;
    case 75:
      return 64 * 1024;
    case 80:
    case 87:
      return 163 * 1024;
    case 86:
    case 89:
      return 99 * 1024;
    case 90:
      return 227 * 1024;
    default:
      return 48 * 1024;
  }
}

Status check_shared(const Module& module, const cuda::LaunchParams& params, uint32_t sm) {
  uint64_t bytes = params.shared_bytes;
  for (const SharedVariable& v : module.object().shared) bytes += v.bytes;
  if (bytes <= most_shared(sm) && params.shared_bytes <= module.object().dynamic.bytes) return {};
  return Status::error(Code::unsupported, module.name() + " has " + std::to_string(bytes) +
                                              " bytes of shared memory, a block may have " +
                                              std::to_string(most_shared(sm)) + " on sm_" +
                                              std::to_string(sm));
}

class EmulatorDevice final : public Device {
 public:
  std::string_view name() const override { return "emulator"; }
  bool is_host() const override { return false; }

  Result<std::shared_ptr<const Kernel>> load(const KernelImage& image,
                                             std::span<const std::byte> code) override {
    RK_TRY(cuda::LaunchParams params, from_bytes<cuda::LaunchParams>(image.params));
    RK_CHECK(check_params(params, image.name));
    RK_TRY(const cuda::CodeBundle bundle, from_bytes<cuda::CodeBundle>(std::string_view(
                                              reinterpret_cast<const char*>(code.data()), code.size())));
    for (const cuda::CodeImage& one : bundle.images) {
      if (one.kind != cuda::CodeKind::emulated) continue;
      RK_TRY(std::shared_ptr<const Module> module, Module::load(one.bytes, image.name));
      RK_CHECK(check_shared(*module, params, one.sm));
      return std::shared_ptr<const Kernel>(
          std::make_shared<EmulatorKernel>(std::move(module), std::move(params)));
    }
    return Status::error(Code::unsupported, "the engine has no code of " + image.name + " for the emulator");
  }

  Result<std::shared_ptr<void>> allocate(int64_t bytes) override {
    if (bytes < 0 || bytes > std::numeric_limits<int64_t>::max() - kAlignment)
      return Status::error(Code::invalid_argument, "a buffer of " + std::to_string(bytes) + " bytes");
    const auto rounded = size_t(std::max<int64_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
    void* const memory = std::aligned_alloc(kAlignment, rounded);
    if (!memory)
      return Status::error(Code::out_of_memory,
                           "cannot allocate " + std::to_string(bytes) + " bytes for the emulator");
    std::memset(memory, kUnwritten, rounded);
    return std::shared_ptr<void>(memory, &std::free);
  }

  Result<std::unique_ptr<Stream>> create_stream() override {
    return std::unique_ptr<Stream>(std::make_unique<EmulatorStream>());
  }
  Status copy_in(Stream&, void* to, const void* host, int64_t bytes) override {
    if (bytes > 0) std::memcpy(to, host, size_t(bytes));
    return {};
  }
  Status copy_out(Stream&, void* host, const void* from, int64_t bytes) override {
    if (bytes > 0) std::memcpy(host, from, size_t(bytes));
    return {};
  }
};

}  // namespace
}  // namespace emulator

Result<std::shared_ptr<Device>> open_emulator() {
  return std::shared_ptr<Device>(std::make_shared<emulator::EmulatorDevice>());
}

}  // namespace rekindle
