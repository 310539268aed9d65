// The table of converters and the search in it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <climits>
#include <unordered_map>
#include <vector>

#include "onnx/convert_elementwise.h"
#include "onnx/convert_image.h"
#include "onnx/converter.h"

namespace rekindle::onnx {
namespace {

constexpr int kLatest = INT_MAX;
constexpr Converter kConverters[] = {
#define RK_ONNX(name, since, until, least, most, function) {"", name, since, until, least, most, function},
#define RK_MICROSOFT(name, since, until, least, most, function) \
  {"com.microsoft", name, since, until, least, most, function},
#define RK_DOMAIN(domain, name, since, until, least, most, function) \
  {domain, name, since, until, least, most, function},
#include "onnx/converters.def"
#undef RK_DOMAIN
#undef RK_ONNX
#undef RK_MICROSOFT
};

}  // namespace

std::span<const Converter> converters() { return kConverters; }

namespace {

std::span<const Converter* const> by_name(std::string_view op_type) {
  static const auto table = [] {
    std::unordered_map<std::string_view, std::vector<const Converter*>> map;
    for (const Converter& c : kConverters) map[c.op_type].push_back(&c);
    return map;
  }();
  const auto found = table.find(op_type);
  if (found == table.end()) return {};
  return found->second;
}

}  // namespace

const Converter* find_converter(std::string_view domain, std::string_view op_type, int opset) {
  for (const Converter* c : by_name(op_type))
    if (c->domain == domain && c->since <= opset && opset <= c->until) return c;
  return nullptr;
}

std::string known_opsets(std::string_view domain, std::string_view op_type) {
  int since = INT_MAX, until = 0;
  for (const Converter* c : by_name(op_type)) {
    if (c->domain != domain) continue;
    since = std::min(since, c->since);
    until = std::max(until, c->until);
  }
  if (until == 0) return {};
  return "opset " + std::to_string(since) +
         (until == kLatest ? " and later" : " to " + std::to_string(until));
}

}  // namespace rekindle::onnx
