// What an ONNX file says, as plain structs that point into its bytes: nothing here is checked for meaning
// yet. The names are those of onnx.proto. read_model() keeps both alive. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

namespace rekindle::onnx {

struct GraphProto;

/// One key and its value: metadata, or where external data lies.
struct StringEntry {
  std::string_view key, value;
};

struct TensorProto {
  std::string_view name;
  std::span<const int64_t> dims;
  int32_t data_type = 0;  // TensorProto.DataType, any number a file may hold
  bool has_raw = false, is_external = false, is_segment = false;
  uint32_t typed_fields = 0;              // bit k: field k (4 float_data … 11 uint64_data) has values
  std::string_view raw;                   // raw_data
  std::string_view message;               // the whole message: typed values are decoded from it on demand
  std::span<const StringEntry> external;  // external_data
};

struct SparseTensorProto {
  TensorProto values, indices;
  std::span<const int64_t> dims;
};

struct DimProto {
  int64_t value = 0;
  bool has_value = false;
  std::string_view param;  // dim_param
};

struct TypeProto {
  enum class Kind : uint8_t { absent, tensor, sequence, map, optional, sparse_tensor, opaque };
  Kind kind = Kind::absent;
  int32_t elem_type = 0;  // tensors only
  bool has_shape = false;
  std::span<const DimProto> shape;
  // Of a sequence or optional: what it holds; elem_type and shape are then those of the tensors inside.
  Kind held = Kind::absent;
  bool of_sequence = false;  // an optional sequence; of tensors, as far as this is set
};

struct ValueInfoProto {
  std::string_view name;
  TypeProto type;
};

enum class AttributeType : uint8_t {
  undefined = 0,
  f = 1,
  i = 2,
  s = 3,
  tensor = 4,
  graph = 5,
  floats = 6,
  ints = 7,
  strings = 8,
  tensors = 9,
  graphs = 10,
  sparse_tensor = 11,
  sparse_tensors = 12,
  type_proto = 13,
  type_protos = 14,
};
const char* to_string(AttributeType type);

struct AttributeProto {
  std::string_view name;
  std::string_view ref_attr_name;  // inside functions: takes the value of the caller's attribute of this name
  AttributeType type = AttributeType::undefined;
  std::variant<std::monostate, float, int64_t, std::string_view, const TensorProto*, const GraphProto*,
               std::span<const float>, std::span<const int64_t>, std::span<const std::string_view>,
               std::span<const GraphProto>, const SparseTensorProto*, const TypeProto*>
      value;  // monostate also for kinds that no op we know takes
};

struct NodeProto {
  std::string_view name, op_type, domain, overload;
  std::span<const std::string_view> inputs, outputs;  // "" where an optional one is absent
  std::span<const AttributeProto> attributes;
};

struct GraphProto {
  std::string_view name;
  std::span<const NodeProto> nodes;
  std::span<const TensorProto> initializers;
  std::span<const SparseTensorProto> sparse_initializers;
  std::span<const ValueInfoProto> inputs, outputs, value_infos;
};

struct OpsetImport {
  std::string_view domain;
  int64_t version = 0;
};

struct FunctionProto {
  std::string_view name, domain, overload;
  std::span<const std::string_view> inputs, outputs, attributes;  // attributes without a default
  std::span<const AttributeProto> attribute_defaults;
  std::span<const NodeProto> nodes;
  std::span<const OpsetImport> opset_imports;
};

struct ModelProto {
  int64_t ir_version = 0;
  std::string_view producer_name, producer_version;
  std::span<const OpsetImport> opset_imports;
  std::span<const StringEntry> metadata;
  std::span<const FunctionProto> functions;
  GraphProto graph;
  bool has_graph = false, has_training_info = false;
  int64_t node_count = 0, tensor_count = 0;  // with those of subgraphs and functions
};

}  // namespace rekindle::onnx
