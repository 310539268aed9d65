// The grammar: term ("," term)* ["->" term], a term being letters with at most one "..." among them; blanks
// mean nothing.
// SPDX-License-Identifier: Apache-2.0
#include "math/einsum_equation.h"

#include <algorithm>
#include <array>
#include <optional>

#include "math/op_struct.h"

namespace rekindle {

namespace {

/// A term as written: the labels of its letters, and where the ellipsis stands.
struct Term {
  std::vector<int> letters;
  std::optional<size_t> ellipsis;  // before this letter
};

Status wrong(std::string_view equation, const std::string& what) {
  return op_error("einsum", "the equation \"" + std::string(equation.substr(0, 100)) + "\" " + what);
}

struct Written {
  std::vector<Term> inputs;
  std::optional<Term> output;
};

Result<Written> read_terms(std::string_view equation) {
  Written written;
  written.inputs.emplace_back();
  Term* term = &written.inputs.back();
  for (size_t i = 0; i < equation.size(); ++i) {
    const char c = equation[i];
    if (c == ' ' || c == '\t') continue;
    const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
    if (upper || lower) {
      term->letters.push_back(upper ? c - 'A' : c - 'a' + 26);
    } else if (equation.substr(i, 3) == "...") {
      if (term->ellipsis)
        return wrong(equation, "has two ellipses in one term, the second at column " + std::to_string(i + 1));
      term->ellipsis = term->letters.size();
      i += 2;
    } else if (c == ',' && !written.output) {
      term = &written.inputs.emplace_back();
    } else if (equation.substr(i, 2) == "->" && !written.output) {
      term = &written.output.emplace();
      i += 1;
    } else {
      return wrong(equation, "has '" + std::string(1, c >= ' ' && c <= '~' ? c : '?') + "' at column " +
                                 std::to_string(i + 1) + ", expected letters, ',', \"...\" or one \"->\"");
    }
  }
  return written;
}

/// The term's labels, one a dim, when its ellipsis stands for `hidden` dims.
std::vector<int> labels_of(const Term& term, int hidden) {
  std::vector<int> labels;
  for (size_t i = 0; i <= term.letters.size(); ++i) {
    if (term.ellipsis == i)
      for (int d = hidden; d-- > 0;) labels.push_back(kEllipsisLabel + d);
    if (i < term.letters.size()) labels.push_back(term.letters[i]);
  }
  return labels;
}

}  // namespace

std::string einsum_label_text(int label) {
  if (label >= kEllipsisLabel) return "ellipsis dim -" + std::to_string(label - kEllipsisLabel + 1);
  return std::string(1, char(label < 26 ? 'A' + label : 'a' + label - 26));
}

Result<EinsumLabels> parse_einsum(std::string_view equation, const std::vector<int>& ranks) {
  RK_TRY(const Written written, read_terms(equation));
  if (written.inputs.size() != ranks.size())
    return wrong(equation, "has " + std::to_string(written.inputs.size()) + " terms for " +
                               std::to_string(ranks.size()) + " inputs, expected one each");
  EinsumLabels labels;
  std::array<int, kEllipsisLabel> uses{};
  int hidden = 0;  // of the longest ellipsis
  for (size_t i = 0; i < ranks.size(); ++i) {
    const Term& term = written.inputs[i];
    const int rest = ranks[i] - int(term.letters.size());
    if (term.ellipsis ? rest < 0 : rest != 0)
      return wrong(equation, "has " + std::to_string(term.letters.size()) + " letters in term " +
                                 std::to_string(i) + ", but input " + std::to_string(i) + " has rank " +
                                 std::to_string(ranks[i]));
    labels.inputs.push_back(labels_of(term, rest));
    for (const int letter : term.letters) ++uses[size_t(letter)];
    hidden = std::max(hidden, rest);
  }
  if (!written.output) {
    for (int d = hidden; d-- > 0;) labels.output.push_back(kEllipsisLabel + d);
    for (int letter = 0; letter < kEllipsisLabel; ++letter)
      if (uses[size_t(letter)] == 1) labels.output.push_back(letter);
    return labels;
  }
  if (hidden > 0 && !written.output->ellipsis)
    return wrong(equation, "has an ellipsis in a term but none in the output, expected it in both");
  for (const int letter : written.output->letters) {
    if (uses[size_t(letter)] == 0)
      return wrong(equation, "has the letter " + einsum_label_text(letter) + " in the output alone");
    if (std::count(written.output->letters.begin(), written.output->letters.end(), letter) > 1)
      return wrong(equation, "has the letter " + einsum_label_text(letter) + " twice in the output");
  }
  labels.output = labels_of(*written.output, hidden);
  return labels;
}

}  // namespace rekindle
