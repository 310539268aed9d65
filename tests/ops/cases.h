// tests/ops/*.cases: one line is one case of one op, for every backend and element type. docs/adding-an-op.md
// explains the format; this header reads it and makes the runs that a line stands for.
//   softmax {axis=-1}  f32[2, N] _ i64[2]{0, 1}  N=1,3  f16: 2e-3  range=-4:4  types=f32,f64  static  =>
//   f32[2] {1, 2} softmax {axis=2}   f32[2, 3]   ! axis 2 is outside rank 2
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <sstream>

#include "ir/attribute_text.h"
#include "ir/graph.h"
#include "ir/text_reader.h"

namespace rekindle::cases {

struct Input {
  TensorType type;              // absent_type() for "_"
  std::optional<Tensor> value;  // written in the line; else random
};

struct Case {
  std::string place;  // "softmax.cases:3"
  std::string text;   // the line; it seeds the random inputs
  std::optional<Op> op;
  std::vector<Input> inputs;
  std::map<std::string, std::vector<int64_t>> symbols;  // every combination is run
  std::map<DType, double> tolerances;                   // absolute and relative
  std::vector<DType> types;   // what f32 is also replaced by; empty: every float type
  double low = -2, high = 2;  // random floats
  std::optional<std::pair<int64_t, int64_t>> integers;  // random integers, both ends included
  bool is_static = false;  // dims mean something to this op's types: no symbolic twin
  std::string error;       // expected in the message of whatever refuses; empty: must work
  std::vector<Tensor> expected;
};

/// One run of a case: concrete types and tensors, in one element type.
struct Instance {
  Op op;
  Types types;
  Tensors inputs;
  Bindings sizes;
  DType variant = DType::f32;  // what stands where the line says f32
};

inline double tolerance_of(const Case& c, DType t) {
  if (auto found = c.tolerances.find(t); found != c.tolerances.end()) return found->second;
  switch (t) {
    case DType::f64:
      return 1e-9;
    case DType::f16:
      return 2e-3;
    case DType::bf16:
      return 1.6e-2;
    default:
      return 1e-5;
  }
}

// ---- reading a line

/// The tensors after "=>"; options may follow them.
inline Status read_expected(TextReader& in, Case& c) {
  for (;;) {
    TextReader ahead = in;
    const auto word = ahead.identifier();
    if (!word.ok() || !dtype_from_name(*word) || ahead.peek() != '[') return {};
    RK_CHECK(parse_value(in, c.expected.emplace_back()));
  }
}

/// "f16: 2e-3", "N=1,3", "range=-4:4", "types=f32,f64", "static", or an input's type with or without its
/// value.
inline Status read_word(TextReader& in, Case& c) {
  TextReader ahead = in;
  RK_TRY(const std::string word, ahead.identifier());
  const auto dtype = dtype_from_name(word);
  if (dtype && ahead.accept(":")) {
    in = ahead;
    RK_TRY(c.tolerances[*dtype], in.number());
    return {};
  }
  if (dtype) {
    TextReader value = in;
    RK_TRY(TensorType type, in.type());
    Input input{std::move(type), std::nullopt};
    if (in.peek() == '{') {
      RK_CHECK(parse_value(value, input.value.emplace()));
      in = value;
    }
    c.inputs.push_back(std::move(input));
    return {};
  }
  in = ahead;
  if (word == "static") return c.is_static = true, Status{};
  if (!in.accept("="))
    return in.error("'" + word + "' is no type and no option, expected static, range=, types= or SYMBOL=");
  if (word == "range") {
    RK_TRY(c.low, in.number());
    RK_CHECK(in.expect(":"));
    RK_TRY(c.high, in.number());
    if (!(c.low <= c.high)) return in.error("the range is empty");
    c.integers = {int64_t(std::ceil(c.low)), int64_t(std::floor(c.high))};
    return c.integers->first <= c.integers->second ? Status{} : (c.integers.reset(), Status{});
  }
  if (word == "types") {
    do {
      RK_TRY(const std::string name, in.identifier());
      const auto type = dtype_from_name(name);
      if (!type) return in.error("'" + name + "' is no element type");
      c.types.push_back(*type);
    } while (in.accept(","));
    return {};
  }
  do {
    RK_TRY(const int64_t size, in.integer());
    c.symbols[word].push_back(size);
  } while (in.accept(","));
  return {};
}

/// Errors name the column. An attribute that the op refuses to read is an expected error where the line has
/// one.
inline Result<Case> parse_case(std::string_view line, const OpTable& ops) {
  Case c;
  c.text = std::string(line);
  std::string_view body = line;
  bool in_quotes = false;
  for (size_t i = 0; i < line.size(); ++i) {  // "! message" ends the line
    if (line[i] == '"' && (i == 0 || line[i - 1] != '\\')) in_quotes = !in_quotes;
    if (in_quotes || line[i] != '!') continue;
    body = line.substr(0, i);
    std::string_view message = line.substr(i + 1);
    message = message.substr(0, message.find("  #"));
    while (!message.empty() && message.front() == ' ') message.remove_prefix(1);
    while (!message.empty() && message.back() == ' ') message.remove_suffix(1);
    if (message.empty()) return Status::error(Code::invalid_argument, "no message follows '!'");
    c.error = std::string(message);
    break;
  }
  TextReader in(body, ops, nullptr);
  RK_TRY(const std::string name, in.identifier());
  const Op* known = ops.find(name);
  if (!known) return in.error("there is no op '" + name + "'");
  auto op = known->parse_attributes(in);
  if (op.ok())
    c.op = *op;
  else if (c.error.empty() || op.status().message().find(c.error) == std::string::npos)
    return op.status();
  else
    return c;
  while (!in.at_end()) {
    if (in.accept("=>")) {
      RK_CHECK(read_expected(in, c));
      if (c.expected.empty()) return in.error("no tensors follow '=>'");
    } else if (in.accept("_")) {
      c.inputs.push_back({absent_type(), std::nullopt});
    } else {
      RK_CHECK(read_word(in, c));
    }
  }
  return c;
}

struct CaseFile {
  std::vector<Case> cases;
  std::vector<std::string> problems;  // lines that do not parse: "softmax.cases:3: line 1, column 9: …"
};
inline CaseFile load_cases(const std::filesystem::path& path, const OpTable& ops) {
  CaseFile file;
  std::ifstream stream(path);
  if (!stream) file.problems.push_back(path.filename().string() + ": cannot be read");
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    const size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string::npos || line[start] == '#') continue;
    auto c = parse_case(line, ops);
    const std::string place = path.filename().string() + ":" + std::to_string(number);
    if (c.ok())
      file.cases.push_back(*std::move(c)), file.cases.back().place = place;
    else
      file.problems.push_back(place + ": " + c.status().message());
  }
  return file;
}

