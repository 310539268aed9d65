// Reading descriptions of GPUs, and finding the one that fits.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/gpu.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "base/json.h"
#include "tensor/target_files.h"

namespace rekindle {

namespace {

/// Reads an object's members one by one, keeping the first error and what was not asked for.
class Members {
 public:
  Members(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) fail(where_.empty() ? "the description" : where_, "is no object");
  }
  void number(const char* key, double& to, double least, double most) {
    const Json* value = find(key, "a number");
    if (!value) return;
    if (!value->is_number()) return fail(path(key), "is " + value->dump() + ", expected a number");
    to = value->get<double>();
    if (!(to >= least && to <= most))
      fail(path(key),
           "is " + value->dump() + ", expected " + Json(least).dump() + " to " + Json(most).dump());
  }
  template <class Integer> void integer(const char* key, Integer& to, double least, double most) {
    double value = 0;
    number(key, value, least, most);
    if (value != std::floor(value)) fail(path(key), "is no whole number");
    to = Integer(status_.ok() ? value : 0);
  }
  void text(const char* key, std::string& to) {
    const Json* value = find(key, "a text");
    if (!value) return;
    if (!value->is_string() || value->get_ref<const std::string&>().empty())
      return fail(path(key), "is " + value->dump().substr(0, 40) + ", expected a text");
    to = value->get<std::string>();
  }
  const Json* object(const char* key) {
    const Json* value = find(key, "an object");
    if (value && !value->is_object()) fail(path(key), "is no object");
    return status_.ok() ? value : nullptr;
  }
  bool has(const char* key) const { return object_.is_object() && object_.contains(key); }
  void allow(const char* key) { asked_.insert(key); }
  void fail(const std::string& what, const std::string& why) {
    if (status_.ok()) status_ = Status::error(Code::invalid_argument, "GPU description: " + what + " " + why);
  }
  /// Also an error when there are members that nobody asked for.
  Status finish() {
    if (!object_.is_object()) return status_;
    for (const auto& [key, value] : object_.items())
      if (!asked_.contains(key)) fail(path(key.substr(0, 40).c_str()), "is unknown");
    return status_;
  }

