// The bytes of a model: structure, limits and damage (no meaning yet).
// SPDX-License-Identifier: Apache-2.0
#include "onnx/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/model_writer.h"

namespace rekindle::onnx {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

Result<std::shared_ptr<const ModelProto>> read(const std::string& bytes, const WireLimits& limits = {}) {
  return read_model(as_bytes(bytes), nullptr, limits);
}
std::string error_of(const std::string& bytes, const WireLimits& limits = {}) {
  return read(bytes, limits).status().to_string();
}
GraphWriter small_graph() {
  GraphWriter g;
  g.input("x", "f32[N, 3]").output("y").initializer("w", Tensor::of<float>({3}, {1, 2, 3}));
  g.node("Add", {"x", "w"}, {"s"}, {}, "first");
  g.node("Softmax", {"s"}, {"y"},
         {attr("axis", -1), attr("f", 0.5f), attr("list", ints({3, -4})), attr("text", "hi")});
  return g;
}

TEST(Wire, ReadsAModel) {
  const std::string bytes = model_bytes(small_graph());
  auto model = read(bytes);
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  const ModelProto& m = **model;
  EXPECT_EQ(m.ir_version, 8);
  ASSERT_EQ(m.opset_imports.size(), 1u);
  EXPECT_EQ(m.opset_imports[0].version, 17);
  ASSERT_EQ(m.graph.nodes.size(), 2u);
  EXPECT_EQ(m.graph.nodes[0].name, "first");
  EXPECT_THAT(m.graph.nodes[0].inputs, ElementsAre("x", "w"));
  const auto attributes = m.graph.nodes[1].attributes;
  ASSERT_EQ(attributes.size(), 4u);
  EXPECT_EQ(std::get<int64_t>(attributes[0].value), -1);
  EXPECT_EQ(std::get<float>(attributes[1].value), 0.5f);
  EXPECT_THAT(std::get<std::span<const int64_t>>(attributes[2].value), ElementsAre(3, -4));
  EXPECT_EQ(std::get<std::string_view>(attributes[3].value), "hi");
  ASSERT_EQ(m.graph.initializers.size(), 1u);
  EXPECT_EQ(m.graph.initializers[0].raw.size(), 12u);
  ASSERT_EQ(m.graph.inputs[0].type.shape.size(), 2u);
  EXPECT_EQ(m.graph.inputs[0].type.shape[0].param, "N");
  EXPECT_EQ(m.graph.inputs[0].type.shape[1].value, 3);
  EXPECT_EQ(m.node_count, 2);
}

TEST(Wire, RefusesWhatIsNoModel) {
  EXPECT_THAT(error_of(""), HasSubstr("the file is empty, expected an ONNX model"));
  for (int byte = 0; byte < 256; ++byte) EXPECT_FALSE(read(std::string(1, char(byte))).ok()) << byte;
  EXPECT_THAT(error_of("hello, this is text\n"), HasSubstr("no ONNX model"));
  std::string no_graph;
  pbf_writer(no_graph).add_int64(1, 8);
  EXPECT_THAT(error_of(no_graph), HasSubstr("there is no graph in them"));
}

TEST(Wire, EveryTruncationIsAnError) {
  const std::string whole = model_bytes(small_graph());
  int complete = 0;
  for (size_t size = 0; size < whole.size(); ++size) complete += read(whole.substr(0, size)).ok();
  EXPECT_EQ(complete, 0);  // the graph comes last, so no prefix is a model
}

TEST(Wire, SurvivesBitFlips) {
  const std::string whole = model_bytes(small_graph());
  uint64_t state = 1;
  for (int seed = 0; seed < 1000; ++seed) {
    std::string bytes = whole;
    for (int flip = 0; flip < 4; ++flip) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      bytes[(state >> 33) % bytes.size()] ^= char(1 << ((state >> 60) & 7));
    }
    (void)read(bytes);
  }
}

TEST(Wire, LengthsArePast32Bits) {
  std::string bytes = "\x3a\xff\xff\xff\xff\x07";  // field 7, 2^31 - 1 bytes
  EXPECT_THAT(error_of(bytes), HasSubstr("field 7 claims 2147483647 bytes, but only 0 are left"));
  bytes = "\x3a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01";  // 2^63
  EXPECT_THAT(error_of(bytes), HasSubstr("field 7 claims 9223372036854775808 bytes, but only 0 are left"));
  bytes =
      "\x3a\x83\x80\x80\x80\x10"
      "abc";  // 2^32 + 3: cut to 32 bits it would be 3
  EXPECT_THAT(error_of(bytes), HasSubstr("field 7 claims 4294967299 bytes"));
  bytes = std::string("\x08") + std::string(10, '\x80') + "\x01";  // a varint of 11 bytes
  EXPECT_THAT(error_of(bytes), HasSubstr("varint too long"));
}

