// External data: what is opened, and above all what is not.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/external_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "onnx/import.h"
#include "onnx/model_writer.h"

namespace rekindle::onnx {
namespace {

using namespace test;
using testing::HasSubstr;
namespace fs = std::filesystem;

class ExternalData : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) /
            ("external_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + "_" +
             std::to_string(getpid()));
    folder_ = root_ / "model";
    fs::create_directories(folder_ / "sub");
    const std::vector<float> values = {1, 2, 3, 4};
    write(folder_ / "data.bin", values);
    write(folder_ / "sub" / "data.bin", values);
    write(root_ / "secret.bin", values);
  }
  void TearDown() override { fs::remove_all(root_); }
  static void write(const fs::path& path, const std::vector<float>& values) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * sizeof(float)));
  }

  using Entries = std::vector<std::pair<std::string, std::string>>;
  static std::string tensor(const Entries& entries, const std::vector<int64_t>& dims = {4}) {
    std::string bytes;
    pbf_writer w(bytes);
    for (const int64_t d : dims) w.add_int64(1, d);
    w.add_int32(2, 1);
    w.add_string(8, "w");
    for (const auto& [key, value] : entries) {
      std::string entry;
      pbf_writer e(entry);
      e.add_string(1, key), e.add_string(2, value);
      w.add_message(13, entry);
    }
    w.add_int32(14, 1);
    return bytes;
  }
  Result<Imported> import(const std::string& tensor_message, const ImportOptions& options = {}) {
    GraphWriter g;
    g.add(5, tensor_message).output("w");
    bytes_ = model_bytes(g);
    return import_bytes(as_bytes(bytes_), folder_, options);
  }
  std::string result(const Entries& entries, const ImportOptions& options = {}) {
    const auto imported = import(tensor(entries), options);
    if (!imported.ok()) return imported.status().message();
    return imported->graph[imported->graph.outputs[0]].constant->to_string();
  }

  fs::path root_, folder_;
  std::string bytes_;
};

TEST_F(ExternalData, IsFound) {
  EXPECT_EQ(result({{"location", "data.bin"}}), "f32[4] {1, 2, 3, 4}");
  EXPECT_EQ(result({{"location", "./sub/data.bin"}, {"offset", "0"}, {"length", "16"}}),
            "f32[4] {1, 2, 3, 4}");
  const auto half = import(tensor({{"location", "data.bin"}, {"offset", "8"}, {"length", "8"}}, {2}));
  ASSERT_TRUE(half.ok()) << half.status().to_string();
  EXPECT_EQ(half->graph[half->graph.outputs[0]].constant->to_string(), "f32[2] {3, 4}");
  const auto checked = import(tensor({{"location", "data.bin"}, {"checksum", "abc"}}));
  ASSERT_TRUE(checked.ok());
  EXPECT_THAT(checked->notes, testing::Contains("checksums of external data are not verified"));
}

TEST_F(ExternalData, ItsContentIsPartOfTheHash) {
  const auto before = import(tensor({{"location", "data.bin"}}));
  write(folder_ / "data.bin", {1, 2, 3, 5});
  const auto after = import(tensor({{"location", "data.bin"}}));
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_NE(before->content_hash, after->content_hash);
}

TEST_F(ExternalData, StaysInTheFolder) {
  const std::string nul("a\0b", 3);
  const std::pair<std::string, const char*> cases[] = {{"../secret.bin", "leads out of the folder"},
                                                       {"sub/../../secret.bin", "leads out of the folder"},
                                                       {"/etc/passwd", "is absolute"},
                                                       {"C:\\x", "contains a backslash"},
                                                       {"C:/x", "names a drive"},
                                                       {"\\\\host\\x", "contains a backslash"},
                                                       {nul, "contains a NUL"},
                                                       {"", "is empty"},
                                                       {std::string(5000, 'a'), "is longer than 4096 bytes"}};
  for (const auto& [location, why] : cases) {
    const std::string message = result({{"location", location}});
    EXPECT_THAT(message, HasSubstr(why)) << location;
    EXPECT_THAT(message, HasSubstr("expected a relative path beneath the model's folder"));
  }
  EXPECT_THAT(result({{"location", "nowhere.bin"}}),
              HasSubstr("external data 'nowhere.bin' does not exist in the model's folder"));
}

TEST_F(ExternalData, LinksAreRefused) {
  fs::create_symlink(root_ / "secret.bin", folder_ / "link.bin");
  fs::create_directory_symlink(root_, folder_ / "up");
  fs::create_hard_link(root_ / "secret.bin", folder_ / "hard.bin");
  EXPECT_THAT(result({{"location", "link.bin"}}), HasSubstr("is a symbolic link or lies behind one"));
  EXPECT_THAT(result({{"location", "up/secret.bin"}}), HasSubstr("is a symbolic link or lies behind one"));
  EXPECT_THAT(result({{"location", "hard.bin"}}), HasSubstr("has 2 hard links, expected 1"));
  ImportOptions options;
  options.allow_links = true;
  for (const char* location : {"link.bin", "up/secret.bin", "hard.bin"})
    EXPECT_EQ(result({{"location", location}}, options), "f32[4] {1, 2, 3, 4}") << location;
  EXPECT_THAT(result({{"location", "../secret.bin"}}, options), HasSubstr("leads out of the folder"));
}

TEST_F(ExternalData, OnlyRegularFiles) {
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(result({{"location", "pipe"}}), HasSubstr("is not a regular file"));  // and does not wait
  EXPECT_THAT(result({{"location", "sub"}}), HasSubstr("is not a regular file"));
  ImportOptions options;
  options.allow_links = true;
  fs::create_symlink("/dev/zero", folder_ / "zero");
  EXPECT_THAT(result({{"location", "zero"}}, options), HasSubstr("is not a regular file"));
}

