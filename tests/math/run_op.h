// Running one op struct on tensors in tests: types are inferred first, as a graph does it, and compared with
// what comes out.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include "math/op_struct.h"

namespace rekindle::test {

inline Types types_of(const Tensors& in) {
  Types types;
  for (const Tensor& t : in) types.push_back(is_absent(t) ? absent_type() : t.type());
  return types;
}

/// All outputs; a failure is a test failure and gives none. Inferred dims that are known must be the
/// evaluated ones.
template <class Op> Tensors run_all(const Op& op, const Tensors& in) {
  auto types = op.infer(types_of(in));
  if (!types.ok()) return ADD_FAILURE() << types.status().to_string(), Tensors{};
  auto out = op.evaluate(in);
  if (!out.ok()) return ADD_FAILURE() << out.status().to_string(), Tensors{};
  EXPECT_EQ(types->size(), out->size());
  for (size_t i = 0; i < out->size() && i < types->size(); ++i) {
    const TensorType made = (*out)[i].type();
    EXPECT_EQ(made.dtype, (*types)[i].dtype) << "output " << i;
    if (made.rank() != (*types)[i].rank()) {
      ADD_FAILURE() << "output " << i << " is " << made.to_string() << ", inferred "
                    << (*types)[i].to_string();
      continue;
    }
    for (int d = 0; d < made.rank(); ++d) {
      const int64_t size = (*out)[i].dims()[size_t(d)];
      EXPECT_EQ((*types)[i].shape[size_t(d)].as_int().value_or(size), size) << "output " << i << " dim " << d;
    }
  }
  return *std::move(out);
}
template <class Op> Tensor run(const Op& op, const Tensors& in) {
  Tensors out = run_all(op, in);
  return out.empty() ? Tensor() : out[0];
}

/// The message of whatever refuses first, infer or evaluate; "" when nothing does.
template <class Op> std::string error_of(const Op& op, const Tensors& in) {
  auto types = op.infer(types_of(in));
  if (!types.ok()) return types.status().message();
  auto out = op.evaluate(in);
  return out.ok() ? "" : out.status().message();
}
/// The message of infer alone.
template <class Op> std::string infer_error(const Op& op, const Types& in) {
  auto types = op.infer(in);
  return types.ok() ? "" : types.status().message();
}
/// Inferred types as text, "f32[2, N] i64[2, N]"; or the error.
template <class Op> std::string inferred(const Op& op, const Types& in) {
  auto types = op.infer(in);
  if (!types.ok()) return types.status().message();
  std::string text;
  for (const TensorType& t : *types) text += (text.empty() ? "" : " ") + t.to_string();
  return text;
}

inline TensorType type(std::string_view text) { return *parse_type(text); }
inline Tensor i64s(std::vector<int64_t> values) {
  return Tensor::of<int64_t>({int64_t(values.size())}, values);
}
/// 0, 1, 2, … in the given shape.
template <class T = float> Tensor counting(Dims dims, T from = T(0)) {
  Tensor t(dtype_of<T>, std::move(dims));
  for (int64_t i = 0; i < t.count(); ++i) t.data<T>()[i] = T(from + T(i));
  return t;
}

#define EXPECT_TENSOR(actual, expected)                                                                      \
  do {                                                                                                       \
    const ::rekindle::Tensor made_ = (actual), wanted_ = (expected);                                         \
    EXPECT_TRUE(made_.same_bits(wanted_)) << made_.to_string(64) << "\n expected " << wanted_.to_string(64); \
  } while (false)

}  // namespace rekindle::test
