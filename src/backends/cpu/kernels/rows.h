// cpu.rows: softmax and normalisations, one row after the other, with what comes before and after them.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  the head's (an empty head: x, f32), then the tail's inputs 1 …; each broadcasts to the outputs'
// shape. outputs: the tail's, all of the shape of x. Any strides, any number type or boolean. Output 0 may be
// the memory of an input of its shape, type and strides.
#pragma once
#include "backends/cpu/program.h"

namespace rekindle::cpu {

enum class RowsOp : uint8_t { softmax, log_softmax, layer_norm, rms_norm, l1_norm, l2_norm, mean_variance };
inline constexpr std::array kRowsOpNames{std::string_view("softmax"),      std::string_view("log_softmax"),
                                         std::string_view("layer_norm"),   std::string_view("rms_norm"),
                                         std::string_view("l1_norm"),      std::string_view("l2_norm"),
                                         std::string_view("mean_variance")};
constexpr const auto& enum_names(RowsOp) { return kRowsOpNames; }

struct RowsParams {
  RowsOp op = RowsOp::softmax;
  std::vector<int64_t> axes;  // of a row
  float epsilon = 0;
  int64_t groups =
      0;  // above 0: rows are groups of channels, dim 1, with all dims after them; `axes` is empty
  int64_t channel_inputs = 0;  // so many of the tail's inputs, from 1 on, are [channels]
  Program head, tail;
  static constexpr auto fields =
      rekindle::fields("op", &RowsParams::op, "axes", &RowsParams::axes, "epsilon", &RowsParams::epsilon,
                       "groups", &RowsParams::groups, "channel_inputs", &RowsParams::channel_inputs, "head",
                       &RowsParams::head, "tail", &RowsParams::tail);
};

}  // namespace rekindle::cpu
