// Binding programs to kinds of operands, and running them.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/program.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "math/cast.h"
#include "math/elementwise.h"

namespace rekindle::cpu {

namespace {

struct KnownOp {
  std::string_view name;
  size_t arity;
  Result<std::shared_ptr<const void>> (*decode)(const std::string& params);
};
template <class T> Result<std::shared_ptr<const void>> decode_op(const std::string& params) {
  if constexpr (HasFields<T>) {
    RK_TRY(T op, from_bytes<T>(params));
    return std::shared_ptr<const void>(std::make_shared<T>(op));
  } else {
    if (!params.empty())
      return Status::error(Code::data_loss, std::string(T::name) + " has parameters, expected none");
    return std::shared_ptr<const void>(std::make_shared<T>());
  }
}
constexpr KnownOp kKnownOps[] = {
#define RK_ELEMENTWISE(Struct) {ops::Struct::name, arity_of<ops::Struct>(), decode_op<ops::Struct>},
#include "math/elementwise.def"
#undef RK_ELEMENTWISE
};

template <class T> constexpr int index_of() {
  for (int i = 0; i < int(std::size(kKnownOps)); ++i)
    if (kKnownOps[i].name == T::name) return i;
  return -1;
}

/// A cast inside a program: to the type and back to float.
struct CastRow {
  Narrow narrow;
  Widen widen;
};
void cast_row(const void* op, const float* const* in, float* out, int64_t n) {
  const CastRow& cast = *static_cast<const CastRow*>(op);
  alignas(64) char buffer[1024];
  constexpr int64_t kMost = 128;
  for (int64_t i = 0; i < n; i += kMost) {
    const int64_t m = std::min(kMost, n - i);
    cast.narrow(in[0] + i, buffer, 1, m);
    cast.widen(buffer, 1, out + i, m);
  }
}

Status bad_program(std::string message) {
  return Status::error(Code::invalid_argument, "elementwise program: " + std::move(message));
}

}  // namespace

Result<BoundOp> bind_op(const std::string& name, const std::string& params) {
  for (const KnownOp& known : kKnownOps) {
    if (known.name != name) continue;
    RK_TRY(auto op, known.decode(params));
    return BoundOp{int(&known - kKnownOps), known.arity, std::move(op)};
  }
  return bad_program("'" + name + "' is not an elementwise op");
}

/// Works in four stages: decode the instructions, join pairs, give every value a place, write the tables.
struct BoundProgram::Binder {
  struct Node {
    RowKernels rows;
    std::shared_ptr<const void> op;
    int index = -1;  // in elementwise.def
    std::vector<uint32_t> args;
    uint32_t result = 0;
    bool dead = false;
  };
  const Program& program;
  std::span<const Operand> inputs, outputs;
  const ProgramKernels& kernels;
  BoundProgram bound;
  std::vector<Node> nodes;
  std::vector<uint32_t> alias;    // of each register: the register that holds its value
  std::vector<uint32_t> results;  // the registers of the outputs, aliases resolved
  std::vector<int64_t> last_use;  // of each register: a node, or nodes.size() when stored after them
  std::vector<uint32_t> free_blocks;
  std::vector<int64_t> block_of;           // of each register, -1 without
  std::vector<std::optional<Place>> made;  // the place of each register once it is known
  std::vector<bool> stored;                // of each output: its step writes it

  uint32_t registers() const { return uint32_t(program.input_count + program.instructions.size()); }

  Status check_operands() const {
    if (program.input_count != inputs.size() || inputs.size() > kMostInputs)
      return bad_program(std::to_string(program.input_count) + " inputs for " +
                         std::to_string(inputs.size()) + " operands, expected as many and at most " +
                         std::to_string(kMostInputs));
    if (program.outputs.size() != outputs.size() || outputs.empty())
      return bad_program(std::to_string(program.outputs.size()) + " outputs for " +
                         std::to_string(outputs.size()) + " operands, expected as many and at least one");
    for (const Operand& in : inputs)
      if (!kernels.widen[int(in.dtype)])
        return bad_program("an input is " + std::string(to_string(in.dtype)) +
                           ", expected a number or boolean");
    for (const Operand& out : outputs)
      if (!kernels.narrow[int(out.dtype)])
        return bad_program("an output is " + std::string(to_string(out.dtype)) +
                           ", expected a number or boolean");
    for (const uint32_t r : program.outputs)
      if (r >= registers())
        return bad_program("an output is register " + std::to_string(r) + ", which does not exist");
    return {};
  }

