// A kernel written in a test, compiled for the emulator and launched once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "backends/cuda/code.h"
#include "backends/emulator/compiler.h"
#include "backends/emulator/device.h"

namespace rekindle {

/// Floats for each input; outputs come back in `outputs`, whose sizes are given.
struct EmulatedLaunch {
  std::string source;  // with extern "C" __global__ void k(inputs, outputs, workspace, scalars)
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<float>> outputs;
  std::vector<uint32_t> block{32};
  std::vector<int64_t> grid{1};
  std::vector<int64_t> scalars;
  uint32_t dynamic_shared = 0;
  int64_t workspace_bytes = -1;  // -1: it has none
  uint32_t zeroed_workspace_bytes = 0;
  int sm = 75;

  Status run() {
    RK_TRY(cuda::CompiledCode compiled,
           emulator::host_compiler().compile(source, "k", sm, cuda::CodeKind::emulated));
    cuda::CodeBundle bundle;
    bundle.images.push_back(std::move(compiled.image));
    const std::string code = to_bytes(bundle);
    cuda::LaunchParams params;
    params.block = block;
    params.shared_bytes = dynamic_shared;
    params.has_workspace = workspace_bytes >= 0;
    params.zeroed_workspace_bytes = zeroed_workspace_bytes;
    KernelImage image;
    image.name = "k";
    image.params = to_bytes(params);
    RK_TRY(auto device, open_emulator());
    RK_TRY(auto kernel, device->load(image, std::as_bytes(std::span(code))));
    RK_TRY(auto stream, device->create_stream());
    return launch(*device, *kernel, *stream);
  }

 private:
  Status launch(Device& device, const Kernel& kernel, Stream& stream) {
    std::vector<ArgShape> input_shapes, output_shapes;
    std::vector<std::shared_ptr<void>> memory;
    std::vector<const void*> from;
    std::vector<void*> to;
    const auto allocate = [&](const std::vector<float>& values) -> Result<void*> {
      RK_TRY(auto buffer, device.allocate(int64_t(values.size() * 4)));
      memory.push_back(buffer);
      return buffer.get();
    };
    for (const auto& in : inputs) {
      RK_TRY(void* const p, allocate(in));
      RK_CHECK(device.copy_in(stream, p, in.data(), int64_t(in.size() * 4)));
      from.push_back(p);
      input_shapes.push_back({DType::f32, {int64_t(in.size())}, {}, true});
    }
    for (const auto& out : outputs) {
      RK_TRY(void* const p, allocate(out));
      to.push_back(p);
      output_shapes.push_back({DType::f32, {int64_t(out.size())}, {}, true});
    }
    std::vector<int64_t> all_scalars = scalars;
    if (workspace_bytes >= 0) all_scalars.insert(all_scalars.begin(), workspace_bytes);
    RK_TRY(auto launch, kernel.prepare({input_shapes, output_shapes, grid, all_scalars, 1, {}}));
    RK_TRY(auto workspace, device.allocate(launch->workspace_bytes()));
    RK_CHECK(launch->run(stream, from.data(), to.data(), workspace.get()));
    for (size_t i = 0; i < outputs.size(); ++i)
      RK_CHECK(device.copy_out(stream, outputs[i].data(), to[i], int64_t(outputs[i].size() * 4)));
    return stream.synchronize();
  }
};

}  // namespace rekindle
