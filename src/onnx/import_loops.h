// What Loop, Scan and SequenceMap have in common: a body that runs again and again.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "onnx/importer.h"

namespace rekindle::onnx {

struct Importer::LoopParts {
  enum class Form : uint8_t {
    loop,  // the body takes iteration, condition, carried values; makes condition, carried values, scans
    scan,  // it takes carried values and a slice of each extra; makes carried values and scans
    map,   // it takes an element of each extra that is a sequence, others whole; makes an element of each
           // carried
  };
  /// A value that goes from one iteration to the next.
  struct Carried {
    OutputKind kind;
    Values parts;                          // outside
    std::vector<TensorType> types;         // of the parts, outside
    std::vector<std::vector<bool>> grows;  // dims that change from one iteration to the next
    bool is_empty = false;                 // a sequence that nothing was put into: any element fits
  };
  Form form = Form::loop;
  const GraphProto* graph = nullptr;
  std::string where;
  ValueId trips = ValueId::none, condition = ValueId::none;
  std::vector<Carried> carried;
  std::vector<Captured> extras;  // under the names of the body's inputs
  std::vector<int64_t> axes;     // scan: of each extra
  std::vector<bool> reversed;
  Dim length = 0;         // scan: the number of iterations
  bool all_grow = false;  // no dim of a carried value is taken to stay
};

/// A value as what is carried; an error when it is absent.
Result<Importer::LoopParts::Carried> carried_value(Builder& build, ValueId value);

}  // namespace rekindle::onnx
