// The two passes, and what the samples look like.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/calibrate.h"

#include <algorithm>
#include <cmath>

#include "base/printable.h"

namespace rekindle::quantize {

namespace {

/// Calls visit(i, value's elements) for all observed values of all samples.
template <class Visit>
Status each_value(const std::vector<std::string>& values, const SampleSource& samples, const RunSample& run,
                  const CalibrationOptions& options, std::string_view phase, Visit&& visit) {
  for (int64_t k = 0; k < samples.count(); ++k) {
    if (options.progress) options.progress(phase, k, samples.count());
    RK_TRY(const NamedTensors inputs, samples.read(k));
    RK_TRY(const Tensors seen, run(inputs));
    if (seen.size() != values.size())
      return Status::error(Code::internal, "the model gave " + std::to_string(seen.size()) +
                                               " values, expected " + std::to_string(values.size()));
    for (size_t i = 0; i < seen.size(); ++i) {
      RK_CHECK(visit(i, seen[i].values<float>(), samples.name(k)));
    }
  }
  return {};
}

/// Samples of which the range differs from the others' by more than this look unlike them.
constexpr float kUnlike = 4;

/// What a person should look at before trusting the table.
void warn(const std::string& name, const ValueRange& range, std::vector<std::string>& warnings) {
  if (range.masks > 0)
    warnings.push_back("'" + printable(name) + "' has " + std::to_string(range.masks) +
                       " elements beyond 1e18 or infinite: taken for masks and left out");
  std::vector<float> reach;
  for (const auto& [low, high] : range.samples) reach.push_back(std::max(std::fabs(low), std::fabs(high)));
  std::sort(reach.begin(), reach.end());
  if (reach.size() < 4) return;
  const float middle = reach[reach.size() / 2];
  if (middle > 0 && reach.back() > kUnlike * middle)
    warnings.push_back("'" + printable(name) + "' reaches " + std::to_string(reach.back()) +
                       " in one sample and half of them stay below " + std::to_string(middle) +
                       ": the samples look unlike each other");
}

}  // namespace

Result<Calibration> calibrate(const std::vector<std::string>& values, const SampleSource& samples,
                              const RunSample& run, const CalibrationOptions& options) {
  if (samples.count() < options.least_samples)
    return Status::error(Code::invalid_argument, std::to_string(samples.count()) +
                                                     " samples to calibrate with, expected at least " +
                                                     std::to_string(options.least_samples));
  std::vector<ValueRange> ranges(values.size());
  RK_CHECK(each_value(values, samples, run, options, "ranges",
                      [&](size_t i, std::span<const float> x, const std::string& sample) -> Status {
                        ranges[i].add_sample(x);
                        if (ranges[i].nans > 0)
                          return Status::error(
                              Code::invalid_argument,
                              "sample " + sample + " makes NaN in '" + printable(values[i]) + "'");
                        return {};
                      }));
  std::vector<Histogram> histograms;
  for (const ValueRange& range : ranges)
    histograms.push_back(Histogram::over(range.has_data() ? range : ValueRange{0, 0, 0, 0, 0, {}}));
  RK_CHECK(each_value(values, samples, run, options, "histograms",
                      [&](size_t i, std::span<const float> x, const std::string&) -> Status {
                        histograms[i].add(x);
                        return {};
                      }));
  Calibration made;
  made.samples = samples.count();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!ranges[i].has_data() || (ranges[i].low == 0 && ranges[i].high == 0)) {
      made.warnings.push_back("'" + printable(values[i]) +
                              "' is zero in every sample: it stays in floating point");
      continue;
    }
    warn(values[i], ranges[i], made.warnings);
    TableEntry entry;
    entry.interval = observe(options.observer, ranges[i], histograms[i], &entry.observer);
    made.table.values.emplace(values[i], entry);
  }
  return made;
}

}  // namespace rekindle::quantize
