// Attributes as text: one print_value/parse_value pair a type of field.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/encode.h"
#include "base/fields.h"
#include "ir/graph_fwd.h"
#include "ir/text_reader.h"
#include "tensor/tensor.h"

namespace rekindle {

std::string print_value(bool v);
std::string print_value(int64_t v);
std::string print_value(float v);
std::string print_value(double v);
std::string print_value(const std::string& v);
std::string print_value(const Dim& v);
std::string print_value(const TensorType& v);
/// All elements, exactly; "none" for a tensor without data.
std::string print_value(const Tensor& v);
std::string print_value(const GraphRef& v);
std::string print_value(const GraphRef& v, ConstantTable* constants);
inline std::string print_value(int v) { return print_value(int64_t(v)); }
template <NamedEnum E> std::string print_value(E v) { return std::string(enum_name(v)); }
template <class T> std::string print_value(const std::optional<T>& v) { return v ? print_value(*v) : "none"; }
template <class T> std::string print_value(const std::vector<T>& v) {
  std::string text = "[";
  for (size_t i = 0; i < v.size(); ++i) text += (i ? ", " : "") + print_value(static_cast<const T&>(v[i]));
  return text + "]";
}

Status parse_value(TextReader& in, bool& v);
Status parse_value(TextReader& in, int64_t& v);
Status parse_value(TextReader& in, int& v);
Status parse_value(TextReader& in, float& v);
Status parse_value(TextReader& in, double& v);
Status parse_value(TextReader& in, std::string& v);
Status parse_value(TextReader& in, Dim& v);
Status parse_value(TextReader& in, TensorType& v);
Status parse_value(TextReader& in, Tensor& v);
Status parse_value(TextReader& in, GraphRef& v);
template <NamedEnum E> Status parse_value(TextReader& in, E& v) {
  RK_TRY(std::string word, in.identifier());
  std::string known;
  const auto& names = enum_names(v);
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == word) return v = E(i), Status{};
    known += (i ? ", " : "") + std::string(names[i]);
  }
  return in.error("'" + word + "' is none of " + known);
}
template <class T> Status parse_value(TextReader& in, std::vector<T>& v) {
  v.clear();
  RK_CHECK(in.expect("["));
  while (!in.accept("]")) {
    if (!v.empty()) RK_CHECK(in.expect(","));
    T x{};
    RK_CHECK(parse_value(in, x));
    v.push_back(std::move(x));
  }
  return {};
}
template <class T> Status parse_value(TextReader& in, std::optional<T>& v) {
  if (in.accept("none")) return v.reset(), Status{};
  return parse_value(in, v.emplace());
}

/// Graphs send their large constants to a table; everything else prints by itself.
template <class T> std::string print_field(const T& v, ConstantTable* constants) {
  if constexpr (std::is_same_v<T, GraphRef>) {
    return print_value(v, constants);
  } else if constexpr (std::is_same_v<T, std::vector<GraphRef>>) {
    std::string text = "[";
    for (size_t i = 0; i < v.size(); ++i) text += (i ? ", " : "") + print_value(v[i], constants);
    return text + "]";
  } else {
    return print_value(v);
  }
}

/// Whether a field still has its default, exactly: -0.0 is not 0.0, and a NaN is itself.
template <class T> bool same_field(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, Tensor>)
    return a.has_data() == b.has_data() && (!a.has_data() || a.same_bits(b));
  else if constexpr (std::is_same_v<T, std::optional<Tensor>>)
    return a.has_value() == b.has_value() && (!a || same_field(*a, *b));
  else if constexpr (std::is_floating_point_v<T>)
    return std::memcmp(&a, &b, sizeof a) == 0;
  else
    return a == b;
}

/// "{axis=1, pads=[0, 1]}": the fields that differ from a default-made op; "" when none does.
template <class T> std::string print_attributes(const T& op, ConstantTable* constants = nullptr) {
  std::string text;
  if constexpr (HasFields<T>) {
    const T usual{};
    std::apply(
        [&](const auto&... f) {
          ((same_field(op.*(f.member), usual.*(f.member))
                ? void()
                : void(text += (text.empty() ? "" : ", ") + std::string(f.name) + "=" +
                               print_field(op.*(f.member), constants))),
           ...);
        },
        T::fields);
  }
  return text.empty() ? text : "{" + text + "}";
}
template <class T> std::vector<std::pair<std::string, std::string>> field_texts(const T& op) {
  std::vector<std::pair<std::string, std::string>> texts;
  for_each_field(op, [&](std::string_view name, const auto& v) { texts.emplace_back(name, print_value(v)); });
  return texts;
}
/// A graph is hashed and compared by its text and constants; it comes back only from text, which has a table
/// of ops.
void encode(Encoder&, const GraphRef&);
void decode(Decoder&, GraphRef&);

/// Reads "{name=value, …}" if one comes next; an unknown name is an error that lists the known ones.
template <class T> Status parse_attributes(TextReader& in, T& op, std::string_view op_name) {
  if (!in.accept("{")) return {};
  for (bool first = true; !in.accept("}"); first = false) {
    if (!first) RK_CHECK(in.expect(","));
    RK_TRY(std::string name, in.identifier());
    RK_CHECK(in.expect("="));
    bool found = false;
    Status status;
    std::string known;
    for_each_field(op, [&](std::string_view field, auto& v) {
      known += (known.empty() ? "" : ", ") + std::string(field);
      if (field == name && !found) found = true, status = parse_value(in, v);
    });
    if (!found)
      return in.error(std::string(op_name) + " has no attribute '" + name + "'" +
                      (known.empty() ? ", it has none" : "; it has " + known));
    RK_CHECK(std::move(status));
  }
  return {};
}

}  // namespace rekindle