 private:
  std::string path(const char* key) const { return where_ + (where_.empty() ? "" : ".") + key; }
  const Json* find(const char* key, const char* expected) {
    asked_.insert(key);
    if (!status_.ok()) return nullptr;
    if (object_.contains(key)) return &object_[key];
    fail(path(key), std::string("is missing, expected ") + expected);
    return nullptr;
  }
  const Json& object_;
  std::string where_;
  Status status_;
  std::set<std::string, std::less<>> asked_;
};

template <class E> void read_enum(Members& members, const char* key, E& to) {
  std::string text;
  members.text(key, text);
  std::string names;
  for (size_t i = 0; i < enum_names(to).size(); ++i) {
    if (enum_names(to)[i] == text) {
      to = E(i);
      return;
    }
    names += (i ? ", " : "") + std::string(enum_names(to)[i]);
  }
  members.fail(key, "is \"" + text.substr(0, 40) + "\", expected one of " + names);
}

Status read_math(const Json& json, GpuDescription& gpu) {
  Members math(json, "math");
  for (size_t i = 0; i < kGpuMathNames.size(); ++i) {
    const std::string name(kGpuMathNames[i]);
    if (i != size_t(GpuMath::f32) && !math.has(name.c_str())) continue;
    const Json* rate = math.object(name.c_str());
    if (!rate) break;
    Members members(*rate, "math." + name);
    members.number("per_clock", gpu.math[i].per_clock, 0.5, 1 << 16);
    members.number("ghz", gpu.math[i].ghz, 0.05, 10);
    RK_CHECK(members.finish());
  }
  return math.finish();
}

Status read_shared(const Json& json, GpuDescription& gpu) {
  Members members(json, "shared_memory");
  members.integer("bytes", gpu.shared_bytes, 1024, 1 << 20);
  members.integer("block_bytes", gpu.shared_block_bytes, 1024, 1 << 20);
  members.integer("granularity", gpu.shared_granularity, 1, 4096);
  members.integer("reserved_bytes", gpu.shared_reserved_bytes, 0, 16384);
  if (gpu.shared_block_bytes > gpu.shared_bytes)
    members.fail("shared_memory.block_bytes", "is more than shared_memory.bytes");
  return members.finish();
}

Status read_memory(const Json& memory_json, const Json& l2_json, GpuDescription& gpu) {
  Members memory(memory_json, "memory");
  memory.number("peak_gb_per_s", gpu.memory_peak, 1, 1e5);
  memory.number("gb_per_s", gpu.memory, 1, 1e5);
  memory.number("latency_clocks", gpu.memory_latency, 50, 5000);
  if (gpu.memory > gpu.memory_peak) memory.fail("memory.gb_per_s", "is more than memory.peak_gb_per_s");
  RK_CHECK(memory.finish());
  Members l2(l2_json, "l2");
  l2.integer("bytes", gpu.l2_bytes, 1 << 14, 1 << 30);
  l2.number("gb_per_s", gpu.l2, 1, 1e6);
  return l2.finish();
}

bool is_name(const std::string& name) {
  return name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

/// Whether the driver's name has the other as whole words: "NVIDIA L40" has no "NVIDIA L4".
bool names_agree(const std::string& of_driver, const std::string& known) {
  const size_t at = of_driver.find(known);
  if (at == std::string::npos) return false;
  const size_t end = at + known.size();
  return end == of_driver.size() || std::isalnum(static_cast<unsigned char>(of_driver[end])) == 0;
}

}  // namespace

Result<GpuDescription> parse_gpu(std::string_view text) {
  RK_TRY(const Json json, parse_json(text, 8));
  GpuDescription gpu;
  Members members(json, "");
  int schema = 0;
  members.integer("schema", schema, 1, 1);
  members.text("name", gpu.name);
  if (!is_name(gpu.name))
    members.fail("name", "is \"" + gpu.name.substr(0, 40) + "\", expected a-z, 0-9 and _, at most 40");
  members.text("title", gpu.title);
  members.text("driver_name", gpu.driver_name);
  members.integer("sm", gpu.sm, 61, 90);
  members.integer("multiprocessors", gpu.multiprocessors, 1, 1024);
  members.number("ghz", gpu.ghz, 0.05, 10);
  read_enum(members, "issue", gpu.issue);
  members.integer("registers", gpu.registers, 1024, 1 << 20);
  members.integer("register_granularity", gpu.register_granularity, 1, 4096);
  members.integer("warps", gpu.warps, 4, 256);
  members.integer("blocks", gpu.blocks, 1, 256);
  members.number("launch_us", gpu.launch_us, 0, 1000);
  members.allow("sources");  // where each number is from, for readers
  const Json* const math = members.object("math");
  const Json* const shared = members.object("shared_memory");
  const Json* const memory = members.object("memory");
  const Json* const l2 = members.object("l2");
  RK_CHECK(members.finish());
  RK_CHECK(read_math(*math, gpu));
  RK_CHECK(read_shared(*shared, gpu));
  RK_CHECK(read_memory(*memory, *l2, gpu));
  return gpu;
}

const std::vector<std::shared_ptr<const GpuDescription>>& known_gpus() {
  static const auto list = [] {
    std::vector<std::shared_ptr<const GpuDescription>> gpus;
    for (const std::string_view file : target_file_names()) {
      auto gpu = parse_gpu(target_file(file));
      RK_ASSERT(gpu.ok(), "a description in targets/ is wrong");  // its test says which and why
      gpus.push_back(std::make_shared<const GpuDescription>(*std::move(gpu)));
    }
    return gpus;
  }();
  return list;
}

std::shared_ptr<const GpuDescription> find_gpu(std::string_view name) {
  for (const auto& gpu : known_gpus())
    if (gpu->name == name) return gpu;
  return nullptr;
}

std::shared_ptr<const GpuDescription> gpu_of_architecture(int sm) {
  std::shared_ptr<const GpuDescription> smallest;
  for (const auto& gpu : known_gpus())
    if (gpu->sm == sm && (!smallest || gpu->multiprocessors < smallest->multiprocessors)) smallest = gpu;
  return smallest;
}

std::shared_ptr<const GpuDescription> describe_gpu(const GpuFacts& facts) {
  std::shared_ptr<const GpuDescription> nearest;
  for (const auto& gpu : known_gpus()) {
    if (gpu->sm == facts.sm && names_agree(facts.name, gpu->driver_name)) return gpu;
    if (gpu->sm <= facts.sm && (!nearest || gpu->sm > nearest->sm)) nearest = gpu;
  }
  GpuDescription made = nearest ? *nearest : *known_gpus().front();
  made.name = made.title = facts.name;
  made.sm = facts.sm;
  if (facts.multiprocessors > 0) made.multiprocessors = facts.multiprocessors;
  if (facts.l2_bytes > 0) made.l2_bytes = facts.l2_bytes;
  if (facts.ghz > 0) {
    const double faster = facts.ghz / made.ghz;
    made.ghz = facts.ghz;
    for (GpuRate& rate : made.math) rate.ghz *= faster;
    made.l2 *= faster;
  }
  if (facts.memory_peak > 0) {
    made.memory *= facts.memory_peak / made.memory_peak;
    made.memory_peak = facts.memory_peak;
  }
  return std::make_shared<const GpuDescription>(std::move(made));
}

}  // namespace rekindle
