// recognize-norms: layer norm and RMS norm spelled out in primitive ops. The statistics first, then scale and
// bias join.
// SPDX-License-Identifier: Apache-2.0
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace rekindle::passes {

namespace {

/// The reduced axes are the last one alone.
Status reduces_last_axis(const Match& match, const Graph& graph) {
  const std::string& axes = match.attributes.find("axes")->second;
  const int rank = graph[match["x"]].type.rank();
  if (axes == "[-1]" || axes == "[" + std::to_string(rank - 1) + "]") return {};
  return Status::error(Code::unsupported, "the mean is over axes " + axes + ", not the last alone");
}

/// Scale and bias are vectors along the last axis.
Status is_vector_of_last_axis(const Match& match, const Graph& graph, std::string_view name) {
  const TensorType &x = graph[match["x"]].type, &vector = graph[match[name]].type;
  if (vector.rank() == 1 && x.rank() >= 1 && vector.shape[0] == x.shape.back()) return {};
  return Status::error(Code::unsupported, std::string(name) + " is " + vector.to_string() +
                                              ", not one number for each of the last axis");
}
Status scale_fits(const Match& m, const Graph& g) { return is_vector_of_last_axis(m, g, "scale"); }
Status bias_fits(const Match& m, const Graph& g) { return is_vector_of_last_axis(m, g, "bias"); }

#define RK_CENTRED "sub(%x, reduce(%x) {op=mean, axes=?axes})"
#define RK_DEVIATION "sqrt(add(reduce(square(" RK_CENTRED ")) {op=mean, axes=?axes}, $epsilon))"
#define RK_RMS "sqrt(add(reduce(square(%x)) {op=mean, axes=?axes}, $epsilon))"

constexpr std::string_view kLayerNormExample = R"(
graph @example (%x: f32[3, 8]) {
  %m = reduce(%x) {op=mean, axes=[-1]}
  %d = sub(%x, %m)
  %s = square(%d)
  %v = reduce(%s) {op=mean, axes=[-1]}
  %e = const f32[] {1e-05}
  %ve = add(%v, %e)
  %sd = sqrt(%ve)
  %y = div(%d, %sd)
  return %y
})";
constexpr std::string_view kLayerNormReciprocalExample = R"(
graph @example (%x: f32[3, 8]) {
  %m = reduce(%x) {op=mean, axes=[1]}
  %d = sub(%x, %m)
  %s = square(%d)
  %v = reduce(%s) {op=mean, axes=[1]}
  %e = const f32[] {1e-05}
  %ve = add(%v, %e)
  %sd = sqrt(%ve)
  %r = reciprocal(%sd)
  %y = mul(%d, %r)
  return %y
})";
constexpr std::string_view kRmsNormExample = R"(
graph @example (%x: f32[3, 8]) {
  %s = square(%x)
  %v = reduce(%s) {op=mean, axes=[-1]}
  %e = const f32[] {1e-05}
  %ve = add(%v, %e)
  %sd = sqrt(%ve)
  %r = reciprocal(%sd)
  %y = mul(%x, %r)
  return %y
})";
constexpr std::string_view kRmsNormDivExample = R"(
graph @example (%x: f32[3, 8]) {
  %s = square(%x)
  %v = reduce(%s) {op=mean, axes=[-1]}
  %e = const f32[] {1e-05}
  %ve = add(%v, %e)
  %sd = sqrt(%ve)
  %y = div(%x, %sd)
  return %y
})";
constexpr std::string_view kScaleExample = R"(
graph @example (%x: f32[3, 4], %scale: f32[4]) {
  %n = layer_norm(%x)
  %y = mul(%n, %scale)
  return %y
})";
constexpr std::string_view kBiasExample = R"(
graph @example (%x: f32[3, 4], %scale: f32[4], %bias: f32[4]) {
  %n = layer_norm(%x, %scale)
  %y = add(%n, %bias)
  return %y
})";
constexpr std::string_view kRmsScaleExample = R"(
graph @example (%x: f32[3, 4], %scale: f32[4]) {
  %n = rms_norm(%x)
  %y = mul(%n, %scale)
  return %y
})";

constexpr Rule kNormRules[] = {
    {.name = "layer-norm",
     .from = "div(" RK_CENTRED ", " RK_DEVIATION ")",
     .to = "layer_norm(%x) {epsilon=$epsilon}",
     .when = reduces_last_axis,
     .example = kLayerNormExample},
    {.name = "layer-norm-reciprocal",
     .from = "mul(" RK_CENTRED ", reciprocal(" RK_DEVIATION "))",
     .to = "layer_norm(%x) {epsilon=$epsilon}",
     .when = reduces_last_axis,
     .example = kLayerNormReciprocalExample},
    {.name = "rms-norm",
     .from = "mul(%x, reciprocal(" RK_RMS "))",
     .to = "rms_norm(%x) {epsilon=$epsilon}",
     .when = reduces_last_axis,
     .example = kRmsNormExample},
    {.name = "rms-norm-div",
     .from = "div(%x, " RK_RMS ")",
     .to = "rms_norm(%x) {epsilon=$epsilon}",
     .when = reduces_last_axis,
     .example = kRmsNormDivExample},
    {.name = "layer-norm-scale",
     .from = "mul(layer_norm(%x) {epsilon=?e}, %scale)",
     .to = "layer_norm(%x, %scale) {epsilon=?e}",
     .when = scale_fits,
     .example = kScaleExample},
    {.name = "layer-norm-bias",
     .from = "add(layer_norm(%x, %scale) {epsilon=?e}, %bias)",
     .to = "layer_norm(%x, %scale, %bias) {epsilon=?e}",
     .when = bias_fits,
     .example = kBiasExample},
    {.name = "rms-norm-scale",
     .from = "mul(rms_norm(%x) {epsilon=?e}, %scale)",
     .to = "rms_norm(%x, %scale) {epsilon=?e}",
     .when = scale_fits,
     .example = kRmsScaleExample},
};

#undef RK_CENTRED
#undef RK_DEVIATION
#undef RK_RMS

}  // namespace

std::span<const Rule> norm_rules() { return kNormRules; }

Result<int> recognize_norms(Graph& graph, PassContext& context) {
  return rewrite(graph, kNormRules, context);
}

}  // namespace rekindle::passes
