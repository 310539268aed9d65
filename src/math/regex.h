// Regular expressions by simulation of all states at once: linear time in the text, no backtracking.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bitset>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rekindle {

class Regex {
 public:
  /// The error says where the pattern stops making sense.
  static Result<Regex> parse(std::string_view pattern);
  /// Whether it matches the whole text. Bytes, not code points, except that "." and negated classes take a
  /// whole UTF-8 character.
  bool matches(std::string_view text) const;

  enum class Kind : uint8_t { character, any, split, begin, end, word, not_word, accept };
  struct State {
    Kind kind = Kind::accept;
    bool negated = false;  // of a class: takes a whole character beyond ASCII
    std::bitset<256> set;
    int next = -1, other = -1;
  };

 private:
  friend class RegexParser;
  void follow(int state, std::string_view text, size_t at, std::vector<int>& active,
              std::vector<bool>& seen) const;
  std::vector<State> states_;
  int start_ = 0;
};

}  // namespace rekindle
