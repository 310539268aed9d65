// gpu_sweep FILE.json: times every tile of the FP32 product for many shapes on the GPU that is here, beside
// what the cost model expects; tests/backends/cuda/tactics/ranking_test.cc compares the model with such a
// record.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "backends/cuda/code.h"
#include "backends/cuda/device.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/tile.h"
#include "base/file.h"
#include "base/json.h"
#include "compiler/tune.h"
#include "math/matmul.h"

namespace rekindle::bench {
namespace {

struct Shape {
  int64_t rows, columns, depth;
};
// Layers of ResNet-50 and BERT-base at batch 1 and more, and squares.
constexpr Shape kShapes[] = {
    {4096, 4096, 4096}, {1024, 1024, 1024}, {512, 512, 512},  {2048, 512, 2048}, {2048, 2048, 256},
    {3136, 64, 576},    {3136, 256, 64},    {784, 128, 1152}, {784, 512, 128},   {196, 256, 2304},
    {196, 1024, 256},   {49, 512, 4608},    {49, 2048, 512},  {12544, 96, 144},  {6272, 128, 1152},
    {128, 768, 768},    {128, 3072, 768},   {128, 768, 3072}, {4096, 768, 768},  {256, 1000, 2048},
};

struct Point {
  Config config;
  Result<BuiltKernel> built = Status::error(Code::internal, "not compiled");
};

Result<Region> region_of(const Shape& shape) {
  Region region;
  const ValueId a = region.body.add_input("a", {DType::f32, {shape.rows, shape.depth}});
  const ValueId b = region.body.add_input("b", {DType::f32, {shape.depth, shape.columns}});
  RK_TRY(Tensor weights, Tensor::make(DType::f32, {shape.depth, shape.columns}));
  std::mt19937 random(3);
  std::uniform_real_distribution<float> noise(-1, 1);
  for (int64_t i = 0; i < weights.count(); ++i) weights.data<float>()[i] = noise(random);
  region.constants = {nullptr, std::make_shared<const Tensor>(std::move(weights))};
  RK_TRY(const ValueId y, region.body.add1(ops::Matmul{}, {a, b}, "y", ""));
  region.anchor = region.body[y].producer;
  region.body.set_outputs({y});
  return region;
}

void compile_all(const Tactic& tactic, const Region& region, const Target& target,
                 std::vector<Point>& points) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < points.size(); i = next++)
      points[i].built = tactic.build(region, points[i].config, target);
  };
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
}

Json entry_of(const Config& config, const BuiltKernel& built, const Target& target, double microseconds) {
  const cuda::SimtTile tile = cuda::simt_config(config, target).tile;
  Json json;
  json["config"] = to_string(config);
  json["tile"] = {tile.m, tile.n, tile.k, tile.thread_m, tile.thread_n};
  json["min_blocks"] = tile.min_blocks;
  json["splits"] = cuda::axis_of(config, "splits", 1);
  const auto params = from_bytes<cuda::LaunchParams>(built.image.params);
  if (params.ok()) {
    json["registers"] = params->registers;
    json["spill_bytes"] = params->spill_bytes;
    json["shared_bytes"] = params->static_shared_bytes + params->shared_bytes;
  }
  json["us"] = microseconds;
  return json;
}

Result<Json> sweep(const Shape& shape, const Tactic& tactic, const Target& target, Device& device) {
  RK_TRY(const Region region, region_of(shape));
  RK_TRY(const Space space, tactic.offer(region, target));
  std::vector<Point> points;
  for (Config& config : space.configs(2)) points.push_back({std::move(config)});
  compile_all(tactic, region, target, points);
  RK_TRY(Tensor a, Tensor::make(DType::f32, {shape.rows, shape.depth}));
  for (int64_t i = 0; i < a.count(); ++i) a.data<float>()[i] = float(i % 17) / 8 - 1;
  const Tensors inputs{a, *region.constants[1]};
  Json json;
  json["rows"] = shape.rows, json["columns"] = shape.columns, json["depth"] = shape.depth;
  double best = 1e30, chosen = 0, expected = 1e30;
  for (const Point& point : points) {
    if (!point.built.ok()) continue;
    const auto time = measure(device, region, *point.built, 1, &inputs, nullptr);
    if (!time.ok()) continue;
    json["tiles"].push_back(entry_of(point.config, *point.built, target, *time));
    best = std::min(best, *time);
    const auto predicted = tactic.predict(region, point.config, target, &*point.built);
    if (predicted.ok() && predicted->microseconds < expected)
      expected = predicted->microseconds, chosen = *time;
  }
  std::printf("%5ld x %5ld x %5ld  best %8.1f us, the model's choice %8.1f us (expected %8.1f): %.3f\n",
              long(shape.rows), long(shape.columns), long(shape.depth), best, chosen, expected,
              chosen / best);
  return json;
}

Status run(const std::string& path, double seconds) {
  const auto start = std::chrono::steady_clock::now();
  RK_TRY(const std::vector<GpuProperties> gpus, list_gpus());
  if (gpus.empty()) return Status::error(Code::device, "there is no GPU to measure");
  RK_TRY(Target target, parse_target("cuda"));
  target.sm = gpus[0].sm;
  target.units = gpus[0].multiprocessors;
  target.gpu = describe_gpu({gpus[0].name, gpus[0].sm, gpus[0].multiprocessors, gpus[0].l2_bytes,
                             gpus[0].clock_ghz, gpus[0].memory_gb_per_s});
  RK_TRY(const std::shared_ptr<Device> device, open_cuda(0));
  Json json;
  json["schema"] = 1;
  json["device"] = gpus[0].name;
  json["target"] = target.gpu->name;
  for (const Shape& shape : kShapes) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > seconds) break;
    RK_TRY(Json one, sweep(shape, cuda::gemm_tactic(), target, *device));
    json["shapes"].push_back(std::move(one));
    std::fflush(stdout);
    RK_CHECK(write_file_atomically(path, to_text(json, -1) + "\n"));
  }
  return {};
}

}  // namespace
}  // namespace rekindle::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: gpu_sweep FILE.json [SECONDS]\n");
    return 2;
  }
  const rekindle::Status status = rekindle::bench::run(argv[1], argc > 2 ? std::atof(argv[2]) : 120);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 3;
}
