// Parsing by descent into a tree, the tree into states (Thompson's construction), and the simulation.
// SPDX-License-Identifier: Apache-2.0
#include "math/regex.h"

#include <cctype>
#include <memory>
#include <optional>
#include <string>

namespace rekindle {

namespace {

constexpr size_t kMostStates = 100'000;
constexpr int kMostRepeats = 1000, kDeepest = 200;

bool is_word(unsigned char c) { return std::isalnum(c) || c == '_'; }

struct Node {
  enum class Kind : uint8_t { empty, state, both, either, repeat } kind = Kind::empty;
  Regex::State state;
  std::vector<Node> parts;
  int least = 1, most = 1;  // -1: any number
};

}  // namespace

class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : text_(pattern) {}

  Result<Regex> run() {
    RK_TRY(const Node tree, alternatives(0));
    if (at_ < text_.size()) return wrong("')' without '('");
    Regex regex;
    regex.states_.push_back({});  // accept
    RK_TRY(regex.start_, build(regex, tree, 0));
    return regex;
  }

 private:
  Status wrong(const std::string& what) const {
    return Status::error(Code::invalid_argument,
                         "the pattern is wrong at column " + std::to_string(at_ + 1) + ": " + what);
  }
  bool more() const { return at_ < text_.size(); }
  bool take(char c) { return more() && text_[at_] == c ? (++at_, true) : false; }

  Result<Node> alternatives(int depth) {
    if (depth > kDeepest) return wrong("groups are nested too deep");
    Node either{Node::Kind::either, {}, {}};
    do {
      Node both{Node::Kind::both, {}, {}};
      while (more() && text_[at_] != '|' && text_[at_] != ')') {
        RK_TRY(Node piece, repeated(depth));
        both.parts.push_back(std::move(piece));
      }
      either.parts.push_back(std::move(both));
    } while (take('|'));
    return either;
  }

  Result<Node> repeated(int depth) {
    RK_TRY(Node node, single(depth));
    while (more()) {
      int least = 0, most = -1;
      const size_t before = at_;
      if (take('*')) {
      } else if (take('+')) {
        least = 1;
      } else if (take('?')) {
        most = 1;
      } else if (text_[at_] == '{' && counts(least, most)) {
      } else {
        at_ = before;
        break;
      }
      take('?');  // which of several matches is taken does not matter here
      if (least > kMostRepeats || most > kMostRepeats || (most >= 0 && most < least))
        return wrong("a repeat is not within 0 to 1000");
      Node repeat{Node::Kind::repeat, {}, {}, least, most};
      repeat.parts.push_back(std::move(node));
      node = std::move(repeat);
    }
    return node;
  }

  /// "{n}", "{n,}", "{n,m}"; anything else is literal.
  bool counts(int& least, int& most) {
    ++at_;
    const auto number = [&]() -> std::optional<int> {
      int value = 0, digits = 0;
      for (; more() && std::isdigit(static_cast<unsigned char>(text_[at_])) && digits < 6; ++digits)
        value = value * 10 + (text_[at_++] - '0');
      return digits ? std::optional(value) : std::nullopt;
    };
    const auto first = number();
    if (!first) return false;
    least = most = *first;
    if (take(',')) most = number().value_or(-1);
    return take('}');
  }

  static Node of(Regex::State state) { return {Node::Kind::state, std::move(state), {}}; }
  static Node of(Regex::Kind kind) { return of(Regex::State{kind, false, {}, -1, -1}); }

  Result<Node> single(int depth) {
    const char c = text_[at_++];
    switch (c) {
      case '(': {
        if (take('?')) {
          if (take('P') || (more() && text_[at_] == '<')) {  // a name
            while (more() && text_[at_] != '>') ++at_;
            if (!take('>')) return wrong("a name has no end");
          } else if (!take(':')) {
            return wrong("this kind of group is not supported");
          }
        }
        RK_TRY(Node inner, alternatives(depth + 1));
        if (!take(')')) return wrong("'(' without ')'");
        return inner;
      }
      case '[':
        return bracket();
      case '.': {
        Regex::State s{Regex::Kind::any, true, {}, -1, -1};
        s.set.set();
        s.set.reset('\n');
        return of(s);
      }
      case '^':
        return of(Regex::Kind::begin);
      case '$':
        return of(Regex::Kind::end);
      case '*':
      case '+':
      case '?':
        return wrong("nothing to repeat");
      case '\\':
        return escape();
      default: {
        Regex::State s{Regex::Kind::character, false, {}, -1, -1};
        s.set.set(static_cast<unsigned char>(c));
        return of(s);
      }
    }
  }

