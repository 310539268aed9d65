// Logging to a sink that the application sets; with none, which is the default, nothing is formatted.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "base/fields.h"

namespace rekindle::log {

enum class Level : uint8_t { debug, info, warning, error };
inline constexpr std::array kLevelNames{std::string_view("debug"), std::string_view("info"),
                                        std::string_view("warning"), std::string_view("error")};
constexpr const auto& enum_names(Level) { return kLevelNames; }

using Sink = std::function<void(Level, std::string_view category, std::string_view text)>;

/// An empty function switches logging off. The sink may be called from any thread, one call at a time; it
/// must not log.
void set_sink(Sink sink);
/// Messages below this level are dropped before they are formatted; debug, the least, at the start.
void set_level(Level least);
/// True when a message of this level would reach a sink: one relaxed load.
bool enabled(Level level);

void write_formatted(Level level, std::string_view category, fmt::string_view format, fmt::format_args args);

template <class... Args>
void write(Level level, std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(level)) [[unlikely]]
    write_formatted(level, category, format, fmt::make_format_args(args...));
}
/// The category is the module: log::info("passes", "{} changed {} nodes", name, count).
template <class... Args>
void debug(std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, category, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, category, format, std::forward<Args>(args)...);
}
template <class... Args>
void warning(std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, category, format, std::forward<Args>(args)...);
}
template <class... Args>
void error(std::string_view category, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, category, format, std::forward<Args>(args)...);
}

}  // namespace rekindle::log
