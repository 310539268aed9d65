// Runs every line of tests/ops/*.cases on the references: types against results, symbolic types against
// concrete ones, known answers, and every float type against f64. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "ops/cases.h"
#include "ops/table.h"

namespace rekindle::cases {
namespace {

Status wrong(const Case& c, const std::string& what) {
  return Status::error(Code::internal, c.place + ": " + what + "\n  in: " + c.text);
}

/// The line promises an error: some step must refuse with that message, for every combination of sizes.
Status check_refusal(const Case& c) {
  if (!c.op) return {};  // its attributes were refused
  for (const Bindings& sizes : combinations(c)) {
    RK_TRY(const Instance run, make_instance(c, sizes, DType::f32));
    const auto out = evaluate(run);
    if (out.ok()) return wrong(c, "works, expected the error: " + c.error);
    if (out.status().message().find(c.error) == std::string::npos)
      return wrong(c, "is refused with: " + out.status().message() + "; expected: " + c.error);
  }
  return {};
}

/// The outputs' types inferred from symbolic inputs must give the outputs' sizes when the symbols get theirs.
Status check_types(const Case& c, const Types& symbolic, const Op& op, const Bindings& sizes,
                   const Tensors& out) {
  const auto types = op.infer(symbolic);
  if (!types.ok()) return wrong(c, "is refused with symbolic sizes: " + types.status().message());
  for (size_t i = 0; i < out.size(); ++i) {
    const TensorType& type = (*types)[i];
    if (type.dtype != out[i].dtype() || type.rank() != out[i].rank())
      return wrong(c, "output " + std::to_string(i) + " is " + out[i].type().to_string() + ", symbolically " +
                          type.to_string());
    for (int d = 0; d < type.rank(); ++d) {
      const Dim dim = type.shape[size_t(d)];
      if (dim.to_string().find('?') != std::string::npos) continue;  // known by running only
      const auto value = dim.eval(sizes);
      if (!value.ok() || *value != out[i].dims()[size_t(d)])
        return wrong(c, "output " + std::to_string(i) + " is " + out[i].type().to_string() +
                            ", symbolically " + type.to_string());
    }
  }
  return {};
}

/// Every size of a random input becomes a symbol, equal sizes the same one; 0 and 1 stay, since they mean
/// something.
Status check_symbolic_twin(const Case& c, const Instance& run, const Tensors& out) {
  Types symbolic = run.types;
  Bindings sizes = run.sizes;
  for (size_t i = 0; i < symbolic.size(); ++i) {
    if (c.inputs[i].value || is_absent(symbolic[i])) continue;
    for (Dim& d : symbolic[i].shape) {
      const int64_t size = *d.as_int();
      if (size < 2) continue;
      const std::string symbol = "size_" + std::to_string(size);
      d = Dim::symbol(symbol);
      sizes[symbol] = size;
    }
  }
  return check_types(c, symbolic, run.op, sizes, out);
}

Types declared_types(const Case& c) {
  Types types;
  for (const Input& i : c.inputs) types.push_back(i.type);
  return types;
}

Status check_expected(const Case& c, const Tensors& out) {
  if (c.expected.empty()) return {};
  if (c.expected.size() != out.size())
    return wrong(
        c, "has " + std::to_string(out.size()) + " outputs, expected " + std::to_string(c.expected.size()));
  for (size_t i = 0; i < out.size(); ++i)
    if (Status s = compare(out[i], c.expected[i], tolerance_of(c, out[i].dtype())); !s.ok())
      return wrong(c, "output " + std::to_string(i) + " " + s.message());
  return {};
}

std::vector<DType> variants_of(const Case& c) {
  if (!has_f32(c)) return {};
  if (!c.types.empty()) return c.types;
  return {DType::f32, DType::f16, DType::bf16};
}

/// f32, f16 and bf16 against f64 on the same inputs. An op may refuse a type, unless it is elementwise or the
/// line names it.
Status check_variants(const Case& c, const Bindings& sizes, int& compared) {
  for (const DType variant : variants_of(c)) {
    if (variant == DType::f64) continue;
    RK_TRY(const Instance run, make_instance(c, sizes, variant));
    const bool must_work = !c.types.empty() || variant == DType::f32 || c.op->arity() > 0;
    if (!must_work && !run.op.infer(run.types).ok()) continue;
    const auto out = evaluate(run);
    if (!out.ok())
      return wrong(c, "does not run in " + std::string(to_string(variant)) + ": " + out.status().message());
    Instance exact = run;
    for (size_t i = 0; i < exact.inputs.size(); ++i) {
      if (c.inputs[i].type.dtype != DType::f32 || is_absent(c.inputs[i].type)) continue;
      RK_TRY(exact.inputs[i], cast(run.inputs[i], DType::f64));
      exact.types[i].dtype = DType::f64;
    }
    if (!exact.op.infer(exact.types).ok()) {
      if (c.op->arity() > 0) return wrong(c, "does not run in f64");
      continue;
    }
    const auto truth = evaluate(exact);
    if (!truth.ok()) return wrong(c, "does not run in f64: " + truth.status().message());
    if (Status s = compare_with(c, run, *out, *truth); !s.ok()) return wrong(c, s.message());
    ++compared;
  }
  return {};
}

Status check_case(const Case& c, int& compared) {
  if (!c.error.empty()) return check_refusal(c);
  const auto all = combinations(c);
  if (!c.expected.empty() && all.size() != 1)
    return wrong(c, "expects known outputs for more than one combination of sizes");
  for (const Bindings& sizes : all) {
    auto run = make_instance(c, sizes, DType::f32);
    if (!run.ok()) return wrong(c, run.status().message());
    const auto out = evaluate(*run);
    if (!out.ok()) return wrong(c, out.status().message());
    RK_CHECK(check_types(c, declared_types(c), *c.op, sizes, *out));
    if (!c.is_static) RK_CHECK(check_symbolic_twin(c, *run, *out));
    RK_CHECK(check_expected(c, *out));
    RK_CHECK(check_variants(c, sizes, compared));
  }
  return {};
}

class OpCases : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(OpCases, HoldOnTheReference) {
  const CaseFile file = load_cases(GetParam(), ops::table());
  for (const std::string& problem : file.problems) ADD_FAILURE() << problem;
  EXPECT_FALSE(file.cases.empty());
  int compared = 0;
  for (const Case& c : file.cases) {
    const Status status = check_case(c, compared);
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
  RecordProperty("compared_with_f64", compared);
}

INSTANTIATE_TEST_SUITE_P(Files, OpCases, ::testing::ValuesIn(case_files()),
                         [](const auto& file) { return file.param.stem().string(); });

/// A formula that is wrong the same way everywhere is only seen by a known answer.
TEST(OpCases, EveryFormulaHasAKnownAnswer) {
  std::set<std::string_view> answered;
  for (const auto& path : case_files())
    for (const Case& c : load_cases(path, ops::table()).cases)
      if (c.op && !c.expected.empty()) answered.insert(c.op->name());
  for (const Op& op : ops::all()) {
    if (op.arity() == 0) continue;  // no formula: cast and the quantizing ops are structs of their own
    EXPECT_TRUE(answered.contains(op.name())) << op.name() << " has no line with => in tests/ops/*.cases";
  }
}

// ---- the runner itself: each kind of mistake in a line must be found

std::string verdict(std::string_view line) {
  auto c = parse_case(line, ops::table());
  if (!c.ok()) return c.status().message();
  int compared = 0;
  const Status status = check_case(*c, compared);
  return status.ok() ? "ok" : status.message();
}
bool finds(std::string_view line, std::string_view problem) {
  const std::string v = verdict(line);
  if (v.find(problem) != std::string::npos) return true;
  ADD_FAILURE() << v;
  return false;
}

TEST(CaseRunner, FindsWrongAnswers) {
  EXPECT_EQ(verdict("add f32[2]{1, 2} f32[2]{3, 4} => f32[2] {4, 6}"), "ok");
  EXPECT_TRUE(finds("add f32[2]{1, 2} f32[2]{3, 4} => f32[2] {4, 6.01}", "element 1 is 6, expected 6.01"));
  EXPECT_TRUE(finds("add i32[2]{1, 2} i32[2]{3, 4} => i32[2] {4, 7}", "expected i32[2] {4, 7}"));
  EXPECT_TRUE(finds("add f32[2]{1, 2} f32[2]{3, 4} => f32[1, 2] {4, 6}", "expected f32[1, 2]"));
  EXPECT_TRUE(
      finds("add f32[2]{1, 2} f32[2]{3, 4} => f32[2] {4, 6} f32[2] {4, 6}", "has 1 outputs, expected 2"));
}

TEST(CaseRunner, FindsLooseTolerances) {
  EXPECT_TRUE(finds("gelu f32[200] range=-6:6 f32: 1e-12", "in f32 element"));
}

TEST(CaseRunner, FindsMissingAndOtherErrors) {
  EXPECT_EQ(verdict("add f32[2] f32[3] ! do not broadcast"), "ok");
  EXPECT_TRUE(finds("add f32[2] f32[2] ! do not broadcast", "works, expected the error"));
  EXPECT_TRUE(finds("add f32[2] i32[2] ! do not broadcast", "is refused with"));
  EXPECT_TRUE(finds("add f32[2] f32[3]", "do not broadcast"));
  EXPECT_EQ(verdict("clip {lowest=1} f32[2] ! has no attribute 'lowest'"), "ok");
}

TEST(CaseRunner, RefusesLinesItDoesNotUnderstand) {
  EXPECT_TRUE(finds("addd f32[2]", "there is no op 'addd'"));
  EXPECT_TRUE(finds("relu f33[2]", "'f33' is no type and no option"));
  EXPECT_TRUE(finds("relu f32[2] =>", "no tensors follow"));
  EXPECT_TRUE(finds("relu f32[2] !", "no message follows"));
  EXPECT_TRUE(finds("relu f32[2] range=2:1", "the range is empty"));
  EXPECT_TRUE(finds("relu f32[N]", "N"));  // no size for N
}

TEST(CaseRunner, RunsEveryCombinationOfSizes) {
  const auto c = parse_case("add f32[B, M] f32[M] B=1,3 M=2,4,5", ops::table());
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(combinations(*c).size(), 6u);
  int compared = 0;
  EXPECT_TRUE(check_case(*c, compared).ok());
  EXPECT_EQ(compared, 18);
}

TEST(CaseRunner, RandomInputsDependOnTheLineAlone) {
  const auto c = parse_case("relu f32[50]", ops::table()), same = parse_case("relu f32[50]", ops::table()),
             other = parse_case("relu f32[50] ", ops::table());
  const auto a = make_instance(*c, {}, DType::f32), b = make_instance(*same, {}, DType::f32),
             d = make_instance(*other, {}, DType::f32);
  EXPECT_TRUE(a->inputs[0].same_bits(b->inputs[0]));
  EXPECT_FALSE(a->inputs[0].same_bits(d->inputs[0]));
}

}  // namespace
}  // namespace rekindle::cases
