// Reading a TensorProto that is a file.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor_file.h"

#include <memory>
#include <new>

#include "base/file.h"
#include "onnx/tensor_data.h"
#include "onnx/wire_reader.h"

namespace rekindle::onnx {
namespace {

Status damaged(const std::string& what) {
  return Status::error(Code::data_loss, "the bytes are no tensor: " + what + ", expected a TensorProto");
}

Result<Tensor> parse(const std::shared_ptr<const std::string>& bytes) {
  const WireLimits limits;
  Arena arena(2 * bytes->size() + (size_t(1) << 20));
  WireReader reader(arena, limits);
  TensorProto tensor;
  try {
    reader.tensor(*bytes, tensor);
  } catch (const WireError& error) {
    return damaged(error.message);
  } catch (const protozero::exception& error) {
    return damaged(error.what());
  } catch (const std::bad_alloc&) {
    return Status::error(Code::out_of_memory, "no memory for the tensor");
  }
  if (const auto type = check_tensor(tensor); !type.ok()) return type.status();
  ExternalFiles no_files({}, false);
  TensorLoader loader(bytes, no_files, INT64_MAX, INT64_MAX);
  RK_TRY(const Tensor loaded, loader.load(tensor));
  return loaded.clone();  // its own memory, aligned, whatever the file's layout
}

}  // namespace

Result<Tensor> read_tensor_file(const std::filesystem::path& path) {
  RK_TRY(std::string text, read_file(path.string()));
  Result<Tensor> result = parse(std::make_shared<const std::string>(std::move(text)));
  if (!result.ok()) return result.status().note("while reading " + path.string());
  return result;
}

}  // namespace rekindle::onnx
