// Pooling, and the window attributes that convolutions share with it.
// SPDX-License-Identifier: Apache-2.0
#include "math/pool.h"
#include "onnx/converter.h"
#include "onnx/read_window.h"

namespace rekindle::onnx {

ops::AutoPad auto_pad_of(NodeReader& node, bool& valid) {
  enum class Word { notset, valid, same_upper, same_lower };
  const Word word = node.choice("auto_pad",
                                {{"NOTSET", Word::notset},
                                 {"VALID", Word::valid},
                                 {"SAME_UPPER", Word::same_upper},
                                 {"SAME_LOWER", Word::same_lower}},
                                Word::notset);
  valid = word == Word::valid;
  if (word == Word::same_upper) return ops::AutoPad::same_upper;
  if (word == Word::same_lower) return ops::AutoPad::same_lower;
  return ops::AutoPad::explicit_pads;
}

Status check_kernel_shape(NodeReader& node, const TensorType& w) {
  if (!node.has("kernel_shape")) return {};
  const auto kernel = node.integers("kernel_shape");
  bool agrees = int(kernel.size()) + 2 == w.rank();
  for (size_t i = 0; agrees && i < kernel.size(); ++i)
    agrees = w.shape[i + 2].is_symbolic() || w.shape[i + 2].is(kernel[i]);
  if (agrees) return {};
  return invalid("attribute 'kernel_shape' is " + rekindle::to_string(kernel) + ", but the weights are " +
                 w.to_string());
}

namespace {

template <class T> Result<T> read_pool(NodeReader& node) {
  T op;
  read_window(node, op);
  op.kernel = node.integers("kernel_shape");
  if (op.kernel.empty()) return invalid("attribute 'kernel_shape' is missing");
  if constexpr (requires { op.ceil_mode; }) op.ceil_mode = node.flag("ceil_mode", false);
  return op;
}

}  // namespace

Result<Values> convert_max_pool(NodeReader& node, Builder& build) {
  RK_TRY(ops::MaxPool op, read_pool<ops::MaxPool>(node));
  op.storage_order = node.integer("storage_order", 0);
  op.with_indices = node.has_output(1);
  return build.finish(std::move(op), {node.input(0)});
}

Result<Values> convert_average_pool(NodeReader& node, Builder& build) {
  RK_TRY(ops::AveragePool op, read_pool<ops::AveragePool>(node));
  op.count_include_pad = node.flag("count_include_pad", false);
  return build.finish(std::move(op), {node.input(0)});
}

Result<Values> convert_lp_pool(NodeReader& node, Builder& build) {
  RK_TRY(ops::LpPool op, read_pool<ops::LpPool>(node));
  if (node.opset() < 2) {
    const float p = node.real("p", 2);
    if (!(p >= 1 && p < 1e6f && p == float(int64_t(p))))
      return unsupported("attribute 'p' is " + std::to_string(p) + ", expected a whole number");
    op.p = int64_t(p);
  } else {
    op.p = node.integer("p", 2);
  }
  return build.finish(std::move(op), {node.input(0)});
}

Result<Values> convert_max_unpool(NodeReader& node, Builder& build) {
  RK_TRY(ops::MaxUnpool op, read_pool<ops::MaxUnpool>(node));
  return build.finish(std::move(op), node.inputs_up_to(3));
}

}  // namespace rekindle::onnx
