// Inputs for an engine: from files, or random where none is given.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "tensor/tensor.h"

namespace rekindle::cli {

struct InputArguments {
  std::vector<std::string> files;   // NAME=FILE.npy
  std::vector<std::string> shapes;  // NAME=1x3x224x224, for random inputs
};
/// One tensor for every input. Random ones take their free dims from the shapes given, the profile's usual
/// value, or 1; floats are uniform in [0, 1), integers 0 or 1, the same in every run.
Result<std::map<std::string, Tensor>> read_inputs(std::span<const Binding> bindings, const Profile& profile,
                                                  const InputArguments& arguments);

}  // namespace rekindle::cli
