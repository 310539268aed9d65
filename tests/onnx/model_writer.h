// Writes ONNX bytes for tests: a few lines make a model, and hostile ones are made by adding fields by hand.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protozero/pbf_writer.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace rekindle::onnx::test {

using protozero::pbf_writer;

inline std::string tensor_bytes(const std::string& name, const Tensor& t) {
  std::string bytes;
  pbf_writer w(bytes);
  if (!t.dims().empty()) w.add_packed_int64(1, t.dims().begin(), t.dims().end());
  w.add_int32(2, dtype_to_onnx(t.dtype()));
  w.add_string(8, name);
  if (t.dtype() == DType::string) {
    for (const std::string& s : t.strings()) w.add_bytes(6, s);
  } else {
    w.add_bytes(9, static_cast<const char*>(t.raw()), size_t(t.bytes()));
  }
  return bytes;
}

/// An attribute, whole: attr("axis", 1), attr("mode", "linear"), attr("pads", ints({0, 1})).
struct Attr {
  std::string bytes;
};
inline std::vector<int64_t> ints(std::vector<int64_t> v) { return v; }
inline Attr attr(const std::string& name, int64_t v) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name), w.add_int64(3, v), w.add_int32(20, 2);
  return a;
}
inline Attr attr(const std::string& name, int v) { return attr(name, int64_t(v)); }
inline Attr attr(const std::string& name, float v) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name), w.add_float(2, v), w.add_int32(20, 1);
  return a;
}
inline Attr attr(const std::string& name, const char* v) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name), w.add_string(4, v), w.add_int32(20, 3);
  return a;
}
inline Attr attr(const std::string& name, const std::vector<int64_t>& v) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name);
  for (int64_t i : v) w.add_int64(8, i);
  w.add_int32(20, 7);
  return a;
}
inline Attr attr(const std::string& name, const std::vector<float>& v) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name), w.add_packed_float(7, v.begin(), v.end()), w.add_int32(20, 6);
  return a;
}
inline Attr attr(const std::string& name, const std::vector<std::string>& v) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name);
  for (const std::string& s : v) w.add_string(9, s);
  w.add_int32(20, 8);
  return a;
}
inline Attr attr(const std::string& name, const Tensor& v) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name), w.add_message(5, tensor_bytes("", v)), w.add_int32(20, 4);
  return a;
}
/// A reference to the attribute `outer` of the function around the node.
inline Attr attr_ref(const std::string& name, const std::string& outer, int type) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name), w.add_string(21, outer), w.add_int32(20, type);
  return a;
}

inline std::string node_bytes(const std::string& op, const std::vector<std::string>& in,
                              const std::vector<std::string>& out, const std::vector<Attr>& attributes = {},
                              const std::string& name = {}, const std::string& domain = {}) {
  std::string bytes;
  pbf_writer w(bytes);
  for (const auto& i : in) w.add_string(1, i);
  for (const auto& o : out) w.add_string(2, o);
  if (!name.empty()) w.add_string(3, name);
  w.add_string(4, op);
  for (const Attr& a : attributes) w.add_message(5, a.bytes);
  if (!domain.empty()) w.add_string(7, domain);
  return bytes;
}

/// "f32[N, 3]" as a ValueInfoProto; symbols become dim_params, "?" stands for a dim with nothing said about
/// it. Without brackets the shape is left out, with an empty text the type.
inline std::string value_bytes(const std::string& name, const std::string& type) {
  std::string bytes, shape, tensor;
  pbf_writer value(bytes);
  value.add_string(1, name);
  if (type.empty()) return bytes;
  const size_t bracket = type.find('[');
  pbf_writer t(tensor);
  t.add_int32(1, dtype_to_onnx(*dtype_from_name(type.substr(0, bracket))));
  if (bracket != type.npos) {
    pbf_writer s(shape);
    for (size_t at = bracket + 1; at < type.size() && type[at] != ']';) {
      const size_t end = type.find_first_of(",]", at);
      std::string dim = type.substr(at, end - at), one;
      dim.erase(0, dim.find_first_not_of(' '));
      pbf_writer d(one);
      if (dim.find_first_not_of("-0123456789") == dim.npos)
        d.add_int64(1, std::stoll(dim));
      else if (dim != "?")
        d.add_string(2, dim);
      s.add_message(1, one);
      at = end + 1;
    }
    t.add_message(2, shape);
  }
  std::string type_proto;
  pbf_writer(type_proto).add_message(1, tensor);
  value.add_message(2, type_proto);
  return bytes;
}

class GraphWriter {
 public:
  GraphWriter& node(const std::string& op, const std::vector<std::string>& in,
                    const std::vector<std::string>& out, const std::vector<Attr>& attributes = {},
                    const std::string& name = {}, const std::string& domain = {}) {
    return add(1, node_bytes(op, in, out, attributes, name, domain));
  }
  GraphWriter& input(const std::string& name, const std::string& type) {
    return add(11, value_bytes(name, type));
  }
  GraphWriter& output(const std::string& name, const std::string& type = {}) {
    return add(12, value_bytes(name, type));
  }
  GraphWriter& initializer(const std::string& name, const Tensor& t) { return add(5, tensor_bytes(name, t)); }
  /// Any field of GraphProto.
  GraphWriter& add(uint32_t field, const std::string& message) {
    pbf_writer(bytes_).add_message(field, message);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};
inline Attr attr(const std::string& name, const GraphWriter& g) {
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, name), w.add_message(6, g.bytes()), w.add_int32(20, 5);
  return a;
}

inline std::string opset_bytes(const std::string& domain, int64_t version) {
  std::string bytes;
  pbf_writer w(bytes);
  if (!domain.empty()) w.add_string(1, domain);
  w.add_int64(2, version);
  return bytes;
}

/// A model around a graph. `more` holds further fields of ModelProto.
inline std::string model_bytes(const GraphWriter& graph, int64_t opset = 17, const std::string& more = {},
                               int64_t ir_version = 8) {
  std::string bytes;
  pbf_writer w(bytes);
  w.add_int64(1, ir_version);
  w.add_message(8, opset_bytes("", opset));
  w.add_message(7, graph.bytes());
  return bytes + more;
}

inline std::span<const std::byte> as_bytes(const std::string& s) {
  return std::as_bytes(std::span(s.data(), s.size()));
}

}  // namespace rekindle::onnx::test
