// Loading modules and launching their functions.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/kernel.h"

#include <algorithm>
#include <array>

#include "backends/cuda/runs.h"

namespace rekindle::cuda {

namespace {

constexpr int64_t kMostGridX = INT32_MAX, kMostGridYZ = 65535;

bool runs_on(const CodeImage& image, int sm) {
  if (image.kind == CodeKind::emulated) return false;
  if (image.kind == CodeKind::ptx) return int(image.sm) <= sm;
  return int(image.sm) / 10 == sm / 10 && int(image.sm) <= sm;
}

Status load_image(const CodeImage& image, const std::string& name, Module& module) {
  const Driver& driver = module.context->driver();
  std::array<char, 4096> log{};
  const std::array<int, 2> options{kErrorLog, kErrorLogBytes};
  std::array<void*, 2> values{log.data(), reinterpret_cast<void*>(log.size() - 1)};
  std::string text = image.bytes;  // PTX must end with a zero, which std::string has
  const int code = driver.load_module(&module.module, text.c_str(), unsigned(options.size()), options.data(),
                                      values.data());
  if (code != kSuccess)
    return driver_status(driver, code,
                         "loading " + name + " for sm_" + std::to_string(image.sm) +
                             (log[0] ? " (" + std::string(log.data()) + ")" : ""));
  RK_DRIVER_CHECK(driver, get_function(&module.function, module.module, name.c_str()),
                  "the code of " + name + " has no function of that name");
  return {};
}

Result<std::shared_ptr<void>> allocate_zeros(const std::shared_ptr<const GpuContext>& context,
                                             int64_t bytes) {
  RK_CHECK(context->make_current());
  Address address = 0;
  RK_DRIVER_CHECK(context->driver(), allocate(&address, size_t(std::max<int64_t>(bytes, 4))),
                  "allocating " + std::to_string(bytes) + " bytes of counters");
  std::shared_ptr<void> memory(reinterpret_cast<void*>(address), [context](void* p) {
    if (context->make_current().ok()) context->driver().free(reinterpret_cast<Address>(p));
  });
  RK_TRY(std::unique_ptr<Stream> stream, CudaStream::create(context));
  RK_DRIVER_CHECK(
      context->driver(),
      fill(address, 0, size_t(std::max<int64_t>(bytes, 4)), static_cast<CudaStream&>(*stream).handle()),
      "clearing counters");
  RK_CHECK(stream->synchronize());
  return memory;
}

class CudaKernel final : public Kernel {
 public:
  CudaKernel(std::shared_ptr<const Module> module, std::string name, LaunchParams params)
      : module_(std::move(module)), name_(std::move(name)), params_(std::move(params)) {}
  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    auto launch = std::make_unique<CudaLaunch>(module_, params_);
    RK_CHECK(launch->set(shapes, name_));
    return std::unique_ptr<Launch>(std::move(launch));
  }

 private:
  std::shared_ptr<const Module> module_;
  std::string name_;
  LaunchParams params_;
};

Status check_params(const LaunchParams& params, const KernelImage& image) {
  uint64_t threads = 1;
  for (uint32_t n : params.block) threads *= n > 1024 ? 0 : n;
  if (params.block.empty() || params.block.size() > 3 || threads == 0 || threads > 1024)
    return Status::error(Code::data_loss, "the block of " + image.name + " is not 1 to 1024 threads");
  return {};
}

}  // namespace

Module::~Module() {
  if (module && context->make_current().ok()) context->driver().unload_module(module);
}

Status CudaLaunch::set(const LaunchShapes& shapes, const std::string& name) {
  const size_t skipped = (params_.has_workspace ? 1 : 0) + (params_.has_counters ? 1 : 0);
  if (shapes.scalars.size() < skipped)
    return Status::error(Code::internal, name + " has no scalar for the size of its workspace");
  if (params_.has_workspace) workspace_bytes_ = shapes.scalars[0];
  if (params_.has_counters) {
    const int64_t count = shapes.scalars[skipped - 1];
    if (count < 0 || count > INT32_MAX)
      return Status::error(Code::unsupported, name + " needs " + std::to_string(count) + " counters");
    RK_TRY(counters_, allocate_zeros(module_->context, count * 4));
  }
  inputs_ = shapes.inputs.size();
  outputs_ = shapes.outputs.size();
  if (inputs_ + outputs_ + shapes.scalars.size() + 1 > kMostArguments)
    return Status::error(Code::unsupported,
                         name + " has more than " + std::to_string(kMostArguments) + " arguments");
  for (int64_t value : shapes.scalars.subspan(skipped)) {
    if (value < INT32_MIN || value > INT32_MAX)
      return Status::error(Code::unsupported, name + " is given the size " + std::to_string(value) +
                                                  ", its kernel counts in 32 bits");
    scalars_.push_back(int32_t(value));
  }
  RK_CHECK(add_runs(params_, shapes.outputs, name, scalars_));
  for (size_t i = 0; i < 3; ++i) {
    const int64_t size = i < shapes.grid.size() ? shapes.grid[i] : 1;
    if (size < 0 || size > (i == 0 ? kMostGridX : kMostGridYZ))
      return Status::error(Code::unsupported,
                           name + " needs " + std::to_string(size) + " blocks along one axis of its grid");
    grid_[i] = unsigned(size);
    block_[i] = i < params_.block.size() ? params_.block[i] : 1;
  }
  return {};
}

