// Writing sources.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/source.h"

#include "backends/cuda/tactics/formula.h"
#include "backends/cuda/tactics/index_split.h"

namespace rekindle::cuda {

Result<std::string> write_source(KernelWriter& writer, const Region& region, const AnchoredRegion& parts) {
  const ValueId x = parts.anchor->inputs[0];
  const TensorType& type = region.body[x].type;
  if (type.dtype != DType::f32)
    return refuse("the type is " + std::string(to_string(type.dtype)) + ", needs f32");
  const std::vector<ValueId> values = inputs_of(region, parts.head, {x});
  std::vector<Shape> shapes;
  for (ValueId v : values) shapes.push_back(region.body[v].type.shape);
  RK_TRY(IndexSplit split, IndexSplit::make(type.shape, shapes));
  std::string members, initial;
  ValueNames names;
  const auto member = [&](const std::string& declared, const std::string& name) {
    members += "  " + declared + " " + name + ";\n";
    initial += (initial.empty() ? "" : ", ") + name;
  };
  for (size_t i = 0; i < values.size(); ++i) {
    RK_TRY(std::string element, element_type(region.body[values[i]].type.dtype));
    const std::string name = "from" + std::to_string(i);
    RK_CHECK(writer.input(region, values[i], name));
    member("const " + element + "* __restrict__", name);
    std::string text = name + "[" + split.offset(writer, i, "e", "i") + "]";
    if (region.body[values[i]].type.dtype == DType::boolean) text = "bool(" + text + ")";
    names[values[i]] = text;
  }
  const std::string declare = split.declare(writer, "e", "i");
  RK_TRY(std::string statements, statements_of(region, parts.head, names));
  for (const std::string& size : writer.size_parameters()) member("int", size);
  writer.outside("struct Source {\n" + members + "  __device__ __forceinline__ float load(int e) const {\n" +
                 declare + statements + "    return " + names.at(x) + ";\n  }\n};\n");
  return "  const Source source{" + initial + "};\n";
}

}  // namespace rekindle::cuda
