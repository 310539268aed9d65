// JSON: deterministic text, errors with places, hostile input.
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

namespace rekindle {
namespace {

std::string error_of(std::string_view text, int depth = 100) {
  return parse_json(text, depth).status().message();
}

TEST(Json, KeysAreSorted) {
  const Result<Json> json = parse_json(R"({"b": 1, "a": [true, null, 1.5, "x"], "c": {}})");
  ASSERT_TRUE(json.ok()) << json.status().to_string();
  EXPECT_EQ(to_text(*json, -1), R"({"a":[true,null,1.5,"x"],"b":1,"c":{}})");
  EXPECT_EQ(to_text(*json),
            "{\n  \"a\": [\n    true,\n    null,\n    1.5,\n    \"x\"\n  ],\n  \"b\": 1,\n  \"c\": {}\n}");
  for (const char* text : {"1", "\"x\"", "null", "[]", "[[],[1]]", "-0.5", "18446744073709551615"})
    EXPECT_EQ(to_text(*parse_json(text), -1), text);
}

TEST(Json, ErrorsNameThePlace) {
  EXPECT_TRUE(
      error_of("{\n  \"a\": 1,,\n}").starts_with("the JSON text line 2 column 10 is not JSON: syntax error"))
      << error_of("{\n  \"a\": 1,,\n}");
  EXPECT_EQ(error_of(R"({"a": 1, "a": 2})"), "the JSON text has the key \"a\" twice");
  for (const char* text : {"", " ", "{", "[1,]", "{\"a\"}", "1 2", "nul", "NaN", "1e400", "\"\\ud800\"",
                           "\"\xff\"", "'a'", "{} x", "\"\n\""})
    EXPECT_FALSE(parse_json(text).ok()) << text;
}

TEST(Json, DepthIsLimited) {
  EXPECT_TRUE(parse_json("[[[]]]", 3).ok());
  EXPECT_EQ(error_of("[[[[]]]]", 3), "the JSON text is nested deeper than 3");
  EXPECT_EQ(error_of(std::string(1 << 20, '[')), "the JSON text is nested deeper than 100");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_EQ(error_of(objects), "the JSON text is nested deeper than 100");
}

TEST(Json, TextIsAlwaysValid) {
  EXPECT_EQ(json_text("a\"b\n</script>"), "\"a\\\"b\\n\\u003c/script>\"");
  EXPECT_EQ(json_text("\xff"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(to_text(Json(std::numeric_limits<double>::quiet_NaN()), -1), "null");
  EXPECT_EQ(*parse_json(json_text("</x>\x01")), Json("</x>\x01"));
}

TEST(Json, FieldsAreChecked) {
  const Json object = *parse_json(R"({"n": 3, "s": "x", "b": true, "big": 18446744073709551615, "d": 2.5})");
  EXPECT_EQ(*json_field<int64_t>(object, "n"), 3);
  EXPECT_EQ(*json_field<std::string>(object, "s"), "x");
  EXPECT_EQ(*json_field<bool>(object, "b"), true);
  EXPECT_EQ(*json_field<double>(object, "n"), 3.0);
  EXPECT_EQ(json_field<int64_t>(object, "s").status().message(),
            "JSON key \"s\" is of type string, expected an integer of 64 bits");
  EXPECT_FALSE(json_field<int64_t>(object, "big").ok());
  EXPECT_FALSE(json_field<int64_t>(object, "d").ok());
  EXPECT_EQ(json_field<bool>(object, "q").status().message(), "JSON lacks the key \"q\"");
  EXPECT_EQ(json_field<bool>(Json(1), "q").status().message(),
            "JSON has a value of type number, expected an object with \"q\"");
}

}  // namespace
}  // namespace rekindle
