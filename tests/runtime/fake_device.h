// FakeDevice: a host or "graphics card" whose few kernels compute simple things and write down what the
// runtime asks of them. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/device.h"

namespace rekindle::test {

/// What happened, one line an event: "prepare add f32[2] f32[2] -> f32[2]", "run add". Off in tests of speed
/// and threads.
struct Journal {
  bool on = true;
  std::vector<std::string> lines;
  void write(std::string line) {
    if (on) lines.push_back(std::move(line));
  }
  std::vector<std::string> take() { return std::exchange(lines, {}); }
};

/// An element of a view: the i-th in row-major order.
inline int64_t element_offset(const ArgShape& shape, int64_t i) {
  int64_t offset = 0, contiguous = 1;
  for (size_t axis = shape.dims.size(); axis-- > 0;) {
    const int64_t at = i % shape.dims[axis];
    i /= shape.dims[axis];
    offset += at * (shape.strides.empty() ? contiguous : shape.strides[axis]);
    contiguous *= shape.dims[axis];
  }
  return offset;
}

inline std::string text_of(const ArgShape& shape) {
  if (!shape.present) return "_";
  std::string text = std::string(to_string(shape.dtype)) + to_string(shape.dims);
  return shape.strides.empty() ? text : text + " by " + to_string(shape.strides);
}

/// out[i] = function(a[i], b[i % count], …) on f32; inputs that are absent or shorter are repeated.
using FakeFunction = float (*)(const std::vector<float>& arguments, std::span<const int64_t> scalars);

struct FakeLaunch final : Launch {
  std::string name;
  FakeFunction function = nullptr;
  std::vector<ArgShape> inputs, outputs;
  std::vector<int64_t> scalars;
  std::vector<float> arguments;
  int64_t workspace = 0;
  bool fails = false;
  Journal* journal = nullptr;

  int64_t workspace_bytes() const override { return workspace; }
  Status run(Stream&, const void* const* in, void* const* out, void* scratch) override {
    if (journal->on) journal->write("run " + name);
    if (fails) return Status::error(Code::device, "the fake kernel fails as it should");
    if (name == "idle") return {};
    if (name == "overrun") static_cast<float*>(out[0])[count_of(outputs[0].dims)] = 1;
    if (workspace > 0) std::memset(scratch, 0x5a, size_t(workspace));
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (!outputs[o].present) continue;
      for (int64_t i = 0; i < count_of(outputs[o].dims); ++i) {
        for (size_t a = 0; a < inputs.size(); ++a) {
          const int64_t count = inputs[a].present ? count_of(inputs[a].dims) : 0;
          arguments[a] =
              count == 0 ? 0 : static_cast<const float*>(in[a])[element_offset(inputs[a], i % count)];
        }
        static_cast<float*>(out[o])[element_offset(outputs[o], i)] = function(arguments, scalars);
      }
    }
    return {};
  }
};

struct FakeKernel final : Kernel {
  std::string name;
  FakeFunction function = nullptr;
  std::function<Tensors(std::span<const Tensor>)> maker;
  int64_t workspace = 0;
  bool fails_to_prepare = false, fails_to_run = false;
  Journal* journal = nullptr;

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    std::string line = "prepare " + name;
    for (const ArgShape& s : shapes.inputs) line += " " + text_of(s);
    line += " ->";
    for (const ArgShape& s : shapes.outputs) line += " " + text_of(s);
    for (const int64_t s : shapes.scalars) line += " " + std::to_string(s);
    for (size_t i = 0; i < shapes.constant_inputs.size(); ++i)
      if (shapes.constant_inputs[i] != nullptr) line += " constant " + std::to_string(i);
    journal->write(line);
    if (fails_to_prepare)
      return Status::error(Code::unsupported, "the fake kernel does not like these shapes");
    auto launch = std::make_unique<FakeLaunch>();
    launch->name = name, launch->function = function, launch->journal = journal;
    launch->inputs.assign(shapes.inputs.begin(), shapes.inputs.end());
    launch->outputs.assign(shapes.outputs.begin(), shapes.outputs.end());
    launch->scalars.assign(shapes.scalars.begin(), shapes.scalars.end());
    launch->arguments.resize(launch->inputs.size());
    launch->workspace = workspace, launch->fails = fails_to_run;
    return std::unique_ptr<Launch>(std::move(launch));
  }
  bool makes_outputs() const override { return maker != nullptr; }
  Result<Tensors> make_outputs(std::span<const Tensor> inputs, std::span<const int64_t>) const override {
    journal->write("make " + name);
    return maker(inputs);
  }
};

