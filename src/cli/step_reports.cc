// Finding the region of a step.
// SPDX-License-Identifier: Apache-2.0
#include "cli/step_reports.h"

#include <cstdio>

#include "cli/command.h"

namespace rekindle::cli {

namespace {

/// 0 for what is not there: engines of other builds may say less.
double number_of(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_number() ? found->get<double>() : 0;
}
std::string text_of(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

double microseconds_of(const Step& step) {
  return step.measured_us > 0 ? step.measured_us : step.predicted_us;
}

std::string StepReport::sentence(double microseconds) const {
  if (roofline_us <= 0 || microseconds <= 0) return "";
  char text[160];
  std::snprintf(text, sizeof text, "%.1f MFLOP, %s", flop / 1e6, human_bytes(int64_t(bytes)).c_str());
  std::string sentence = text;
  if (!bound.empty()) sentence += ", bound by " + bound;
  std::snprintf(text, sizeof text, ", %.0f %% of the roofline", 100 * roofline_us / microseconds);
  return sentence + text;
}

void StepReport::add_to(Json& json, double microseconds) const {
  if (bytes <= 0) return;
  json["flop"] = flop;
  json["bytes"] = bytes;
  if (!bound.empty()) json["bound"] = bound;
  if (roofline_us <= 0) return;
  json["roofline_us"] = roofline_us;
  if (microseconds > 0) json["roofline_share"] = roofline_us / microseconds;
}

StepReports::StepReports(const std::string& tuning, const std::string& target) {
  const auto json = parse_json(tuning);
  if (!json.ok() || !json->is_object() || !json->contains(target) || !(*json)[target].is_array()) return;
  for (const Json& entry : (*json)[target]) {
    if (!entry.is_object()) continue;
    entries_.push_back({text_of(entry, "region"),
                        text_of(entry, "origin"),
                        {number_of(entry, "flop"), number_of(entry, "bytes"), number_of(entry, "roofline_us"),
                         text_of(entry, "bound")}});
  }
}

const StepReport& StepReports::of(const Step& step) {
  static const StepReport none;
  if (step.kind != StepKind::kernel) return none;
  // Regions and steps are in one order; transfers and copies stand between.
  for (size_t i = next_; i < entries_.size(); ++i) {
    if (entries_[i].label != step.label || entries_[i].origin != step.origin) continue;
    next_ = i + 1;
    const double us = microseconds_of(step);
    if (us > 0 && entries_[i].report.roofline_us > 0) {
      totals_.microseconds += us;
      totals_.roofline += entries_[i].report.roofline_us;
    }
    return entries_[i].report;
  }
  return none;
}

}  // namespace rekindle::cli