  /// A cast to the type that an output has anyway is done by storing it.
  bool is_stored_as(uint32_t reg, DType to) const {
    for (const Instruction& other : program.instructions)
      if (std::ranges::find(other.args, reg) != other.args.end()) return false;
    for (size_t o = 0; o < outputs.size(); ++o)
      if (program.outputs[o] == reg && outputs[o].dtype != to) return false;
    return true;
  }

  Status decode() {
    alias.resize(registers());
    for (uint32_t r = 0; r < registers(); ++r) alias[r] = r;
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      const Instruction& instruction = program.instructions[i];
      Node node;
      node.result = uint32_t(program.input_count + i);
      for (const uint32_t arg : instruction.args) {
        if (arg >= node.result)
          return bad_program(instruction.op + " reads register " + std::to_string(arg) +
                             " before it is made");
        node.args.push_back(alias[arg]);
      }
      size_t arity = 1;
      if (instruction.op == ops::Cast::name) {
        RK_TRY(ops::Cast cast, from_bytes<ops::Cast>(instruction.params));
        const int to = int(cast.to);
        if (!kernels.narrow[to])
          return bad_program("cast to " + std::string(to_string(cast.to)) + ", expected a number or boolean");
        if (node.args.size() == 1 && (cast.to == DType::f32 || is_stored_as(node.result, cast.to))) {
          alias[node.result] = node.args[0];
          continue;
        }
        node.rows.plain = cast_row;
        node.op = std::make_shared<CastRow>(CastRow{kernels.narrow[to], kernels.widen[to]});
      } else {
        RK_TRY(BoundOp op, bind_op(instruction.op, instruction.params));
        node.rows = kernels.formulas[op.index];
        node.index = op.index;
        node.op = op.op;
        arity = op.arity;
        if (!node.rows.plain)
          return bad_program(instruction.op + " works on integers, expected an op that floats have");
      }
      if (node.args.size() != arity)
        return bad_program(instruction.op + " takes " + std::to_string(arity) + " arguments, got " +
                           std::to_string(node.args.size()));
      nodes.push_back(std::move(node));
    }
    for (const uint32_t r : program.outputs) results.push_back(alias[r]);
    return {};
  }

  /// The node that makes a register used exactly once; null otherwise.
  Node* only_user_of(uint32_t reg, int index) {
    size_t uses = size_t(std::ranges::count(results, reg));
    for (const Node& n : nodes)
      if (!n.dead) uses += size_t(std::ranges::count(n.args, reg));
    if (uses != 1) return nullptr;
    for (Node& n : nodes)
      if (!n.dead && n.result == reg && n.index == index) return &n;
    return nullptr;
  }

  bool is_scalar(uint32_t reg) const {
    return reg < inputs.size() && inputs[reg].step == Operand::Step::scalar;
  }

  /// add then clip, and multiply then add, become one row each: half the passes over L1.
  void join_pairs() {
    for (Node& node : nodes) {
      if (node.index == index_of<ops::Clip>() || node.index == index_of<ops::Relu>()) {
        AddClip bounds{0, INFINITY};
        if (node.index == index_of<ops::Clip>()) {
          const auto& clip = *static_cast<const ops::Clip*>(node.op.get());
          bounds = {clip.low, clip.high};
        }
        Node* add = only_user_of(node.args[0], index_of<ops::Add>());
        if (!add || std::isnan(bounds.low) || std::isnan(bounds.high)) continue;
        node.rows = kernels.add_clip;
        node.op = std::make_shared<AddClip>(bounds);
        node.args = add->args;
        node.index = -1;
        add->dead = true;
      } else if (node.index == index_of<ops::Add>()) {
        for (const size_t side : {size_t(0), size_t(1)}) {
          const Node* mul = only_user_of(node.args[side], index_of<ops::Mul>());
          if (!mul || is_scalar(mul->args[0]) || is_scalar(mul->args[1]) || is_scalar(node.args[1 - side]))
            continue;
          const uint32_t addend = node.args[1 - side];
          node.rows = {kernels.multiply_add, nullptr, nullptr};
          node.op = nullptr;
          node.args = {mul->args[0], mul->args[1], addend};
          node.index = -1;
          const_cast<Node*>(mul)->dead = true;
          break;
        }
      }
    }
    std::erase_if(nodes, [](const Node& n) { return n.dead; });
  }

