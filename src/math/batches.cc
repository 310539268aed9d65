// Broadcasting the leading dims of stacks of matrices.
// SPDX-License-Identifier: Apache-2.0
#include "math/batches.h"

namespace rekindle {

std::vector<int64_t> batch_items(const Dims& batch, const Dims& operand) {
  const size_t skip = batch.size() - operand.size();
  const Dims own = contiguous_strides(operand);
  std::vector<int64_t> items(size_t(count_of(batch)), 0);
  int64_t repeat = 1;  // how many items share one index of the dims up to here
  for (size_t d = batch.size(); d-- > 0; repeat *= batch[d]) {
    if (d < skip || operand[d - skip] == 1) continue;
    for (size_t i = 0; i < items.size(); ++i) items[i] += int64_t(i) / repeat % batch[d] * own[d - skip];
  }
  return items;
}

}  // namespace rekindle
