// cpu.indexed: gather_elements, gather_nd, scatter_elements and scatter_nd.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x, indices (i64 or i32), and for a scatter the updates; contiguous, elements of whole bytes.
// outputs: y of x's element type, contiguous; for a scatter it may be the memory of x. Sizes are free at run
//          time. Indices outside their axis are an error of the run; negative ones count from the end.
#pragma once
#include "base/encode.h"
#include "math/scatter.h"

namespace rekindle::cpu {

enum class IndexedOp : uint8_t { gather_elements, gather_nd, scatter_elements, scatter_nd };
inline constexpr std::array kIndexedOpNames{
    std::string_view("gather_elements"), std::string_view("gather_nd"), std::string_view("scatter_elements"),
    std::string_view("scatter_nd")};
constexpr const auto& enum_names(IndexedOp) { return kIndexedOpNames; }

struct IndexedParams {
  IndexedOp op = IndexedOp::gather_elements;
  int64_t axis = 0;        // of the two that take elements; not negative
  int64_t batch_dims = 0;  // of gather_nd
  ops::ScatterReduction reduction = ops::ScatterReduction::none;
  static constexpr auto fields =
      rekindle::fields("op", &IndexedParams::op, "axis", &IndexedParams::axis, "batch_dims",
                       &IndexedParams::batch_dims, "reduction", &IndexedParams::reduction);
};

}  // namespace rekindle::cpu