  uint32_t take_block() {
    if (free_blocks.empty()) return uint32_t(bound.blocks_++);
    const uint32_t block = free_blocks.back();
    free_blocks.pop_back();
    return block;
  }

  void find_last_uses() {
    last_use.assign(registers(), -1);
    for (size_t k = 0; k < nodes.size(); ++k)
      for (const uint32_t arg : nodes[k].args) last_use[arg] = int64_t(k);
    for (const uint32_t r : results) last_use[r] = int64_t(nodes.size());
  }

  void place_inputs() {
    block_of.assign(registers(), -1);
    made.resize(registers());
    for (uint32_t i = 0; i < inputs.size(); ++i) {
      const Operand& in = inputs[i];
      if (last_use[i] < 0) continue;
      if (in.step == Operand::Step::scalar) {
        bound.scalars_.push_back({i, kernels.widen[int(in.dtype)]});
        made[i] = Place{Place::scalar, i};
      } else if (in.step == Operand::Step::contiguous && in.dtype == DType::f32) {
        made[i] = Place{Place::input, i};
      } else {
        block_of[i] = take_block();
        bound.loads_.push_back({i, uint32_t(block_of[i]), kernels.widen[int(in.dtype)], false});
        made[i] = Place{Place::block, uint32_t(block_of[i])};
      }
    }
  }

  /// A scalar where the row function has no form for one: a block filled once a run.
  Place filled(uint32_t input) {
    for (const Load& l : bound.loads_)
      if (l.input == input && l.filled) return {Place::block, l.block};
    const uint32_t block = uint32_t(bound.blocks_++);  // of its own: it must last through all blocks of a run
    bound.loads_.push_back({input, block, nullptr, true});
    return {Place::block, block};
  }

  /// True when nothing that runs after node k reads an input in place: the output may be the same memory as
  /// one.
  bool may_write_output(size_t k) const {
    for (size_t later = k + 1; later < nodes.size(); ++later)
      for (const uint32_t arg : nodes[later].args)
        if (made[arg] && made[arg]->kind == Place::input) return false;
    for (const uint32_t r : results)
      if (made[r] && made[r]->kind == Place::input) return false;
    return true;
  }

  Place place_result(size_t k) {
    const uint32_t reg = nodes[k].result;
    for (size_t o = 0; o < outputs.size(); ++o) {
      const bool plain = outputs[o].dtype == DType::f32 && outputs[o].step == Operand::Step::contiguous;
      if (results[o] != reg || !plain || !may_write_output(k)) continue;
      stored[o] = true;
      return {Place::output, uint32_t(o)};
    }
    block_of[reg] = take_block();
    return {Place::block, uint32_t(block_of[reg])};
  }

  void place_nodes() {
    stored.assign(outputs.size(), false);
    for (size_t k = 0; k < nodes.size(); ++k) {
      Node& node = nodes[k];
      Step step;
      step.op = node.op;
      step.arity = uint32_t(node.args.size());
      step.run = node.rows.plain;
      int scalar_arg = -1;
      if (node.rows.scalar_second && is_scalar(node.args[1]))
        step.run = node.rows.scalar_second, scalar_arg = 1;
      else if (node.rows.scalar_first && is_scalar(node.args[0]))
        step.run = node.rows.scalar_first, scalar_arg = 0;
      for (size_t a = 0; a < node.args.size(); ++a)
        step.args[a] =
            is_scalar(node.args[a]) && int(a) != scalar_arg ? filled(node.args[a]) : *made[node.args[a]];
      for (size_t a = 0; a < node.args.size(); ++a) {  // what dies here gives its block to the result
        const uint32_t arg = node.args[a];
        if (last_use[arg] != int64_t(k) || block_of[arg] < 0) continue;
        free_blocks.push_back(uint32_t(block_of[arg]));
        block_of[arg] = -1;
      }
      step.result = place_result(k);
      made[node.result] = step.result;
      if (last_use[node.result] < 0 && block_of[node.result] >= 0)
        free_blocks.push_back(uint32_t(block_of[node.result]));
      bound.steps_.push_back(std::move(step));
    }
  }

