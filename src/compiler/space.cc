// Enumerating a tactic's search space.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/tactic.h"

namespace rekindle {

std::string to_string(const Config& config) {
  std::string text;
  for (const auto& [name, value] : config)
    text += (text.empty() ? "" : " ") + name + "=" + std::to_string(value);
  return text;
}

Status refuse(std::string reason, Where at) {
  return Status::error(Code::unsupported, std::move(reason), at);
}

Space& Space::axis(std::string name, std::vector<int64_t> choices) {
  RK_ASSERT(!choices.empty(), "a space axis has no choices");
  axes_.emplace_back(std::move(name), std::move(choices));
  return *this;
}

Space& Space::require(std::string why, std::function<bool(const Config&)> holds) {
  requirements_.emplace_back(std::move(why), std::move(holds));
  return *this;
}

std::vector<Config> Space::configs(int effort) const {
  std::vector<Config> points;
  std::vector<size_t> at(axes_.size(), 0);
  for (bool more = true; more;) {
    Config point;
    size_t moved = 0;  // axes off their first choice
    for (size_t i = 0; i < axes_.size(); ++i) {
      point.emplace_back(axes_[i].first, axes_[i].second[at[i]]);
      moved += at[i] != 0;
    }
    bool holds = true;
    for (const auto& [why, check] : requirements_) holds = holds && check(point);
    // At effort 0 the first point that holds is wanted, wherever it lies.
    if (holds && (effort != 1 || moved <= 1 || points.empty())) points.push_back(std::move(point));
    if (effort == 0 && !points.empty()) break;
    more = false;
    for (size_t i = axes_.size(); i-- > 0;) {
      if (++at[i] < axes_[i].second.size()) {
        more = true;
        break;
      }
      at[i] = 0;
    }
  }
  return points;
}

}  // namespace rekindle
