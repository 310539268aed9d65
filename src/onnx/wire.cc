// The model, its graphs, functions and nodes.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/wire.h"

#include <new>
#include <string>

#include "onnx/wire_reader.h"

namespace rekindle::onnx {

void WireReader::node(std::string_view bytes, NodeProto& out) {
  if (++nodes > limits_.nodes)
    throw WireError{"there are more than " + std::to_string(limits_.nodes) + " nodes", {}};
  const auto counts = count_fields(bytes);
  Filling<std::string_view> inputs(arena_, counts[1]), outputs(arena_, counts[2]);
  Filling<AttributeProto> attributes(arena_, counts[5]);
  for (Message m(bytes); m.next();) {
    switch (m.field()) {
      case 1:
        inputs.next() = m.name();
        break;
      case 2:
        outputs.next() = m.name();
        break;
      case 3:
        out.name = m.name();
        break;
      case 4:
        out.op_type = m.name();
        break;
      case 5:
        inside("attribute", attributes.size(), [&] { attribute(m.bytes(), attributes.next()); });
        break;
      case 7:
        out.domain = m.name();
        break;
      case 8:
        out.overload = m.name();
        break;
      default:
        m.skip();
    }
  }
  out.inputs = inputs.done();
  out.outputs = outputs.done();
  out.attributes = attributes.done();
}

void WireReader::graph(std::string_view bytes, GraphProto& out) {
  if (++depth_ > limits_.nesting)
    throw WireError{"graphs are nested more than " + std::to_string(limits_.nesting) + " deep", {}};
  const auto counts = count_fields(bytes);
  Filling<NodeProto> nodes_of(arena_, counts[1]);
  Filling<TensorProto> initializers(arena_, counts[5]);
  Filling<SparseTensorProto> sparse(arena_, counts[15]);
  Filling<ValueInfoProto> inputs(arena_, counts[11]), outputs(arena_, counts[12]), infos(arena_, counts[13]);
  for (Message m(bytes); m.next();) {
    switch (m.field()) {
      case 1:
        inside("node", nodes_of.size(), [&] { node(m.bytes(), nodes_of.next()); });
        break;
      case 2:
        out.name = m.name();
        break;
      case 5:
        inside("initializer", initializers.size(), [&] { tensor(m.bytes(), initializers.next()); });
        break;
      case 15:
        inside("sparse initializer", sparse.size(), [&] { sparse_tensor(m.bytes(), sparse.next()); });
        break;
      case 11:
        inside("input", inputs.size(), [&] { value_info(m.bytes(), inputs.next()); });
        break;
      case 12:
        inside("output", outputs.size(), [&] { value_info(m.bytes(), outputs.next()); });
        break;
      case 13:
        inside("value_info", infos.size(), [&] { value_info(m.bytes(), infos.next()); });
        break;
      default:
        m.skip();
    }
  }
  out.nodes = nodes_of.done();
  out.initializers = initializers.done();
  out.sparse_initializers = sparse.done();
  out.inputs = inputs.done();
  out.outputs = outputs.done();
  out.value_infos = infos.done();
  --depth_;
}

void WireReader::function(std::string_view bytes, FunctionProto& out) {
  const auto counts = count_fields(bytes);
  Filling<std::string_view> inputs(arena_, counts[4]), outputs(arena_, counts[5]),
      attributes(arena_, counts[6]);
  Filling<AttributeProto> defaults(arena_, counts[11]);
  Filling<NodeProto> nodes_of(arena_, counts[7]);
  Filling<OpsetImport> opsets(arena_, counts[9]);
  for (Message m(bytes); m.next();) {
    switch (m.field()) {
      case 1:
        out.name = m.name();
        break;
      case 4:
        inputs.next() = m.name();
        break;
      case 5:
        outputs.next() = m.name();
        break;
      case 6:
        attributes.next() = m.name();
        break;
      case 7:
        inside("node", nodes_of.size(), [&] { node(m.bytes(), nodes_of.next()); });
        break;
      case 9:
        opsets.next() = opset(m.bytes());
        break;
      case 10:
        out.domain = m.name();
        break;
      case 11:
        inside("attribute", defaults.size(), [&] { attribute(m.bytes(), defaults.next()); });
        break;
      case 13:
        out.overload = m.name();
        break;
      default:
        m.skip();
    }
  }
  out.inputs = inputs.done();
  out.outputs = outputs.done();
  out.attributes = attributes.done();
  out.attribute_defaults = defaults.done();
  out.nodes = nodes_of.done();
  out.opset_imports = opsets.done();
}

void WireReader::model(std::string_view bytes, ModelProto& out) {
  const auto counts = count_fields(bytes);
  if (counts[7] > 1) throw WireError{"it has " + std::to_string(counts[7]) + " graphs, expected one", {}};
  Filling<OpsetImport> opsets(arena_, counts[8]);
  Filling<StringEntry> metadata(arena_, counts[14]);
  Filling<FunctionProto> functions(arena_, counts[25]);
  for (Message m(bytes); m.next();) {
    switch (m.field()) {
      case 1:
        out.ir_version = m.integer();
        break;
      case 2:
        out.producer_name = m.name();
        break;
      case 3:
        out.producer_version = m.name();
        break;
      case 7:
        inside("graph", 0, [&] { graph(m.bytes(), out.graph); }), out.has_graph = true;
        break;
      case 8:
        opsets.next() = opset(m.bytes());
        break;
      case 14:
        metadata.next() = entry(m.bytes());
        break;
      case 20:
        out.has_training_info = true, m.skip();
        break;
      case 25:
        inside("function", functions.size(), [&] { function(m.bytes(), functions.next()); });
        break;
      default:
        m.skip();
    }
  }
  out.opset_imports = opsets.done();
  out.metadata = metadata.done();
  out.functions = functions.done();
}

namespace {

Status damaged(const WireError& error) {
  std::string message = "these bytes are no ONNX model: " + error.message;
  if (!error.where.empty()) message += " (in " + error.where + ")";
  return Status::error(Code::data_loss, std::move(message));
}

}  // namespace

Result<std::shared_ptr<const ModelProto>> read_model(std::span<const std::byte> bytes,
                                                     std::shared_ptr<const void> owner,
                                                     const WireLimits& limits) {
  if (bytes.empty()) return Status::error(Code::data_loss, "the file is empty, expected an ONNX model");
  if (bytes.size() > limits.file_bytes)
    return Status::error(Code::invalid_argument, "the file has " + std::to_string(bytes.size()) +
                                                     " bytes, expected at most " +
                                                     std::to_string(limits.file_bytes) +
                                                     " (larger weights belong into external data)");
  struct Parsed {
    explicit Parsed(size_t limit) : arena(limit) {}
    ModelProto model;
    Arena arena;
    std::shared_ptr<const void> owner;
  };
  auto parsed = std::make_shared<Parsed>(2 * bytes.size() + (size_t(48) << 20));
  parsed->owner = std::move(owner);
  WireReader reader(parsed->arena, limits);
  try {
    reader.model({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, parsed->model);
  } catch (const WireError& error) {
    return damaged(error);
  } catch (const protozero::exception& error) {
    return damaged({error.what(), {}});
  } catch (const std::bad_alloc&) {
    return Status::error(Code::out_of_memory, "no memory for the structure of the model");
  }
  if (!parsed->model.has_graph)
    return Status::error(Code::data_loss, "these bytes are no ONNX model: there is no graph in them");
  parsed->model.node_count = reader.nodes;
  parsed->model.tensor_count = reader.tensors;
  return std::shared_ptr<const ModelProto>(parsed, &parsed->model);
}

}  // namespace rekindle::onnx
