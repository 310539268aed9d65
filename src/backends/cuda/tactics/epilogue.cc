// Writing epilogues.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/epilogue.h"

#include "backends/cuda/tactics/formula.h"
#include "backends/cuda/tactics/index_split.h"

namespace rekindle::cuda {

namespace {

class EpilogueText {
 public:
  EpilogueText(KernelWriter& writer, const Region& region, const AnchoredRegion& parts, const Dim& columns,
               int width)
      : writer_(writer),
        region_(region),
        parts_(parts),
        is_vector_(columns.divisible_by(width)),
        columns_size_(columns),
        columns_(writer.dim(columns)),
        lanes_(std::to_string(width)),
        names_{{parts.anchor->outputs[0], "x[j]"}} {}

  /// The operands, each read once for the neighbours. A bias is the last of `values` and no value of the
  /// tail.
  Status read(const std::vector<ValueId>& values, const IndexSplit& split, bool has_bias) {
    for (size_t i = 0; i < values.size(); ++i) {
      const DType type = region_.body[values[i]].type.dtype;
      RK_TRY(std::string element, element_type(type));
      const std::string name = "in" + std::to_string(i), at = "a" + std::to_string(i);
      RK_CHECK(writer_.input(region_, values[i], name));
      add_member("const " + element + "* __restrict__", name);
      const std::string offset = split.offset(writer_, i, "e", "i");
      std::string text;
      if (!split.steps_along_inner(i)) {
        loads_ += "    const " + element + " " + at + " = " + name + "[" + offset + "];\n";
        text = at;
      } else if (is_vector_) {
        loads_ += "    const auto " + at + " = rk_load<" + element + ", " + lanes_ + ">(" + name + " + " +
                  offset + ");\n";
        text = at + ".at[j]";
      } else {
        text = name + "[" + offset + " + (j < valid ? j : 0)]";
      }
      text = in_register(type, text);
      if (has_bias && i + 1 == values.size())
        bias_ = text;
      else
        names_[values[i]] = text;
    }
    // The neighbours are in one innermost part, since that part is the row or begins and ends with rows.
    declare_ = split.declare(writer_, "e", "i");
    return {};
  }

  Result<std::string> write() {
    RK_TRY(std::string statements, statements_of(region_, parts_.tail, names_));
    std::string body =
        "  __device__ __forceinline__ void store(int m, int n, float (&x)[" + lanes_ + "]) const {\n";
    body += "    const int e = m * " + columns_ + " + n;\n";
    body += "    const int valid = " + (is_vector_ ? lanes_ : "min(" + lanes_ + ", " + columns_ + " - n)") +
            ";\n";
    body += "    (void)valid;\n" + declare_ + loads_;
    RK_CHECK(add_outputs());
    body += results_ + "#pragma unroll\n    for (int j = 0; j < " + lanes_ + "; ++j) {\n";
    if (!bias_.empty()) body += "    x[j] += " + bias_ + ";\n";
    body += statements + assignments_ + "    }\n" + stores_ + "  }\n";
    // Sizes that are only known by running are members too, under the names the text uses.
    for (const std::string& size : writer_.size_parameters()) add_member("int", size);
    writer_.outside("struct Epilogue {\n" + members_ + body + "};\n");
    return "  const Epilogue epilogue{" + initial_ + "};\n";
  }

 private:
  void add_member(const std::string& type, const std::string& name) {
    members_ += "  " + type + " " + name + ";\n";
    initial_ += (initial_.empty() ? "" : ", ") + name;
  }

  Status add_outputs() {
    // Where output 0 may be part of a concatenation its rows have a distance of their own.
    std::string at = "e";
    const Shape& shape = region_.body[region_.body.outputs[0]].type.shape;
    if (region_.body.outputs.size() == 1 && !shape.empty() && shape.back() == columns_size_) {
      add_member("int", writer_.row_step());
      at = "m * row_step + n";
    }
    for (size_t o = 0; o < region_.body.outputs.size(); ++o) {
      const ValueId v = region_.body.outputs[o];
      RK_TRY(std::string element, element_type(region_.body[v].type.dtype));
      const std::string name = "out" + std::to_string(o), result = "y" + std::to_string(o);
      RK_CHECK(writer_.output(region_.body[v].type, name));
      add_member(element + "* __restrict__", name);
      results_ += "    Vector<" + element + ", " + lanes_ + "> " + result + ";\n";
      assignments_ += "    " + result + ".at[j] = " + names_.at(v) + ";\n";
      stores_ += is_vector_ ? "    rk_store(" + name + " + " + at + ", " + result + ");\n"
                            : "    for (int j = 0; j < valid; ++j) " + name + "[" + at + " + j] = " + result +
                                  ".at[j];\n";
    }
    return {};
  }

  KernelWriter& writer_;
  const Region& region_;
  const AnchoredRegion& parts_;
  const bool is_vector_;
  const Dim columns_size_;
  const std::string columns_, lanes_;
  ValueNames names_;
  std::string members_, initial_, declare_, loads_, bias_, results_, assignments_, stores_;
};

}  // namespace

Result<std::string> write_epilogue(KernelWriter& writer, const Region& region, const AnchoredRegion& parts,
                                   const Dim& columns, int width, ValueId extra_bias) {
  const ValueId result = parts.anchor->outputs[0];
  const Shape& shape = region.body[result].type.shape;
  for (ValueId v : region.body.outputs)
    if (region.body[v].type.shape != shape) return refuse("the tail changes the shape");
  std::vector<ValueId> values = inputs_of(region, parts.tail, region.body.outputs, result);
  std::vector<Shape> shapes;
  for (ValueId v : values) shapes.push_back(region.body[v].type.shape);
  if (extra_bias != ValueId::none) {
    values.push_back(extra_bias);
    shapes.push_back({columns});
  }
  RK_TRY(const IndexSplit split, IndexSplit::make(shape, shapes));
  EpilogueText text(writer, region, parts, columns, width);
  RK_CHECK(text.read(values, split, extra_bias != ValueId::none));
  return text.write();
}

}  // namespace rekindle::cuda
