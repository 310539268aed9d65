// The notes that a model file carries beside its graph: PP-OCR keeps the recognizer's characters there.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

namespace ocr_demo {

/// The value of a key of ModelProto.metadata_props in an ONNX model's bytes; none when there is no such key
/// or the bytes are not a model.
std::optional<std::string> find_metadata(const std::string& model, const std::string& key);

}  // namespace ocr_demo
