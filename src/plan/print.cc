// A plan as text: what it needs, one line a step, then its memory. Stable, so that goldens can hold it.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plan/arena.h"
#include "plan/plan.h"

namespace rekindle {

namespace {

/// Writes one plan; sub-plans are written by others of its kind, further to the right.
class PlanText {
 public:
  PlanText(const Plan& plan, int indent) : plan_(plan), indent_(size_t(indent), ' ') { number_weights(); }
  std::string take() && {
    header();
    for (size_t i = 0; i < plan_.steps.size(); ++i) step(i);
    memory();
    return std::move(text_);
  }

 private:
  template <class... Args> void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += indent_ + fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  /// Weights are numbered in the order of their first use, whatever their place in the section.
  void number_weights() {
    for (const Step& s : plan_.steps)
      for (const uint32_t v : s.inputs)
        if (const Buffer* b = buffer_of(v); b != nullptr && b->place == Place::weight)
          weights_.try_emplace(b->index, weights_.size());
  }

  const Buffer* buffer_of(uint32_t view) const {
    if (view >= plan_.views.size() || plan_.views[view].buffer >= plan_.buffers.size()) return nullptr;
    return &plan_.buffers[plan_.views[view].buffer];
  }

  /// x (a binding), w3 (a weight), %7 (a view of the arena or of a value), _ (absent); [64] is an offset
  /// inside the buffer.
  std::string name(uint32_t view) const {
    if (view == kNone) return "_";
    const Buffer* b = buffer_of(view);
    if (b == nullptr) return fmt::format("?{}", view);
    const Dim& offset = plan_.views[view].offset;
    const std::string at = offset.is(0) ? "" : "[" + offset.to_string() + "]";
    if (b->place == Place::binding && b->index < plan_.bindings.size())
      return plan_.bindings[b->index].name + at;
    const auto weight = weights_.find(b->index);
    if (b->place == Place::weight && weight != weights_.end())
      return fmt::format("w{}{}", weight->second, at);
    return fmt::format("%{}{}", view, at);
  }
  std::string names(const std::vector<uint32_t>& views, bool with_types) const {
    std::string text;
    for (const uint32_t v : views) {
      text += (text.empty() ? "" : ", ") + name(v);
      if (with_types && v < plan_.views.size()) text += ": " + plan_.views[v].type.to_string();
    }
    return text;
  }

  void header() {
    std::string devices, ranges;
    for (const std::string& d : plan_.devices) devices += (devices.empty() ? "" : ", ") + d;
    if (indent_.empty()) line("plan {} on {}", plan_.target, devices);
    for (const auto& [symbol, range] : plan_.profile) {
      const std::string most = range.max == INT64_MAX ? "any" : std::to_string(range.max);
      line("  size {}: {} to {}, usually {}", symbol, range.min, most, range.opt);
    }
    for (const Binding& b : plan_.bindings)
      line("  {} {}: {}", b.is_input ? "input" : "output", b.name, b.type.to_string());
  }

  void step(size_t index) {
    const Step& s = plan_.steps[index];
    const std::string what = s.kind == StepKind::kernel && s.kernel < plan_.kernels.size()
                                 ? plan_.kernels[s.kernel].name
                                 : std::string(enum_name(s.kind));
    std::string text = names(s.outputs, true) + " = " + what + "(" + names(s.inputs, false) + ")";
    for (size_t i = 0; i < s.defines.size(); ++i) text += (i ? ", " : " defines ") + s.defines[i].symbol;
    if (plan_.devices.size() > 1 && s.device < plan_.devices.size()) text += " on " + plan_.devices[s.device];
    if (!s.label.empty()) text += "  # " + s.label;
    line("{:>4} {}", index, text);
    for (size_t i = 0; i < s.subplans.size(); ++i) {
      if (s.subplans[i] >= plan_.subplans.size()) continue;
      line("     {}:", s.kind == StepKind::loop ? "body" : i == 0 ? "then" : "else");
      text_ += PlanText(plan_.subplans[s.subplans[i]], int(indent_.size()) + 7).take();
    }
  }

  void memory() {
    std::array<size_t, kPlaceNames.size()> count{};
    std::map<uint64_t, int64_t> weights;  // by offset: several buffers may be one weight
    std::vector<ArenaRequest> arena;
    int64_t used = 0;
    for (const Buffer& b : plan_.buffers) {
      ++count[size_t(b.place)];
      const int64_t bytes = b.bytes.as_int().value_or(0);
      if (b.place == Place::weight) weights[b.index] = std::max(weights[b.index], bytes);
      if (b.place != Place::arena) continue;
      arena.push_back({bytes, b.first_step, b.last_step});
      used = std::max(used, int64_t(b.offset) + bytes);
    }
    int64_t weight_bytes = 0;
    for (const auto& [offset, bytes] : weights) weight_bytes += bytes;
    const size_t arena_count = count[size_t(Place::arena)];
    const std::string of_arena =
        arena_count == 0          ? ""
        : has_static_arena(plan_) ? fmt::format(" in {} bytes, at least {}", used, arena_lower_bound(arena))
                                  : " planned for each shape";
    line("memory: {} weights of {} bytes, {} arena buffers{}, {} values", weights.size(), weight_bytes,
         arena_count, of_arena, count[size_t(Place::value)]);
  }

  const Plan& plan_;
  std::string indent_, text_;
  std::map<uint64_t, size_t> weights_;
};

}  // namespace

std::string print(const Plan& plan) { return PlanText(plan, 0).take(); }

}  // namespace rekindle