TEST(Wire, WrongWireTypesAreErrors) {
  std::string bytes;
  pbf_writer(bytes).add_int64(7, 1);  // the graph as a number
  EXPECT_THAT(error_of(bytes), HasSubstr("field 7 has wire type 0, expected bytes"));
}

std::string nested(int depth) {
  // built from the inside, appending only lengths: 10,000 levels take linear space
  std::string head, tail;
  size_t size = 0;
  for (int level = 0; level < depth; ++level) {
    for (const int field : {6, 5, 1}) {  // attribute.g, node.attribute, graph.node
      std::string length;
      protozero::add_varint_to_buffer(&length, size);
      std::string reversed(1, char(field << 3 | 2));
      reversed += length;
      head.append(reversed.rbegin(), reversed.rend());
      size += reversed.size();
    }
  }
  std::string bytes(head.rbegin(), head.rend());
  std::string model;
  pbf_writer w(model);
  w.add_message(8, opset_bytes("", 17));
  w.add_message(7, bytes);
  return model;
}

TEST(Wire, NestingIsLimited) {
  EXPECT_TRUE(read(nested(60)).ok()) << error_of(nested(60));
  EXPECT_THAT(error_of(nested(10000)), HasSubstr("graphs are nested more than 64 deep"));
  EXPECT_THAT(error_of(nested(10000)), HasSubstr("in graph 0, node 0, attribute 0, node 0"));
}

TEST(Wire, CountsAreLimited) {
  WireLimits limits;
  limits.nodes = 1;
  EXPECT_THAT(error_of(model_bytes(small_graph()), limits),
              HasSubstr("there are more than 1 nodes (in graph 0, node 1)"));
  limits = {};
  limits.attribute_values = 1;
  EXPECT_THAT(error_of(model_bytes(small_graph()), limits),
              HasSubstr("a list has 2 integers, expected at most 1"));
  limits = {};
  limits.file_bytes = 10;
  EXPECT_THAT(error_of(model_bytes(small_graph()), limits), HasSubstr("expected at most 10"));
}

TEST(Wire, SmallFilesCannotClaimMuchMemory) {
  std::string list;  // 6 M empty strings: 2 bytes each in the file, 16 as views
  for (int i = 0; i < 6'000'000; ++i) list += std::string("\x0a\x00", 2);
  GraphWriter g;
  g.add(1, list);
  EXPECT_THAT(error_of(model_bytes(g)), HasSubstr("its lists need more than 70 MiB of memory"));
}

TEST(Wire, NamesAreLimited) {
  GraphWriter g;
  g.node("Relu", {std::string((1 << 20) + 1, 'x')}, {"y"});
  EXPECT_THAT(error_of(model_bytes(g)), HasSubstr("a name has 1048577 bytes, expected at most 1 MiB"));
}

TEST(Wire, AttributesHoldOneValue) {
  Attr both = attr("axis", 1);
  pbf_writer(both.bytes).add_float(2, 1.0f);
  GraphWriter g;
  g.node("Relu", {"x"}, {"y"}, {both});
  EXPECT_THAT(error_of(model_bytes(g)),
              HasSubstr("it holds both float and int, expected one (in graph 0, node 0, attribute 0)"));
  Attr lies = attr("axis", 1);
  pbf_writer(lies.bytes).add_int32(20, 3);
  GraphWriter h;
  h.node("Relu", {"x"}, {"y"}, {lies});
  EXPECT_THAT(error_of(model_bytes(h)), HasSubstr("says that it is of type string but holds int"));
}

TEST(Wire, UntypedAttributesAreTyped) {  // files of IR version 1 leave the type out
  Attr a;
  pbf_writer w(a.bytes);
  w.add_string(1, "axis"), w.add_int64(3, 7);
  GraphWriter g;
  g.node("Relu", {"x"}, {"y"}, {a});
  const std::string bytes = model_bytes(g);
  auto model = read(bytes);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->graph.nodes[0].attributes[0].type, AttributeType::i);
}

}  // namespace
}  // namespace rekindle::onnx
