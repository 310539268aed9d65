// Parsing, matching and building the sides of rules.
// SPDX-License-Identifier: Apache-2.0
#include "passes/pattern.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "ir/attribute_text.h"
#include "ir/text_reader.h"

namespace rekindle {

namespace {

constexpr double kNumberTolerance = 1e-4;  // exporters round constants such as 1/sqrt(2) to a few digits

class TermReader {
 public:
  explicit TermReader(std::string_view text) : text_(text) {}
  Result<Term> term() {
    space();
    Term t;
    if (accept('%')) return t.kind = Term::Kind::value, t.name = word(), t;
    if (accept('$')) return t.kind = Term::Kind::constant, t.name = word(), t;
    if (at_ < text_.size() && (std::isdigit(text_[at_]) || text_[at_] == '-' || text_[at_] == '.')) {
      t.kind = Term::Kind::number;
      const std::string rest(text_.substr(at_));
      char* end = nullptr;
      t.number = std::strtod(rest.c_str(), &end);
      at_ += size_t(end - rest.c_str());
      return t;
    }
    t.name = word();
    if (t.name.empty() || !accept('(')) return error("expected an op, a %value, a $constant or a number");
    while (!accept(')')) {
      if (!t.args.empty() && !accept(',')) return error("expected ',' or ')'");
      RK_TRY(Term arg, term());
      t.args.push_back(std::move(arg));
    }
    if (accept('{')) RK_CHECK(attributes(t));
    return t;
  }
  Status end() {
    space();
    return at_ == text_.size() ? Status{} : error("expected the end");
  }

 private:
  void space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool accept(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    return ++at_, true;
  }
  std::string word() {
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(text_[at_]) || text_[at_] == '_')) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  Status attributes(Term& t) {
    while (!accept('}')) {
      if (!t.attributes.empty() && !accept(',')) return error("expected ',' or '}'");
      space();
      std::string name = word();
      if (!accept('=')) return error("expected '='");
      space();
      const size_t begin = at_;
      for (int depth = 0; at_ < text_.size() && (depth > 0 || (text_[at_] != ',' && text_[at_] != '}'));
           ++at_)
        depth += text_[at_] == '[' ? 1 : text_[at_] == ']' ? -1 : 0;
      t.attributes.emplace_back(std::move(name), std::string(text_.substr(begin, at_ - begin)));
    }
    return {};
  }
  Status error(const std::string& what) const {
    return Status::error(
        Code::internal, "rule '" + std::string(text_) + "', column " + std::to_string(at_ + 1) + ": " + what);
  }

  std::string_view text_;
  size_t at_ = 0;
};

bool is_near(double a, double b) { return std::fabs(a - b) <= kNumberTolerance * std::fabs(b); }

bool match_attributes(const Op& op, const Term& pattern, Match& match) {
  const auto wanted = [&](std::string_view name) {
    return std::find_if(pattern.attributes.begin(), pattern.attributes.end(),
                        [&](const auto& a) { return a.first == name; });
  };
  // A field the pattern does not mention must have its default: a rule never drops what it does not know of.
  const std::string changed = op.attributes();
  for (const auto& [name, text] : op.field_texts()) {
    const auto found = wanted(name);
    if (found == pattern.attributes.end()) {
      if (changed.find("{" + name + "=") != std::string::npos ||
          changed.find(" " + name + "=") != std::string::npos)
        return false;
    } else if (found->second.starts_with("?")) {
      const auto [it, fresh] = match.attributes.emplace(found->second.substr(1), text);
      if (!fresh && it->second != text) return false;
    } else if (found->second != text) {
      char* end = nullptr;
      const double value = std::strtod(text.c_str(), &end);
      if (end == text.c_str() || *end != '\0' || !is_near(value, std::strtod(found->second.c_str(), nullptr)))
        return false;
    }
  }
  return true;
}

bool match_at(const Graph& g, const Term& p, ValueId v, Match& m, bool is_root) {
  if (v == ValueId::none) return false;
  switch (p.kind) {
    case Term::Kind::constant:
      if (!g.constant(v)) return false;
      [[fallthrough]];
    case Term::Kind::value: {
      const auto [it, fresh] = m.values.emplace(p.name, v);
      return fresh || it->second == v;
    }
    case Term::Kind::number: {
      const Tensor* c = g.constant(v);
      return c && c->count() == 1 && bits_of(c->dtype()) >= 8 && !is_complex(c->dtype()) &&
             is_near(c->as_double(0), p.number);
    }
    case Term::Kind::op:
      break;
  }
  const Node* n = g.producer(v);
  if (!n || n->op.name() != p.name || n->inputs.size() != p.args.size() || n->outputs.size() != 1)
    return false;
  if (!is_root && g.is_output(v)) return false;
  Match attempt = m;
  attempt.nodes.insert(g[v].producer);
  if (!match_attributes(n->op, p, attempt)) return false;
  const auto all = [&](const std::vector<ValueId>& inputs) {
    Match t = attempt;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!match_at(g, p.args[i], inputs[i], t, false)) return false;
    m = std::move(t);
    return true;
  };
  return all(n->inputs) || (n->op.commutes() && n->inputs.size() == 2 && all({n->inputs[1], n->inputs[0]}));
}

}  // namespace

