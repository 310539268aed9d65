// rekindle.h: contexts.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "api/run/c_objects.h"
#include "api/run/dlpack.h"

using namespace rekindle;
using c_api::guarded;
using c_api::null_argument;

namespace {

Status check(const rekindle_context* context, const char* name) {
  if (context == nullptr) return null_argument("the context");
  if (name == nullptr) return null_argument("the name");
  return {};
}

Status bind_view(rekindle_context* context, const char* name, const DLTensor& tensor,
                 std::shared_ptr<const void> owner) {
  if (is_on_gpu(tensor)) {
    auto read = device_tensor_of(tensor);
    if (!read.ok()) return read.status().note(fmt::format("while binding {}", name));
    return context->context->bind_device(name, read->dtype, read->dims, read->data, std::move(owner));
  }
  auto view = from_dlpack(tensor, std::move(owner));
  if (!view.ok()) return view.status().note(fmt::format("while binding {}", name));
  return context->context->bind(name, *std::move(view));
}

Result<Tensor> strings_of(int32_t rank, const int64_t* shape, const char* const* strings,
                          const size_t* lengths) {
  if (rank < 0 || (rank > 0 && shape == nullptr)) return null_argument("the shape");
  Dims dims(shape, shape + rank);
  RK_TRY(const int64_t count, checked_count(dims));
  if (count > 0 && strings == nullptr) return null_argument("the list of strings");
  std::vector<std::string> values;
  for (int64_t i = 0; i < count; ++i) {
    if (strings[i] == nullptr) return null_argument("a string");
    values.emplace_back(strings[i], lengths == nullptr ? std::strlen(strings[i]) : lengths[i]);
  }
  return Tensor::of_strings(std::move(dims), std::move(values));
}

}  // namespace

