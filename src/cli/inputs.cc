// Reading inputs and making random ones.
// SPDX-License-Identifier: Apache-2.0
#include "cli/inputs.h"

#include <random>

#include "base/printable.h"
#include "cli/shapes.h"
#include "tensor/npy.h"

namespace rekindle::cli {

namespace {

Status check_name(std::span<const Binding> bindings, const std::string& name) {
  std::string known;
  for (const Binding& b : bindings) {
    if (!b.is_input) continue;
    if (b.name == name) return {};
    known += (known.empty() ? "" : ", ") + printable(b.name);
  }
  return Status::error(Code::not_found, "there is no input '" + printable(name) + "'; there are " + known);
}

Result<Dims> dims_of(const Binding& binding, const Profile& profile, Bindings& sizes) {
  for (const Dim& d : binding.type.shape) {
    const auto symbol = d.as_symbol();
    if (!symbol || sizes.contains(*symbol)) continue;
    const auto range = profile.find(*symbol);
    sizes[std::string(*symbol)] = range != profile.end() && range->second.opt > 0 ? range->second.opt : 1;
  }
  return eval(binding.type.shape, sizes);
}

Result<Tensor> random_input(DType dtype, const Dims& dims, uint32_t seed) {
  RK_TRY(Tensor tensor, Tensor::make(dtype, dims));
  if (dtype == DType::string) return tensor;
  std::mt19937 random(seed);
  const bool is_real = is_float(dtype);
  for (int64_t i = 0; i < tensor.count(); ++i)
    tensor.set_double(i, is_real ? double(random() >> 8) / double(1 << 24) : double(random() & 1));
  return tensor;
}

}  // namespace

Result<std::map<std::string, Tensor>> read_inputs(std::span<const Binding> bindings, const Profile& profile,
                                                  const InputArguments& arguments) {
  std::map<std::string, Tensor> inputs;
  for (const std::string& text : arguments.files) {
    RK_TRY(auto pair, split_name(text, "FILE.npy"));
    RK_CHECK(check_name(bindings, pair.first));
    if (inputs.contains(pair.first))
      return Status::error(Code::invalid_argument, "input '" + pair.first + "' is given twice");
    RK_TRY(inputs[pair.first], read_npy(pair.second));
  }
  Bindings sizes;
  std::map<std::string, Dims> shapes;
  for (const std::string& text : arguments.shapes) {
    RK_TRY(auto pair, split_name(text, "1x3x224x224"));
    RK_CHECK(check_name(bindings, pair.first));
    RK_TRY(shapes[pair.first], parse_dims(pair.second));
  }
  // What is known fixes symbols first, so that the random rest fits to it.
  for (const Binding& b : bindings) {
    if (!b.is_input) continue;
    const auto file = inputs.find(b.name);
    const auto shape = shapes.find(b.name);
    const Dims* dims = file != inputs.end()    ? &file->second.dims()
                       : shape != shapes.end() ? &shape->second
                                               : nullptr;
    for (size_t i = 0; dims && i < dims->size() && i < b.type.shape.size(); ++i)
      if (const auto symbol = b.type.shape[i].as_symbol()) sizes.emplace(std::string(*symbol), (*dims)[i]);
  }
  uint32_t seed = 1;
  for (const Binding& b : bindings) {
    if (!b.is_input || inputs.contains(b.name)) continue;
    Dims dims;
    if (const auto shape = shapes.find(b.name); shape != shapes.end()) {
      dims = shape->second;
    } else {
      RK_TRY(dims, dims_of(b, profile, sizes));
    }
    RK_TRY(inputs[b.name], random_input(b.type.dtype, dims, seed++));
  }
  return inputs;
}

}  // namespace rekindle::cli