  /// The class that a letter after a backslash stands for.
  static bool class_of(char letter, std::bitset<256>& set, bool& negated) {
    const char lower = char(std::tolower(letter));
    if (lower != 'd' && lower != 'w' && lower != 's') return false;
    for (int i = 0; i < 128; ++i) {
      const auto u = static_cast<unsigned char>(i);
      const bool in = lower == 'd'   ? std::isdigit(u)
                      : lower == 'w' ? is_word(u)
                                     : (std::isspace(u) && u != '\v');
      if (in) set.set(size_t(i));
    }
    negated = letter != lower;
    if (negated) set.flip();
    return true;
  }
  static std::optional<unsigned char> character_of(char letter) {
    constexpr std::string_view kLetters = "ntrfva", kMeanings = "\n\t\r\f\v\a";
    if (const size_t i = kLetters.find(letter); i != std::string_view::npos)
      return static_cast<unsigned char>(kMeanings[i]);
    if (std::isalnum(static_cast<unsigned char>(letter))) return std::nullopt;
    return static_cast<unsigned char>(letter);
  }

  Result<Node> escape() {
    if (!more()) return wrong("a backslash ends the pattern");
    const char c = text_[at_++];
    if (c == 'b') return of(Regex::Kind::word);
    if (c == 'B') return of(Regex::Kind::not_word);
    if (c == 'A') return of(Regex::Kind::begin);
    if (c == 'z') return of(Regex::Kind::end);
    Regex::State s{Regex::Kind::character, false, {}, -1, -1};
    if (class_of(c, s.set, s.negated)) return of(s);
    if (c == 'x') {
      RK_TRY(const unsigned char code, hexadecimal());
      s.set.set(code);
      return of(s);
    }
    const auto character = character_of(c);
    if (!character) return wrong(std::string("\\") + c + " is not supported");
    s.set.set(*character);
    return of(s);
  }
  Result<unsigned char> hexadecimal() {
    int value = 0;
    for (int i = 0; i < 2; ++i) {
      if (!more() || !std::isxdigit(static_cast<unsigned char>(text_[at_])))
        return wrong("expected two hexadecimal digits");
      const char d = char(std::tolower(text_[at_++]));
      value = value * 16 + (d <= '9' ? d - '0' : d - 'a' + 10);
    }
    return static_cast<unsigned char>(value);
  }

