// Assembling source text.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/writer.h"

#include <algorithm>

#include "backends/cuda/tactics/code_cache.h"
#include "backends/cuda/tactics/kernel_files.h"
#include "compiler/anchored_region.h"

namespace rekindle::cuda {

Result<std::string> element_type(DType type) {
  switch (type) {
    case DType::f32:
      return std::string("float");
    case DType::f16:
      return std::string("f16");
    case DType::i32:
      return std::string("i32");
    case DType::i64:
      return std::string("i64");
    case DType::u8:
    case DType::boolean:
      return std::string("u8");
    case DType::i8:
      return std::string("i8");
    default:
      return refuse("kernels do not compute in " + std::string(to_string(type)));
  }
}

Status KernelWriter::input(const Region& region, ValueId v, const std::string& name) {
  RK_TRY(std::string type, element_type(region.body[v].type.dtype));
  RK_TRY(KernelInput input, kernel_input(region, v));
  inputs_.push_back(std::move(input));
  parameters_.push_back("const " + type + "* __restrict__ " + name);
  return {};
}

void KernelWriter::constant(Tensor value, const std::string& name, const std::string& element) {
  inputs_.push_back({-1, std::move(value)});
  parameters_.push_back("const " + element + "* __restrict__ " + name);
}

Status KernelWriter::output(const TensorType& type, const std::string& name) {
  RK_TRY(std::string element, element_type(type.dtype));
  parameters_.push_back(element + "* __restrict__ " + name);
  return {};
}

std::string KernelWriter::dim(const Dim& d) {
  if (const auto value = d.as_int()) return std::to_string(*value);
  const auto found = std::find(scalars_.begin(), scalars_.end(), d);
  const auto index = size_t(found - scalars_.begin());
  if (found == scalars_.end()) scalars_.push_back(d);
  return "s" + std::to_string(index);
}

std::vector<std::string> KernelWriter::size_parameters() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < scalars_.size(); ++i) names.push_back("s" + std::to_string(i));
  return names;
}

void KernelWriter::workspace(const Dim& bytes, const Dim& counters) { workspace_.emplace(bytes, counters); }

std::string KernelWriter::row_step() {
  has_row_step_ = true;
  return "row_step";
}

void KernelWriter::define(const std::string& name, const std::string& value) {
  defines_ += "#define " + name + " " + value + "\n";
}

void KernelWriter::include(std::string_view file) {
  if (std::find(files_.begin(), files_.end(), file) == files_.end()) files_.push_back(file);
}

std::string KernelWriter::source(const std::string& name, uint32_t threads, int min_blocks) const {
  std::string text = defines_;
  text += kernel_file("prelude.cuh");
  text += preamble_;
  for (std::string_view file : files_) text += kernel_file(file);
  text += outside_;
  text += "extern \"C\" __global__ void ";
  if (cluster_ > 1) text += "__cluster_dims__(1, 1, " + std::to_string(cluster_) + ") ";
  text += "__launch_bounds__(" + std::to_string(threads);
  if (min_blocks > 0) text += ", " + std::to_string(min_blocks);
  text += ") " + name + "(";
  std::string separator;
  for (const std::string& parameter : parameters_) {
    text += separator + parameter;
    separator = ", ";
  }
  if (workspace_) text += separator + "float* __restrict__ workspace, u32* __restrict__ counters";
  for (size_t i = 0; i < scalars_.size(); ++i) {
    text += separator + "int s" + std::to_string(i);
    separator = ", ";
  }
  if (has_row_step_) text += separator + "int row_step";
  if (has_runs_) text += separator + "int run_length, int run_step";
  return text + ") {\n" + body_ + "}\n";
}

namespace {

Result<CompiledCode> compile_for(const Target& target, const std::string& source, const std::string& name) {
  if (target.device == "emulator") {
    const KernelCompiler* const compiler = emulated_compiler();
    if (!compiler)
      return Status::error(Code::unsupported,
                           "kernels for the emulator are compiled by the rekindle program alone, of a build "
                           "with RK_EMULATOR");
    return compiler->compile(source, name, target.sm, CodeKind::emulated);
  }
  RK_TRY(const Nvrtc* const nvrtc, Nvrtc::load());
  return CodeCache::of_process().compile(*nvrtc, source, name, target.sm,
                                         target.name.ends_with(":ptx") ? CodeKind::ptx : CodeKind::cubin);
}

}  // namespace

Result<BuiltKernel> KernelWriter::finish(const std::string& name, std::vector<uint32_t> block,
                                         std::vector<Dim> grid, const Target& target, int min_blocks) {
  uint32_t threads = 1;
  for (uint32_t n : block) threads *= n;
  BuiltKernel kernel;
  kernel.image.name = name;
  CodeBundle bundle;
  RK_TRY(CompiledCode compiled, compile_for(target, source(name, threads, min_blocks), name));
  bundle.images.push_back(std::move(compiled.image));
  kernel.code = to_bytes(bundle);
  LaunchParams params;
  params.block = std::move(block);
  params.shared_bytes = shared_bytes_;
  params.registers = uint32_t(compiled.report.registers);
  params.spill_bytes = uint32_t(compiled.report.spill_bytes);
  params.static_shared_bytes = uint32_t(compiled.report.shared_bytes);
  params.has_workspace = params.has_counters = workspace_.has_value();
  params.has_row_step = has_row_step_;
  params.has_runs = has_runs_;
  kernel.image.params = to_bytes(params);
  kernel.inputs = inputs_;
  kernel.grid = std::move(grid);
  if (workspace_) kernel.scalars = {workspace_->first, workspace_->second};
  kernel.strided_output = has_row_step_;
  kernel.scalars.insert(kernel.scalars.end(), scalars_.begin(), scalars_.end());
  return kernel;
}

}  // namespace rekindle::cuda
