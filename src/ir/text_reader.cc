// Tokens of IR text. Nothing here recurses, and every loop moves forward.
// SPDX-License-Identifier: Apache-2.0
#include "ir/text_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace rekindle {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '.'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// A character for a message: itself, or its code when it does not print.
std::string shown(char c) {
  if (c == 0) return "the end";
  if (c >= 32 && c < 127) return "'" + std::string(1, c) + "'";
  const char* digits = "0123456789abcdef";
  return std::string("the character \\x") + digits[uint8_t(c) >> 4] + digits[uint8_t(c) & 15];
}

template <class T> std::string shortest(T value) {
  if (std::isnan(value)) return "nan";
  char buffer[64];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end);
}

}  // namespace

std::string number_text(float value) { return shortest(value); }
std::string number_text(double value) { return shortest(value); }

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\', out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (uint8_t(c) < 32 || c == 127) {
      const char* digits = "0123456789abcdef";
      out += "\\x", out += digits[uint8_t(c) >> 4], out += digits[uint8_t(c) & 15];
    } else {
      out += c;  // UTF-8 passes through
    }
  }
  return out + "\"";
}

std::string printed_name(std::string_view name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), is_name_character);
  return plain ? std::string(name) : quote(name);
}

void TextReader::skip_space() {
  while (at_ < text_.size()) {
    if (text_[at_] == '#')
      at_ = std::min(text_.find('\n', at_), text_.size());
    else if (is_blank(text_[at_]))
      ++at_;
    else
      return;
  }
}

bool TextReader::at_end() {
  skip_space();
  return at_ == text_.size();
}

char TextReader::peek() { return at_end() ? 0 : text_[at_]; }

bool TextReader::accept(std::string_view symbol) {
  skip_space();
  if (text_.substr(at_, symbol.size()) != symbol) return false;
  // A word is taken whole: "return" does not start "returned".
  const size_t end = at_ + symbol.size();
  if (!symbol.empty() && is_letter(symbol.back()) && end < text_.size() &&
      (is_letter(text_[end]) || is_digit(text_[end])))
    return false;
  at_ = end;
  return true;
}

bool TextReader::accept_number_sign() {
  size_t at = at_;
  while (at < text_.size() && is_blank(text_[at])) ++at;
  if (at == text_.size() || text_[at] != '#') return false;
  at_ = at + 1;
  return true;
}

Status TextReader::expect(std::string_view symbol) {
  if (accept(symbol)) return {};
  return error("found " + shown(peek()) + ", expected '" + std::string(symbol) + "'");
}

Result<std::string> TextReader::identifier() {
  skip_space();
  const size_t start = at_;
  if (at_ < text_.size() && is_letter(text_[at_]))
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
  if (at_ == start) return error("found " + shown(peek()) + ", expected a name");
  return std::string(text_.substr(start, at_ - start));
}

Result<std::string> TextReader::name_after(char sign, std::string_view what) {
  if (peek() != sign) return error("found " + shown(peek()) + ", expected " + std::string(what));
  ++at_;
  if (at_ < text_.size() && text_[at_] == '"') {
    RK_TRY(std::string name, quoted());
    if (name.empty()) return error("the name after " + std::string(1, sign) + " is empty");
    return name;
  }
  const size_t start = at_;
  while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
  if (at_ == start) return error("nothing follows " + std::string(1, sign) + ", expected a name");
  return std::string(text_.substr(start, at_ - start));
}

Result<std::string> TextReader::value_name() { return name_after('%', "a value such as %x"); }
Result<std::string> TextReader::graph_name() { return name_after('@', "a graph's name such as @main"); }

Result<std::string> TextReader::quoted() {
  RK_CHECK(expect("\""));
  std::string out;
  for (;;) {
    if (at_ == text_.size()) return error("a quoted text does not end, expected '\"'");
    const char c = text_[at_++];
    if (c == '"') return out;
    if (c != '\\') {
      out += c;
      continue;
    }
    const char escaped = at_ < text_.size() ? text_[at_++] : '\0';
    if (escaped == 'n')
      out += '\n';
    else if (escaped == 't')
      out += '\t';
    else if (escaped == '\\' || escaped == '"')
      out += escaped;
    else if (escaped == 'x' && at_ + 2 <= text_.size() && hex_digit(text_[at_]) >= 0 &&
             hex_digit(text_[at_ + 1]) >= 0)
      out += char(hex_digit(text_[at_]) * 16 + hex_digit(text_[at_ + 1])), at_ += 2;
    else
      return error("an unknown escape in a quoted text, expected \\n, \\t, \\\\, \\\" or \\xHH");
  }
}

Result<std::string_view> TextReader::number_text() {
  skip_space();
  const size_t start = at_;
  if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    const bool exponent_sign = (c == '-' || c == '+') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
    if (!is_name_character(c) && !exponent_sign) break;
    ++at_;
  }
  if (at_ == start) return error("found " + shown(peek()) + ", expected a number");
  const size_t sign = text_[start] == '+' ? 1 : 0;  // from_chars takes no plus
  return text_.substr(start + sign, at_ - start - sign);
}

Result<double> TextReader::number() {
  RK_TRY(const std::string_view token, number_text());
  double value = 0;
  auto [end, problem] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (problem != std::errc() || end != token.data() + token.size())
    return error("'" + std::string(token.substr(0, 40)) + "' is not a number");
  return value;
}

Result<int64_t> TextReader::integer() {
  RK_TRY(const std::string_view token, number_text());
  int64_t value = 0;
  auto [end, problem] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (problem != std::errc() || end != token.data() + token.size())
    return error("'" + std::string(token.substr(0, 40)) + "' is not a 64-bit integer");
  return value;
}

std::string_view TextReader::until(std::string_view stops) {
  skip_space();
  const size_t start = at_;
  int depth = 0;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (depth == 0 && stops.find(c) != std::string_view::npos) break;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (depth < 0) break;
  }
  return text_.substr(start, at_ - start);
}

Result<TensorType> TextReader::type() {
  skip_space();
  const size_t start = at_;
  RK_TRY(std::string dtype, identifier());
  if (peek() == '[') {
    ++at_;
    until("]");
    if (at_ < text_.size()) ++at_;
  }
  auto parsed = parse_type(text_.substr(start, at_ - start));
  if (!parsed.ok()) return error(parsed.status().message());
  return parsed;
}

Status TextReader::error(const std::string& message) const {
  const std::string_view before = text_.substr(0, std::min(at_, text_.size()));
  const size_t line = size_t(std::count(before.begin(), before.end(), '\n')) + 1;
  const size_t last = before.rfind('\n');
  const size_t column = before.size() - (last == std::string_view::npos ? 0 : last + 1) + 1;
  return Status::error(Code::invalid_argument, "line " + std::to_string(line) + ", column " +
                                                   std::to_string(column) + ": " + message);
}

}  // namespace rekindle
