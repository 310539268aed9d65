// Reads the text of a picture: builds an engine for each of PaddleOCR's two networks and runs them on the
// CPU.
//
//   ocr_demo MODELS_DIR PICTURE [-o OUT.png] [--expect TEXT_FILE]
//
// MODELS_DIR holds ppocr4_det.onnx and ppocr4_rec.onnx (tools/fetch_models). Prints a line of text a line; -o
// draws what was found into a copy of the picture; --expect compares with a file and exits with 1 when
// anything differs. SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "ocr_demo/draw.h"
#include "ocr_demo/onnx_metadata.h"
#include "ocr_demo/read_page.h"
#include "rekindle/rekindle.hpp"

namespace {

using namespace ocr_demo;
using Clock = std::chrono::steady_clock;

constexpr const char* kInput = "x";  // what both networks call their picture

struct Request {
  std::string models, picture, out, expected;
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
  EngineNetwork(const std::string& model, const rekindle::Shape& least, const rekindle::Shape& usual,
                const rekindle::Shape& largest)
      : engine_(rekindle::Builder(model).profile(kInput, least, usual, largest).build().load()),
        context_(engine_.create_context()) {
    for (const rekindle::Binding& binding : engine_.bindings()) {
      if (!binding.is_input) output_ = binding.name;
    }
  }

  Output operator()(const Planes& planes) {
    context_.bind(kInput, rekindle::Tensor::view(planes.values.data(), {1, 3, planes.height, planes.width}));
    context_.run();
    const rekindle::Tensor result = context_.output(output_);
    const auto* values = result.data<float>();
    if (values == nullptr) throw std::runtime_error("the network's output is not float32");
    return {result.shape(), {values, values + result.count()}};
  }

 private:
  rekindle::Engine engine_;
  rekindle::Context context_;
  std::string output_;
};

void draw_lines(Picture picture, const std::vector<Line>& lines, const std::string& path) {
  for (const Line& line : lines) {
    const Point corner = line.rect.corners()[0];
    draw_outline(picture, line.rect, {220, 60, 40});
    draw_label(picture, {corner.x, corner.y - 17}, line.reading.text, {0, 120, 60});
  }
  save_png(picture, path);
}

int read_picture(const Request& request) {
  const Picture picture = load_picture(request.picture);
  const std::string recognizer_path = request.models + "/ppocr4_rec.onnx";
  const auto characters = find_metadata(read_file(recognizer_path), "character");
  if (!characters) throw std::runtime_error(recognizer_path + ": has no metadata called character");

  auto start = Clock::now();
  EngineNetwork detector(request.models + "/ppocr4_det.onnx", {1, 3, 32, 32}, {1, 3, 640, 960},
                         {1, 3, 960, 960});
  EngineNetwork recognizer(recognizer_path, {1, 3, 48, 16}, {1, 3, 48, 480}, {1, 3, 48, 2048});
  const double build_time = milliseconds_since(start);

  start = Clock::now();
  const std::vector<Line> lines =
      read_page(picture, std::ref(detector), std::ref(recognizer), read_alphabet(*characters));
  const double read_time = milliseconds_since(start);

  std::string text;
  for (const Line& line : lines) text += line.reading.text + "\n";
  std::fputs(text.c_str(), stdout);
  std::fprintf(stderr, "%zu lines; engines built in %.0f ms, page read in %.0f ms\n", lines.size(),
               build_time, read_time);
  if (!request.out.empty()) draw_lines(picture, lines, request.out);
  if (!request.expected.empty() && text != read_file(request.expected)) {
    std::fprintf(stderr, "this is not what %s says\n", request.expected.c_str());
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
    std::fputs("usage: ocr_demo MODELS_DIR PICTURE [-o OUT.png] [--expect TEXT_FILE]\n", stderr);
    return 2;
  }
  try {
    return read_picture(request);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ocr_demo: %s\n", error.what());
    return 1;
  }
}
