// Convolutions of ResNet-50, MobileNetV2, YOLOv5s and SegNet.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv.h"

#include "backends/cpu/kernels/depthwise.h"
#include "backends/cpu/kernels/winograd.h"
#include "kernels/kernel_bench.h"
#include "math/elementwise.h"

namespace rekindle::bench {

void bench_conv(const Options& options) {
  struct Shape {
    const char* label;
    int64_t size, c, o, kernel, stride, pad;
    bool nchw = false;
  };
  const Shape shapes[] = {{"resnet conv1", 224, 3, 64, 7, 2, 3, true},
                          {"resnet 56", 56, 64, 64, 3, 1, 1},
                          {"resnet 28", 28, 128, 128, 3, 1, 1},
                          {"resnet 14", 14, 256, 256, 3, 1, 1},
                          {"resnet 7", 7, 512, 512, 3, 1, 1},
                          {"resnet 56/2", 56, 128, 128, 3, 2, 1},
                          {"resnet 14/2", 14, 512, 512, 3, 2, 1},
                          {"resnet 56 1x1/2", 56, 256, 512, 1, 2, 0},
                          {"mobilenet conv1", 224, 3, 32, 3, 2, 1, true},
                          {"yolo conv1", 640, 3, 32, 6, 2, 2, true},
                          {"yolo 320/2", 320, 32, 64, 3, 2, 1},
                          {"yolo 160", 160, 32, 32, 3, 1, 1},
                          {"yolo 160 1x1", 160, 64, 64, 1, 1, 0},
                          {"yolo 80", 80, 64, 64, 3, 1, 1},
                          {"yolo 40", 40, 128, 128, 3, 1, 1},
                          {"yolo 20", 20, 256, 256, 3, 1, 1},
                          {"segnet 224", 224, 64, 64, 3, 1, 1},
                          {"segnet 112", 112, 128, 128, 3, 1, 1}};
  for (const Shape& s : shapes) {
    const int64_t out = (s.size + 2 * s.pad - s.kernel) / s.stride + 1;
    const Tensor x(DType::f32, s.nchw ? Dims{1, s.c, s.size, s.size} : Dims{1, s.size, s.size, s.c});
    const Tensor w(DType::f32, {s.o, s.c, s.kernel, s.kernel}), y(DType::f32, {1, out, out, s.o}),
        bias(DType::f32, {s.o});
    cpu::ConvParams params;
    params.window = {{s.kernel, s.kernel}, {s.stride, s.stride}, {1, 1}, {s.pad, s.pad}, false, false};
    params.in_channels = s.c, params.out_channels = s.o, params.nchw_input = s.nchw, params.has_bias = true;
    params.tail = {1, {{"relu", "", {0}}}, {1}};
    const std::string label = std::string(s.label) + " " + std::to_string(s.c) + ">" + std::to_string(s.o);
    Case c(label, 2.0 * double(out * out * s.o * s.c * s.kernel * s.kernel), "cpu.conv", to_bytes(params),
           options.isa, {x, cpu::pack_conv_weights(w, 1, options.isa), bias}, {y}, options.threads);
    print(c, options);
    if (s.kernel != 3 || s.stride != 1) continue;
    for (const int64_t tile : {2, 4}) {
      const cpu::WinogradParams w_params{tile, 1, 1, s.c, s.o, true, params.tail};
      Case winograd("  winograd " + std::to_string(tile) + " " + label, c.work(), "cpu.winograd",
                    to_bytes(w_params), options.isa,
                    {x, cpu::pack_winograd_weights(w, tile, options.isa), bias}, {y}, options.threads);
      print(winograd, options);
    }
  }
  const Shape depthwise[] = {
      {"mobilenet 112", 112, 32, 32, 3, 1, 1},   {"mobilenet 112/2", 112, 96, 96, 3, 2, 1},
      {"mobilenet 56", 56, 144, 144, 3, 1, 1},   {"mobilenet 28", 28, 192, 192, 3, 1, 1},
      {"mobilenet 14", 14, 576, 576, 3, 1, 1},   {"mobilenet 7", 7, 960, 960, 3, 1, 1},
      {"efficientnet 14", 14, 672, 672, 5, 1, 2}};
  for (const Shape& s : depthwise) {
    const int64_t out = (s.size + 2 * s.pad - s.kernel) / s.stride + 1;
    const Tensor x(DType::f32, {1, s.size, s.size, s.c}), w(DType::f32, {s.c, 1, s.kernel, s.kernel}),
        y(DType::f32, {1, out, out, s.c}), bias(DType::f32, {s.c});
    cpu::DepthwiseParams params;
    params.window = {{s.kernel, s.kernel}, {s.stride, s.stride}, {1, 1}, {s.pad, s.pad}, false, false};
    params.channels = s.c, params.has_bias = true;
    params.tail = {1, {{"clip", to_bytes(ops::Clip{0, 6}), {0}}}, {1}};
    Case c("depthwise " + std::string(s.label) + " x" + std::to_string(s.c),
           2.0 * double(out * out * s.c * s.kernel * s.kernel), "cpu.depthwise", to_bytes(params),
           options.isa, {x, cpu::pack_depthwise_weights(w), bias}, {y}, options.threads);
    print(c, options);
  }
}

}  // namespace rekindle::bench
