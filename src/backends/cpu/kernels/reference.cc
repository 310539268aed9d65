// cpu.reference: op structs by name, run on views of the launch's memory.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/reference.h"

#include <cstring>
#include <optional>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/kernels/strided_copy.h"
#include "backends/cpu/loop_nest.h"
#include "math/all.h"
#include "math/elementwise_reference.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_reference(std::string_view params, Isa isa);

namespace {

/// An op struct behind one interface: what infer and evaluate are for its kind.
class Reference {
 public:
  virtual ~Reference() = default;
  virtual Result<Types> infer(std::span<const TensorType> types) const = 0;
  virtual Result<Tensors> evaluate(std::span<const Tensor> in) const = 0;
  /// The op with the symbols in its fields replaced by their values.
  virtual std::shared_ptr<const Reference> with(const DimMap& values) const = 0;
};
template <class T> class ReferenceOf final : public Reference {
 public:
  explicit ReferenceOf(T op) : op_(std::move(op)) {}
  Result<Types> infer(std::span<const TensorType> types) const override {
    if constexpr (ElementwiseOp<T>)
      return infer_elementwise(traits_of<T>(), types);
    else
      return op_.infer(types);
  }
  Result<Tensors> evaluate(std::span<const Tensor> in) const override {
    if constexpr (ElementwiseOp<T>)
      return evaluate_elementwise(traits_of<T>(), row_functions<T>(), &op_, in);
    else
      return op_.evaluate(in);
  }
  std::shared_ptr<const Reference> with(const DimMap& values) const override {
    T op = op_;
    for_each_field(op, [&](std::string_view, auto& field) {
      using F = std::decay_t<decltype(field)>;
      if constexpr (std::is_same_v<F, Dim>) field = field.substitute(values);
      if constexpr (std::is_same_v<F, std::vector<Dim>>)
        for (Dim& d : field) d = d.substitute(values);
    });
    return std::make_shared<ReferenceOf>(std::move(op));
  }

 private:
  T op_;
};

template <class T> Result<std::shared_ptr<const Reference>> decode_reference(std::string_view params) {
  T op{};
  if constexpr (HasFields<T>) {
    RK_TRY(op, from_bytes<T>(params));
  }
  return std::shared_ptr<const Reference>(std::make_shared<ReferenceOf<T>>(std::move(op)));
}

Result<std::shared_ptr<const Reference>> find_reference(std::string_view name, std::string_view params) {
  using Decode = Result<std::shared_ptr<const Reference>> (*)(std::string_view);
  constexpr std::pair<std::string_view, Decode> kTable[] = {
#define RK_OP(Struct) {ops::Struct::name, decode_reference<ops::Struct>},
#include "math/all.def"
#undef RK_OP
  };
  for (const auto& [known, decode] : kTable)
    if (known == name) return decode(params);
  return Status::error(Code::data_loss, "'" + std::string(name) + "' is not an op with a reference");
}

/// Evaluates into tensors of its own and copies: a reference may allocate.
class ReferenceLaunch final : public Launch {
 public:
  static Result<std::unique_ptr<Launch>> make(std::shared_ptr<const Reference> op,
                                              const LaunchShapes& shapes) {
    auto launch = std::make_unique<ReferenceLaunch>();
    launch->op_ = std::move(op);
    launch->inputs_.assign(shapes.inputs.begin(), shapes.inputs.end());
    launch->outputs_.assign(shapes.outputs.begin(), shapes.outputs.end());
    launch->copies_.resize(launch->outputs_.size());
    for (size_t o = 0; o < launch->outputs_.size(); ++o) {
      const ArgShape& out = launch->outputs_[o];
      if (!out.present || is_contiguous(out)) continue;
      RK_TRY(launch->copies_[o], StridedCopy::make(out.dims, contiguous_strides(out.dims), out.strides,
                                                   bits_of(out.dtype) / 8, shapes.threads));
    }
    return std::unique_ptr<Launch>(std::move(launch));
  }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    Tensors in;
    for (size_t i = 0; i < inputs_.size(); ++i)
      in.push_back(inputs_[i].present ? Tensor::view(inputs_[i].dtype, inputs_[i].dims,
                                                     const_cast<void*>(inputs[i]), nullptr)
                                      : Tensor());
    RK_TRY(Tensors results, op_->evaluate(in));
    if (results.size() < outputs_.size())
      return Status::error(Code::internal, "the reference made " + std::to_string(results.size()) +
                                               " outputs, expected " + std::to_string(outputs_.size()));
    for (size_t o = 0; o < outputs_.size(); ++o) {
      if (!outputs_[o].present) continue;
      const Tensor& result = results[o];
      if (result.dims() != outputs_[o].dims || result.dtype() != outputs_[o].dtype)
        return Status::error(Code::internal,
                             "the reference made " + result.type().to_string() + ", expected " +
                                 TensorType{outputs_[o].dtype, to_shape(outputs_[o].dims)}.to_string());
      if (copies_[o]) {
        copies_[o]->run(result.raw(), outputs[o]);
      } else if (result.bytes() > 0) {
        std::memcpy(outputs[o], result.raw(), size_t(result.bytes()));
      }
    }
    return {};
  }

 private:
  std::shared_ptr<const Reference> op_;
  std::vector<ArgShape> inputs_, outputs_;
  std::vector<std::optional<StridedCopy>> copies_;  // to outputs that are parts of something larger
};

class ReferenceKernel final : public Kernel {
 public:
  ReferenceKernel(std::shared_ptr<const Reference> op, ReferenceParams params)
      : op_(std::move(op)), params_(std::move(params)) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    Types types;
    for (const ArgShape& in : shapes.inputs) {
      if (in.present && !is_contiguous(in))
        return Status::error(Code::invalid_argument, "a reference kernel got a strided input");
      types.push_back(in.present ? TensorType{in.dtype, to_shape(in.dims)} : absent_type());
    }
    RK_TRY(auto op, with_sizes(shapes.scalars));
    RK_CHECK(op->infer(types).status());
    return ReferenceLaunch::make(std::move(op), shapes);
  }
  bool makes_outputs() const override { return params_.makes_outputs; }
  Result<Tensors> make_outputs(std::span<const Tensor> inputs,
                               std::span<const int64_t> scalars) const override {
    Types types;
    for (const Tensor& in : inputs) types.push_back(is_absent(in) ? absent_type() : in.type());
    RK_TRY(auto op, with_sizes(scalars));
    RK_CHECK(op->infer(types).status());
    return op->evaluate(inputs);
  }

 private:
  Result<std::shared_ptr<const Reference>> with_sizes(std::span<const int64_t> scalars) const {
    if (scalars.size() != params_.symbols.size())
      return Status::error(Code::invalid_argument,
                           "a reference kernel got " + std::to_string(scalars.size()) +
                               " scalars, expected " + std::to_string(params_.symbols.size()));
    if (scalars.empty()) return op_;
    DimMap values;
    for (size_t i = 0; i < scalars.size(); ++i) values[params_.symbols[i]] = scalars[i];
    return op_->with(values);
  }

  std::shared_ptr<const Reference> op_;
  ReferenceParams params_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_reference(std::string_view params, Isa) {
  RK_TRY(ReferenceParams p, from_bytes<ReferenceParams>(params));
  RK_TRY(auto op, find_reference(p.op, p.op_params));
  return std::shared_ptr<const Kernel>(std::make_shared<ReferenceKernel>(std::move(op), std::move(p)));
}

}  // namespace rekindle::cpu