  void place_outputs() {
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (stored[o]) continue;
      const uint32_t r = results[o];
      bound.stores_.push_back(
          {is_scalar(r) ? filled(r) : *made[r], uint32_t(o), kernels.narrow[int(outputs[o].dtype)]});
    }
    for (const Operand& in : inputs) bound.element_bytes_.push_back(bits_of(in.dtype) / 8);
    for (const Operand& out : outputs) bound.element_bytes_.push_back(bits_of(out.dtype) / 8);
    bound.input_count_ = inputs.size();
  }
};

Result<BoundProgram> BoundProgram::bind(const Program& program, std::span<const Operand> inputs,
                                        std::span<const Operand> outputs, Isa isa) {
  Binder binder{program, inputs, outputs, program_kernels(isa), {}, {}, {}, {}, {}, {}, {}, {}, {}};
  RK_CHECK(binder.check_operands());
  RK_CHECK(binder.decode());
  binder.join_pairs();
  binder.find_last_uses();
  binder.place_inputs();
  binder.place_nodes();
  binder.place_outputs();
  return std::move(binder.bound);
}

Result<std::shared_ptr<const BoundProgram>> KernelProgram::bind(std::span<const Operand> inputs,
                                                                std::span<const Operand> outputs,
                                                                Isa isa) const {
  const std::lock_guard lock(mutex_);
  for (const Bound& b : bound_)
    if (b.isa == isa && std::ranges::equal(b.inputs, inputs) && std::ranges::equal(b.outputs, outputs))
      return b.program;
  RK_TRY(BoundProgram made, BoundProgram::bind(program_, inputs, outputs, isa));
  auto shared = std::make_shared<const BoundProgram>(std::move(made));
  if (bound_.size() < kMostBound)
    bound_.push_back({{inputs.begin(), inputs.end()}, {outputs.begin(), outputs.end()}, isa, shared});
  return shared;
}

void BoundProgram::run(const ConstRow* inputs, const Row* outputs, int64_t n, float* scratch) const {
  float scalars[kMostInputs];
  for (const Scalar& s : scalars_) s.widen(inputs[s.input].data, 1, &scalars[s.input], 1);
  for (const Load& l : loads_)
    if (l.filled) std::fill_n(scratch + l.block * kBlock, std::min(n, kBlock), scalars[l.input]);
  for (int64_t done = 0; done < n; done += kBlock)
    run_block(inputs, outputs, scalars, done, std::min(kBlock, n - done), scratch);
}

void BoundProgram::run_block(const ConstRow* inputs, const Row* outputs, const float* scalars, int64_t done,
                             int64_t n, float* scratch) const {
  for (const Load& l : loads_) {
    if (l.filled) continue;
    const ConstRow& row = inputs[l.input];
    const char* from = static_cast<const char*>(row.data) + done * row.stride * element_bytes_[l.input];
    l.widen(from, row.stride, scratch + l.block * kBlock, n);
  }
  const auto address = [&](Place p) -> const float* {
    switch (p.kind) {
      case Place::input:
        return static_cast<const float*>(inputs[p.index].data) + done;
      case Place::scalar:
        return scalars + p.index;
      case Place::block:
        return scratch + p.index * kBlock;
      case Place::output:
        break;
    }
    return static_cast<const float*>(outputs[p.index].data) + done;
  };
  for (const Step& step : steps_) {
    const float* args[3];
    for (uint32_t a = 0; a < step.arity; ++a) args[a] = address(step.args[a]);
    step.run(step.op.get(), args, const_cast<float*>(address(step.result)), n);
  }
  for (const Store& s : stores_) {
    const Row& row = outputs[s.output];
    char* to = static_cast<char*>(row.data) + done * row.stride * element_bytes_[input_count_ + s.output];
    s.narrow(address(s.from), to, row.stride, n);
  }
}

}  // namespace rekindle::cpu