struct FakeStream final : Stream {
  Journal* journal = nullptr;
  Status synchronize() override { return {}; }
};

/// Replays launches in any order that the recorded dependencies allow, the latest first: a missing one shows.
struct FakeRecording final : Recording {
  struct Entry {
    Launch* launch = nullptr;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    void* workspace = nullptr;
    std::vector<uint32_t> after;
  };
  Journal* journal = nullptr;
  std::vector<Entry> entries;
  std::vector<bool> done;

  static void point(Entry& entry, const void* const* inputs, void* const* outputs, void* workspace) {
    const auto& launch = static_cast<const FakeLaunch&>(*entry.launch);
    entry.inputs.assign(inputs, inputs + launch.inputs.size());
    entry.outputs.assign(outputs, outputs + launch.outputs.size());
    entry.workspace = workspace;
  }
  Status add(Launch& launch, const void* const* inputs, void* const* outputs, void* workspace,
             std::span<const uint32_t> after) override {
    journal->write("record " + static_cast<FakeLaunch&>(launch).name);
    entries.push_back({&launch, {}, {}, nullptr, {after.begin(), after.end()}});
    point(entries.back(), inputs, outputs, workspace);
    return {};
  }
  Status replace(uint32_t index, const void* const* inputs, void* const* outputs, void* workspace) override {
    if (journal->on) journal->write("replace " + static_cast<FakeLaunch&>(*entries[index].launch).name);
    point(entries[index], inputs, outputs, workspace);
    return {};
  }
  Status finish() override { return {}; }
  Status replay(Stream& stream) override {
    if (journal->on) journal->write("replay " + std::to_string(entries.size()));
    done.assign(entries.size(), false);
    for (size_t left = entries.size(); left > 0; --left) {
      size_t i = entries.size() - 1;
      while (done[i] || !std::all_of(entries[i].after.begin(), entries[i].after.end(),
                                     [&](uint32_t a) { return done[a]; }))
        --i;
      Entry& e = entries[i];
      Status status = e.launch->run(stream, e.inputs.data(), e.outputs.data(), e.workspace);
      if (!status.ok()) return status;
      done[i] = true;
    }
    return {};
  }
};

class FakeDevice final : public Device {
 public:
  explicit FakeDevice(std::string name = "fake", bool is_host = true)
      : name_(std::move(name)), is_host_(is_host) {}
  Journal journal;
  int64_t most_bytes = int64_t(1) << 30;  // allocations above it fail
  bool records = false;

  std::string_view name() const override { return name_; }
  bool is_host() const override { return is_host_; }
  Result<std::shared_ptr<const Kernel>> load(const KernelImage& image,
                                             std::span<const std::byte> code) override {
    journal.write("load " + image.name +
                  (code.empty() ? "" : " with " + std::to_string(code.size()) + " bytes"));
    auto kernel = std::make_shared<FakeKernel>();
    kernel->name = image.name.substr(image.name.find('.') + 1);
    kernel->journal = &journal;
    if (!define(*kernel, image.params))
      return Status::error(Code::not_found, "the fake device has no kernel " + image.name);
    return std::shared_ptr<const Kernel>(std::move(kernel));
  }
  Result<std::shared_ptr<void>> allocate(int64_t bytes) override {
    if (bytes > most_bytes)
      return Status::error(Code::out_of_memory, "no memory for " + std::to_string(bytes) + " bytes");
    constexpr size_t kAlignment = 64;
    void* memory = std::aligned_alloc(kAlignment, (size_t(bytes) + kAlignment) / kAlignment * kAlignment);
    return std::shared_ptr<void>(memory, [](void* p) { std::free(p); });
  }
  Result<std::unique_ptr<Stream>> create_stream() override {
    return std::unique_ptr<Stream>(std::make_unique<FakeStream>());
  }
  Result<std::unique_ptr<Recording>> record() override {
    if (!records) return std::unique_ptr<Recording>();
    auto recording = std::make_unique<FakeRecording>();
    recording->journal = &journal;
    return std::unique_ptr<Recording>(std::move(recording));
  }
  Result<std::unique_ptr<Stream>> wrap_stream(void*) override { return create_stream(); }
  Status copy_in(Stream&, void* to, const void* host, int64_t bytes) override {
    if (journal.on) journal.write(name_ + " copies in " + std::to_string(bytes));
    std::memcpy(to, host, size_t(bytes));
    return {};
  }
  Status copy_out(Stream&, void* host, const void* from, int64_t bytes) override {
    if (journal.on) journal.write(name_ + " copies out " + std::to_string(bytes));
    std::memcpy(host, from, size_t(bytes));
    return {};
  }

