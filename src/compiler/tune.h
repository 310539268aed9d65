// Choosing a kernel for each region: offers, measurements on the device, and the cache that remembers them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/build_ahead.h"
#include "compiler/roofline.h"
#include "compiler/tactic.h"
#include "device/device.h"

namespace rekindle {

/// One candidate of one region, as `--explain` and the TUNE section show it.
struct Candidate {
  std::string tactic, config;
  double microseconds = 0;  // measured, or predicted when `is_predicted`; 0 when refused
  bool is_predicted = false;
  std::string refusal;     // why not, when it was not
  double predicted = 0;    // what a model expected, also where it was measured; 0: there is no model
  std::string bound = {};  // by what, as the model sees it: Prediction::bound
};
struct Choice {
  BuiltKernel kernel;
  std::string tactic, config;
  double microseconds = 0;
  bool is_predicted = true;
  bool makes_outputs = false;         // only running the kernel tells the shapes of its outputs
  bool on_host = false;               // of a build for another device: that has no kernel, the host runs it
  std::vector<Candidate> candidates;  // in the order they were tried, the winner first
  Roofline roofline = {};
};

/// JSON lines: {"region": key hash, "device": …, "threads": …, "tactic": …, "version": …, "config": …, "us":
/// …}.
class TimingCache {
 public:
  /// A missing file is an empty cache; a damaged line is skipped with a warning in `notes`.
  static Result<TimingCache> load(const std::string& path);
  Status save(const std::string& path) const;  // atomically; lines sorted, so equal caches are equal bytes
  std::optional<double> find(const std::string& key) const;
  void store(const std::string& key, double microseconds);
  std::vector<std::string> notes;
  bool changed() const { return changed_; }

 private:
  std::map<std::string, double> times_;
  bool changed_ = false;
};

struct TuneOptions {
  int effort = 1;  // 0 measures nothing: first tactic that offers, its first config
  int threads = 1;
  std::vector<std::string> disabled_tactics;  // names or prefixes: "cpu.onednn"
  bool bf16 = false;                          // whether tactics may compute in BF16
  bool check = true;                          // compare with the reference before a time counts
  int build_threads = 0;                      // on which kernels are built ahead; 0: none
  /// What made-up inputs become; not set: the interpreter tells.
  std::function<Result<Tensors>(const Region&, const Tensors& inputs)> reference;
};

class Tuner {
 public:
  Tuner(std::shared_ptr<Device> device, std::span<const Tactic* const> tactics, Target target,
        TuneOptions options, TimingCache& cache);
  ~Tuner();
  /// Unsupported when every tactic refuses, with all their reasons. Equal regions are tuned once.
  Result<Choice> choose(const Region&);
  /// Measured also when there is nothing to choose from.
  Result<double> microseconds(const Region&);
  /// Begins to build what choose() will want of this region.
  void build_ahead(Region region);
  /// Why each tactic refuses a region.
  std::vector<Candidate> refusals(const Region&) const;

 private:
  struct Offer;
  struct Decision {
    const Tactic* tactic = nullptr;
    Config config;
    std::vector<Candidate> candidates;  // the winner first
  };
  Result<const Decision*> decide(const Region&, bool measures);
  /// What is worth building and measuring; the rest goes to `candidates`.
  std::vector<Offer> collect(const Region&, std::vector<Candidate>& candidates) const;
  /// Leaves those that models expect most of, all where no model speaks; what is left out goes to `skipped`.
  void prune(std::vector<Offer>& offers, std::vector<Candidate>& skipped) const;
  /// Without a device: the predictions once more, with what the assembler says of each.
  void predict_built(const Region&, std::vector<Offer>&, std::vector<Candidate>& refused) const;
  Status measure_offers(const Region&, const std::string& key, std::vector<Offer>&, std::vector<Candidate>&);
  bool is_measured(const std::vector<Offer>&) const;
  /// Those whose time the cache does not know, unless they are being built already.
  void build_ahead(const std::shared_ptr<const Region>&, const std::string& key, const std::vector<Offer>&);
  Result<Tensors> reference_results(const Region&, const Tensors& inputs) const;
  std::shared_ptr<Device> device_;
  std::span<const Tactic* const> tactics_;
  Target target_;
  TuneOptions options_;
  TimingCache& cache_;
  std::map<std::string, Decision> done_;  // by Region::key()
  std::set<std::string> ahead_keys_;      // of regions whose kernels are being built
  BuildAhead ahead_;                      // last: its threads end first
};

/// The largest difference from the reference that a measured kernel may have, of the output's largest
/// magnitude.
inline constexpr double kTolerance = 1e-3;      // Winograd is the least exact kernel in f32
inline constexpr double kBf16Tolerance = 3e-2;  // eight bits of mantissa, many products
inline constexpr double kF16Tolerance = 1e-2;  // the reference rounds after every op, kernels only at the end

}  // namespace rekindle
