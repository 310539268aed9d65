// What the TUNE section says of each step of a plan: its work, and how near the device's limits its kernel
// is.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "plan/plan.h"

namespace rekindle::cli {

/// Measured, else predicted; 0 when neither is known.
double microseconds_of(const Step& step);

struct StepReport {
  double flop = 0, bytes = 0, roofline_us = 0;  // 0: not known
  std::string bound;
  /// "12.3 MFLOP, 45 KiB, bound by memory, 62 % of the roofline"; empty when nothing is known.
  std::string sentence(double microseconds) const;
  void add_to(Json& json, double microseconds) const;
};

class StepReports {
 public:
  /// Of one target. A section that cannot be read has no reports.
  StepReports(const std::string& tuning, const std::string& target);
  /// Steps come in the order of the plan; those that no region was tuned for have an empty report.
  const StepReport& of(const Step& step);
  struct Totals {
    double microseconds = 0, roofline = 0;
  };
  /// Of the steps that were asked for and have both numbers.
  Totals totals() const { return totals_; }

 private:
  struct Entry {
    std::string label, origin;
    StepReport report;
  };
  std::vector<Entry> entries_;
  size_t next_ = 0;
  Totals totals_;
};

}  // namespace rekindle::cli
