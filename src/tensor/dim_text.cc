// Dims as text and as bytes: the canonical spelling, and the parser that reads any spelling.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>

#include "tensor/dim_expr.h"

namespace rekindle {

namespace {

using Kind = DimExpr::Kind;

constexpr int kDeepestText = 64;
constexpr size_t kLongestSymbol = 256;  // as it is kept
constexpr size_t kCutSymbol = 200;      // how much of a longer one stays, before its hash

bool starts_symbol(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool in_symbol(char c) { return starts_symbol(c) || is_digit(c) || c == '.'; }

/// Something that may stand beside '/': a product as numerator, an atom or a number as denominator.
std::string operand_text(const Dim& d, bool denominator) {
  const DimExpr* e = DimArithmetic::expr(d);
  const bool bare = e == nullptr || e->kind != Kind::sum ||
                    (!denominator && e->sum.terms.size() == 1 && e->sum.constant == 0);
  return bare ? d.to_string() : "(" + d.to_string() + ")";
}

/// sum := product (('+' | '-') product)*; product := factor ('*' factor)*;
/// factor := number | '-' factor | '(' sum ')' | symbol | floor(p/f) | ceil(p/f) | mod(s, s) | min(s, …) |
/// max | broadcast
class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}

  Result<Dim> whole() {
    if (text_.size() > kLongestDimText)
      return fail("is longer than " + std::to_string(kLongestDimText) + " characters");
    RK_TRY(Dim d, sum());
    skip_spaces();
    if (at_ != text_.size()) return fail("has " + quoted_next() + ", expected an operator or the end");
    return d;
  }

