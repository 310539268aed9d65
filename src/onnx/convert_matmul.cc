// Matrix products.
// SPDX-License-Identifier: Apache-2.0
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "onnx/converter.h"
#include "onnx/dims.h"

namespace rekindle::onnx {

Result<Values> convert_matmul(NodeReader& node, Builder& build) {
  return build.finish(ops::Matmul{}, {node.input(0), node.input(1)});
}

namespace {

/// x * factor; x itself for 1.
Result<ValueId> scaled(Builder& build, ValueId x, float factor) {
  if (factor == 1) return x;
  RK_TRY(const ValueId scalar, build.scalar_like(x, factor));
  return build.add(ops::Mul{}, {x, scalar});
}

}  // namespace

Result<Values> convert_gemm(NodeReader& node, Builder& build) {
  if (node.opset() < 7) node.ignore("broadcast");  // NumPy's rules cover what it allows
  const ops::Matmul op{.transpose_a = node.flag("transA", false), .transpose_b = node.flag("transB", false)};
  const float alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  const ValueId a = node.input(0), b = node.input(1), c = node.input(2);
  if (build.rank(a) != 2 || build.rank(b) != 2)
    return invalid("the operands are " + build.type(a).to_string() + " and " + build.type(b).to_string() +
                   ", expected matrices");
  const bool adds = c != ValueId::none && beta != 0;
  if (!adds && alpha == 1) return build.finish(op, {a, b});
  RK_TRY(ValueId y, build.add(op, {a, b}));
  RK_TRY(y, scaled(build, y, alpha));
  if (!adds) return Values{y};
  RK_TRY(const ValueId bias, scaled(build, c, beta));
  return build.finish(ops::Add{}, {y, bias});
}

/// com.microsoft
Result<Values> convert_fused_matmul(NodeReader& node, Builder& build) {
  for (const char* name : {"transBatchA", "transBatchB"})
    if (node.flag(name, false)) return unsupported(std::string("attribute '") + name + "' is 1, expected 0");
  const ops::Matmul op{.transpose_a = node.flag("transA", false), .transpose_b = node.flag("transB", false)};
  const float alpha = node.real("alpha", 1);
  if (alpha == 1) return build.finish(op, {node.input(0), node.input(1)});
  RK_TRY(const ValueId y, build.add(op, {node.input(0), node.input(1)}));
  RK_TRY(const ValueId factor, build.scalar_like(y, alpha));
  return build.finish(ops::Mul{}, {y, factor});
}

}  // namespace rekindle::onnx