Result<Term> parse_term(std::string_view text) {
  TermReader reader(text);
  RK_TRY(Term term, reader.term());
  RK_CHECK(reader.end());
  return term;
}

bool match_term(const Graph& graph, const Term& pattern, ValueId root, Match& match) {
  match.root = root;
  if (!match_at(graph, pattern, root, match, true)) return false;
  for (NodeId n : match.nodes) {  // what the match takes away, nobody else may read
    const ValueId v = graph[n].outputs[0];
    if (v == root) continue;
    for (NodeId user : graph.users(v))
      if (!match.nodes.contains(user)) return false;
  }
  return true;
}

Result<ValueId> build_term(const Term& t, const Match& m, DType dtype, const OpTable& ops, Patch& patch) {
  switch (t.kind) {
    case Term::Kind::value:
    case Term::Kind::constant:
      if (const ValueId v = m[t.name]; v != ValueId::none) return v;
      return Status::error(Code::internal,
                           "a rule's right side uses %" + t.name + ", which its left side does not bind");
    case Term::Kind::number: {
      RK_TRY(Tensor scalar, Tensor::make(dtype, {}));
      scalar.set_double(0, t.number);
      return patch.add_constant(std::move(scalar));
    }
    case Term::Kind::op:
      break;
  }
  std::vector<ValueId> inputs;
  for (const Term& arg : t.args) {
    RK_TRY(ValueId v, build_term(arg, m, dtype, ops, patch));
    inputs.push_back(v);
  }
  const Op* op = ops.find(t.name);
  if (!op) return Status::error(Code::internal, "a rule names the unknown op '" + t.name + "'");
  std::string attributes;
  for (const auto& [name, text] : t.attributes) {
    const auto bound =
        text.starts_with("?") ? m.attributes.find(std::string_view(text).substr(1)) : m.attributes.end();
    const Tensor* constant =
        text.starts_with("$") ? patch.constant(m[std::string_view(text).substr(1)]) : nullptr;
    if (constant && constant->count() != 1)
      return Status::error(Code::unsupported, text + " has " + std::to_string(constant->count()) +
                                                  " elements, an attribute takes one");
    attributes += (attributes.empty() ? "{" : ", ") + name + "=" +
                  (constant                      ? print_value(float(constant->as_double(0)))
                   : bound != m.attributes.end() ? bound->second
                                                 : text);
  }
  if (!attributes.empty()) attributes += "}";
  TextReader reader(attributes, ops, nullptr);
  RK_TRY(Op made, op->parse_attributes(reader));
  return patch.add1(std::move(made), std::move(inputs));
}

}  // namespace rekindle
