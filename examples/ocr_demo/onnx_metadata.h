// The notes that a model file carries beside its graph, where PP-OCR keeps the recognizer's characters, and
// how many nodes the graph has.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

namespace ocr_demo {

/// The value of a key of ModelProto.metadata_props in an ONNX model's bytes; none when there is no such key
/// or the bytes are not a model.
std::optional<std::string> find_metadata(const std::string& model, const std::string& key);

/// How many nodes the model's graph has, without those of branches and loops.
int count_nodes(const std::string& model);

}  // namespace ocr_demo
