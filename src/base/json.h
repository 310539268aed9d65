// JSON: parsing that cannot throw or exhaust the stack, and deterministic text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rekindle {

/// Objects keep their keys sorted, so equal values give equal text.
using Json = nlohmann::json;

/// Deeper nesting than `most_depth`, duplicate keys, text after the value and invalid UTF-8 are errors; they
/// name the line and column.
Result<Json> parse_json(std::string_view text, int most_depth = 100);
/// Sorted keys; indent < 0 gives one line. Invalid UTF-8 in strings becomes U+FFFD. NaN and infinities become
/// null.
std::string to_text(const Json& json, int indent = 2);
/// A string as a JSON string, quotes included; also safe inside an HTML <script> ('<' is escaped).
std::string json_text(std::string_view text);

/// The member `key` of an object as a T; the error names the key and the type that was expected.
///   RK_TRY(int64_t n, json_field<int64_t>(object, "count"));
template <class T> Result<T> json_field(const Json& object, const char* key);

template <> Result<std::string> json_field<std::string>(const Json& object, const char* key);
template <> Result<int64_t> json_field<int64_t>(const Json& object, const char* key);
template <> Result<double> json_field<double>(const Json& object, const char* key);
template <> Result<bool> json_field<bool>(const Json& object, const char* key);

}  // namespace rekindle
