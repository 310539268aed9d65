// Choosing among tactics: ask each, build what it offers, measure, check, remember.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/tune.h"

#include <algorithm>
#include <array>
#include <random>

#include "base/hash.h"
#include "compiler/region_bench.h"
#include "tensor/gpu.h"

namespace rekindle {

namespace {

/// Inputs that exercise a kernel: seeded noise for floats, zeros and small numbers for indices, the constants
/// themselves.
Result<Tensors> make_inputs(const Region& region) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> noise(-1, 1);
  std::vector<float> repeated(65521);  // a prime: rows of a tensor do not repeat
  for (float& value : repeated) value = noise(random);
  Tensors inputs;
  for (size_t i = 0; i < region.body.inputs.size(); ++i) {
    if (region.constants[i]) {
      inputs.push_back(*region.constants[i]);
      continue;
    }
    const TensorType& type = region.input_type(i);
    RK_TRY(Dims dims, eval(type.shape, region.sizes));
    RK_TRY(Tensor tensor, Tensor::make(type.dtype, dims));
    const size_t shift = 997 * i;  // inputs differ
    const auto value = [&](int64_t k) { return repeated[(size_t(k) + shift) % repeated.size()]; };
    if (type.dtype == DType::f32) {
      float* const to = tensor.data<float>();
      for (int64_t k = 0; k < tensor.count(); ++k) to[k] = value(k);
    } else if (is_float(type.dtype)) {
      for (int64_t k = 0; k < tensor.count(); ++k) tensor.set_double(k, double(value(k)));
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

std::string cache_key(const std::string& region, const Tactic& tactic, const Config& config,
                      const Device& device, const Target& target, int threads) {
  const uint64_t hash = hash64(std::as_bytes(std::span(region.data(), region.size())));
  return device.hardware() + " " + std::string(enum_name(target.isa)) +
         " threads=" + std::to_string(threads) + " " + std::string(tactic.name()) + "/" +
         std::to_string(tactic.version()) + " [" + to_string(config) + "] " + to_hex(hash);
}

bool is_disabled(std::string_view tactic, const std::vector<std::string>& disabled) {
  return std::any_of(disabled.begin(), disabled.end(),
                     [&](const std::string& d) { return tactic.starts_with(d); });
}

}  // namespace

struct Tuner::Offer {
  const Tactic* tactic;
  Config config;
  Prediction prediction;
  double microseconds = 0;  // measured, else predicted
  bool is_predicted = true;
  Candidate candidate(std::string refusal = "") const {
    return {std::string(tactic->name()),
            to_string(config),
            refusal.empty() ? microseconds : 0,
            is_predicted,
            std::move(refusal),
            prediction.microseconds,
            std::string(prediction.bound)};
  }
};

Tuner::Tuner(std::shared_ptr<Device> device, std::span<const Tactic* const> tactics, Target target,
             TuneOptions options, TimingCache& cache)
    : device_(std::move(device)),
      tactics_(tactics),
      target_(std::move(target)),
      options_(std::move(options)),
      cache_(cache),
      ahead_(options_.build_threads, target_) {}
Tuner::~Tuner() = default;

namespace {

/// What a kernel without a model is taken to need where others have one; 0 where nothing is known of the
/// target.
double usual_time(const Region& region, const Target& target) {
  constexpr double kUsualShare = 0.4;  // of the roofline
  if (!target.gpu) return 0;
  return target.gpu->launch_us + roofline_of(region, target).microseconds / kUsualShare;
}

/// Every point of a space that a model ranks; of others those that the effort asks for.
template <class Offer>
void add_offers(const Tactic& tactic, const Region& region, const Space& space, const Target& target,
                int effort, std::vector<Offer>& offers, std::vector<Candidate>& candidates) {
  constexpr int kAll = 2;
  std::vector<Config> configs = space.configs(effort);
  const auto first = configs.empty() ? Result<Prediction>(Prediction())
                                     : tactic.predict(region, configs.front(), target, nullptr);
  if (!first.ok() || first->microseconds > 0) configs = space.configs(kAll);
  for (Config& config : configs) {
    const auto predicted = tactic.predict(region, config, target, nullptr);
    if (!predicted.ok()) {
      candidates.push_back(
          {std::string(tactic.name()), to_string(config), 0, false, predicted.status().message()});
      continue;
    }
    const bool has_model = predicted->microseconds > 0;
    offers.push_back({&tactic, std::move(config), *predicted,
                      has_model ? predicted->microseconds : usual_time(region, target), true});
  }
}

/// How many candidates an effort is worth: compiled and measured, or, without a device, compiled.
size_t worth_trying(int effort, bool has_device) {
  constexpr std::array<size_t, 4> kMeasured{1, 6, 12, 24}, kCompiled{1, 4, 8, 16};
  if (effort >= int(kMeasured.size())) return SIZE_MAX;
  return (has_device ? kMeasured : kCompiled)[size_t(std::max(effort, 0))];
}

}  // namespace

std::vector<Tuner::Offer> Tuner::collect(const Region& region, std::vector<Candidate>& candidates) const {
  std::vector<Offer> offers;
  for (const Tactic* tactic : tactics_) {
    if (is_disabled(tactic->name(), options_.disabled_tactics)) {
      candidates.push_back({std::string(tactic->name()), "", 0, false, "switched off"});
      continue;
    }
    if (tactic->computes_in() == DType::bf16 && !options_.bf16) {
      candidates.push_back(
          {std::string(tactic->name()), "", 0, false, "it computes in bf16, the build is in fp32"});
      continue;
    }
    const auto space = tactic->offer(region, target_);
    if (!space.ok()) {
      candidates.push_back({std::string(tactic->name()), "", 0, false, space.status().message()});
      continue;
    }
    add_offers(*tactic, region, *space, target_, options_.effort, offers, candidates);
    if (tactic->is_last_resort() && offers.size() > 1)
      offers.pop_back();  // never measured against real kernels
    if (options_.effort == 0 && !offers.empty() && offers.front().microseconds == 0) break;
  }
  prune(offers, candidates);
  return offers;
}

std::vector<Candidate> Tuner::refusals(const Region& region) const {
  std::vector<Candidate> candidates;
  collect(region, candidates);
  return candidates;
}

/// What results may be off by because they, or what they are made of, are stored in fewer bits.
static double storage_tolerance(const Region& region) {
  for (ValueId v : region.body.outputs)
    if (region.body[v].type.dtype == DType::f16) return kF16Tolerance;
  for (ValueId v : region.body.inputs)
    if (region.body[v].type.dtype == DType::f16) return kF16Tolerance;
  return 0;
}

void Tuner::prune(std::vector<Offer>& offers, std::vector<Candidate>& skipped) const {
  if (std::none_of(offers.begin(), offers.end(), [](const Offer& o) { return o.microseconds > 0; })) return;
  std::stable_sort(offers.begin(), offers.end(),
                   [](const Offer& a, const Offer& b) { return a.microseconds < b.microseconds; });
  const size_t most = worth_trying(options_.effort, device_ != nullptr);
  std::vector<Offer> kept;
  std::vector<const Tactic*> seen;
  for (Offer& offer : offers) {
    // Models compare the configurations of one tactic better than different tactics.
    const bool is_first = std::find(seen.begin(), seen.end(), offer.tactic) == seen.end();
    if (is_first) seen.push_back(offer.tactic);
    const bool is_unranked = device_ && options_.effort > 0 && offer.prediction.microseconds == 0;
    if (kept.size() < most || is_unranked || (is_first && options_.effort > 0))
      kept.push_back(std::move(offer));
    else
      skipped.push_back(offer.candidate());
  }
  offers = std::move(kept);
}

void Tuner::predict_built(const Region& region, std::vector<Offer>& offers,
                          std::vector<Candidate>& refused) const {
  std::vector<Offer> valid;
  const Offer best = offers.front();
  for (Offer& offer : offers) {
    if (offer.microseconds > 0) {
      const auto built = offer.tactic->build(region, offer.config, target_);
      const auto predicted = built.ok() ? offer.tactic->predict(region, offer.config, target_, &*built)
                                        : Result<Prediction>(built.status());
      if (!predicted.ok()) {
        refused.push_back(offer.candidate(predicted.status().message()));
        continue;
      }
      if (predicted->microseconds > 0) {
        offer.prediction = *predicted;
        offer.microseconds = predicted->microseconds;
      }
    }
    valid.push_back(std::move(offer));
  }
  // One that spills is better than none.
  if (valid.empty()) valid.push_back(best);
  offers = std::move(valid);
}

Status Tuner::measure_offers(const Region& region, const std::string& key, std::vector<Offer>& offers,
                             std::vector<Candidate>& candidates) {
  std::optional<Tensors> inputs, expected;
  std::unique_ptr<RegionBench> bench;
  double best = std::numeric_limits<double>::infinity();
  std::vector<Offer> valid;
  for (Offer& offer : offers) {
    const std::string name = cache_key(key, *offer.tactic, offer.config, *device_, target_, options_.threads);
    if (const auto known = cache_.find(name)) {
      offer.microseconds = *known;
    } else {
      if (!inputs) {
        RK_TRY(inputs, make_inputs(region));
        if (options_.check) {
          RK_TRY(expected, reference_results(region, *inputs));
        }
        RK_TRY(bench, RegionBench::make(*device_, region, options_.threads, *inputs));
      }
      const auto built = offer.tactic->build(region, offer.config, target_);
      const double tolerance =
          std::max(offer.tactic->computes_in() == DType::bf16 ? kBf16Tolerance : kTolerance,
                   storage_tolerance(region));
      const auto time = built.ok() ? bench->measure(*built, expected ? &*expected : nullptr, tolerance, best)
                                   : Result<double>(built.status());
      if (!time.ok()) {
        candidates.push_back(offer.candidate(time.status().message()));
        continue;
      }
      offer.microseconds = *time;
      cache_.store(name, *time);
    }
    offer.is_predicted = false;
    best = std::min(best, offer.microseconds);
    valid.push_back(std::move(offer));
  }
  offers = std::move(valid);
  return {};
}

Result<Tensors> Tuner::reference_results(const Region& region, const Tensors& inputs) const {
  return options_.reference ? options_.reference(region, inputs) : interpret(region.body, inputs);
}

bool Tuner::is_measured(const std::vector<Offer>& offers) const {
  return device_ && options_.effort > 0 && offers.size() > 1;
}

void Tuner::build_ahead(const std::shared_ptr<const Region>& region, const std::string& key,
                        const std::vector<Offer>& offers) {
  if (ahead_.is_idle() || !ahead_keys_.insert(key).second) return;
  for (const Offer& offer : offers)
    if (!device_ ||
        !cache_.find(cache_key(key, *offer.tactic, offer.config, *device_, target_, options_.threads)))
      ahead_.add(region, *offer.tactic, offer.config);
}

void Tuner::build_ahead(Region region) {
  if (ahead_.is_idle()) return;
  const auto shared = std::make_shared<const Region>(std::move(region));
  const std::string key = shared->key();
  if (done_.contains(key) || ahead_keys_.contains(key)) return;
  std::vector<Candidate> refused;
  const std::vector<Offer> offers = collect(*shared, refused);
  if (is_measured(offers) || (!device_ && options_.effort > 0)) return build_ahead(shared, key, offers);
  const auto decided = decide(*shared, false);
  if (!decided.ok()) return;  // choose() will say so
  ahead_keys_.insert(key);
  ahead_.add(shared, *(*decided)->tactic, (*decided)->config);
}

Result<const Tuner::Decision*> Tuner::decide(const Region& region, bool measures) {
  const std::string key = region.key();
  const auto known = done_.find(key);
  // Without a device a prediction is all there will be.
  if (known != done_.end() && !(measures && device_ && known->second.candidates.front().is_predicted))
    return &known->second;
  Decision decision;
  std::vector<Offer> offers = collect(region, decision.candidates);
  if (!device_ && options_.effort > 0 && !offers.empty()) {
    if (!ahead_.is_idle()) build_ahead(std::make_shared<const Region>(region), key, offers);
    predict_built(region, offers, decision.candidates);
  }
  if (is_measured(offers) || (device_ && measures)) {
    if (!ahead_.is_idle()) build_ahead(std::make_shared<const Region>(region), key, offers);
    RK_CHECK(measure_offers(region, key, offers, decision.candidates));
  }
  if (offers.empty()) {
    std::string reasons;
    for (const Candidate& c : decision.candidates) reasons += "\n  " + c.tactic + ": " + c.refusal;
    return Status::error(Code::unsupported, "no kernel for " + region.label() + reasons);
  }
  // Ties go to the earlier tactic, so the choice depends on the times alone.
  std::stable_sort(offers.begin(), offers.end(), [](const Offer& a, const Offer& b) {
    return a.microseconds * a.tactic->handicap() < b.microseconds * b.tactic->handicap() &&
           b.microseconds > 0;
  });
  std::vector<Candidate> tried;
  for (const Offer& o : offers) tried.push_back(o.candidate());
  decision.candidates.insert(decision.candidates.begin(), tried.begin(), tried.end());
  decision.tactic = offers.front().tactic;
  decision.config = offers.front().config;
  return &(done_[key] = std::move(decision));
}

Result<double> Tuner::microseconds(const Region& region) {
  RK_TRY(const Decision* decision, decide(region, true));
  const double time = decision->candidates.front().microseconds;
  if (time == 0) return Status::error(Code::unsupported, "the time of " + region.label() + " is not known");
  return time;
}

Result<Choice> Tuner::choose(const Region& region) {
  RK_TRY(const Decision* decided, decide(region, false));
  const Decision& decision = *decided;
  Choice choice;
  RK_TRY(choice.kernel, decision.tactic->build(region, decision.config, target_));
  choice.kernel.image.tactic = decision.tactic->name();
  choice.tactic = decision.tactic->name();
  choice.config = to_string(decision.config);
  choice.candidates = decision.candidates;
  choice.microseconds = decision.candidates.front().microseconds;
  choice.is_predicted = decision.candidates.front().is_predicted;
  choice.roofline = roofline_of(region, target_);
  if (!device_) return choice;  // built for a device that is not here
  RK_TRY(auto loaded,
         device_->load(choice.kernel.image,
                       std::as_bytes(std::span(choice.kernel.code.data(), choice.kernel.code.size()))));
  choice.makes_outputs = loaded->makes_outputs();
  return choice;
}

}  // namespace rekindle
