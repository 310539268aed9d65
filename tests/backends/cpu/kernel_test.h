// What tests of CPU kernels share: instruction-set levels, made-up data, and launching a kernel by name.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "backends/cpu/device.h"
#include "base/parallel.h"
#include "tensor/target.h"
#include "tensor/tensor.h"

namespace rekindle::cpu {

/// Every level this machine can run.
inline std::vector<Isa> isa_levels() {
  std::vector<Isa> levels;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512})
    if (isa <= detect_isa()) levels.push_back(isa);
  return levels;
}

inline std::vector<float> random_floats(int64_t n, uint32_t seed, float low = -1, float high = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> distribution(low, high);
  std::vector<float> v(size_t(n), 0.0f);
  for (float& x : v) x = distribution(random);
  return v;
}
inline Tensor random_tensor(Dims dims, uint32_t seed, float low = -1, float high = 1) {
  const int64_t n = count_of(dims);
  return Tensor::of<float>(std::move(dims), random_floats(n, seed, low, high));
}

/// A tensor as an argument: itself, or a view of it with other dims, strides and offset (elements).
struct TestArg {
  Tensor tensor;
  bool present = true;
  bool constant = false;
  std::optional<Dims> dims, strides;
  int64_t offset = 0;
  TestArg(Tensor t) : tensor(std::move(t)) {}  // NOLINT(google-explicit-constructor)
  static TestArg absent() {
    TestArg a{Tensor()};
    a.present = false;
    return a;
  }
  static TestArg weight(Tensor t) {
    TestArg a{std::move(t)};
    a.constant = true;
    return a;
  }
  TestArg view(Dims d, Dims s, int64_t start = 0) && {
    dims = std::move(d), strides = std::move(s), offset = start;
    return std::move(*this);
  }
  ArgShape shape() const {
    return {tensor.dtype(), dims.value_or(tensor.dims()), strides.value_or(Dims{}), present};
  }
  void* data() {
    return present ? static_cast<char*>(tensor.raw()) + offset * bits_of(tensor.dtype()) / 8 : nullptr;
  }
};

/// Runs a kernel once with guarded workspace; the outputs' tensors are written. Fails the test on any error.
inline Status launch(const std::string& name, const std::string& params, Isa isa, std::vector<TestArg> inputs,
                     std::vector<TestArg> outputs, int threads = 2, int runs = 1, const Dims& scalars = {}) {
  auto device = open_cpu(isa);
  RK_TRY(auto kernel, device->load(KernelImage{name, {}, params, 0, 0}, {}));
  std::vector<ArgShape> in, out;
  std::vector<const void*> in_data, constants;
  std::vector<void*> out_data;
  for (TestArg& a : inputs) {
    in.push_back(a.shape());
    in_data.push_back(a.data());
    constants.push_back(a.constant ? a.data() : nullptr);
  }
  for (TestArg& a : outputs) out.push_back(a.shape()), out_data.push_back(a.data());
  LaunchShapes shapes{in, out, {}, scalars, threads, constants};
  RK_TRY(auto ready, kernel->prepare(shapes));
  const int64_t bytes = ready->workspace_bytes();
  constexpr int64_t kGuard = 256;
  RK_TRY(auto memory, device->allocate(bytes + kGuard));
  char* const workspace = static_cast<char*>(memory.get());
  std::memset(workspace, 0xcb, size_t(bytes + kGuard));
  RK_TRY(auto stream, device->create_stream());
  set_threads(threads);
  for (int i = 0; i < runs; ++i) RK_CHECK(ready->run(*stream, in_data.data(), out_data.data(), workspace));
  for (int64_t i = 0; i < kGuard; ++i)
    if (workspace[bytes + i] != char(0xcb))
      return Status::error(Code::internal, name + " wrote past its workspace");
  return {};
}

/// Elements differ by at most atol + rtol * |expected|; says the worst.
inline ::testing::AssertionResult near(const Tensor& got, const Tensor& expected, double atol, double rtol) {
  if (got.dims() != expected.dims())
    return ::testing::AssertionFailure()
           << to_string(got.dims()) << " instead of " << to_string(expected.dims());
  double worst = 0;
  int64_t at = -1;
  for (int64_t i = 0; i < got.count(); ++i) {
    const double g = got.as_double(i), e = expected.as_double(i);
    const bool same = g == e || (std::isnan(g) && std::isnan(e));
    const double over = same ? 0 : std::abs(g - e) / (atol + rtol * std::abs(e));
    if (!(over <= worst)) worst = over, at = i;
    if (std::isnan(over))
      return ::testing::AssertionFailure() << "element " << i << " is " << g << ", expected " << e;
  }
  if (worst <= 1) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "element " << at << " is " << got.as_double(at) << ", expected "
                                       << expected.as_double(at) << " (" << worst << " times the tolerance)";
}

}  // namespace rekindle::cpu
