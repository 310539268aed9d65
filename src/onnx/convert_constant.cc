// Constant, in all its spellings, and ConstantOfShape.
// SPDX-License-Identifier: Apache-2.0
#include "math/movement.h"
#include "onnx/converter.h"
#include "onnx/dims.h"

namespace rekindle::onnx {

Result<Values> convert_constant(NodeReader& node, Builder& build) {
  constexpr std::string_view kForms[] = {"value",       "sparse_value", "value_int",    "value_ints",
                                         "value_float", "value_floats", "value_string", "value_strings"};
  std::string_view form;
  for (const std::string_view name : kForms) {
    if (!node.has(name)) continue;
    if (!form.empty())
      return invalid("attributes '" + std::string(form) + "' and '" + std::string(name) +
                     "' are both given, expected one");
    form = name;
  }
  if (form.empty()) return invalid("no value is given, expected one of the attributes value, value_int, …");
  Tensor t;
  if (form == "value") {
    RK_TRY(t, node.tensor(form));
  } else if (form == "sparse_value") {
    RK_TRY(t, node.sparse_tensor(form));
  } else if (form == "value_int") {
    t = Tensor::scalar<int64_t>(node.integer(form, 0));
  } else if (form == "value_ints") {
    const auto values = node.integers(form);
    t = Tensor::of<int64_t>({int64_t(values.size())}, values);
  } else if (form == "value_float") {
    t = Tensor::scalar<float>(node.real(form, 0));
  } else if (form == "value_floats") {
    const auto values = node.reals(form);
    t = Tensor::of<float>({int64_t(values.size())}, values);
  } else if (form == "value_string") {
    t = Tensor::of_strings({}, {node.text(form, {})});
  } else {
    auto values = node.texts(form);
    const auto count = int64_t(values.size());
    t = Tensor::of_strings({count}, std::move(values));
  }
  RK_CHECK(node.finish());
  return Values{build.constant(std::move(t))};
}

Result<Values> convert_constant_of_shape(NodeReader& node, Builder& build) {
  Tensor value = Tensor::scalar<float>(0);
  if (node.has("value")) {
    RK_TRY(value, node.tensor("value"));
    if (value.count() != 1)
      return invalid("attribute 'value' is " + value.type().to_string() + ", expected one element");
    value = value.reshaped({});
  }
  const ValueId scalar = build.constant(value);
  const auto shape = build.dims_of(node.input(0));
  if (!shape) return build.finish(ops::Expand{}, {scalar, node.input(0)});
  for (const Dim& d : *shape)
    if (certain_range(d).max < 0)
      return invalid("the shape has the dim " + d.to_string() + ", expected none below 0");
  return build.finish(ops::Expand{.shape = *shape}, {scalar});
}

}  // namespace rekindle::onnx
