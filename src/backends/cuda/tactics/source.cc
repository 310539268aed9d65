// Writing sources.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/source.h"

#include <algorithm>

#include "backends/cuda/tactics/formula.h"
#include "backends/cuda/tactics/index_split.h"

namespace rekindle::cuda {

Result<WrittenSource> write_source(KernelWriter& writer, const Region& region, const AnchoredRegion& parts,
                                   const Dim& run) {
  const ValueId x = parts.anchor->inputs[0];
  const TensorType& type = region.body[x].type;
  if (type.dtype != DType::f32 && type.dtype != DType::f16)
    return refuse("the type is " + std::string(to_string(type.dtype)) + ", needs f32 or f16");
  const std::vector<ValueId> values = inputs_of(region, parts.head, {x});
  std::vector<Shape> shapes;
  int64_t least = 4;  // bytes of the smallest element
  for (ValueId v : values) {
    shapes.push_back(region.body[v].type.shape);
    if (region.body[v].type.dtype == DType::f16) least = 2;
  }
  RK_TRY(IndexSplit split, IndexSplit::make(type.shape, shapes));
  WrittenSource source;
  source.width = std::min(vector_width(run, least), vector_width(split.inner(), least));
  std::string members, initial, loads;
  ValueNames names;
  const auto member = [&](const std::string& declared, const std::string& name) {
    members += "  " + declared + " " + name + ";\n";
    initial += (initial.empty() ? "" : ", ") + name;
  };
  for (size_t i = 0; i < values.size(); ++i) {
    const DType of = region.body[values[i]].type.dtype;
    RK_TRY(std::string element, element_type(of));
    const std::string name = "from" + std::to_string(i), at = "a" + std::to_string(i);
    RK_CHECK(writer.input(region, values[i], name));
    member("const " + element + "* __restrict__", name);
    const bool steps = split.steps_along_inner(i);
    loads += "    const auto " + at + " = rk_load<" + element + ", " + (steps ? "V" : "1") + ">(" + name +
             " + " + split.offset(writer, i, "e", "i") + ");\n";
    names[values[i]] = in_register(of, at + (steps ? ".at[j]" : ".at[0]"));
  }
  const std::string declare = split.declare(writer, "e", "i");
  RK_TRY(std::string statements, statements_of(region, parts.head, names));
  for (const std::string& size : writer.size_parameters()) member("int", size);
  writer.outside("struct Source {\n" + members +
                 "  template <int V> __device__ __forceinline__ void load(int e, float* x) const {\n" +
                 declare + loads + "#pragma unroll\n    for (int j = 0; j < V; ++j) {\n" + statements +
                 "    x[j] = " + names.at(x) + ";\n    }\n  }\n};\n");
  source.statement = "  const Source source{" + initial + "};\n";
  return source;
}

}  // namespace rekindle::cuda
