// Runs converters.cases: each ONNX model there must become the IR below it, or the error.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "onnx/converter.h"
#include "onnx/import.h"
#include "onnx/model_text.h"

namespace rekindle::onnx {
namespace {

struct Case {
  int line = 0;
  std::string model, expected;
};

std::vector<Case> read_cases(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<Case> cases;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] != ' ')
      cases.push_back({number, line, {}});
    else
      cases.back().expected += line + "\n";
  }
  return cases;
}

/// The statements of the graph's text without its header and last line; or "  ! " and the error.
std::string import_text(const std::string& model) {
  const std::string bytes = test::model(model);
  const auto imported = import_bytes(test::as_bytes(bytes));
  if (!imported.ok()) return "  ! " + imported.status().message() + "\n";
  if (const Status verified = imported->graph.verify(); !verified.ok())
    return "  verify: " + verified.to_string() + "\n";
  std::string text = print(imported->graph);
  text.erase(0, text.find('\n') + 1);
  const size_t last = text.rfind("  return");
  std::string returned = text.substr(last);
  text.erase(last);
  return text.empty() ? returned.substr(0, returned.size() - 2) : text;
}

TEST(Converters, Cases) {
  std::stringstream all;
  int wrong = 0;
  for (const Case& c : read_cases(std::string(RK_SOURCE_DIR) + "/tests/onnx/converters.cases")) {
    const std::string actual = import_text(c.model);
    all << c.model << "\n" << actual;
    if (actual == c.expected) continue;
    ++wrong;
    ADD_FAILURE_AT("tests/onnx/converters.cases", c.line) << c.model << "\nbecomes\n"
                                                          << actual << "expected\n"
                                                          << c.expected;
  }
  if (wrong > 0) {  // to be looked at, and copied where it is right
    std::ofstream(testing::TempDir() + "converters.cases.actual") << all.str();
  }
}

/// Every converter has a case, so that one cannot be added without a test.
TEST(Converters, AllHaveACase) {
  std::set<std::string> named;
  for (const Case& c : read_cases(std::string(RK_SOURCE_DIR) + "/tests/onnx/converters.cases")) {
    for (size_t at = 0; (at = c.model.find('(', at)) != std::string::npos; ++at) {
      size_t from = at;
      while (from > 0 && (std::isalnum(c.model[from - 1]) || c.model[from - 1] == '_')) --from;
      named.insert(c.model.substr(from, at - from));
    }
  }
  for (const Converter& converter : converters()) {
    if (std::set<std::string_view>{"If", "Loop", "Scan", "SequenceMap"}.contains(converter.op_type))
      continue;  // their graphs are no text: import_test.cc, loops_test.cc
    EXPECT_TRUE(named.contains(std::string(converter.op_type))) << converter.op_type << " has no case";
  }
}

TEST(Converters, TableIsSound) {
  std::map<std::tuple<std::string_view, std::string_view, int>, int> ranges;
  for (const Converter& c : converters()) {
    EXPECT_LE(c.since, c.until) << c.op_type;
    EXPECT_LE(c.least_inputs, c.most_inputs) << c.op_type;
    for (const Converter& other : converters())
      if (&c != &other && c.op_type == other.op_type && c.domain == other.domain) {
        EXPECT_TRUE(c.until < other.since || other.until < c.since) << c.op_type << " has overlapping ranges";
      }
  }
  EXPECT_EQ(find_converter("", "Upsample", 10), nullptr);
  EXPECT_NE(find_converter("", "Upsample", 9), nullptr);
  EXPECT_EQ(known_opsets("", "Upsample"), "opset 1 to 9");
  EXPECT_EQ(known_opsets("", "Gelu"), "opset 20 and later");
  EXPECT_EQ(known_opsets("com.microsoft", "Conv"), "");
}

}  // namespace
}  // namespace rekindle::onnx
