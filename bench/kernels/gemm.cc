// GEMM shapes of the models: 1x1 convolutions, BERT, classifiers; and a large square.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm.h"

#include "kernels/kernel_bench.h"

namespace rekindle::bench {

void bench_gemm(const Options& options) {
  struct Shape {
    int64_t m, n, k;
    bool packed;
  };
  const Shape shapes[] = {
      {1024, 1024, 1024, true},  {1024, 1024, 1024, false}, {3136, 64, 64, true},  {3136, 256, 64, true},
      {3136, 64, 256, true},     {784, 512, 128, true},     {784, 128, 512, true}, {196, 1024, 256, true},
      {196, 256, 1024, true},    {49, 2048, 512, true},     {49, 512, 2048, true}, {12544, 16, 32, true},
      {12544, 96, 16, true},     {3136, 24, 96, true},      {3136, 144, 24, true}, {784, 192, 32, true},
      {784, 32, 192, true},      {196, 576, 96, true},      {196, 96, 576, true},  {49, 960, 160, true},
      {49, 160, 960, true},      {49, 1280, 320, true},     {128, 768, 768, true}, {128, 3072, 768, true},
      {128, 768, 3072, true},    {128, 384, 384, true},     {1, 1000, 2048, true}, {1, 768, 768, true},
      {12 * 128, 128, 64, false}};
  for (const Shape& s : shapes) {
    Tensor a(DType::f32, {s.m, s.k}), b(DType::f32, {s.k, s.n}), c(DType::f32, {s.m, s.n}),
        bias(DType::f32, {s.n});
    for (int64_t i = 0; i < a.count(); ++i) a.data<float>()[i] = float(i % 17) * 0.1f;
    for (int64_t i = 0; i < b.count(); ++i) b.data<float>()[i] = float(i % 13) * 0.1f;
    cpu::GemmParams params{false, false, s.packed, s.k, s.n, true, {1, {{"relu", "", {0}}}, {1}}};
    const std::string label = "gemm " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" +
                              std::to_string(s.k) + (s.packed ? "" : " unpacked");
    if (s.packed) b = cpu::pack_gemm_weights(b, false, options.isa);
    Case c1(label, 2.0 * double(s.m * s.n * s.k), "cpu.gemm", to_bytes(params), options.isa, {a, b, bias},
            {c}, options.threads);
    print(c1, options);
  }
}

}  // namespace rekindle::bench
