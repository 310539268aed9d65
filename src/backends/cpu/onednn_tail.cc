// Tails in oneDNN's words: only steps whose formula is exactly ours.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "backends/cpu/kernels/onednn.h"
#include "math/elementwise.h"

namespace rekindle::cpu {

namespace {

using Kind = PostOp::Kind;

Status no_such(const Instruction& instruction, const char* why) {
  return Status::error(Code::unsupported, "oneDNN has no step for " + instruction.op + why);
}

/// Reads the parameters of a T and turns them into a step.
template <class T, class F> Result<PostOp> step(const Instruction& instruction, F&& make) {
  RK_TRY(const T op, from_bytes<T>(instruction.params));
  return make(op);
}

Result<PostOp> unary(const Instruction& i) {
  if (i.op == ops::Relu::name) return PostOp{Kind::relu};
  if (i.op == ops::Sigmoid::name) return PostOp{Kind::sigmoid};
  if (i.op == ops::Silu::name) return PostOp{Kind::silu, 1};
  if (i.op == ops::HardSwish::name) return PostOp{Kind::hard_swish};
  if (i.op == ops::Tanh::name) return PostOp{Kind::tanh};
  if (i.op == ops::Mish::name) return PostOp{Kind::mish};
  if (i.op == ops::LeakyRelu::name)
    return step<ops::LeakyRelu>(i, [](const auto& op) { return PostOp{Kind::relu, op.alpha}; });
  if (i.op == ops::Elu::name)
    return step<ops::Elu>(i, [](const auto& op) { return PostOp{Kind::elu, op.alpha}; });
  if (i.op == ops::QuickGelu::name)
    return step<ops::QuickGelu>(i, [](const auto& op) { return PostOp{Kind::silu, op.alpha}; });
  if (i.op == ops::HardSigmoid::name)
    return step<ops::HardSigmoid>(i, [](const auto& op) {
      return PostOp{Kind::hard_sigmoid, op.alpha, op.beta};
    });
  if (i.op == ops::Gelu::name)
    return step<ops::Gelu>(i, [](const auto& op) {
      return PostOp{op.approximate == ops::GeluForm::tanh ? Kind::gelu_tanh : Kind::gelu_erf};
    });
  if (i.op == ops::Clip::name) {
    RK_TRY(const ops::Clip clip, from_bytes<ops::Clip>(i.params));
    if (!(clip.low <= clip.high)) return no_such(i, " with bounds that cross");
    return PostOp{Kind::clip, clip.low, clip.high};
  }
  return no_such(i, "");
}

Result<PostOp> binary(const Instruction& i, bool value_first) {
  Kind kind;
  if (i.op == ops::Add::name)
    kind = Kind::add;
  else if (i.op == ops::Mul::name)
    kind = Kind::mul;
  else if (i.op == ops::Sub::name && value_first)
    kind = Kind::sub;
  else if (i.op == ops::Div::name && value_first)
    kind = Kind::div;
  else
    return no_such(i, " of two values here");
  return PostOp{kind};
}

}  // namespace

Result<std::vector<PostOp>> posts_of(const Program& tail) {
  std::vector<PostOp> posts;
  if (tail.input_count == 0 && tail.outputs.empty()) return posts;
  if (tail.outputs.size() != 1)
    return Status::error(Code::unsupported, "the tail has " + std::to_string(tail.outputs.size()) +
                                                " results, oneDNN makes one");
  uint32_t value = 0;  // the register that holds what the last step made
  for (size_t k = 0; k < tail.instructions.size(); ++k) {
    const Instruction& i = tail.instructions[k];
    const auto uses = size_t(std::count(i.args.begin(), i.args.end(), value));
    if (uses != 1) return no_such(i, ": it is no chain of steps, each on the last one's result");
    if (i.args.size() == 1) {
      RK_TRY(PostOp post, unary(i));
      posts.push_back(post);
    } else if (i.args.size() == 2) {
      const bool value_first = i.args[0] == value;
      const uint32_t other = i.args[value_first ? 1 : 0];
      if (other == 0 || other >= tail.input_count)
        return no_such(i, ": it is no chain of steps, each on the last one's result");
      RK_TRY(PostOp post, binary(i, value_first));
      post.operand = int(other) - 1;
      posts.push_back(post);
    } else {
      return no_such(i, "");
    }
    value = tail.input_count + uint32_t(k);
  }
  if (tail.outputs[0] != value)
    return Status::error(Code::unsupported, "the tail's result is not that of its last step");
  return posts;
}

}  // namespace rekindle::cpu
