// Moving each variant's offsets to where its weights and code lie in the shared sections.
// SPDX-License-Identifier: Apache-2.0
#include "api/merge_variants.h"

#include "base/json.h"

namespace rekindle {

namespace {

uint64_t append_aligned(std::string& to, const std::string& bytes, size_t alignment) {
  to.resize((to.size() + alignment - 1) / alignment * alignment);
  const uint64_t offset = to.size();
  to += bytes;
  return offset;
}

void move_offsets(Plan& plan, uint64_t weights, uint64_t code) {
  for (Buffer& buffer : plan.buffers)
    if (buffer.place == Place::weight) buffer.index += weights;
  for (KernelImage& kernel : plan.kernels)
    if (kernel.code_size > 0) kernel.code_offset += code;
  for (Plan& inner : plan.subplans) move_offsets(inner, weights, code);
}

}  // namespace

Status VariantMerger::add(Compiled compiled, const std::string& target, BuildReport& report) {
  constexpr size_t kWeightAlignment = 64, kCodeAlignment = 256;
  // Variants of one device family usually pack weights alike: an equal section is shared whole.
  const bool same_weights = !variants_.empty() && compiled.weights == weights_;
  const uint64_t weights = same_weights || weights_.empty()
                               ? (weights_ = same_weights ? weights_ : compiled.weights, 0)
                               : append_aligned(weights_, compiled.weights, kWeightAlignment);
  const uint64_t code = append_aligned(code_, compiled.code, kCodeAlignment);
  move_offsets(compiled.variant.plan, weights, code);
  Json tuning = Json::object();
  if (!tuning_.empty()) {
    RK_TRY(tuning, parse_json(tuning_));
  }
  RK_TRY(tuning[target], parse_json(compiled.tuning));
  tuning_ = to_text(tuning, -1);
  if (ir_.empty()) ir_ = std::move(compiled.ir);
  variants_.push_back(std::move(compiled.variant));
  report.variants.emplace_back(target, std::move(compiled.report));
  return {};
}

EngineContents VariantMerger::contents(EngineMeta meta) const {
  EngineContents contents;
  contents.meta = std::move(meta);
  contents.variants = variants_;
  contents.weights = std::as_bytes(std::span(weights_.data(), weights_.size()));
  contents.code = std::as_bytes(std::span(code_.data(), code_.size()));
  contents.tuning = tuning_;
  contents.ir = ir_;
  return contents;
}

}  // namespace rekindle