/// Every tests/ops/*.cases, sorted by name.
inline std::vector<std::filesystem::path> case_files() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(RK_SOURCE_DIR) / "tests" / "ops"))
    if (entry.path().extension() == ".cases") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// ---- making runs

inline uint64_t seed_of(std::string_view text) {  // FNV-1a: the same on every machine
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ uint8_t(c)) * 0x100000001b3;
  return hash;
}

inline Tensor random_tensor(const Case& c, DType dtype, const Dims& dims, std::mt19937_64& random) {
  const auto below = [&](int64_t n) { return int64_t(random() % uint64_t(n)); };
  const int64_t count = count_of(dims);
  if (dtype == DType::string) {
    std::vector<std::string> words;
    words.resize(size_t(count));
    for (std::string& w : words) w = std::string(size_t(below(4)), char('a' + below(26)));
    return Tensor::of_strings(dims, std::move(words));
  }
  Tensor t(dtype, dims);
  const bool is_whole = is_integer(dtype);
  int64_t least = is_signed_int(dtype) ? -9 : 0, most = 9;
  if (c.integers) least = c.integers->first, most = c.integers->second;
  if (bits_of(dtype) < 8 && !c.integers)
    least = is_signed_int(dtype) ? -(1 << (bits_of(dtype) - 1)) : 0,
    most = (1 << (bits_of(dtype) - (is_signed_int(dtype) ? 1 : 0))) - 1;
  for (int64_t i = 0; i < count; ++i) {
    if (dtype == DType::boolean)
      t.set_double(i, double(below(2)));
    else if (is_whole)
      t.set_double(i, double(least + below(most - least + 1)));
    else
      t.set_double(i, c.low + (c.high - c.low) * (double(random() >> 11) / double(1ull << 53)));
  }
  return t;
}

/// All combinations of the symbols' values.
inline std::vector<Bindings> combinations(const Case& c) {
  std::vector<Bindings> all{{}};
  for (const auto& [symbol, sizes] : c.symbols) {
    std::vector<Bindings> longer;
    for (const Bindings& b : all)
      for (const int64_t size : sizes) longer.push_back(b), longer.back()[symbol] = size;
    all = std::move(longer);
  }
  return all;
}

