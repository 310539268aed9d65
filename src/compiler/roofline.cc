// Counting a region's work.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/roofline.h"

#include <algorithm>

#include "math/conv.h"
#include "math/matmul.h"
#include "tensor/gpu.h"

namespace rekindle {

namespace {

/// At the region's sizes; 0 for what only running tells.
double count_of(const Region& region, ValueId v) {
  int64_t count = 0;
  return region.body[v].type.count().try_eval(region.sizes, count) ? double(count) : 0;
}
double size_of(const Region& region, const Dim& dim) {
  int64_t value = 0;
  return dim.try_eval(region.sizes, value) ? double(value) : 0;
}
double bytes_of(const Region& region, ValueId v) {
  return count_of(region, v) * bits_of(region.body[v].type.dtype) / 8;
}

double flop_of(const Region& region, const Node& node) {
  const double made = count_of(region, node.outputs[0]);
  if (node.op.is<ops::Conv>()) {
    const double filters = size_of(region, region.body[node.inputs[1]].type.shape[0]);
    return filters > 0 ? 2 * made * count_of(region, node.inputs[1]) / filters : 0;
  }
  if (node.op.is<ops::ConvTranspose>()) {
    const double channels = size_of(region, region.body[node.inputs[1]].type.shape[0]);
    return channels > 0 ? 2 * count_of(region, node.inputs[0]) * count_of(region, node.inputs[1]) / channels
                        : 0;
  }
  if (const auto* matmul = node.op.as<ops::Matmul>()) {
    const Shape& a = region.body[node.inputs[0]].type.shape;
    if (a.empty()) return 0;
    const Dim& depth = matmul->transpose_a && a.size() > 1 ? a[a.size() - 2] : a.back();
    return 2 * made * size_of(region, depth);
  }
  if (node.op.is<ops::Attention>()) {
    const Shape& q = region.body[node.inputs[0]].type.shape;
    const Shape& k = region.body[node.inputs[1]].type.shape;
    const Shape& y = region.body[node.outputs[0]].type.shape;
    const double depth = size_of(region, q.back()), values = size_of(region, y.back());
    return values > 0 ? 2 * made / values * size_of(region, k[k.size() - 2]) * (depth + values) : 0;
  }
  if (node.op.kind() == OpKind::injective || node.inputs.empty()) return 0;
  if (node.op.kind() == OpKind::elementwise || node.inputs[0] == ValueId::none) return made;
  return std::max(made, count_of(region, node.inputs[0]));
}

/// The fastest instructions that a product of these operands could use.
GpuMath math_of(const GpuDescription& gpu, DType operand) {
  const auto first_of = [&](std::initializer_list<GpuMath> wanted) {
    for (const GpuMath m : wanted)
      if (gpu.rate(m).per_clock > 0) return m;
    return GpuMath::f32;
  };
  if (operand == DType::f16 || operand == DType::bf16)
    return first_of({GpuMath::wgmma_f16, GpuMath::mma_f16});
  if (operand == DType::i8 || operand == DType::u8)
    return first_of({GpuMath::wgmma_i8, GpuMath::mma_i8, GpuMath::dp4a});
  return GpuMath::f32;
}

}  // namespace

Roofline roofline_of(const Region& region, const Target& target) {
  Roofline roof;
  double written = 0;
  for (const ValueId v : region.body.outputs) written += bytes_of(region, v);
  // What only picks elements need not read the rest.
  const bool picks =
      region.body.node_count() == 1 && region.body[region.body.first()].op.kind() == OpKind::injective;
  for (const ValueId v : region.body.inputs)
    roof.bytes += picks ? std::min(bytes_of(region, v), written) : bytes_of(region, v);
  roof.bytes += written;
  for (NodeId n = region.body.first(); n != NodeId::none; n = region.body.next(n))
    if (!region.body[n].outputs.empty()) roof.flop += flop_of(region, region.body[n]);
  if (!target.gpu) return roof;
  const Node* anchor = region.anchor_node();
  GpuMath math = GpuMath::f32;
  if (anchor && anchor->op.kind() == OpKind::contraction && anchor->inputs[0] != ValueId::none)
    math = math_of(*target.gpu, region.body[anchor->inputs[0]].type.dtype);
  const double arithmetic = roof.flop / 2 / target.gpu->per_us(math);
  const double memory = roof.bytes / (target.gpu->memory * 1e3);
  roof.is_memory = memory >= arithmetic;
  roof.microseconds = std::max(arithmetic, memory);
  return roof;
}

}  // namespace rekindle
