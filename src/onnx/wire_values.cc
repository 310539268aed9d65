// Numbers, tensors, types and attributes: what the lists of a graph are made of.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <iterator>
#include <utility>

#include "onnx/wire_reader.h"

namespace rekindle::onnx {

const char* to_string(AttributeType type) {
  constexpr const char* kNames[] = {
      "undefined", "float",   "int",    "string",        "tensor",         "graph", "floats", "ints",
      "strings",   "tensors", "graphs", "sparse tensor", "sparse tensors", "type",  "types"};
  return size_t(type) < std::size(kNames) ? kNames[size_t(type)] : "?";
}

std::span<const int64_t> WireReader::integers(std::string_view bytes, uint32_t field) {
  size_t count = 0;
  for (Message m(bytes); m.next();) {
    if (m.field() != field)
      m.skip();
    else
      for_each_varint(m, [&](uint64_t) { ++count; });
  }
  if (count > size_t(limits_.attribute_values))
    throw WireError{"a list has " + std::to_string(count) + " integers, expected at most " +
                        std::to_string(limits_.attribute_values),
                    {}};
  Filling<int64_t> list(arena_, count);
  for (Message m(bytes); m.next();) {
    if (m.field() != field)
      m.skip();
    else
      for_each_varint(m, [&](uint64_t v) { list.next() = int64_t(v); });
  }
  return list.done();
}

std::span<const float> WireReader::reals(std::string_view bytes, uint32_t field) {
  size_t count = 0;
  for (Message m(bytes); m.next();) {
    if (m.field() != field)
      m.skip();
    else if (m.is_bytes())
      count += m.bytes().size() / sizeof(float);
    else
      m.real(), ++count;
  }
  if (count > size_t(limits_.attribute_values))
    throw WireError{"a list has " + std::to_string(count) + " numbers, expected at most " +
                        std::to_string(limits_.attribute_values),
                    {}};
  Filling<float> list(arena_, count);
  for (Message m(bytes); m.next();) {
    if (m.field() != field) {
      m.skip();
    } else if (m.is_bytes()) {
      const std::string_view packed = m.bytes();
      if (packed.size() % sizeof(float) != 0)
        throw WireError{
            "packed floats take " + std::to_string(packed.size()) + " bytes, expected a multiple of 4", {}};
      for (size_t i = 0; i < packed.size(); i += sizeof(float))
        std::memcpy(&list.next(), &packed[i], sizeof(float));
    } else {
      list.next() = m.real();
    }
  }
  return list.done();
}

StringEntry WireReader::entry(std::string_view bytes) {
  StringEntry out;
  for (Message m(bytes); m.next();) {
    if (m.field() == 1)
      out.key = m.name();
    else if (m.field() == 2)
      out.value = m.bytes();
    else
      m.skip();
  }
  return out;
}

OpsetImport WireReader::opset(std::string_view bytes) {
  OpsetImport out;
  for (Message m(bytes); m.next();) {
    if (m.field() == 1)
      out.domain = m.name();
    else if (m.field() == 2)
      out.version = m.integer();
    else
      m.skip();
  }
  return out;
}

/// Takes a field of typed values. An empty packed list is no list: some writers make one for every kind.
static bool has_values(Message& m) {
  constexpr uint32_t kStrings = 6;
  if (m.is_bytes() && m.field() != kStrings) return !m.bytes().empty();
  m.skip();
  return true;
}

void WireReader::tensor(std::string_view bytes, TensorProto& out) {
  if (++tensors > limits_.tensors)
    throw WireError{"there are more than " + std::to_string(limits_.tensors) + " tensors", {}};
  const auto counts = count_fields(bytes);
  Filling<StringEntry> external(arena_, counts[13]);
  out.message = bytes;
  if (counts[1]) out.dims = integers(bytes, 1);
  if (counts[9] > 1) throw WireError{"raw_data is given " + std::to_string(counts[9]) + " times", {}};
  for (Message m(bytes); m.next();) {
    const uint32_t field = m.field();
    switch (field) {
      case 2:
        out.data_type = int32_t(m.integer());
        break;
      case 3:
        out.is_segment = true, m.skip();
        break;
      case 8:
        out.name = m.name();
        break;
      case 9:
        out.raw = m.bytes(), out.has_raw = true;
        break;
      case 13:
        external.next() = entry(m.bytes());
        break;
      case 14:
        out.is_external = m.integer() == 1;
        break;
      case 4:
      case 5:
      case 6:
      case 7:
      case 10:
      case 11:
        if (has_values(m)) out.typed_fields |= 1u << field;
        break;
      default:
        m.skip();
    }
  }
  out.external = external.done();
}

void WireReader::sparse_tensor(std::string_view bytes, SparseTensorProto& out) {
  out.dims = integers(bytes, 3);
  for (Message m(bytes); m.next();) {
    if (m.field() == 1)
      tensor(m.bytes(), out.values);
    else if (m.field() == 2)
      tensor(m.bytes(), out.indices);
    else
      m.skip();
  }
}

void WireReader::shape(std::string_view bytes, TypeProto& out) {
  Filling<DimProto> dims(arena_, count_fields(bytes)[1]);
  for (Message m(bytes); m.next();) {
    if (m.field() != 1) {
      m.skip();
      continue;
    }
    DimProto& dim = dims.next();
    for (Message d(m.bytes()); d.next();) {
      if (d.field() == 1)
        dim.value = d.integer(), dim.has_value = true;
      else if (d.field() == 2)
        dim.param = d.name(), dim.has_value = false;
      else
        d.skip();
    }
  }
  out.has_shape = true;
  out.shape = dims.done();
}

void WireReader::tensor_type(std::string_view bytes, TypeProto& out) {
  for (Message m(bytes); m.next();) {
    if (m.field() == 1)
      out.elem_type = int32_t(m.integer());
    else if (m.field() == 2)
      shape(m.bytes(), out);
    else
      m.skip();
  }
}

/// The type inside a sequence or an optional.
void WireReader::inner_type(std::string_view bytes, TypeProto& out, int depth) {
  constexpr int kDeepest = 8;
  if (depth >= kDeepest) throw WireError{"types are nested more than 8 deep", {}};
  for (Message m(bytes); m.next();) {
    if (m.field() != 1) {
      m.skip();
      continue;
    }
    TypeProto inner;
    type(m.bytes(), inner, depth + 1);
    out.elem_type = inner.elem_type, out.has_shape = inner.has_shape, out.shape = inner.shape;
    out.held = inner.kind;
    out.of_sequence = inner.kind == TypeProto::Kind::sequence && inner.held == TypeProto::Kind::tensor;
  }
}

void WireReader::type(std::string_view bytes, TypeProto& out, int depth) {
  using Kind = TypeProto::Kind;
  for (Message m(bytes); m.next();) {
    switch (m.field()) {
      case 1:
        out.kind = Kind::tensor, tensor_type(m.bytes(), out);
        break;
      case 4:
        out.kind = Kind::sequence, inner_type(m.bytes(), out, depth);
        break;
      case 5:
        out.kind = Kind::map, m.skip();
        break;
      case 7:
        out.kind = Kind::opaque, m.skip();
        break;
      case 8:
        out.kind = Kind::sparse_tensor, m.skip();
        break;
      case 9:
        out.kind = Kind::optional, inner_type(m.bytes(), out, depth);
        break;
      default:
        m.skip();
    }
  }
}

void WireReader::value_info(std::string_view bytes, ValueInfoProto& out) {
  for (Message m(bytes); m.next();) {
    if (m.field() == 1)
      out.name = m.name();
    else if (m.field() == 2)
      type(m.bytes(), out.type);
    else
      m.skip();
  }
}

namespace {

/// The kind of value a field of AttributeProto holds.
AttributeType attribute_type_of(uint32_t field) {
  switch (field) {
    case 2:
      return AttributeType::f;
    case 3:
      return AttributeType::i;
    case 4:
      return AttributeType::s;
    case 5:
      return AttributeType::tensor;
    case 6:
      return AttributeType::graph;
    case 7:
      return AttributeType::floats;
    case 8:
      return AttributeType::ints;
    case 9:
      return AttributeType::strings;
    case 10:
      return AttributeType::tensors;
    case 11:
      return AttributeType::graphs;
    case 14:
      return AttributeType::type_proto;
    case 15:
      return AttributeType::type_protos;
    case 22:
      return AttributeType::sparse_tensor;
    case 23:
      return AttributeType::sparse_tensors;
    default:
      return AttributeType::undefined;
  }
}

/// The one kind of value the message holds; two are an error.
AttributeType held_type(const std::array<size_t, 32>& counts) {
  AttributeType found = AttributeType::undefined;
  for (uint32_t field = 2; field < counts.size(); ++field) {
    const AttributeType type = attribute_type_of(field);
    if (type == AttributeType::undefined || counts[field] == 0) continue;
    if (found != AttributeType::undefined)
      throw WireError{
          std::string("it holds both ") + to_string(found) + " and " + to_string(type) + ", expected one",
          {}};
    found = type;
  }
  return found;
}

/// proto3 writers leave out zeros and empty lists.
void set_unwritten(AttributeProto& attribute) {
  switch (attribute.type) {
    case AttributeType::f:
      attribute.value = 0.0f;
      break;
    case AttributeType::i:
      attribute.value = int64_t(0);
      break;
    case AttributeType::s:
      attribute.value = std::string_view();
      break;
    case AttributeType::floats:
      attribute.value = std::span<const float>();
      break;
    case AttributeType::ints:
      attribute.value = std::span<const int64_t>();
      break;
    case AttributeType::strings:
      attribute.value = std::span<const std::string_view>();
      break;
    case AttributeType::graphs:
      attribute.value = std::span<const GraphProto>();
      break;
    default:
      break;
  }
}

}  // namespace

void WireReader::attribute(std::string_view bytes, AttributeProto& out) {
  const auto counts = count_fields(bytes);
  const AttributeType held = held_type(counts);
  int64_t declared = 0;
  for (Message m(bytes); m.next();) {
    if (m.field() == 1)
      out.name = m.name();
    else if (m.field() == 20)
      declared = m.integer();
    else if (m.field() == 21)
      out.ref_attr_name = m.name();
    else
      m.skip();
  }
  if (declared < 0 || declared > int64_t(AttributeType::type_protos))
    throw WireError{"its type is " + std::to_string(declared) + ", outside 0..14", {}};
  out.type = declared == 0 ? held : AttributeType(declared);
  if (held == AttributeType::undefined) return set_unwritten(out);
  if (held != out.type)
    throw WireError{
        std::string("it says that it is of type ") + to_string(out.type) + " but holds " + to_string(held),
        {}};
  if (held == AttributeType::floats)
    out.value = reals(bytes, 7);
  else if (held == AttributeType::ints)
    out.value = integers(bytes, 8);
  else
    attribute_value(bytes, counts, out);
}

void WireReader::attribute_value(std::string_view bytes, const std::array<size_t, 32>& counts,
                                 AttributeProto& out) {
  Filling<std::string_view> strings(arena_, counts[9]);
  Filling<GraphProto> graphs(arena_, counts[11]);
  const auto make = [&]<class T>(T*, auto&& read) {
    const auto made = arena_.make<T>(1);
    read(made[0]);
    out.value = static_cast<const T*>(&made[0]);
  };
  for (Message m(bytes); m.next();) {
    switch (m.field()) {
      case 2:
        out.value = m.real();
        break;
      case 3:
        out.value = m.integer();
        break;
      case 4:
        out.value = m.name();
        break;
      case 5:
        make((TensorProto*)nullptr, [&](auto& t) { tensor(m.bytes(), t); });
        break;
      case 6:
        make((GraphProto*)nullptr, [&](auto& g) { graph(m.bytes(), g); });
        break;
      case 9:
        strings.next() = m.name();
        break;
      case 11:
        graph(m.bytes(), graphs.next());
        break;
      case 14:
        make((TypeProto*)nullptr, [&](auto& t) { type(m.bytes(), t); });
        break;
      case 22:
        make((SparseTensorProto*)nullptr, [&](auto& t) { sparse_tensor(m.bytes(), t); });
        break;
      default:
        m.skip();
    }
  }
  if (counts[9]) out.value = strings.done();
  if (counts[11]) out.value = graphs.done();
}

}  // namespace rekindle::onnx
