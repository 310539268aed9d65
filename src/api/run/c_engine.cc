// rekindle.h: engines.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "api/run/c_objects.h"
#include "api/run/devices.h"

using namespace rekindle;
using c_api::guarded;
using c_api::null_argument;

namespace {

LoadOptions to_cpp(const rekindle_load_options& options) {
  LoadOptions cpp;
  cpp.open_device = devices_of_this_build();
  cpp.variant = options.variant;
  cpp.verify_weights = options.verify_weights != 0;
  return cpp;
}

rekindle_engine::Described describe(const Binding& b, const Profile& profile) {
  rekindle_engine::Described d;
  d.type = b.type.to_string();
  for (const Dim& dim : b.type.shape) {
    const Range range = dim.range(profile);
    // What is usual is known for plain symbols, whose profile says it, and for numbers.
    int64_t usual = dim.as_int().value_or(0);
    if (const auto symbol = dim.as_symbol())
      if (const auto found = profile.find(*symbol); found != profile.end()) usual = found->second.opt;
    d.dims.push_back(dim.as_int().value_or(-1));
    d.min.push_back(std::max<int64_t>(0, range.min));
    d.opt.push_back(usual);
    d.max.push_back(range.max);
  }
  return d;
}

Status give(const Result<std::shared_ptr<const Engine>>& loaded, rekindle_engine** out) {
  if (!loaded.ok()) return loaded.status();
  auto engine = std::make_unique<rekindle_engine>();
  engine->engine = *loaded;
  Profile profile;
  for (const SymbolRange& r : engine->engine->plan().profile) profile[r.symbol] = r.range;
  for (const Binding& b : engine->engine->bindings()) engine->bindings.push_back(describe(b, profile));
  *out = engine.release();
  return {};
}

}  // namespace

extern "C" {

void rekindle_load_options_init(rekindle_load_options* options) {
  if (options == nullptr) return;
  *options = {};
  options->size = sizeof *options;
  options->variant = -1;
  options->verify_weights = 1;
}

rekindle_status* rekindle_engine_load(const char* path, const rekindle_load_options* options,
                                      rekindle_engine** engine) {
  return guarded([&]() -> Status {
    if (path == nullptr) return null_argument("the path");
    if (engine == nullptr) return null_argument("the place for the engine");
    RK_TRY(const rekindle_load_options chosen, c_api::options_of(options, rekindle_load_options_init));
    return give(Engine::load(path, to_cpp(chosen)), engine);
  });
}

rekindle_status* rekindle_engine_load_bytes(const void* bytes, size_t size,
                                            const rekindle_load_options* options, rekindle_engine** engine) {
  return guarded([&]() -> Status {
    if (bytes == nullptr) return null_argument("the engine's bytes");
    if (engine == nullptr) return null_argument("the place for the engine");
    RK_TRY(const rekindle_load_options chosen, c_api::options_of(options, rekindle_load_options_init));
    // A tensor for its alignment: weights are then used from this copy.
    RK_TRY(Tensor copy, Tensor::make(DType::u8, {int64_t(size)}));
    if (size > 0) std::memcpy(copy.raw(), bytes, size);
    const auto owner = std::make_shared<const Tensor>(std::move(copy));
    const std::span content(static_cast<const std::byte*>(owner->raw()), size);
    RK_TRY(EngineFile file,
           open_engine_bytes(content, owner, {.verify_weights = chosen.verify_weights != 0}));
    return give(Engine::from_file(std::move(file), to_cpp(chosen)), engine);
  });
}

void rekindle_engine_free(rekindle_engine* engine) { delete engine; }

size_t rekindle_engine_binding_count(const rekindle_engine* engine) {
  return engine == nullptr ? 0 : engine->bindings.size();
}

rekindle_status* rekindle_engine_binding(const rekindle_engine* engine, size_t index,
                                         rekindle_binding* binding) {
  return guarded([&]() -> Status {
    if (engine == nullptr) return null_argument("the engine");
    if (index >= engine->bindings.size())
      return Status::error(Code::not_found, fmt::format("the engine has no binding {}, it has {}", index,
                                                        engine->bindings.size()));
    const Binding& b = engine->engine->bindings()[index];
    const rekindle_engine::Described& d = engine->bindings[index];
    rekindle_binding value{};
    value.name = b.name.c_str();
    value.is_input = b.is_input ? 1 : 0;
    value.dtype = static_cast<rekindle_dtype>(b.type.dtype);
    value.rank = int32_t(d.dims.size());
    value.type = d.type.c_str();
    value.dims = d.dims.data();
    value.min = d.min.data(), value.opt = d.opt.data(), value.max = d.max.data();
    return c_api::give_struct(value, binding, "the binding");
  });
}

const char* rekindle_engine_target(const rekindle_engine* engine) {
  return engine == nullptr ? "" : engine->engine->plan().target.c_str();
}
const char* rekindle_engine_model_name(const rekindle_engine* engine) {
  return engine == nullptr ? "" : engine->engine->file().meta.model_name.c_str();
}
const char* rekindle_engine_producer(const rekindle_engine* engine) {
  return engine == nullptr ? "" : engine->engine->file().meta.producer.c_str();
}
uint64_t rekindle_engine_content_hash(const rekindle_engine* engine) {
  return engine == nullptr ? 0 : engine->engine->file().content_hash;
}

rekindle_status* rekindle_engine_describe(const rekindle_engine* engine, rekindle_blob** text) {
  return guarded([&]() -> Status {
    if (engine == nullptr) return null_argument("the engine");
    if (text == nullptr) return null_argument("the place for the text");
    *text = new rekindle_blob{print(engine->engine->plan())};
    return {};
  });
}

}  // extern "C"
