// Tests that need a GPU: where there is none they are skipped, and say so.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>

#include "backends/cpu/device.h"
#include "backends/cpu/tactics/table.h"
#include "backends/cuda/device.h"
#include "backends/cuda/tactics/table.h"
#include "compiler/build.h"
#include "ops/table.h"
#include "runtime/engine.h"

namespace rekindle::test {

/// ctest counts a program that prints this as skipped.
inline constexpr const char* kNoGpu = "there is no GPU to test on";

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_cuda(0);
    if (!opened.ok()) GTEST_SKIP() << kNoGpu << ": " << opened.status().message();
    gpu = *opened;
    properties = list_gpus()->front();
  }
  /// What a GPU with this compute capability is built for; "" for cubins, ":ptx" for what a driver assembles.
  static Target target_of(int sm, const std::string& suffix = "") {
    Target target;
    target.name = "cuda:sm_" + std::to_string(sm) + suffix;
    target.device = "cuda";
    target.sm = sm;
    target.units = 20;
    return target;
  }
  Target native() const {
    Target target = target_of(properties.sm);
    target.name = "cuda";
    target.units = properties.multiprocessors;
    return target;
  }
  std::shared_ptr<Device> gpu;
  GpuProperties properties;
};

inline Tensor noise(DType dtype, const Dims& dims, uint32_t seed = 1) {
  Tensor tensor = *Tensor::make(dtype, dims);
  for (int64_t i = 0; i < tensor.count(); ++i) {
    seed = seed * 1664525U + 1013904223U;
    tensor.set_double(i, is_float(dtype) ? double(seed >> 8) / double(1 << 23) - 1 : double(seed >> 31));
  }
  return tensor;
}

inline double largest_difference(const Tensor& a, const Tensor& b) {
  double difference = 0, largest = 1e-30;
  for (int64_t i = 0; i < a.count(); ++i) {
    difference = std::max(difference, std::fabs(a.as_double(i) - b.as_double(i)));
    largest = std::max(largest, std::fabs(b.as_double(i)));
  }
  return a.count() == b.count() ? difference / largest : INFINITY;
}

/// The engine of a graph for a GPU, tuned on it where `device` is given.
inline Result<std::shared_ptr<const Engine>> engine_for_gpu(const Graph& graph, const Target& target,
                                                            std::shared_ptr<Device> device, int effort,
                                                            const Profile& profile = {}) {
  CompileOptions options;
  options.target = target;
  options.effort = effort;
  options.threads = 2;
  options.profile = profile;
  Backend backend{std::move(device), cuda::tactics()};
  backend.name = "cuda";
  RK_TRY(backend.host_target, parse_target("cpu"));
  backend.host = std::make_shared<const Backend>(Backend{open_cpu(backend.host_target.isa), cpu::tactics()});
  RK_TRY(Compiled compiled, compile(graph, backend, options));
  EngineContents contents;
  contents.variants = {compiled.variant};
  contents.code = std::as_bytes(std::span(compiled.code));
  contents.weights = std::as_bytes(std::span(compiled.weights));
  RK_TRY(auto bytes, engine_bytes(contents));
  const auto kept = std::make_shared<std::string>(std::move(bytes));
  RK_TRY(EngineFile file, open_engine_bytes(std::as_bytes(std::span(*kept)), kept));
  LoadOptions load;
  load.open_device = [](std::string_view name) -> Result<std::shared_ptr<Device>> {
    if (name == "cuda") return open_cuda(0);
    return open_cpu(detect_isa());
  };
  return Engine::from_file(std::move(file), load);
}

}  // namespace rekindle::test