KernelNode CudaLaunch::node(Arguments& arguments, const void* const* inputs, void* const* outputs,
                            void* workspace) {
  size_t count = 0;
  const auto add_pointer = [&](const void* p) {
    arguments.pointers[count] = p;
    arguments.places[count] = &arguments.pointers[count];
    ++count;
  };
  for (size_t i = 0; i < inputs_; ++i) add_pointer(inputs[i]);
  for (size_t i = 0; i < outputs_; ++i) add_pointer(outputs[i]);
  if (params_.has_workspace) add_pointer(workspace);
  if (params_.has_counters) add_pointer(counters_.get());
  for (int32_t& scalar : scalars_) arguments.places[count++] = &scalar;
  return {module_->function,
          grid_[0],
          grid_[1],
          grid_[2],
          block_[0],
          block_[1],
          block_[2],
          params_.shared_bytes,
          arguments.places.data()};
}

Status CudaLaunch::run(Stream& stream, const void* const* inputs, void* const* outputs, void* workspace) {
  if (is_empty()) return {};
  const GpuContext& context = *module_->context;
  RK_CHECK(context.make_current());
  const StreamHandle handle = static_cast<CudaStream&>(stream).handle();
  if (cleared_bytes() > 0)
    RK_DRIVER_CHECK(context.driver(), fill(reinterpret_cast<Address>(workspace), 0, cleared_bytes(), handle),
                    "clearing a workspace");
  Arguments arguments;
  const KernelNode n = node(arguments, inputs, outputs, workspace);
  RK_DRIVER_CHECK(context.driver(),
                  launch(n.function, n.grid_x, n.grid_y, n.grid_z, n.block_x, n.block_y, n.block_z,
                         n.shared_bytes, handle, n.arguments, nullptr),
                  "launching a kernel");
  return {};
}

Result<std::unique_ptr<Stream>> CudaStream::create(std::shared_ptr<const GpuContext> context) {
  RK_CHECK(context->make_current());
  std::unique_ptr<CudaStream> stream(new CudaStream(std::move(context)));
  const Driver& driver = stream->context_->driver();
  RK_DRIVER_CHECK(driver, create_stream(&stream->handle_, kStreamNonBlocking), "making a stream");
  return std::unique_ptr<Stream>(std::move(stream));
}

std::unique_ptr<Stream> CudaStream::wrap(std::shared_ptr<const GpuContext> context, StreamHandle handle) {
  std::unique_ptr<CudaStream> stream(new CudaStream(std::move(context)));
  stream->handle_ = handle;
  stream->is_own_ = false;
  return stream;
}

CudaStream::~CudaStream() {
  if (is_own_ && handle_ && context_->make_current().ok()) context_->driver().destroy_stream(handle_);
}

Status CudaStream::synchronize() {
  RK_CHECK(context_->make_current());
  RK_DRIVER_CHECK(context_->driver(), synchronize_stream(handle_), "waiting for the GPU");
  return {};
}

Result<std::shared_ptr<const Kernel>> load_kernel(std::shared_ptr<const GpuContext> context,
                                                  const KernelImage& image, std::span<const std::byte> code) {
  RK_TRY(LaunchParams params, from_bytes<LaunchParams>(image.params));
  RK_CHECK(check_params(params, image));
  RK_TRY(CodeBundle bundle,
         from_bytes<CodeBundle>(std::string_view(reinterpret_cast<const char*>(code.data()), code.size())));
  RK_CHECK(context->make_current());
  const int sm = context->properties().sm;
  std::string known;
  for (const CodeImage& one : bundle.images) {
    known += (known.empty() ? "" : ", ") +
             std::string(one.kind == CodeKind::ptx        ? "PTX of sm_"
                         : one.kind == CodeKind::emulated ? "the emulator of sm_"
                                                          : "sm_") +
             std::to_string(one.sm);
    if (!runs_on(one, sm)) continue;
    auto module = std::make_shared<Module>();
    module->context = context;
    RK_CHECK(load_image(one, image.name, *module));
    if (params.shared_bytes > 48 * 1024)  // beyond what every kernel may have
      RK_DRIVER_CHECK(
          context->driver(),
          set_function_attribute(module->function, kMaxDynamicShared, int(params.shared_bytes)),
          image.name + " needs " + std::to_string(params.shared_bytes) + " bytes of shared memory a block");
    return std::shared_ptr<const Kernel>(
        std::make_shared<CudaKernel>(std::move(module), image.name, std::move(params)));
  }
  return Status::error(Code::unsupported, "the engine has no code of " + image.name + " for " +
                                              context->properties().name + " (sm_" + std::to_string(sm) +
                                              "), it was built for " + (known.empty() ? "nothing" : known));
}

}  // namespace rekindle::cuda
