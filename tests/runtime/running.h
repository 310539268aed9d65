// Loading plans on fake devices, in a line.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/plan_maker.h"
#include "runtime/engine.h"
#include "runtime/fake_device.h"

namespace rekindle::test {

/// The devices "fake" (a host) and "card" (not one).
struct Devices {
  std::shared_ptr<FakeDevice> fake = std::make_shared<FakeDevice>();
  std::shared_ptr<FakeDevice> card = std::make_shared<FakeDevice>("card", false);
  OpenDevice opener() const {
    return [fake = fake, card = card](std::string_view name) -> Result<std::shared_ptr<Device>> {
      if (name == "fake") return std::shared_ptr<Device>(fake);
      if (name == "card") return std::shared_ptr<Device>(card);
      return Status::error(Code::device, "there is no device " + std::string(name));
    };
  }
};

inline Result<std::shared_ptr<const Engine>> load_plan(const Plan& plan, const Devices& devices,
                                                       const std::vector<float>& weights = {}) {
  Status valid = validate(plan, weights.size() * sizeof(float), 0);
  if (!valid.ok()) return valid;
  EngineFile file;
  file.variants = {{Target{}, plan}};
  // 64-byte aligned, as in a file
  const auto memory = std::make_shared<Tensor>(Tensor::of<float>({int64_t(weights.size())}, weights));
  file.weights = {static_cast<const std::byte*>(memory->raw()), weights.size() * sizeof(float)};
  file.owner = memory;
  LoadOptions options;
  options.open_device = devices.opener();
  return Engine::from_file(std::move(file), options);
}

/// A plan with its devices, engine and one context; fails the test when it cannot be loaded.
struct Running {
  Devices devices;
  std::shared_ptr<const Engine> engine;
  std::unique_ptr<Context> context;

  explicit Running(const Plan& plan, const std::vector<float>& weights = {}, ContextOptions options = {}) {
    options.threads = 1;
    auto loaded = load_plan(plan, devices, weights);
    if (!loaded.ok()) {
      ADD_FAILURE() << loaded.status().to_string_with_places();
      return;
    }
    engine = *loaded;
    auto made = engine->create_context(options);
    EXPECT_TRUE(made.ok());
    context = *std::move(made);
  }
  Context* operator->() const { return context.get(); }

  void bind(const std::string& name, Tensor tensor) const {
    EXPECT_EQ(context->bind(name, std::move(tensor)).to_string(), "ok");
  }
  void run() const { EXPECT_EQ(context->run().to_string(), "ok"); }
  std::string run_error() const { return context->run().to_string(); }
  std::string bind_error(const std::string& name, Tensor tensor) const {
    return context->bind(name, std::move(tensor)).to_string();
  }
  /// An output as text: f32[2] {1, 2}.
  std::string output(const std::string& name) const {
    const Result<Tensor> tensor = context->output(name);
    return tensor.ok() ? tensor->to_string() : tensor.status().to_string();
  }
  std::vector<std::string> journal() const { return devices.fake->journal.take(); }
};

inline Tensor floats(Dims dims, std::vector<float> values) {
  return Tensor::of<float>(std::move(dims), values);
}
inline Tensor floats(std::vector<float> values) {
  const auto count = int64_t(values.size());
  return Tensor::of<float>({count}, values);
}

}  // namespace rekindle::test
