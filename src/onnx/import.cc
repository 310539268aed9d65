// Reading the file, then the walk of importer.h.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/import.h"

#include "base/file.h"
#include "base/hash.h"
#include "onnx/importer.h"
#include "onnx/wire.h"

namespace rekindle::onnx {
namespace {

Result<Imported> import_owned(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                              const std::filesystem::path& folder, const ImportOptions& options) {
  RK_TRY(const std::shared_ptr<const ModelProto> model, read_model(bytes, owner));
  ExternalFiles files(folder, options.allow_links);
  TensorLoader tensors(std::move(owner), files, int64_t(bytes.size()) + (int64_t(48) << 20),
                       options.max_initializer_bytes);
  Imported result;
  Importer importer(*model, tensors, options, result);
  RK_CHECK(importer.run());
  if (files.has_unverified_checksum()) result.notes.push_back("checksums of external data are not verified");
  result.content_hash = hash64(bytes) ^ tensors.external_hash();
  return result;
}

}  // namespace

Result<Imported> import_file(const std::filesystem::path& path, const ImportOptions& options) {
  RK_TRY(const MappedFile file, MappedFile::open(path.string()));
  const std::filesystem::path folder =
      path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  Result<Imported> result = import_owned(file.bytes(), file.owner(), folder, options);
  if (!result.ok()) return result.status().note("while reading " + path.string());
  return result;
}

Result<Imported> import_bytes(std::span<const std::byte> bytes, const std::filesystem::path& folder,
                              const ImportOptions& options) {
  return import_owned(bytes, nullptr, folder, options);
}

}  // namespace rekindle::onnx
