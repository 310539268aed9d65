// What a loop keeps between iterations and between runs: carried values in pairs of buffers that change
// places, and scan outputs that grow. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "runtime/frame.h"

namespace rekindle {

class LoopState {
 public:
  LoopState(Frame& outer, uint32_t step);

  /// Runs the loop and hands its results to the frame around it.
  Status run();

 private:
  struct Carried {
    void* data = nullptr;
    Dims dims;
    Tensor tensor;  // strings, and values that a step made
    bool has_tensor = false;
    Storage current, spare;  // what the next iteration reads; what this one writes
    Argument argument() const { return {data, dims, has_tensor ? &tensor : nullptr}; }
  };
  struct Scan {
    Storage bytes;
    int64_t used = 0;
    Dims each;  // the shape of one iteration's part
  };
  const Step& step() const { return outer_.plan_.plan->steps[step_]; }
  Frame& body() const { return *outer_.children_[step_].frames[0]; }
  Status begin();
  Status check_trip_count() const;
  Status run_body();
  Status take_carried();
  Status take_one(size_t k, Carried& carried);
  Status take_scans();
  Status finish();
  Dims scan_dims(uint32_t view, const Scan& scan) const;

  Frame& outer_;
  uint32_t step_;
  int64_t iteration_ = 0, trip_count_ = INT64_MAX;
  uint8_t condition_ = 1;
  Dims iteration_dims_, condition_dims_;  // all 1, as the body wants them
  std::vector<Carried> carried_;
  std::vector<Scan> scans_;
};

}  // namespace rekindle
