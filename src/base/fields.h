// fields("axis", &Softmax::axis, …): the one place where a struct names its members. Printing, parsing,
// comparing, hashing and saving all walk this list.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace rekindle {

template <class M> struct Field {
  std::string_view name;
  M member;
};

constexpr auto fields() { return std::tuple<>{}; }
template <class M, class... Rest> constexpr auto fields(const char* name, M member, Rest... rest) {
  return std::tuple_cat(std::tuple{Field<M>{name, member}}, fields(rest...));
}

template <class T>
concept HasFields = requires {
  T::fields;
};

/// Calls visit(name, value) for each field, in order. Structs without fields have none.
template <class T, class F> constexpr void for_each_field(T&& object, F&& visit) {
  if constexpr (HasFields<std::decay_t<T>>)
    std::apply([&](const auto&... f) { (visit(f.name, object.*(f.member)), ...); }, std::decay_t<T>::fields);
}

template <class T> bool fields_equal(const T& a, const T& b) {
  bool equal = true;
  if constexpr (HasFields<T>)
    std::apply([&](const auto&... f) { ((equal = equal && a.*(f.member) == b.*(f.member)), ...); },
               T::fields);
  return equal;
}

/// An enum whose values have text names gives them through an overload found by ADL:
///   constexpr std::array kModeNames{std::string_view("nearest"), …};
///   constexpr auto& enum_names(Mode) { return kModeNames; }
/// Values are 0, 1, 2, … in the order of the names.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) {
  enum_names(e).size();
};

template <NamedEnum E> constexpr std::string_view enum_name(E e) {
  const auto& names = enum_names(e);
  return size_t(e) < names.size() ? names[size_t(e)] : std::string_view("?");
}

}  // namespace rekindle