inline bool has_f32(const Case& c) {
  return std::any_of(c.inputs.begin(), c.inputs.end(),
                     [](const Input& i) { return i.type.dtype == DType::f32 && !is_absent(i.type); });
}

/// One run of the case with `variant` where the line says f32. The inputs are the f32 ones, rounded.
inline Result<Instance> make_instance(const Case& c, const Bindings& sizes, DType variant) {
  DimMap dims;
  for (const auto& [symbol, size] : sizes) dims.emplace(symbol, size);
  Instance run{c.op->substitute(dims), {}, {}, sizes, variant};
  std::mt19937_64 random(seed_of(c.text));
  for (const Input& input : c.inputs) {
    if (is_absent(input.type)) {
      run.types.push_back(absent_type());
      run.inputs.emplace_back();
      continue;
    }
    RK_TRY(const Dims concrete, eval(input.type.shape, sizes));
    RK_TRY(const int64_t count, checked_count(concrete));
    if (count > (1 << 26))
      return Status::error(Code::invalid_argument, "an input has " + std::to_string(count) + " elements");
    Tensor t = input.value ? *input.value : random_tensor(c, input.type.dtype, concrete, random);
    if (t.dtype() == DType::f32 && variant != DType::f32) {
      RK_TRY(t, cast(t, variant));
    }
    run.types.push_back(t.type());
    run.inputs.push_back(std::move(t));
  }
  return run;
}

/// Evaluates and checks that what comes out is what infer promised.
inline Result<Tensors> evaluate(const Instance& run) {
  RK_TRY(const Types types, run.op.infer(run.types));
  RK_TRY(Tensors out, run.op.evaluate(run.inputs));
  if (types.size() != out.size())
    return Status::error(Code::internal, std::to_string(out.size()) + " outputs came out, inferred " +
                                             std::to_string(types.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    bool same = out[i].dtype() == types[i].dtype && out[i].rank() == types[i].rank();
    for (int d = 0; same && d < out[i].rank(); ++d)
      same =
          types[i].shape[size_t(d)].as_int().value_or(out[i].dims()[size_t(d)]) == out[i].dims()[size_t(d)];
    if (!same)
      return Status::error(Code::internal, "output " + std::to_string(i) + " is " +
                                               out[i].type().to_string() + ", inferred " +
                                               types[i].to_string());
  }
  return out;
}

// ---- comparing

/// Error unless every element is within `tolerance`, absolute or relative; NaN equals NaN, what is no float
/// is equal exactly.
inline Status compare(const Tensor& got, const Tensor& wanted, double tolerance) {
  if (got.type() != wanted.type())
    return Status::error(Code::internal,
                         "is " + got.type().to_string() + ", expected " + wanted.type().to_string());
  const bool exact = !is_float(got.dtype()) && !is_complex(got.dtype());
  if (exact) {
    if (got.same_bits(wanted)) return {};
    return Status::error(Code::internal, "is " + got.to_string() + ", expected " + wanted.to_string());
  }
  for (int64_t i = 0; i < got.count(); ++i) {
    const double a = got.as_double(i), b = wanted.as_double(i);
    if (a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= tolerance * (1 + std::fabs(b)))
      continue;
    return Status::error(Code::internal, "element " + std::to_string(i) + " is " + number_text(a) +
                                             ", expected " + number_text(b) + " within " +
                                             number_text(tolerance));
  }
  return {};
}

/// Outputs of an instance against what the same op gives in f64 for the same inputs, rounded to each output's
/// type.
inline Status compare_with(const Case& c, const Instance& run, const Tensors& got, const Tensors& truth) {
  if (got.size() != truth.size())
    return Status::error(Code::internal, "the number of outputs differs between element types");
  for (size_t i = 0; i < got.size(); ++i) {
    Tensor wanted = truth[i];
    if (wanted.dtype() != got[i].dtype()) {
      RK_TRY(wanted, cast(wanted, got[i].dtype()));
    }
    Status status = compare(got[i], wanted, tolerance_of(c, run.variant));
    if (!status.ok())
      return Status::error(Code::internal, "output " + std::to_string(i) + " in " +
                                               std::string(to_string(run.variant)) + " " + status.message());
  }
  return {};
}

}  // namespace rekindle::cases
