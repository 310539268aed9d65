// Walking the fields of an op struct for what concerns graphs: nested graphs, and dims with symbols.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "base/fields.h"
#include "ir/graph_fwd.h"
#include "tensor/type.h"

namespace rekindle {

template <class T> inline constexpr bool is_list = false;
template <class T> inline constexpr bool is_list<std::vector<T>> = true;
template <class T> inline constexpr bool is_list<std::optional<T>> = true;

template <class T> constexpr bool is_symbolic_field() {
  if constexpr (is_list<T>)
    return is_symbolic_field<typename T::value_type>();
  else
    return std::is_same_v<T, Dim> || std::is_same_v<T, TensorType> || std::is_same_v<T, GraphRef>;
}
template <class T> constexpr bool has_symbolic_field() {
  if constexpr (HasFields<T>)
    return std::apply(
        [](const auto&... f) {
          return (is_symbolic_field<std::decay_t<decltype(std::declval<T&>().*(f.member))>>() || ...);
        },
        T::fields);
  else
    return false;
}

/// The graph with every symbol that it does not define itself replaced; null when none occurs.
GraphRef substitute_graph(const GraphRef& graph, const std::map<std::string, Dim, std::less<>>& with);

/// Replaces symbols inside one field; true when something changed.
template <class T> bool substitute_field(T& v, const std::map<std::string, Dim, std::less<>>& with) {
  bool any = false;
  if constexpr (std::is_same_v<T, Dim>) {
    const Dim changed = v.is_symbolic() ? v.substitute(with) : v;
    any = changed != v;
    v = changed;
  } else if constexpr (std::is_same_v<T, TensorType>) {
    for (Dim& d : v.shape) any |= substitute_field(d, with);
  } else if constexpr (std::is_same_v<T, GraphRef>) {
    GraphRef changed = v ? substitute_graph(v, with) : nullptr;
    if (changed) v = std::move(changed), any = true;
  } else if constexpr (is_list<T> && is_symbolic_field<T>()) {
    if constexpr (std::is_same_v<T, std::optional<typename T::value_type>>)
      any = v && substitute_field(*v, with);
    else
      for (auto& x : v) any |= substitute_field(x, with);
  }
  return any;
}

/// Symbols that mean something outside the graph: those in its attributes that neither its inputs nor its
/// nodes define.
void collect_free_symbols(const Graph& graph, std::set<std::string, std::less<>>& into);

template <class T> void collect_symbols(const T& v, std::set<std::string, std::less<>>& into) {
  if constexpr (std::is_same_v<T, Dim>) {
    v.collect_symbols(into);
  } else if constexpr (std::is_same_v<T, TensorType>) {
    for (const Dim& d : v.shape) d.collect_symbols(into);
  } else if constexpr (std::is_same_v<T, GraphRef>) {
    if (v) collect_free_symbols(*v, into);
  } else if constexpr (is_list<T> && is_symbolic_field<T>()) {
    if constexpr (std::is_same_v<T, std::optional<typename T::value_type>>) {
      if (v) rekindle::collect_symbols(*v, into);
    } else {
      for (const auto& x : v) rekindle::collect_symbols(x, into);
    }
  }
}

template <class T> void collect_graphs(const T& v, std::vector<GraphRef>& into) {
  if constexpr (std::is_same_v<T, GraphRef>) {
    if (v) into.push_back(v);
  } else if constexpr (std::is_same_v<T, std::vector<GraphRef>>) {
    for (const GraphRef& g : v) collect_graphs(g, into);
  }
}

}  // namespace rekindle
