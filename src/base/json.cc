// JSON through nlohmann's SAX parser, which reports instead of throwing.
// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <algorithm>
#include <vector>

namespace rekindle {

namespace {

/// Builds the value bottom up, counting the depth. nlohmann's own parser keeps its state on the heap, so
/// depth alone is no danger while reading; destroying and printing deep values is.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(int most_depth) : most_depth_(most_depth) {}

  bool null() override { return value(nullptr); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(number_integer_t v) override { return value(v); }
  bool number_unsigned(number_unsigned_t v) override { return value(v); }
  bool number_float(number_float_t v, const string_t&) override { return value(v); }
  bool string(string_t& v) override { return value(std::move(v)); }
  bool binary(binary_t&) override { return fail("has binary data"); }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& v) override {
    if (open_.back().value.contains(v)) return fail("has the key \"" + v.substr(0, 40) + "\" twice");
    open_.back().key = std::move(v);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    position_ = position;
    what_ = "is not JSON";
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …": the last part
    // says it.
    const std::string text = e.what();
    if (const size_t colon = text.find(": "); colon != std::string::npos)
      what_ += ": " + text.substr(colon + 2);
    return false;
  }

  Json take() && { return std::move(root_); }
  const std::string& what() const { return what_; }
  size_t position() const { return position_; }

 private:
  struct Open {
    Json value;
    std::string key;
  };
  bool fail(std::string what) {
    what_ = std::move(what);
    return false;
  }
  bool value(Json v) {
    if (open_.empty())
      root_ = std::move(v);
    else if (open_.back().value.is_array())
      open_.back().value.push_back(std::move(v));
    else
      open_.back().value[open_.back().key] = std::move(v);
    return true;
  }
  bool open(Json v) {
    if (int(open_.size()) >= most_depth_) return fail("is nested deeper than " + std::to_string(most_depth_));
    open_.push_back({std::move(v), {}});
    return true;
  }
  bool close() {
    Json done = std::move(open_.back().value);
    open_.pop_back();
    return value(std::move(done));
  }

  int most_depth_;
  Json root_;
  std::vector<Open> open_;
  std::string what_;
  size_t position_ = 0;
};

Result<const Json*> member(const Json& object, const char* key) {
  if (!object.is_object())
    return Status::error(Code::invalid_argument, std::string("JSON has a value of type ") +
                                                     object.type_name() + ", expected an object with \"" +
                                                     key + "\"");
  const auto found = object.find(key);
  if (found == object.end())
    return Status::error(Code::invalid_argument, std::string("JSON lacks the key \"") + key + "\"");
  return &*found;
}

Status wrong_type(const Json& value, const char* key, const char* expected) {
  return Status::error(Code::invalid_argument, std::string("JSON key \"") + key + "\" is of type " +
                                                   value.type_name() + ", expected " + expected);
}

}  // namespace

Result<Json> parse_json(std::string_view text, int most_depth) {
  Reader reader(most_depth);
  if (Json::sax_parse(text.begin(), text.end(), &reader)) return std::move(reader).take();
  std::string where;
  if (reader.position() > 0) {
    const std::string_view before = text.substr(0, reader.position() - 1);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
    where = " line " + std::to_string(line) + " column " + std::to_string(column);
  }
  return Status::error(Code::invalid_argument, "the JSON text" + where + " " + reader.what());
}

std::string to_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string json_text(std::string_view text) {
  std::string quoted = to_text(Json(std::string(text)), -1);
  for (size_t at = 0; (at = quoted.find('<', at)) != std::string::npos; at += 6)
    quoted.replace(at, 1, "\\u003c");
  return quoted;
}

template <> Result<std::string> json_field<std::string>(const Json& object, const char* key) {
  RK_TRY(const Json* value, member(object, key));
  if (!value->is_string()) return wrong_type(*value, key, "a string");
  return value->get<std::string>();
}

template <> Result<int64_t> json_field<int64_t>(const Json& object, const char* key) {
  RK_TRY(const Json* value, member(object, key));
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t(INT64_MAX)))
    return wrong_type(*value, key, "an integer of 64 bits");
  return value->get<int64_t>();
}

template <> Result<double> json_field<double>(const Json& object, const char* key) {
  RK_TRY(const Json* value, member(object, key));
  if (!value->is_number()) return wrong_type(*value, key, "a number");
  return value->get<double>();
}

template <> Result<bool> json_field<bool>(const Json& object, const char* key) {
  RK_TRY(const Json* value, member(object, key));
  if (!value->is_boolean()) return wrong_type(*value, key, "true or false");
  return value->get<bool>();
}

}  // namespace rekindle