 private:
  static bool define(FakeKernel& kernel, const std::string& params);
  std::string name_;
  bool is_host_;
};

inline bool FakeDevice::define(FakeKernel& kernel, const std::string& params) {
  using Arguments = const std::vector<float>&;
  using Scalars = std::span<const int64_t>;
  const std::map<std::string, FakeFunction> functions{
      {"add", [](Arguments a, Scalars) { return a[0] + a[1]; }},
      {"copy", [](Arguments a, Scalars) { return a[0]; }},
      {"double", [](Arguments a, Scalars) { return 2 * a[0]; }},
      {"negate", [](Arguments a, Scalars) { return -a[0]; }},
      {"plus_scalar", [](Arguments a, Scalars s) { return a[0] + float(s[0]); }},
      {"sum",
       [](Arguments a, Scalars) {
         float s = 0;
         for (const float x : a) s += x;
         return s;
       }},
      {"one", [](Arguments, Scalars) { return 1.0F; }},
      {"idle", [](Arguments, Scalars) { return 0.0F; }},           // writes nothing
      {"overrun", [](Arguments a, Scalars) { return 2 * a[0]; }},  // and past its output
  };
  if (kernel.name == "positive") {  // the elements above 0, as f32[K]
    kernel.maker = [](std::span<const Tensor> in) {
      std::vector<float> found;
      for (const float x : in[0].values<float>())
        if (x > 0) found.push_back(x);
      return Tensors{Tensor::of<float>({int64_t(found.size())}, found)};
    };
  } else if (kernel.name == "same") {  // hands its input through, as a reshape would
    kernel.maker = [](std::span<const Tensor> in) { return Tensors{in[0]}; };
  } else if (kernel.name == "append_one") {  // f32[K] -> f32[K + 1]
    kernel.maker = [](std::span<const Tensor> in) {
      std::vector<float> all(in[0].values<float>().begin(), in[0].values<float>().end());
      all.push_back(1);
      return Tensors{Tensor::of<float>({int64_t(all.size())}, all)};
    };
  } else if (kernel.name == "shout") {  // strings
    kernel.maker = [](std::span<const Tensor> in) {
      std::vector<std::string> all = in[0].strings();
      for (std::string& s : all) s += "!";
      return Tensors{Tensor::of_strings(in[0].dims(), all)};
    };
  } else if (kernel.name == "below_three") {  // i64 -> boolean, for loops
    kernel.maker = [](std::span<const Tensor> in) {
      return Tensors{Tensor::scalar<bool>(in[0].data<int64_t>()[0] < 2)};
    };
  } else if (kernel.name == "wrong_type") {
    kernel.maker = [](std::span<const Tensor>) { return Tensors{Tensor::of<int64_t>({1}, {1})}; };
  } else {
    const auto found = functions.find(kernel.name.substr(0, kernel.name.find('@')));
    if (found == functions.end()) return false;
    kernel.function = found->second;
  }
  kernel.fails_to_prepare = params == "fails to prepare";
  kernel.fails_to_run = params == "fails to run";
  if (params.starts_with("workspace ")) kernel.workspace = std::stoll(params.substr(10));
  return true;
}

}  // namespace rekindle::test
