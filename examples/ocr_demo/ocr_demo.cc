// Reads the text of a picture: builds an engine for each of PaddleOCR's two networks and runs them on the
// CPU.
//
//   ocr_demo MODELS_DIR PICTURE [-o OUT_DIR] [--expect TEXT_FILE] [--timing-cache FILE]
//
// MODELS_DIR holds ppocr4_det.onnx and ppocr4_rec.onnx (tools/fetch_models). Prints a line of text a line,
// then a table of what became of the networks. Into OUT_DIR go the text, a copy of the picture with what was
// found drawn into it, and both engines. --expect compares the text with a file and exits with 1 when
// anything differs. With a timing cache a second run builds without measuring.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "ocr_demo/draw.h"
#include "ocr_demo/onnx_metadata.h"
#include "ocr_demo/read_page.h"
#include "ocr_demo/report.h"
#include "rekindle/rekindle.hpp"

namespace {

using namespace ocr_demo;
using Clock = std::chrono::steady_clock;

constexpr const char* kInput = "x";  // what both networks call their picture

struct Request {
  std::string models, picture, out, expected, timing_cache;
};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return text.str();
}

/// A network: the engine is built for every size between the profile's least and largest.
class EngineNetwork {
 public:
  EngineNetwork(std::string name, std::string model, const Request& request, const rekindle::Shape& least,
                const rekindle::Shape& usual, const rekindle::Shape& largest)
      : name_(std::move(name)),
        model_(std::move(model)),
        start_(Clock::now()),
        bytes_(rekindle::Builder(model_)
                   .timing_cache(request.timing_cache)
                   .profile(kInput, least, usual, largest)
                   .build()),
        build_ms_(milliseconds_since(start_)),
        engine_(bytes_.load()),
        context_(engine_.create_context()) {
    for (const rekindle::Binding& binding : engine_.bindings()) {
      if (!binding.is_input) output_ = binding.name;
    }
    if (!request.out.empty()) bytes_.save(request.out + "/" + name_ + ".engine");
  }

  Output operator()(const Planes& planes) {
    if (planes.values.size() > largest_.values.size()) largest_ = planes;
    return run(context_, planes);
  }

  /// Times the largest input so far on the engine and on the reference.
  NetworkReport report() {
    NetworkReport report;
    report.name = name_;
    report.shape = {1, 3, largest_.height, largest_.width};
    report.onnx_nodes = count_nodes(read_file(model_));
    report.kernels = static_cast<int>(context_.step_times().size());
    report.engine_bytes = bytes_.size();
    report.build_ms = build_ms_;
    const Output output = run(context_, largest_);  // warms up
    std::vector<double> times;
    for (const auto start = Clock::now(); times.size() < 10 || milliseconds_since(start) < 1000;) {
      const auto before = Clock::now();
      context_.run();
      times.push_back(milliseconds_since(before));
    }
    report.engine_ms = median(times);
    compare_with_reference(output, report);
    return report;
  }

 private:
  Output run(rekindle::Context& context, const Planes& planes) const {
    context.bind(kInput, rekindle::Tensor::view(planes.values.data(), {1, 3, planes.height, planes.width}));
    context.run();
    const rekindle::Tensor result = context.output(output_);
    const auto* values = result.data<float>();
    if (values == nullptr) throw std::runtime_error("the network's output is not float32");
    return {result.shape(), {values, values + result.count()}};
  }

  /// An engine that no pass has touched and that has none of the fast kernels does what the model says, node
  /// by node.
  void compare_with_reference(const Output& output, NetworkReport& report) const {
    const rekindle::Engine reference = rekindle::Builder(model_)
                                           .disable("passes")
                                           .disable("kernels")
                                           .effort(0)
                                           .profile(kInput, report.shape, report.shape, report.shape)
                                           .build()
                                           .load();
    rekindle::Context context = reference.create_context();
    const auto start = Clock::now();
    const Output expected = run(context, largest_);
    report.reference_ms = milliseconds_since(start);
    float largest = 0, difference = 0;
    for (size_t i = 0; i < expected.values.size(); ++i) {
      largest = std::max(largest, std::abs(expected.values[i]));
      difference = std::max(difference, std::abs(expected.values[i] - output.values.at(i)));
    }
    report.largest_error = difference / largest;
  }

