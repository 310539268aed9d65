// Reads the bytes of an ONNX file into a ModelProto: protobuf's structure is checked here, its meaning by the
// importer. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory>
#include <span>

#include "base/result.h"
#include "onnx/model.h"

namespace rekindle::onnx {

/// What no model may exceed. Tests lower them.
struct WireLimits {
  size_t file_bytes = (size_t(1) << 31) - 1;  // protobuf's own
  int64_t nodes = 1'000'000, tensors = 1'000'000;
  int64_t attribute_values = 100'000'000;  // numbers in one attribute
  int nesting = 64;                        // graphs inside graphs
};

/// `owner` keeps `bytes` alive; the model points into them. Uses at most twice their size + 48 MiB besides.
/// The error says where in the model the bytes stop making sense.
Result<std::shared_ptr<const ModelProto>> read_model(std::span<const std::byte> bytes,
                                                     std::shared_ptr<const void> owner,
                                                     const WireLimits& limits = {});

}  // namespace rekindle::onnx
