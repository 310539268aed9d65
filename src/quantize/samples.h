// Unlabelled samples on disk, read one at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "tensor/npy.h"

namespace rekindle::quantize {

/// An input that samples have to fill. Where `batch` is set its first dim counts samples, and one is taken at
/// a time.
struct SampleInput {
  std::string name;
  TensorType type;
};

class SampleSource {
 public:
  /// `path` is a folder of .npy and .npz files, or one of them. A .npz has an array for each input, by name;
  /// a .npy is the one input of the model. An array has the input's shape, or more along its first dim, which
  /// then are several samples. Errors: nothing there, an input without an array, arrays that do not fit,
  /// arrays of different counts.
  static Result<SampleSource> open(const std::string& path, std::vector<SampleInput> inputs);
  int64_t count() const { return int64_t(samples_.size()); }
  /// "pictures/3.npz[2]"
  std::string name(int64_t k) const;
  /// An array for each input, with its type and a first dim of one sample.
  Result<NamedTensors> read(int64_t k) const;

 private:
  struct Sample {
    size_t file = 0;
    int64_t index = 0;  // in the file
  };
  Result<NamedTensors> read_file(size_t file) const;
  std::vector<SampleInput> inputs_;
  std::vector<std::string> files_;
  std::vector<Sample> samples_;
  // The file that was read last: consecutive samples often share one.
  mutable size_t cached_ = SIZE_MAX;
  mutable NamedTensors cache_;
};

}  // namespace rekindle::quantize
