// Running an op through the tactic of a name, and comparing it with the op's own evaluate.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "../kernel_test.h"
#include "backends/cpu/tactics/table.h"
#include "ir/graph.h"

namespace rekindle::cpu {

/// What a graph makes of the inputs, by the named tactic: the whole graph is one region. Absent tensors (no
/// data) must not be inputs. `constants[i]`: input i is a weight.
inline Result<Tensors> run_region(const std::string& name, Graph body, NodeId anchor, const Tensors& inputs,
                                  Isa isa, int threads, const std::vector<bool>& constants = {}) {
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
    if (k.region_input >= 0)
      in.emplace_back(inputs[size_t(k.region_input)]);
    else
      in.push_back(k.constant.has_data() ? TestArg::weight(k.constant) : TestArg::absent());
  }
  Tensors results;
  for (size_t i = 0; i < region.body.outputs.size(); ++i) {
    RK_TRY(const Dims dims, eval(region.output_type(i).shape, {}));
    Tensor result(region.output_type(i).dtype, dims);
    if (result.count() > 0) std::memset(result.raw(), 0x5a, size_t(result.bytes()));
    results.push_back(result);
    out.emplace_back(result);
  }
  Dims scalars;
  for (const Dim& d : kernel.scalars) scalars.push_back(d.as_int().value());
  RK_CHECK(launch(kernel.image.name, kernel.image.params, isa, in, out, threads, 1, scalars));
  return results;
}

/// The same for one op; absent tensors are absent inputs.
template <class T>
Result<Tensors> run_op(const std::string& name, const T& op, const Tensors& inputs, Isa isa, int threads) {
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
  return run_region(name, std::move(body), node, present, isa, threads);
}

/// Runs at every level with one and with several threads, and compares every output.
template <class T>
void expect_like_reference(const std::string& tactic, const T& op, const Tensors& inputs, double atol = 0,
                           double rtol = 0) {
  const auto expected = op.evaluate(inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  for (const Isa isa : isa_levels())
    for (const int threads : {1, 3}) {
      const auto got = run_op(tactic, op, inputs, isa, threads);
      ASSERT_TRUE(got.ok()) << got.status().message();
      ASSERT_EQ(got->size(), expected->size());
      for (size_t i = 0; i < got->size(); ++i) {
        ASSERT_EQ((*got)[i].dtype(), (*expected)[i].dtype());
        EXPECT_TRUE(near((*got)[i], (*expected)[i], atol, rtol))
            << tactic << " at " << enum_name(isa) << " with " << threads << " threads, input "
            << inputs[0].type().to_string();
      }
    }
}

}  // namespace rekindle::cpu