  std::string name_, model_;
  Clock::time_point start_;
  rekindle::EngineBytes bytes_;
  double build_ms_;
  rekindle::Engine engine_;
  rekindle::Context context_;
  std::string output_;
  Planes largest_;
};

void draw_lines(Picture picture, const std::vector<Line>& lines, const std::string& path) {
  for (const Line& line : lines) {
    const Point corner = line.rect.corners()[0];
    draw_outline(picture, line.rect, {220, 60, 40});
    draw_label(picture, {corner.x, corner.y - 17}, line.reading.text, {0, 120, 60});
  }
  save_png(picture, path);
}

/// OUT_DIR/sample.txt and OUT_DIR/sample.png for a picture called sample.
void write_results(const Request& request, const Picture& picture, const std::vector<Line>& lines,
                   const std::string& text) {
  const std::string stem = request.out + "/" + std::filesystem::path(request.picture).stem().string();
  std::ofstream file(stem + ".txt", std::ios::binary);
  if (!(file << text) || !file.flush()) throw std::runtime_error(stem + ".txt: cannot be written");
  draw_lines(picture, lines, stem + ".png");
  std::printf("\n%s.png shows where it was found, %s.txt has the text\n", stem.c_str(), stem.c_str());
}

int read_picture(const Request& request) {
  const Picture picture = load_picture(request.picture);
  const std::string recognizer_path = request.models + "/ppocr4_rec.onnx";
  const auto characters = find_metadata(read_file(recognizer_path), "character");
  if (!characters) throw std::runtime_error(recognizer_path + ": has no metadata called character");
  if (!request.out.empty()) std::filesystem::create_directories(request.out);

  EngineNetwork detector("detector", request.models + "/ppocr4_det.onnx", request, {1, 3, 32, 32},
                         {1, 3, 640, 960}, {1, 3, 960, 960});
  EngineNetwork recognizer("recognizer", recognizer_path, request, {1, 3, 48, 16}, {1, 3, 48, 480},
                           {1, 3, 48, 2048});
  const auto start = Clock::now();
  const std::vector<Line> lines =
      read_page(picture, std::ref(detector), std::ref(recognizer), read_alphabet(*characters));
  const double read_time = milliseconds_since(start);

  std::string text;
  for (const Line& line : lines) text += line.reading.text + "\n";
  std::fputs(text.c_str(), stdout);
  if (!request.out.empty()) write_results(request, picture, lines, text);
  std::printf("%zu lines read in %.0f ms\n\n", lines.size(), read_time);
  std::vector<NetworkReport> reports = {detector.report()};
  if (!lines.empty()) reports.push_back(recognizer.report());
  std::fputs(format_report(reports).c_str(), stdout);
  if (!request.expected.empty() && text != read_file(request.expected)) {
    std::fprintf(stderr, "ocr_demo: the text differs from %s\n", request.expected.c_str());
    return 1;
  }
  return 0;
}

/// False when the arguments make no sense.
bool parse(int count, char** arguments, Request& request) {
  std::vector<std::string> places;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "-o" && i + 1 < count) {
      request.out = arguments[++i];
    } else if (argument == "--expect" && i + 1 < count) {
      request.expected = arguments[++i];
    } else if (argument == "--timing-cache" && i + 1 < count) {
      request.timing_cache = arguments[++i];
    } else {
      places.push_back(argument);
    }
  }
  if (places.size() != 2 || places[0].rfind('-', 0) == 0 || places[1].rfind('-', 0) == 0) return false;
  request.models = places[0];
  request.picture = places[1];
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  Request request;
  if (!parse(count, arguments, request)) {
    std::fputs("usage: ocr_demo MODELS_DIR PICTURE [-o OUT_DIR] [--expect TEXT_FILE] [--timing-cache FILE]\n",
               stderr);
    return 2;
  }
  try {
    return read_picture(request);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ocr_demo: %s\n", error.what());
    return 1;
  }
}