extern "C" {

void rekindle_context_options_init(rekindle_context_options* options) {
  if (options == nullptr) return;
  *options = {};
  options->size = sizeof *options;
  options->most_iterations = ContextOptions().most_iterations;
}

rekindle_status* rekindle_context_create(const rekindle_engine* engine,
                                         const rekindle_context_options* options,
                                         rekindle_context** context) {
  return guarded([&]() -> Status {
    if (engine == nullptr) return null_argument("the engine");
    if (context == nullptr) return null_argument("the place for the context");
    RK_TRY(const rekindle_context_options chosen, c_api::options_of(options, rekindle_context_options_init));
    if (chosen.threads < 0)
      return Status::error(Code::invalid_argument,
                           fmt::format("threads is {}, expected 0 or more", chosen.threads));
    auto made = std::make_unique<rekindle_context>();
    made->engine = engine->engine;
    RK_TRY(made->context, engine->engine->create_context(
                              {.threads = chosen.threads, .most_iterations = chosen.most_iterations}));
    *context = made.release();
    return {};
  });
}

void rekindle_context_free(rekindle_context* context) { delete context; }

rekindle_status* rekindle_context_bind(rekindle_context* context, const char* name, const DLTensor* tensor) {
  return guarded([&]() -> Status {
    RK_CHECK(check(context, name));
    if (tensor == nullptr) return null_argument("the tensor");
    return bind_view(context, name, *tensor, nullptr);
  });
}

rekindle_status* rekindle_context_bind_managed(rekindle_context* context, const char* name,
                                               DLManagedTensor* tensor) {
  return guarded([&]() -> Status {
    if (tensor == nullptr) return null_argument("the tensor");
    const std::shared_ptr<const void> owner(tensor, [](const void* p) {
      auto* managed = static_cast<DLManagedTensor*>(const_cast<void*>(p));
      if (managed->deleter != nullptr) managed->deleter(managed);
    });
    RK_CHECK(check(context, name));
    return bind_view(context, name, tensor->dl_tensor, owner);
  });
}

rekindle_status* rekindle_context_bind_strings(rekindle_context* context, const char* name, int32_t rank,
                                               const int64_t* shape, const char* const* strings,
                                               const size_t* lengths) {
  return guarded([&]() -> Status {
    RK_CHECK(check(context, name));
    RK_TRY(Tensor tensor, strings_of(rank, shape, strings, lengths));
    return context->context->bind(name, std::move(tensor));
  });
}

rekindle_status* rekindle_context_output_shape(rekindle_context* context, const char* name, int32_t* rank,
                                               int64_t* shape) {
  return guarded([&]() -> Status {
    RK_CHECK(check(context, name));
    if (rank == nullptr) return null_argument("the rank");
    RK_TRY(const Dims dims, context->context->output_dims(name));
    if (*rank < int32_t(dims.size()) || (shape == nullptr && !dims.empty()))
      return Status::error(Code::invalid_argument, fmt::format("there is room for {} dims, output {} has {}",
                                                               *rank, name, dims.size()));
    std::copy(dims.begin(), dims.end(), shape);
    *rank = int32_t(dims.size());
    return {};
  });
}

rekindle_status* rekindle_context_run(rekindle_context* context) {
  return guarded([&]() -> Status {
    if (context == nullptr) return null_argument("the context");
    context->strings.clear();
    return context->context->run();
  });
}

rekindle_status* rekindle_context_enqueue(rekindle_context* context, void* stream) {
  return guarded([&]() -> Status {
    if (context == nullptr) return null_argument("the context");
    context->strings.clear();
    return context->context->enqueue(stream);
  });
}

rekindle_status* rekindle_context_output(rekindle_context* context, const char* name,
                                         DLManagedTensor** tensor) {
  return guarded([&]() -> Status {
    RK_CHECK(check(context, name));
    if (tensor == nullptr) return null_argument("the place for the tensor");
    RK_TRY(const Tensor output, context->context->output(name));
    RK_TRY(*tensor, to_dlpack(output));
    return {};
  });
}

rekindle_status* rekindle_context_output_string(rekindle_context* context, const char* name, int64_t index,
                                                const char** text, size_t* length) {
  return guarded([&]() -> Status {
    RK_CHECK(check(context, name));
    if (text == nullptr) return null_argument("the place for the text");
    auto found = context->strings.find(name);
    if (found == context->strings.end()) {
      RK_TRY(Tensor output, context->context->output(name));
      found = context->strings.emplace(name, std::move(output)).first;
    }
    const Tensor& output = found->second;
    if (output.dtype() != DType::string || index < 0 || index >= output.count())
      return Status::error(Code::invalid_argument, fmt::format("output {} is {}, it has no string {}", name,
                                                               output.type().to_string(), index));
    *text = output.strings()[size_t(index)].c_str();
    if (length != nullptr) *length = output.strings()[size_t(index)].size();
    return {};
  });
}

int64_t rekindle_context_arena_bytes(const rekindle_context* context) {
  return context == nullptr ? 0 : context->context->arena_bytes();
}

void rekindle_context_set_profiling(rekindle_context* context, int on) {
  if (context != nullptr) context->context->set_profiling(on != 0);
}

size_t rekindle_context_step_count(const rekindle_context* context) {
  return context == nullptr ? 0 : context->engine->plan().steps.size();
}

rekindle_status* rekindle_context_step_time(const rekindle_context* context, size_t step,
                                            rekindle_step_time* time) {
  return guarded([&]() -> Status {
    if (context == nullptr) return null_argument("the context");
    const Plan& plan = context->engine->plan();
    if (step >= plan.steps.size())
      return Status::error(Code::not_found,
                           fmt::format("the engine has no step {}, it has {}", step, plan.steps.size()));
    const Step& s = plan.steps[step];
    rekindle_step_time value{};
    value.label = s.label.c_str();
    value.origin = s.origin.c_str();
    value.kernel =
        s.kind == StepKind::kernel ? plan.kernels[s.kernel].name.c_str() : enum_name(s.kind).data();
    value.microseconds = context->context->step_times()[step].microseconds;
    return c_api::give_struct(value, time, "the time");
  });
}

}  // extern "C"
