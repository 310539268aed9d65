// A region run through a tactic's kernel on the emulator, as the runtime would run it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "backends/emulator/device.h"
#include "compiler/region.h"
#include "compiler/tactic.h"
#include "device/device.h"

namespace rekindle {

/// The region whose body is a graph; inputs named w... are weights, with values from `random`.
inline Result<Region> region_of_body(Graph body, std::mt19937& random) {
  Region region;
  std::uniform_real_distribution<float> noise(-1, 1);
  for (ValueId v : body.inputs) {
    std::shared_ptr<Tensor> constant;
    if (body[v].name.starts_with("w")) {
      RK_TRY(const Dims dims, eval(body[v].type.shape, {}));
      constant = std::make_shared<Tensor>(body[v].type.dtype, dims);
      for (int64_t i = 0; i < constant->count(); ++i) constant->set_double(i, double(noise(random)));
    }
    region.constants.push_back(std::move(constant));
  }
  for (NodeId n = body.first(); n != NodeId::none; n = body.next(n)) {
    const OpKind kind = body[n].op.kind();
    if (kind == OpKind::contraction || kind == OpKind::reduction || kind == OpKind::opaque ||
        body.node_count() == 1)
      region.anchor = n;
  }
  region.body = std::move(body);
  return region;
}

/// Noise for what is no constant; integers are small, so that they serve as indices.
inline Result<Tensors> inputs_of_region(const Region& region, std::mt19937& random) {
  std::uniform_real_distribution<float> noise(-2, 2);
  Tensors inputs;
  for (size_t i = 0; i < region.body.inputs.size(); ++i) {
    if (region.constants[i]) {
      inputs.push_back(*region.constants[i]);
      continue;
    }
    const TensorType& type = region.input_type(i);
    RK_TRY(const Dims dims, eval(type.shape, region.sizes));
    RK_TRY(Tensor tensor, Tensor::make(type.dtype, dims));
    for (int64_t k = 0; k < tensor.count(); ++k)
      tensor.set_double(k, is_float(type.dtype) ? double(noise(random)) : double(random() % 3));
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

/// Device memory for the arguments of one launch.
class EmulatedArguments {
 public:
  explicit EmulatedArguments(Device& device, Stream& stream) : device_(device), stream_(stream) {}
  Status add_input(const Tensor& tensor, bool is_constant) {
    if (!tensor.has_data()) {
      inputs.push_back({DType::f32, {}, {}, false});
      from.push_back(nullptr);
    } else {
      RK_TRY(void* const p, allocate(tensor.bytes()));
      RK_CHECK(device_.copy_in(stream_, p, tensor.raw(), tensor.bytes()));
      inputs.push_back({tensor.dtype(), tensor.dims(), {}, true});
      from.push_back(p);
    }
    constants.push_back(is_constant ? from.back() : nullptr);
    return {};
  }
  Status add_output(const Tensor& tensor) {
    RK_TRY(void* const p, allocate(tensor.bytes()));
    outputs.push_back({tensor.dtype(), tensor.dims(), {}, true});
    to.push_back(p);
    return {};
  }
  std::vector<ArgShape> inputs, outputs;
  std::vector<const void*> from, constants;
  std::vector<void*> to;

 private:
  Result<void*> allocate(int64_t bytes) {
    RK_TRY(auto buffer, device_.allocate(bytes));
    memory_.push_back(buffer);
    return buffer.get();
  }
  Device& device_;
  Stream& stream_;
  std::vector<std::shared_ptr<void>> memory_;
};

inline Result<std::vector<int64_t>> eval_all(const std::vector<Dim>& dims, const Bindings& sizes) {
  std::vector<int64_t> values;
  for (const Dim& d : dims) {
    RK_TRY(const int64_t value, d.eval(sizes));
    values.push_back(value);
  }
  return values;
}

/// The region's outputs. Errors are those of the launch.
inline Result<Tensors> run_emulated(Device& device, const Region& region, const BuiltKernel& kernel,
                                    const Tensors& region_inputs) {
  RK_TRY(auto stream, device.create_stream());
  RK_TRY(auto loaded, device.load(kernel.image, std::as_bytes(std::span(kernel.code))));
  EmulatedArguments arguments(device, *stream);
  for (const KernelInput& in : kernel.inputs) {
    const bool is_made = in.region_input < 0;
    RK_CHECK(arguments.add_input(is_made ? in.constant : region_inputs[size_t(in.region_input)],
                                 is_made || region.constants[size_t(in.region_input)] != nullptr));
  }
  Tensors results;
  for (ValueId v : region.body.outputs) {
    RK_TRY(const Dims dims, eval(region.body[v].type.shape, region.sizes));
    RK_TRY(Tensor host, Tensor::make(region.body[v].type.dtype, dims));
    RK_CHECK(arguments.add_output(host));
    results.push_back(std::move(host));
  }
  RK_TRY(const auto grid, eval_all(kernel.grid, region.sizes));
  RK_TRY(const auto scalars, eval_all(kernel.scalars, region.sizes));
  RK_TRY(auto launch,
         loaded->prepare({arguments.inputs, arguments.outputs, grid, scalars, 1, arguments.constants}));
  RK_TRY(auto workspace, device.allocate(launch->workspace_bytes()));
  RK_CHECK(launch->run(*stream, arguments.from.data(), arguments.to.data(), workspace.get()));
  for (size_t i = 0; i < results.size(); ++i)
    RK_CHECK(device.copy_out(*stream, results[i].raw(), arguments.to[i], results[i].bytes()));
  RK_CHECK(stream->synchronize());
  return results;
}

/// Error unless the results agree, relative to each output's largest magnitude; integers must be equal.
inline Status expect_close(const Tensors& got, const Tensors& wanted, double tolerance) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    double largest = 0;
    for (int64_t k = 0; k < wanted[i].count(); ++k)
      if (const double w = wanted[i].as_double(k); std::isfinite(w))
        largest = std::max(largest, std::fabs(w));
    const double bound = is_float(wanted[i].dtype()) ? tolerance * std::max(largest, 1e-6) : 0;
    for (int64_t k = 0; k < wanted[i].count(); ++k) {
      const double g = got[i].as_double(k), w = wanted[i].as_double(k);
      if (g == w || (std::isnan(g) && std::isnan(w)) || std::fabs(g - w) <= bound) continue;
      return Status::error(Code::internal, "element " + std::to_string(k) + " of output " +
                                               std::to_string(i) + " is " + std::to_string(g) +
                                               ", expected " + std::to_string(w));
    }
  }
  return {};
}

}  // namespace rekindle