TEST_F(ExternalData, PlacesAreChecked) {
  EXPECT_THAT(result({{"location", "data.bin"}, {"offset", "-1"}}),
              HasSubstr("external data has offset '-1', expected a number of bytes"));
  EXPECT_THAT(result({{"location", "data.bin"}, {"offset", "1e3"}}), HasSubstr("expected a number of bytes"));
  EXPECT_THAT(result({{"location", "data.bin"}, {"offset", "99999999999999999999"}}),
              HasSubstr("expected a number of bytes"));
  EXPECT_THAT(result({{"location", "data.bin"}, {"offset", "17"}}),
              HasSubstr("has 16 bytes, expected 16 from offset 17"));
  EXPECT_THAT(result({{"location", "data.bin"}, {"offset", "9223372036854775807"}}),
              HasSubstr("has 16 bytes, expected 16 from offset"));
  EXPECT_THAT(result({{"location", "data.bin"}, {"length", "1152921504606846976"}}),
              HasSubstr("has length 1152921504606846976, expected 16"));
  EXPECT_THAT(result({{"location", "data.bin"}, {"length", "8"}}), HasSubstr("has length 8, expected 16"));
  write(folder_ / "data.bin", {1, 2, 3, 4, 5});
  EXPECT_THAT(result({{"location", "data.bin"}}),
              HasSubstr("has 20 bytes from offset 0 and no length is given, expected 16"));
  EXPECT_THAT(result({}), HasSubstr("external data has no location"));
  EXPECT_THAT(result({{"location", "data.bin"}, {"location", "data.bin"}}),
              HasSubstr("external data has the key location twice"));
  EXPECT_THAT(
      result({{"location", "data.bin"}, {"__class__", "x"}}),
      HasSubstr(
          "external data has the unknown key '__class__', expected location, offset, length or checksum"));
}

TEST_F(ExternalData, TheRulesHoldWhereverTensorsAre) {
  const std::string outside = tensor({{"location", "../secret.bin"}});
  const auto refused = [&](const GraphWriter& g, const std::string& more = {}) {
    const std::string bytes = model_bytes(g, 17, more);
    return import_bytes(as_bytes(bytes), folder_).status().message();
  };
  std::string sparse;
  pbf_writer s(sparse);
  s.add_message(1, outside);
  s.add_message(2, tensor_bytes("i", Tensor::of<int64_t>({4}, {0, 1, 2, 3})));
  s.add_int64(3, 4);
  GraphWriter initializer;
  initializer.add(15, sparse).output("w");
  EXPECT_THAT(refused(initializer), HasSubstr("leads out of the folder"));

  Attr dense{}, sparse_attribute{};
  pbf_writer d(dense.bytes), sp(sparse_attribute.bytes);
  d.add_string(1, "value"), d.add_message(5, outside), d.add_int32(20, 4);
  sp.add_string(1, "sparse_value"), sp.add_message(22, sparse), sp.add_int32(20, 11);
  for (const Attr& attribute : {dense, sparse_attribute}) {
    GraphWriter constant;
    constant.output("y").node("Constant", {}, {"y"}, {attribute});
    EXPECT_THAT(refused(constant), HasSubstr("leads out of the folder"));
    GraphWriter outer;
    GraphWriter inner;
    inner.output("b").node("Constant", {}, {"b"}, {attribute});
    outer.input("c", "boolean[]")
        .output("y")
        .node("If", {"c"}, {"y"}, {attr("then_branch", inner), attr("else_branch", inner)});
    EXPECT_THAT(refused(outer), HasSubstr("leads out of the folder"));
    std::string function, more;
    pbf_writer f(function), m(more);
    f.add_string(1, "F"), f.add_string(5, "r"),
        f.add_message(7, node_bytes("Constant", {}, {"r"}, {attribute}));
    f.add_message(9, opset_bytes("", 17)), f.add_string(10, "local");
    m.add_message(8, opset_bytes("local", 1)), m.add_message(25, function);
    GraphWriter call;
    call.output("y").node("F", {}, {"y"}, {}, "", "local");
    EXPECT_THAT(refused(call, more), HasSubstr("leads out of the folder"));
  }
}

TEST_F(ExternalData, NeedsAModelFile) {
  GraphWriter g;
  g.add(5, tensor({{"location", "data.bin"}})).output("w");
  const std::string bytes = model_bytes(g);
  EXPECT_THAT(import_bytes(as_bytes(bytes)).status().message(),
              HasSubstr("the model does not come from a file"));
  std::ofstream(folder_ / "m.onnx", std::ios::binary) << bytes;
  const auto imported = import_file(folder_ / "m.onnx");
  ASSERT_TRUE(imported.ok()) << imported.status().to_string();
  EXPECT_EQ(imported->graph[imported->graph.outputs[0]].constant->to_string(), "f32[4] {1, 2, 3, 4}");
}

TEST_F(ExternalData, ModelFilesAreChecked) {
  EXPECT_EQ(import_file(folder_ / "none.onnx").status().code(), Code::not_found);
  EXPECT_FALSE(import_file(folder_).ok());
  std::ofstream(folder_ / "empty.onnx");
  EXPECT_THAT(import_file(folder_ / "empty.onnx").status().to_string(),
              HasSubstr("the file is empty, expected an ONNX model"));
  std::ofstream(folder_ / "huge.onnx");
  fs::resize_file(folder_ / "huge.onnx", uintmax_t(3) << 30);  // holes only
  EXPECT_THAT(import_file(folder_ / "huge.onnx").status().message(),
              HasSubstr("the file has 3221225472 bytes, expected at most 2147483647"));
}

}  // namespace
}  // namespace rekindle::onnx