 private:
  Status fail(const std::string& what) const {
    const std::string_view shown = text_.substr(0, 80);
    return Status::error(Code::invalid_argument, "dim \"" + std::string(shown) +
                                                     (shown.size() < text_.size() ? "…" : "") + "\" column " +
                                                     std::to_string(at_ + 1) + " " + what);
  }
  std::string quoted_next() const {
    return at_ < text_.size() ? "'" + std::string(1, text_[at_]) + "'" : "the end";
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  Status expect(char c) {
    if (take(c)) return {};
    return fail("has " + quoted_next() + ", expected '" + std::string(1, c) + "'");
  }

  /// Arithmetic past its limits gives an unknown; stopping there bounds what a hostile text can make us
  /// intern.
  Result<Dim> bounded(Dim d) const {
    if (d.is_unknown()) return fail("is too large an expression, expected fewer terms");
    return d;
  }

  Result<Dim> sum() {
    RK_TRY(Dim total, product());
    for (;;) {
      const bool plus = take('+');
      if (!plus && !take('-')) return total;
      RK_TRY(Dim next, product());
      RK_TRY(total, bounded(plus ? total + next : total - next));
    }
  }
  Result<Dim> product() {
    RK_TRY(Dim all, factor());
    while (take('*')) {
      RK_TRY(Dim next, factor());
      RK_TRY(all, bounded(all * next));
    }
    return all;
  }
  Result<Dim> factor() {
    if (++depth_ > kDeepestText) return fail("is nested deeper than " + std::to_string(kDeepestText));
    Result<Dim> result = factor_inside();
    --depth_;
    return result;
  }
  Result<Dim> factor_inside() {
    skip_spaces();
    if (at_ < text_.size() && starts_symbol(text_[at_])) return symbol_or_call();
    if (at_ < text_.size() &&
        (is_digit(text_[at_]) || (text_[at_] == '-' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))))
      return number();
    if (take('-')) {
      RK_TRY(Dim d, factor());
      return d * Dim(-1);
    }
    if (take('(')) {
      RK_TRY(Dim d, sum());
      RK_CHECK(expect(')'));
      return d;
    }
    return fail("has " + quoted_next() + ", expected a number, a symbol or '('");
  }
  Result<Dim> number() {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{}) return fail("has a number outside 64 bits");
    at_ = size_t(end - text_.data());
    return Dim(value);
  }
  Result<Dim> symbol_or_call() {
    const size_t begin = at_;
    while (at_ < text_.size() && in_symbol(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (!take('(')) return Dim::symbol(name);
    if (name == "floor" || name == "ceil") {
      RK_TRY(Dim a, product());
      RK_CHECK(expect('/'));
      RK_TRY(Dim b, factor());
      RK_CHECK(expect(')'));
      return bounded(name == "floor" ? floor_div(a, b) : ceil_div(a, b));
    }
    Dim (*function)(Dim, Dim) = name == "mod"         ? &mod
                                : name == "min"       ? static_cast<Dim (*)(Dim, Dim)>(&min)
                                : name == "max"       ? static_cast<Dim (*)(Dim, Dim)>(&max)
                                : name == "broadcast" ? &broadcast
                                                      : nullptr;
    if (function == nullptr)
      return fail("has the function " + std::string(name) +
                  ", expected floor, ceil, mod, min, max or broadcast");
    RK_TRY(Dim result, sum());
    RK_CHECK(expect(','));
    do {
      RK_TRY(Dim next, sum());
      RK_TRY(result, bounded(function(result, next)));
    } while (name != "mod" && take(','));
    RK_CHECK(expect(')'));
    return result;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::string sum_text(const DimSum& sum) {
  std::string text;
  for (const DimTerm& t : sum.terms) {
    const bool negative = t.coefficient < 0;
    text += text.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    if (t.coefficient != 1 && t.coefficient != -1)
      text += std::to_string(negative ? -t.coefficient : t.coefficient) + "*";
    for (size_t i = 0; i < t.factors.size(); ++i) text += (i ? "*" : "") + t.factors[i]->text;
  }
  if (sum.constant > 0) text += " + " + std::to_string(sum.constant);
  if (sum.constant < 0) text += " - " + std::to_string(-sum.constant);
  return text;
}

std::string atom_text(Kind kind, const std::vector<Dim>& args) {
  if (kind == Kind::floor_div)
    return "floor(" + operand_text(args[0], false) + "/" + operand_text(args[1], true) + ")";
  std::string text = kind == Kind::mod   ? "mod("
                     : kind == Kind::min ? "min("
                     : kind == Kind::max ? "max("
                                         : "broadcast(";
  for (size_t i = 0; i < args.size(); ++i) text += (i ? ", " : "") + args[i].to_string();
  return text + ")";
}

Result<Dim> parse_dim(std::string_view text) { return DimParser(text).whole(); }

std::string sanitize_symbol(std::string_view onnx_name) {
  std::string name(onnx_name.size() > kLongestSymbol ? onnx_name.substr(0, kCutSymbol) : onnx_name);
  for (char& c : name)
    if (!in_symbol(c)) c = '_';
  if (name.empty() || !starts_symbol(name[0])) name.insert(name.begin(), '_');
  if (onnx_name.size() > kLongestSymbol) {  // cut names stay apart by a hash (FNV-1a) of the whole
    uint64_t hash = 0xcbf29ce484222325;
    for (const char c : onnx_name) hash = (hash ^ uint8_t(c)) * 0x100000001b3;
    name += "_" + std::to_string(hash);
  }
  return name;
}

void encode(Encoder& e, const Dim& d) {
  encode(e, d.is_symbolic());
  if (d.is_symbolic())
    encode(e, d.to_string());
  else
    encode(e, *d.as_int());
}

void decode(Decoder& d, Dim& dim) {
  bool symbolic = false;
  decode(d, symbolic);
  dim = 0;
  if (!d.ok()) return;
  if (!symbolic) {
    int64_t value = 0;
    decode(d, value);
    dim = value;
    return;
  }
  std::string text;
  decode(d, text);
  if (!d.ok()) return;
  // A plan repeats few dims many times: remembering them saves most of the parsing. A new one stays in the
  // interning table for good, so it counts as memory that the data take.
  struct Seen {
    std::string text;
    Dim dim;
  };
  thread_local std::array<Seen, 1024> last_seen;
  Seen& seen = last_seen[std::hash<std::string>()(text) % last_seen.size()];
  if (text.empty() || seen.text != text) {
    constexpr size_t kBytesOfADim = 1024;
    if (!d.charge(kBytesOfADim)) return;
    const Result<Dim> parsed = parse_dim(text);
    if (!parsed.ok()) return d.fail(parsed.status().message());
    seen = {std::move(text), *parsed};
  }
  dim = seen.dim;
}

}  // namespace rekindle
