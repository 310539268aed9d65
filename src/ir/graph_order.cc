// The order of a graph's nodes: a linked list whose labels answer "which comes first" at once. Labels leave
// gaps; when a gap is used up, the labels around it are spread anew over a stretch that grows until it is
// roomy (list labelling after Bender et al.), so that an insertion costs O(log n) on average wherever it
// happens. SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"

namespace rekindle {

namespace {

constexpr int64_t kGap = int64_t(1) << 24;

}  // namespace

void Graph::link_before(NodeId n, NodeId before) {
  const auto slot = [&](NodeId id) -> Slot& { return nodes_[size_t(id)]; };
  NodeId previous = before == NodeId::none ? last_ : slot(before).previous;
  if (previous != NodeId::none && before != NodeId::none && slot(before).rank - slot(previous).rank < 2)
    make_room(previous);
  if (previous == NodeId::none)
    slot(n).rank = before == NodeId::none ? 0 : slot(before).rank - kGap;
  else if (before == NodeId::none)
    slot(n).rank = slot(previous).rank + kGap;
  else
    slot(n).rank = slot(previous).rank + (slot(before).rank - slot(previous).rank) / 2;
  slot(n).previous = previous;
  slot(n).next = before;
  (previous == NodeId::none ? first_ : slot(previous).next) = n;
  (before == NodeId::none ? last_ : slot(before).previous) = n;
}

/// Keeps n's own links, so that a loop standing on a removed node finds its way on.
void Graph::unlink(NodeId n) {
  const Slot& s = nodes_[size_t(n)];
  (s.previous == NodeId::none ? first_ : nodes_[size_t(s.previous)].next) = s.next;
  (s.next == NodeId::none ? last_ : nodes_[size_t(s.next)].previous) = s.previous;
}

void Graph::make_room(NodeId n) {
  NodeId left = n, right = n;
  int64_t count = 1, gap = 8;
  for (int64_t wanted = 32;; wanted *= 2, gap += gap / 2) {
    bool grew = true;
    while (count < wanted && grew) {
      grew = false;
      if (left != first_) left = nodes_[size_t(left)].previous, ++count, grew = true;
      if (right != last_) right = nodes_[size_t(right)].next, ++count, grew = true;
    }
    const bool all = left == first_ && right == last_;
    int64_t rank = nodes_[size_t(left)].rank;
    const int64_t step = all ? kGap : (nodes_[size_t(right)].rank - rank) / (count - 1);
    if (!all && step < gap) continue;
    if (all) rank = 0;
    for (NodeId at = left;; at = nodes_[size_t(at)].next, rank += step) {
      if (at == right && !all) break;  // keeps its label, which is at least what it would get
      nodes_[size_t(at)].rank = rank;
      if (at == right) break;
    }
    return;
  }
}

std::vector<NodeId> Graph::order() const {
  std::vector<NodeId> order;
  order.reserve(live_nodes_);
  for (NodeId n = first_; n != NodeId::none; n = next(n)) order.push_back(n);
  return order;
}

}  // namespace rekindle
