// Runs tests/passes/*.rkir: "# case: NAME", a graph, "# becomes" and a graph, or "# becomes: unchanged". The
// file's stem is the pass. With RK_UPDATE_GOLDENS in the environment the files are rewritten instead.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "ir/subgraph.h"
#include "ops/table.h"
#include "passes/pass.h"

namespace rekindle {
namespace {

struct GoldenCase {
  std::string name, before, becomes;
  bool unchanged = false;
};

std::vector<GoldenCase> read_cases(const std::filesystem::path& path) {
  std::vector<GoldenCase> cases;
  std::ifstream in(path);
  bool after = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# case: ")) {
      cases.push_back({line.substr(8), "", "", false});
      after = false;
    } else if (line == "# becomes" || line == "# becomes: unchanged") {
      after = true;
      cases.back().unchanged = line != "# becomes";
    } else if (!cases.empty()) {
      (after ? cases.back().becomes : cases.back().before) += line + "\n";
    }
  }
  return cases;
}

/// Noise for floats, 0 or 1 for the rest; every symbol is 3.
Result<Tensors> made_up_inputs(const Graph& graph) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> noise(0.1, 2);  // also under roots and logarithms
  Tensors inputs;
  for (const ValueId v : graph.inputs) {
    std::set<std::string, std::less<>> symbols;
    for (const Dim& d : graph[v].type.shape) d.collect_symbols(symbols);
    Bindings sizes;
    for (const std::string& s : symbols) sizes[s] = 3;
    RK_TRY(const Dims dims, eval(graph[v].type.shape, sizes));
    RK_TRY(Tensor t, Tensor::make(graph[v].type.dtype, dims));
    for (int64_t i = 0; i < t.count(); ++i)
      t.set_double(i, is_float(t.dtype()) ? noise(random) : double(random() % 2));
    inputs.push_back(std::move(t));
  }
  return inputs;
}

/// What a pass makes of a graph must give the same results.
void expect_same_results(const Graph& before, const Graph& after, const std::string& name) {
  const auto inputs = made_up_inputs(before);
  ASSERT_TRUE(inputs.ok()) << name << ": " << inputs.status().to_string();
  const auto expected = interpret(before, *inputs), got = interpret(after, *inputs);
  ASSERT_TRUE(expected.ok()) << name << ": " << expected.status().to_string();
  ASSERT_TRUE(got.ok()) << name << ": " << got.status().to_string();
  for (size_t o = 0; o < expected->size(); ++o) {
    const Tensor &e = (*expected)[o], &g = (*got)[o];
    ASSERT_EQ(g.type().to_string(), e.type().to_string()) << name;
    for (int64_t i = 0; i < e.count(); ++i)
      ASSERT_NEAR(g.as_double(i), e.as_double(i), 1e-4 * std::max(1.0, std::fabs(e.as_double(i))))
          << name << ", output " << o << ", element " << i;
  }
}

Result<std::string> run_on(const std::string& pass, const std::string& text, std::string& printed_before) {
  RK_TRY(Graph graph, parse(text, ops::table()));
  RK_CHECK(graph.verify());
  RK_TRY(const Graph before, clone(graph));
  printed_before = print(graph);
  const Pass* found = find_pass(pass);
  if (!found) return Status::error(Code::not_found, "no pass " + pass);
  PassContext context;
  RK_CHECK(found->run(graph, context).status());
  RK_CHECK(graph.verify());
  expect_same_results(before, graph, pass);
  return print(graph);
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void run_file(const std::filesystem::path& path) {
  std::string pass = path.stem();
  std::replace(pass.begin(), pass.end(), '_', '-');
  const auto cases = read_cases(path);
  ASSERT_FALSE(cases.empty()) << path;
  bool any_unchanged = false;
  std::ostringstream updated;
  for (const GoldenCase& c : cases) {
    std::string before;
    const auto got = run_on(pass, c.before, before);
    ASSERT_TRUE(got.ok()) << path.filename() << ", case " << c.name << ": " << got.status().to_string();
    any_unchanged |= c.unchanged;
    updated << "# case: " << c.name << "\n" << trimmed(c.before) << "\n";
    if (*got == before)
      updated << "# becomes: unchanged\n\n";
    else
      updated << "# becomes\n" << trimmed(*got) << "\n\n";
    if (std::getenv("RK_UPDATE_GOLDENS")) continue;
    if (c.unchanged)
      EXPECT_EQ(*got, before) << path.filename() << ", case " << c.name;
    else
      EXPECT_EQ(trimmed(*got), trimmed(c.becomes)) << path.filename() << ", case " << c.name;
  }
  EXPECT_TRUE(any_unchanged) << path.filename() << " has no case that becomes: unchanged";
  if (std::getenv("RK_UPDATE_GOLDENS")) std::ofstream(path) << trimmed(updated.str()) << "\n";
}

TEST(Passes, Goldens) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(RK_SOURCE_DIR) + "/tests/passes")) {
    if (entry.path().extension() != ".rkir") continue;
    SCOPED_TRACE(entry.path().filename().string());
    run_file(entry.path());
    ++files;
  }
  EXPECT_GE(files, 5);
}

}  // namespace
}  // namespace rekindle