  Result<Node> bracket() {
    Regex::State s{Regex::Kind::character, take('^'), {}, -1, -1};
    bool first = true;
    while (more() && (text_[at_] != ']' || first)) {
      first = false;
      if (text_.substr(at_).starts_with("[:")) {
        RK_CHECK(named_class(s.set));
        continue;
      }
      RK_TRY(const std::optional<unsigned char> low, member(s));
      if (!low) continue;
      unsigned char high = *low;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        RK_TRY(const std::optional<unsigned char> end, member(s));
        if (!end || *end < *low) return wrong("a range has no end after its beginning");
        high = *end;
      }
      for (int i = *low; i <= high; ++i) s.set.set(size_t(i));
    }
    if (!take(']')) return wrong("'[' without ']'");
    if (s.negated) s.set.flip();
    return of(s);
  }
  Status named_class(std::bitset<256>& set) {
    const size_t end = text_.find(":]", at_);
    const std::string_view name = end == std::string_view::npos ? "" : text_.substr(at_ + 2, end - at_ - 2);
    int (*test)(int) = name == "alpha"   ? [](int c) { return std::isalpha(c); }
                       : name == "digit" ? [](int c) { return std::isdigit(c); }
                       : name == "alnum" ? [](int c) { return std::isalnum(c); }
                       : name == "space" ? [](int c) { return std::isspace(c); }
                       : name == "upper" ? [](int c) { return std::isupper(c); }
                       : name == "lower" ? [](int c) { return std::islower(c); }
                       : name == "punct" ? [](int c) { return std::ispunct(c); }
                                         : [](int) { return -1; };
    if (test('a') < 0) return wrong("no class has this name");
    for (int i = 0; i < 128; ++i)
      if (test(i)) set.set(size_t(i));
    at_ = end + 2;
    return {};
  }
  /// One character of a bracket; nothing when a class was added.
  Result<std::optional<unsigned char>> member(Regex::State& s) {
    const char c = text_[at_++];
    if (c != '\\') return std::optional(static_cast<unsigned char>(c));
    if (!more()) return wrong("a backslash ends the pattern");
    const char letter = text_[at_++];
    std::bitset<256> set;
    bool negated = false;
    if (class_of(letter, set, negated)) {
      s.set |= set;
      return std::optional<unsigned char>();
    }
    if (letter == 'x') {
      RK_TRY(const unsigned char code, hexadecimal());
      return std::optional(code);
    }
    const auto character = character_of(letter);
    if (!character) return wrong(std::string("\\") + letter + " is not supported");
    return character;
  }

  /// The state to begin with so that `node`, then what `next` begins, is matched.
  Result<int> build(Regex& regex, const Node& node, int next) {
    if (regex.states_.size() > kMostStates) return wrong("it needs more than 100000 states");
    const auto add = [&](Regex::State state) {
      regex.states_.push_back(std::move(state));
      return int(regex.states_.size()) - 1;
    };
    switch (node.kind) {
      case Node::Kind::empty:
        return next;
      case Node::Kind::state: {
        Regex::State state = node.state;
        state.next = next;
        return add(std::move(state));
      }
      case Node::Kind::both:
        for (size_t i = node.parts.size(); i-- > 0;) {
          RK_TRY(next, build(regex, node.parts[i], next));
        }
        return next;
      case Node::Kind::either: {
        RK_TRY(int start, build(regex, node.parts.back(), next));
        for (size_t i = node.parts.size() - 1; i-- > 0;) {
          RK_TRY(const int other, build(regex, node.parts[i], next));
          start = add({Regex::Kind::split, false, {}, other, start});
        }
        return start;
      }
      case Node::Kind::repeat: {
        int start = next;
        if (node.most < 0) {
          const int loop = add({Regex::Kind::split, false, {}, -1, next});
          RK_TRY(const int body, build(regex, node.parts[0], loop));
          regex.states_[size_t(loop)].next = body;
          start = loop;
        }
        for (int i = node.least; i < node.most; ++i) {
          RK_TRY(const int body, build(regex, node.parts[0], start));
          start = add({Regex::Kind::split, false, {}, body, next});
        }
        for (int i = 0; i < node.least; ++i) {
          RK_TRY(start, build(regex, node.parts[0], start));
        }
        return start;
      }
    }
    return next;
  }

  std::string_view text_;
  size_t at_ = 0;
};

Result<Regex> Regex::parse(std::string_view pattern) { return RegexParser(pattern).run(); }

/// Adds a state and all it reaches without taking a character.
void Regex::follow(int state, std::string_view text, size_t at, std::vector<int>& active,
                   std::vector<bool>& seen) const {
  std::vector<int> open{state};
  while (!open.empty()) {
    const int n = open.back();
    open.pop_back();
    if (seen[size_t(n)]) continue;
    seen[size_t(n)] = true;
    const State& s = states_[size_t(n)];
    const auto word_at = [&](size_t i) {
      return i < text.size() && is_word(static_cast<unsigned char>(text[i]));
    };
    const bool boundary = (at > 0 && word_at(at - 1)) != word_at(at);
    switch (s.kind) {
      case Kind::split:
        open.push_back(s.other);
        open.push_back(s.next);
        break;
      case Kind::begin:
        if (at == 0) open.push_back(s.next);
        break;
      case Kind::end:
        if (at == text.size()) open.push_back(s.next);
        break;
      case Kind::word:
        if (boundary) open.push_back(s.next);
        break;
      case Kind::not_word:
        if (!boundary) open.push_back(s.next);
        break;
      default:
        active.push_back(n);
    }
  }
}

bool Regex::matches(std::string_view text) const {
  std::vector<std::vector<int>> active(5);  // of this byte and the next four: a character may have that many
  std::vector<std::vector<bool>> seen(5, std::vector<bool>(states_.size(), false));
  follow(start_, text, 0, active[0], seen[0]);
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const size_t length = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    for (const int n : active[at % 5]) {
      const State& s = states_[size_t(n)];
      if (s.kind == Kind::accept || !s.set[byte]) continue;
      const size_t next = at + (s.negated ? std::min(length, text.size() - at) : 1);
      follow(s.next, text, next, active[next % 5], seen[next % 5]);
    }
    active[at % 5].clear();
    seen[at % 5].assign(states_.size(), false);
  }
  for (const int n : active[text.size() % 5])
    if (states_[size_t(n)].kind == Kind::accept) return true;
  return false;
}

}  // namespace rekindle
