// Running an op through the tactic of a name, and comparing it with the op's own evaluate.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "../kernel_test.h"
#include "backends/cpu/tactics/table.h"
#include "ir/graph.h"

namespace rekindle::cpu {

/// A tensor as the inside of one that is larger by 2 in every dim, as a part of a concatenation of slices is.
struct Inside {
  Tensor whole;
  Dims dims, strides;
  int64_t offset = 0;

  explicit Inside(const Tensor& t) : dims(t.dims()) {
    Dims wide = dims;
    for (int64_t& d : wide) d += 2;
    whole = Tensor(t.dtype(), wide);
    std::memset(whole.raw(), 0x5a, size_t(whole.bytes()));
    strides.resize(dims.size());
    for (size_t i = dims.size(), stride = 1; i-- > 0; stride *= size_t(wide[i])) {
      strides[i] = int64_t(stride);
      offset += strides[i];
    }
    each([&](std::byte* inside, size_t i, size_t bytes) {
      std::memcpy(inside, static_cast<const std::byte*>(t.raw()) + i * bytes, bytes);
    });
  }
  TestArg arg() const { return TestArg(whole).view(dims, strides, offset); }
  /// Copies what is inside to `t`, and tells whether nothing around it was written.
  bool take(Tensor& t) {
    each([&](std::byte* inside, size_t i, size_t bytes) {
      std::memcpy(static_cast<std::byte*>(t.raw()) + i * bytes, inside, bytes);
      std::memset(inside, 0x5a, bytes);
    });
    const auto* bytes = static_cast<const uint8_t*>(whole.raw());
    return std::all_of(bytes, bytes + whole.bytes(), [](uint8_t b) { return b == 0x5a; });
  }

 private:
  template <class F> void each(F f) {
    const auto bytes = size_t(bits_of(whole.dtype()) / 8);
    for (int64_t i = 0; i < count_of(dims); ++i) {
      int64_t at = offset, left = i;
      for (size_t d = dims.size(); d-- > 0; left /= dims[d]) at += left % dims[d] * strides[d];
      f(static_cast<std::byte*>(whole.raw()) + size_t(at) * bytes, size_t(i), bytes);
    }
  }
};

/// What a graph makes of the inputs, by the named tactic: the whole graph is one region. Absent tensors (no
/// data) must not be inputs. `constants[i]`: input i is a weight. `strided`: inputs and output 0 are parts of
/// larger tensors, where the kernel takes that.
inline Result<Tensors> run_region(const std::string& name, Graph body, NodeId anchor, const Tensors& inputs,
                                  Isa isa, int threads, const std::vector<bool>& constants = {},
                                  bool strided = false) {
  Region region;
  region.body = std::move(body);
  region.anchor = anchor;
  for (size_t i = 0; i < inputs.size(); ++i)
    region.constants.push_back(
        i < constants.size() && constants[i] ? std::make_shared<const Tensor>(inputs[i]) : nullptr);
  Target target;
  target.isa = isa;
  const Tactic* tactic = nullptr;
  for (const Tactic* t : tactics())
    if (t->name() == name) tactic = t;
  if (!tactic) return Status::error(Code::invalid_argument, "no tactic " + name);
  RK_TRY(const Space space, tactic->offer(region, target));
  const auto configs = space.configs(0);
  RK_TRY(BuiltKernel kernel, tactic->build(region, configs.empty() ? Config{} : configs[0], target));
  std::vector<TestArg> in, out;
  for (const KernelInput& k : kernel.inputs) {
    if (k.region_input >= 0) {
      const Tensor& t = inputs[size_t(k.region_input)];
      const bool is_constant = size_t(k.region_input) < constants.size() && constants[size_t(k.region_input)];
      in.push_back(strided && kernel.strided_inputs && !is_constant ? Inside(t).arg() : TestArg(t));
    } else
      in.push_back(k.constant.has_data() ? TestArg::weight(k.constant) : TestArg::absent());
  }
  Tensors results;
  std::optional<Inside> inside;  // output 0
  for (size_t i = 0; i < region.body.outputs.size(); ++i) {
    RK_TRY(const Dims dims, eval(region.output_type(i).shape, {}));
    Tensor result(region.output_type(i).dtype, dims);
    if (result.count() > 0) std::memset(result.raw(), 0x5a, size_t(result.bytes()));
    results.push_back(result);
    if (i == 0 && strided && kernel.strided_output) inside.emplace(result);
    out.push_back(i == 0 && inside ? inside->arg() : TestArg(result));
  }
  Dims scalars;
  for (const Dim& d : kernel.scalars) scalars.push_back(d.as_int().value());
  RK_CHECK(launch(kernel.image.name, kernel.image.params, isa, in, out, threads, 1, scalars));
  if (inside && !inside->take(results[0]))
    return Status::error(Code::internal, "the kernel wrote beside its output");
  return results;
}

/// The same for one op; absent tensors are absent inputs.
template <class T>
Result<Tensors> run_op(const std::string& name, const T& op, const Tensors& inputs, Isa isa, int threads,
                       bool strided = false) {
  Graph body;
  std::vector<ValueId> values;
  Tensors present;
  for (const Tensor& t : inputs) {
    values.push_back(t.has_data() ? body.add_input("x", t.type()) : ValueId::none);
    if (t.has_data()) present.push_back(t);
  }
  RK_TRY(const auto outputs, body.add(op, values));
  body.set_outputs(outputs);
  const NodeId node = body.first();
  return run_region(name, std::move(body), node, present, isa, threads, {}, strided);
}

/// Runs at every level with one and with several threads, on whole tensors and on parts of larger ones, and
/// compares every output.
template <class T>
void expect_like_reference(const std::string& tactic, const T& op, const Tensors& inputs, double atol = 0,
                           double rtol = 0) {
  const auto expected = op.evaluate(inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  for (const Isa isa : isa_levels())
    for (const auto& [threads, strided] : {std::pair(1, false), {3, false}, {1, true}}) {
      const auto got = run_op(tactic, op, inputs, isa, threads, strided);
      ASSERT_TRUE(got.ok()) << got.status().message();
      ASSERT_EQ(got->size(), expected->size());
      for (size_t i = 0; i < got->size(); ++i) {
        ASSERT_EQ((*got)[i].dtype(), (*expected)[i].dtype());
        EXPECT_TRUE(near((*got)[i], (*expected)[i], atol, rtol))
            << tactic << " at " << enum_name(isa) << " with " << threads << " threads"
            << (strided ? ", strided" : "") << ", input " << inputs[0].type().to_string();
      }
    }
}

}  // namespace rekindle::cpu
