// Observers: from what was counted of a value to the range that its integers shall span.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <string_view>

#include "quantize/statistics.h"

namespace rekindle::quantize {

enum class Observer : uint8_t {
  automatic,   // of the others the one with the least expected_error()
  minmax,      // all that was seen
  average,     // the mean of the samples' ranges
  percentile,  // all but 1e-5 of the elements
  entropy,  // least Kullback-Leibler divergence from what was seen (Migacz, "8-bit inference with TensorRT",
            // 2017)
  mse       // least expected squared error
};
inline constexpr std::array kObserverNames{std::string_view("auto"),    std::string_view("minmax"),
                                           std::string_view("average"), std::string_view("percentile"),
                                           std::string_view("entropy"), std::string_view("mse")};
constexpr const auto& enum_names(Observer) { return kObserverNames; }

/// Real numbers that become integers; low <= 0 <= high, since padding and masks are zeros.
struct Interval {
  float low = 0, high = 0;
  bool operator==(const Interval&) const = default;
};

/// The mean squared difference that rounding to 256 levels over `interval` and clipping to it make, by the
/// histogram: (step^2)/12 inside (uniform rounding), the squared distance from the nearer end outside. Zeros
/// cost nothing.
double expected_error(const Histogram& histogram, const Interval& interval);

/// The range has data. `chosen` tells which observer was taken where `automatic` was asked for.
Interval observe(Observer observer, const ValueRange& range, const Histogram& histogram,
                 Observer* chosen = nullptr);

}  // namespace rekindle::quantize
