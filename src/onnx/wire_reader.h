// The functions that read onnx.proto's messages, one each: count the lists, make them, fill them. For
// wire*.cc only. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "onnx/wire.h"
#include "onnx/wire_message.h"

namespace rekindle::onnx {

/// Runs `read`, and says in what part of the model an error happened.
template <class F> void inside(const char* part, size_t index, F&& read) {
  try {
    read();
  } catch (WireError& error) {
    error.inside(part + std::string(" ") + std::to_string(index));
    throw;
  } catch (const protozero::exception& error) {
    throw WireError{error.what(), part + std::string(" ") + std::to_string(index)};
  }
}

class WireReader {
 public:
  WireReader(Arena& arena, const WireLimits& limits) : arena_(arena), limits_(limits) {}
  void model(std::string_view bytes, ModelProto& out);
  void tensor(std::string_view bytes, TensorProto& out);
  int64_t nodes = 0, tensors = 0;

 private:
  void graph(std::string_view bytes, GraphProto& out);
  void function(std::string_view bytes, FunctionProto& out);
  void node(std::string_view bytes, NodeProto& out);
  void attribute(std::string_view bytes, AttributeProto& out);
  void attribute_value(std::string_view bytes, const std::array<size_t, 32>& counts, AttributeProto& out);
  void sparse_tensor(std::string_view bytes, SparseTensorProto& out);
  void value_info(std::string_view bytes, ValueInfoProto& out);
  void type(std::string_view bytes, TypeProto& out, int depth = 0);
  void inner_type(std::string_view bytes, TypeProto& out, int depth);
  void tensor_type(std::string_view bytes, TypeProto& out);
  void shape(std::string_view bytes, TypeProto& out);
  StringEntry entry(std::string_view bytes);
  OpsetImport opset(std::string_view bytes);
  std::span<const int64_t> integers(std::string_view bytes, uint32_t field);
  std::span<const float> reals(std::string_view bytes, uint32_t field);

  Arena& arena_;
  const WireLimits& limits_;
  int depth_ = 0;
};

/// A list being filled: made at its counted size.
template <class T> class Filling {
 public:
  Filling(Arena& arena, size_t count) : values_(arena.make<T>(count)) {}
  T& next() { return values_[size_++]; }
  size_t size() const { return size_; }
  std::span<const T> done() const { return values_.first(size_); }

 private:
  std::span<T> values_;
  size_t size_ = 0;
};

}  // namespace rekindle::onnx
