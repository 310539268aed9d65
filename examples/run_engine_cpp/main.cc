// Compiles an ONNX model, or loads an engine, and runs it in several threads that share it.
//
//   run_engine_cpp MODEL.onnx | FILE.engine [THREADS]
//
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "rekindle/rekindle.hpp"

namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

rekindle::Engine open_engine(const std::string& path) {
  if (!ends_with(path, ".onnx")) return rekindle::Engine::load(path);
  return rekindle::Builder(path)
      .effort(0)
      .progress(
          [](std::string_view phase, int, int) { std::printf("%.*s\n", int(phase.size()), phase.data()); })
      .build()
      .load();
}

/// An input of 32-bit floats: 0, 0.001, 0.002, … Dims that are not fixed get their usual size.
struct Input {
  std::string name;
  rekindle::Shape shape;
  std::vector<float> values;
};
Input make_input(const rekindle::Binding& binding) {
  if (binding.dtype != REKINDLE_F32) {
    std::fprintf(stderr, "input %s is %s; this example makes up 32-bit floats only\n", binding.name.c_str(),
                 binding.type.c_str());
    std::exit(1);
  }
  Input input{binding.name, binding.dims, {}};
  size_t count = 1;
  for (size_t i = 0; i < input.shape.size(); ++i) {
    if (input.shape[i] < 0) input.shape[i] = std::max<int64_t>(1, std::max(binding.min[i], binding.opt[i]));
    count *= size_t(input.shape[i]);
  }
  for (size_t i = 0; i < count; ++i) input.values.push_back(float(i % 1000) * 0.001F);
  return input;
}

std::string text_of(const std::string& name, const rekindle::Tensor& tensor) {
  std::string text = name + " [";
  for (size_t i = 0; i < tensor.shape().size(); ++i)
    text += (i ? ", " : "") + std::to_string(tensor.shape()[i]);
  text += "]";
  if (const float* values = tensor.data<float>())
    for (int64_t i = 0; i < std::min<int64_t>(tensor.count(), 8); ++i)
      text += " " + std::to_string(values[i]);
  return text;
}

/// One thread's work: a context of its own, the engine shared.
std::string run(const rekindle::Engine& engine) {
  rekindle::Context context = engine.create_context({1});
  std::vector<Input> inputs;
  for (const rekindle::Binding& b : engine.bindings())
    if (b.is_input) inputs.push_back(make_input(b));
  for (const Input& input : inputs)
    context.bind(input.name, rekindle::Tensor::view(input.values.data(), input.shape));
  context.run();
  std::string text;
  for (const rekindle::Binding& b : engine.bindings())
    if (!b.is_input) text += text_of(b.name, context.output(b.name)) + "\n";
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: run_engine_cpp MODEL.onnx | FILE.engine [THREADS]\n");
    return 2;
  }
  try {
    const rekindle::Engine engine = open_engine(argv[1]);
    std::vector<std::string> results(size_t(argc > 2 ? std::max(1, std::atoi(argv[2])) : 2));
    std::vector<std::thread> threads;
    for (std::string& result : results)
      threads.emplace_back([&] {
        try {
          result = run(engine);
        } catch (const rekindle::Error& error) {
          result = error.what();
        }
      });
    for (std::thread& t : threads) t.join();
    std::printf("%s for %s\n%s", engine.model_name().c_str(), engine.target().c_str(), results[0].c_str());
    for (const std::string& result : results)
      if (result != results[0]) return std::fprintf(stderr, "the threads do not agree\n"), 1;
  } catch (const rekindle::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
