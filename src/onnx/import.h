// From an ONNX file to a graph of the IR. Everything that is wrong is reported at once, each problem with its
// node. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace rekindle::onnx {

struct ImportOptions {
  /// Shapes of inputs in place of those in the file, whose rank they must have. They decide; shapes that the
  /// file declares for other values are hints, and a note tells where they differ.
  std::map<std::string, Shape, std::less<>> shapes;
  int64_t max_initializer_bytes = INT64_MAX;  // of all initializers and constants together
  bool allow_links = false;  // external data may be symbolic or hard links, also out of the model's folder
};

/// An input or output of the model that is a sequence or an optional. In the graph it is the tensors NAME
/// (all elements), NAME.shapes and for an optional sequence NAME.present, as math/sequence.h says.
struct SequenceBinding {
  std::string name;
  bool is_input = true, is_optional = false, holds_sequence = false;
};
inline constexpr std::array kSequencePartNames{std::string_view(""), std::string_view(".shapes"),
                                               std::string_view(".present")};

struct Imported {
  Graph graph;
  std::vector<SequenceBinding> sequences;
  std::string producer, model_name;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> notes;     // what was noticed but is no error
  int64_t node_count = 0;             // ONNX nodes, with those of subgraphs and functions
  int64_t ir_version = 0, opset = 0;  // opset of the default domain; 0 when the model uses none
  uint64_t content_hash = 0;          // of the file and the external data that was read
};

/// The tensors of the graph view the mapped file where they can; it must not be rewritten or cut while the
/// graph lives.
Result<Imported> import_file(const std::filesystem::path& path, const ImportOptions& options = {});
/// The same from memory, which must outlive the graph. `folder` is where external data lies; empty: there is
/// none.
Result<Imported> import_bytes(std::span<const std::byte> bytes, const std::filesystem::path& folder = {},
                              const ImportOptions& options = {});

}  // namespace rekindle::onnx
