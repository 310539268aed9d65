// Reading a TensorProto that is a file.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/tensor_file.h"

#include <memory>
#include <new>

#include "base/file.h"
#include "math/sequence.h"
#include "onnx/tensor_data.h"
#include "onnx/wire_reader.h"

namespace rekindle::onnx {
namespace {

Status damaged(const std::string& what) {
  return Status::error(Code::data_loss, "the bytes are no tensor: " + what + ", expected a TensorProto");
}

/// `part` is the tensor's message, the whole file or a part of it.
Result<Tensor> parse(const std::shared_ptr<const std::string>& bytes, std::string_view part) {
  const WireLimits limits;
  Arena arena(2 * part.size() + (size_t(1) << 20));
  WireReader reader(arena, limits);
  TensorProto tensor;
  try {
    reader.tensor(part, tensor);
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

/// The tensors of a SequenceProto, field 3 of it.
Result<Tensors> parse_sequence(const std::shared_ptr<const std::string>& bytes, std::string_view part) {
  Tensors elements;
  for (Message m(part); m.next();) {
    if (m.field() == 4 || m.field() == 5 || m.field() == 6) return damaged("it holds no tensors");
    if (m.field() != 3) {
      m.skip();
      continue;
    }
    RK_TRY(Tensor element, parse(bytes, m.bytes()));
    elements.push_back(std::move(element));
  }
  return elements;
}

Result<Tensors> parse_parts(const std::shared_ptr<const std::string>& bytes, const SequenceBinding& binding,
                            DType dtype) {
  constexpr auto kOp = "sequence";
  if (!binding.is_optional) {
    RK_TRY(const Tensors elements, parse_sequence(bytes, *bytes));
    return ops::pack_sequence(kOp, dtype, elements);
  }
  Tensors elements;
  bool present = false;
  for (Message m(*bytes); m.next();) {
    if (m.field() == 3 && !binding.holds_sequence) {
      RK_TRY(Tensor element, parse(bytes, m.bytes()));
      elements.push_back(std::move(element));
    } else if (m.field() == 5 && binding.holds_sequence) {
      present = true;
      RK_TRY(elements, parse_sequence(bytes, m.bytes()));
    } else {
      m.skip();
    }
  }
  RK_TRY(Tensors parts, ops::pack_sequence(kOp, dtype, elements));
  if (binding.holds_sequence) parts.push_back(Tensor::scalar<bool>(present));
  return parts;
}

}  // namespace

Result<Tensors> read_sequence_file(const std::filesystem::path& path, const SequenceBinding& binding,
                                   DType dtype) {
  RK_TRY(std::string text, read_file(path.string()));
  const auto bytes = std::make_shared<const std::string>(std::move(text));
  Result<Tensors> result = damaged("it is cut off");
  try {
    result = parse_parts(bytes, binding, dtype);
  } catch (const WireError& error) {
    result = damaged(error.message);
  } catch (const protozero::exception& error) {
    result = damaged(error.what());
  }
  if (!result.ok()) return result.status().note("while reading " + path.string());
  return result;
}

Result<Tensor> read_tensor_file(const std::filesystem::path& path) {
  RK_TRY(std::string text, read_file(path.string()));
  const auto bytes = std::make_shared<const std::string>(std::move(text));
  Result<Tensor> result = parse(bytes, *bytes);
  if (!result.ok()) return result.status().note("while reading " + path.string());
  return result;
}

}  // namespace rekindle::onnx
