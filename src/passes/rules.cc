// The rewrite rules, each an equation that the tests prove on random tensors. Read top to bottom: one
// spelling of each idea.
// SPDX-License-Identifier: Apache-2.0
#include "passes/rewrite.h"

namespace rekindle {

namespace {

constexpr std::string_view kTwoReshapes = R"(
graph @example (%x: f32[2, 3, 4]) {
  %a = reshape(%x) {shape=[6, 4]}
  %b = reshape(%a) {shape=[2, 12]}
  return %b
})";

constexpr Rule kRules[] = {
    // Activations as exporters spell them.
    {"relu-as-max", "max(%x, 0)", "relu(%x)"},
    {"relu-as-clip", "clip(%x) {low=0}", "relu(%x)"},
    {"silu", "mul(%x, sigmoid(%x))", "silu(%x)"},
    {"quick-gelu", "mul(%x, sigmoid(mul(%x, 1.702)))", "quick_gelu(%x)"},
    {"hard-sigmoid-div", "div(clip(add(%x, 3)) {low=0, high=6}, 6)",
     "hard_sigmoid(%x) {alpha=0.16666667, beta=0.5}"},
    {"hard-sigmoid-mul", "mul(clip(add(%x, 3)) {low=0, high=6}, 0.16666667)",
     "hard_sigmoid(%x) {alpha=0.16666667, beta=0.5}"},
    {"hard-swish", "mul(%x, hard_sigmoid(%x) {alpha=0.16666667, beta=0.5})", "hard_swish(%x)"},
    {"hard-swish-div", "div(mul(%x, clip(add(%x, 3)) {low=0, high=6}), 6)", "hard_swish(%x)"},
    {"hard-swish-mul", "mul(mul(%x, clip(add(%x, 3)) {low=0, high=6}), 0.16666667)", "hard_swish(%x)"},
    {"mish", "mul(%x, tanh(softplus(%x)))", "mish(%x)"},
    {"softplus", "log(add(exp(%x), 1))", "softplus(%x)"},
    {"sigmoid-spelled", "reciprocal(add(exp(neg(%x)), 1))", "sigmoid(%x)"},
    {"sigmoid-as-div", "div(1, add(exp(neg(%x)), 1))", "sigmoid(%x)"},

    // GELU with erf: x · ½ · (1 + erf(x/√2)), the factors in every order exporters use.
    {"gelu-1", "mul(mul(%x, add(erf(div(%x, 1.41421356)), 1)), 0.5)", "gelu(%x)"},
    {"gelu-2", "mul(mul(%x, add(erf(mul(%x, 0.70710678)), 1)), 0.5)", "gelu(%x)"},
    {"gelu-3", "mul(%x, mul(add(erf(div(%x, 1.41421356)), 1), 0.5))", "gelu(%x)"},
    {"gelu-4", "mul(%x, mul(add(erf(mul(%x, 0.70710678)), 1), 0.5))", "gelu(%x)"},
    {"gelu-5", "mul(mul(%x, 0.5), add(erf(div(%x, 1.41421356)), 1))", "gelu(%x)"},
    {"gelu-6", "mul(mul(%x, 0.5), add(erf(mul(%x, 0.70710678)), 1))", "gelu(%x)"},
    {"gelu-7", "div(mul(%x, add(erf(div(%x, 1.41421356)), 1)), 2)", "gelu(%x)"},
    // GELU with tanh: x · ½ · (1 + tanh(√(2/π)(x + 0.044715x³))).
    {"gelu-tanh-1",
     "mul(mul(%x, 0.5), add(tanh(mul(add(%x, mul(mul(mul(%x, %x), %x), 0.044715)), 0.79788456)), 1))",
     "gelu(%x) {approximate=tanh}"},
    {"gelu-tanh-2", "mul(mul(%x, 0.5), add(tanh(mul(add(%x, mul(pow(%x, 3), 0.044715)), 0.79788456)), 1))",
     "gelu(%x) {approximate=tanh}"},
    {"gelu-tanh-3", "mul(mul(%x, add(tanh(mul(add(%x, mul(pow(%x, 3), 0.044715)), 0.79788456)), 1)), 0.5)",
     "gelu(%x) {approximate=tanh}"},

    // Powers that are cheaper under another name.
    {"square", "pow(%x, 2)", "square(%x)"},
    {"square-mul", "mul(%x, %x)", "square(%x)"},
    {"sqrt", "pow(%x, 0.5)", "sqrt(%x)"},
    {"pow-1", "pow(%x, 1)", "%x"},
    {"reciprocal-pow", "pow(%x, -1)", "reciprocal(%x)"},
    {"reciprocal", "div(1, %x)", "reciprocal(%x)"},

    // Algebra. A constant that broadcasts the result to a larger shape would change its type; such a match is
    // refused.
    {"add-zero", "add(%x, 0)", "%x"},
    {"sub-zero", "sub(%x, 0)", "%x"},
    {"mul-one", "mul(%x, 1)", "%x"},
    {"div-one", "div(%x, 1)", "%x"},
    {"neg-neg", "neg(neg(%x))", "%x"},
    {"abs-abs", "abs(abs(%x))", "abs(%x)"},
    {"relu-relu", "relu(relu(%x))", "relu(%x)"},
    {"add-neg", "add(%x, neg(%y))", "sub(%x, %y)"},
    {"sub-neg", "sub(%x, neg(%y))", "add(%x, %y)"},
    {.name = "not-not", .from = "not(not(%x))", .to = "%x", .is_boolean = true},
    {"mul-constants", "mul(mul(%x, $a), $b)", "mul(%x, mul($a, $b))"},
    {"add-constants", "add(add(%x, $a), $b)", "add(%x, add($a, $b))"},

    // Index maps.
    {.name = "reshape-reshape",
     .from = "reshape(reshape(%x) {shape=?a}) {shape=?b}",
     .to = "reshape(%x) {shape=?b}",
     .example = kTwoReshapes},
};

}  // namespace

std::span<const Rule> canonical_rules() { return kRules; }

}  // namespace rekindle
