// Rekindle's C++ interface: rekindle.h with owners, values and exceptions. C++17, header only.
//
//   auto engine = rekindle::Builder("model.onnx").precision(REKINDLE_PRECISION_FP32).build().load();
//   auto context = engine.create_context();
//   context.bind("x", rekindle::Tensor::view(pixels.data(), {1, 3, 224, 224}));
//   context.run();
//   rekindle::Tensor y = context.output("y");
//
// Functions that can fail throw rekindle::Error. With RK_NO_EXCEPTIONS defined before the include they return
// rekindle::Expected<T> instead: if (!result) use(result.error()); else use(*result).
// SPDX-License-Identifier: Apache-2.0
#ifndef REKINDLE_REKINDLE_HPP
#define REKINDLE_REKINDLE_HPP

#include <algorithm>
#include <complex>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "rekindle/rekindle.h"
#ifndef RK_NO_EXCEPTIONS
#include <stdexcept>
#endif

namespace rekindle {
// Names of their own, so that they never meet those inside the library, nor those of the other way to report
// errors.
#ifdef RK_NO_EXCEPTIONS
inline namespace cpp_api_expected {
#else
inline namespace cpp_api {
#endif

using Shape = std::vector<int64_t>;

#ifdef RK_NO_EXCEPTIONS
class Error {
 public:
  Error(rekindle_code code, std::string text, std::string details)
      : code_(code), text_(std::move(text)), details_(std::move(details)) {}
  const char* what() const { return text_.c_str(); }
#else
class Error : public std::runtime_error {
 public:
  Error(rekindle_code code, const std::string& text, std::string details)
      : std::runtime_error(text), code_(code), details_(std::move(details)) {}
#endif
  rekindle_code code() const { return code_; }
  /// what() with places in Rekindle's source, for bug reports.
  const std::string& details() const { return details_; }

 private:
  rekindle_code code_;
#ifdef RK_NO_EXCEPTIONS
  std::string text_;
#endif
  std::string details_;
};

#ifdef RK_NO_EXCEPTIONS
struct Nothing {};
/// A T or an Error; T is Nothing for functions that only succeed or fail.
template <class T> class Expected {
 public:
  Expected(T value)
      : value_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Expected(Error error)
      : value_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  explicit operator bool() const { return value_.index() == 0; }
  T& operator*() { return std::get<0>(value_); }
  const T& operator*() const { return std::get<0>(value_); }
  T* operator->() { return &std::get<0>(value_); }
  const T* operator->() const { return &std::get<0>(value_); }
  const Error& error() const { return std::get<1>(value_); }

 private:
  std::variant<T, Error> value_;
};
template <class T> using Outcome = Expected<std::conditional_t<std::is_void_v<T>, Nothing, T>>;
#else
template <class T> using Outcome = T;
#endif

namespace detail {

inline Error error_of(rekindle_status* status) {
  Error error(rekindle_status_code(status), rekindle_status_text(status), rekindle_status_details(status));
  rekindle_status_free(status);
  return error;
}

/// Throws the error or returns what `value` makes.
template <class F> auto finish(rekindle_status* status, F&& value) -> Outcome<decltype(value())> {
#ifdef RK_NO_EXCEPTIONS
  if (status != nullptr) return error_of(status);
  if constexpr (std::is_void_v<decltype(value())>) {
    value();
    return Nothing{};
  } else {
    return value();
  }
#else
  if (status != nullptr) throw error_of(status);
  return value();
#endif
}
inline Outcome<void> finish(rekindle_status* status) {
  return finish(status, [] {});
}

template <class T> constexpr DLDataType type_of() {
  using U = std::remove_cv_t<T>;
  constexpr auto bits = uint8_t(8 * sizeof(U));
  if constexpr (std::is_same_v<U, bool>)
    return {kDLBool, 8, 1};
  else if constexpr (std::is_floating_point_v<U>)
    return {kDLFloat, bits, 1};
  else if constexpr (std::is_same_v<U, std::complex<float>> || std::is_same_v<U, std::complex<double>>)
    return {kDLComplex, bits, 1};
  else if constexpr (std::is_integral_v<U>)
    return {uint8_t(std::is_signed_v<U> ? kDLInt : kDLUInt), bits, 1};
  else
    static_assert(sizeof(U) == 0, "no element type for this C++ type; give a DLDataType");
}

}  // namespace detail

/// "0.1.0".
inline std::string version() { return rekindle_version(); }

/// Memory with a type and a shape. Copies share it. A view is the caller's memory, an output the engine's.
class Tensor {
 public:
  /// `data` must live as long as the tensor is bound.
  template <class T> static Tensor view(T* data, Shape shape) {
    return view(const_cast<std::remove_cv_t<T>*>(data), std::move(shape), detail::type_of<T>());
  }
  /// For types that C++ has no name for: {kDLBfloat, 16, 1}.
  static Tensor view(void* data, Shape shape, DLDataType type) {
    Tensor t;
    t.data_ = data, t.shape_ = std::move(shape), t.type_ = type;
    return t;
  }
  /// Takes over what rekindle.h handed out.
  static Tensor take(DLManagedTensor* managed) {
    const DLTensor& dl = managed->dl_tensor;
    Tensor t = view(dl.data, Shape(dl.shape, dl.shape + dl.ndim), dl.dtype);
    t.owner_ = std::shared_ptr<DLManagedTensor>(managed, [](DLManagedTensor* m) { m->deleter(m); });
    return t;
  }
  const Shape& shape() const { return shape_; }
  DLDataType type() const { return type_; }
  int64_t count() const {
    int64_t count = 1;
    for (const int64_t d : shape_) count *= d;
    return count;
  }
  void* raw() const { return data_; }
  /// The elements, or null when they are not of type T.
  template <class T> T* data() const {
    constexpr DLDataType wanted = detail::type_of<T>();
    const bool is_same =
        type_.code == wanted.code && type_.bits == wanted.bits && type_.lanes == wanted.lanes;
    return is_same ? static_cast<T*>(data_) : nullptr;
  }
  /// The struct that rekindle_context_bind() takes; valid as long as this tensor.
  DLTensor dlpack() const {
    DLTensor dl{};
    dl.data = data_;
    dl.device = {kDLCPU, 0};
    dl.ndim = int32_t(shape_.size());
    dl.dtype = type_;
    dl.shape = const_cast<int64_t*>(shape_.data());
    return dl;
  }

 private:
  void* data_ = nullptr;
  Shape shape_;
  DLDataType type_{kDLFloat, 32, 1};
  std::shared_ptr<DLManagedTensor> owner_;
};

struct Binding {
  std::string name;
  bool is_input = true;
  rekindle_dtype dtype = REKINDLE_F32;
  std::string type;     // "f32[N, 3, 224, 224]"
  Shape dims;           // -1 where the size is not fixed
  Shape min, opt, max;  // what the profile allows and expects
};

struct StepTime {
  std::string label, kernel, origin;
  double microseconds = 0;
};

struct ContextOptions {
  int threads = 0;              // 0: every core the process may use
  int64_t most_iterations = 0;  // of all loops of one run; 0: the default
};

/// The shapes and memory of one thread of work.
class Context {
 public:
  /// An input, or where an output goes. The memory is used in place and must stay; filling it again needs no
  /// new bind.
  Outcome<void> bind(const std::string& name, const Tensor& tensor) {
    bound_[name] = tensor;
    const DLTensor dl = tensor.dlpack();
    return detail::finish(rekindle_context_bind(context_.get(), name.c_str(), &dl));
  }
  Outcome<void> bind_strings(const std::string& name, const Shape& shape,
                             const std::vector<std::string>& strings) {
    std::vector<const char*> texts;
    std::vector<size_t> lengths;
    for (const std::string& s : strings) texts.push_back(s.data()), lengths.push_back(s.size());
    return detail::finish(rekindle_context_bind_strings(context_.get(), name.c_str(), int32_t(shape.size()),
                                                        shape.data(), texts.data(), lengths.data()));
  }
  /// The same with a struct of DLPack, for memory of a GPU; the caller keeps the memory.
  Outcome<void> bind(const std::string& name, const DLTensor& tensor) {
    bound_.erase(name);
    return detail::finish(rekindle_context_bind(context_.get(), name.c_str(), &tensor));
  }
  /// Enqueues a run on a stream of the GPU; see rekindle_context_enqueue().
  Outcome<void> enqueue(void* stream) {
    return detail::finish(rekindle_context_enqueue(context_.get(), stream));
  }
  /// Runs and waits.
  Outcome<void> run() { return detail::finish(rekindle_context_run(context_.get())); }
  /// Valid until the next run; the memory as long as the tensor.
  Outcome<Tensor> output(const std::string& name) {
    DLManagedTensor* tensor = nullptr;
    return detail::finish(rekindle_context_output(context_.get(), name.c_str(), &tensor),
                          [&] { return Tensor::take(tensor); });
  }
  Outcome<std::string> output_string(const std::string& name, int64_t index) {
    const char* text = nullptr;
    size_t length = 0;
    return detail::finish(rekindle_context_output_string(context_.get(), name.c_str(), index, &text, &length),
                          [&] { return std::string(text, length); });
  }
  /// Once every input is bound; an error when only the run can tell.
  Outcome<Shape> output_shape(const std::string& name) {
    Shape shape(64);
    auto rank = int32_t(shape.size());
    return detail::finish(rekindle_context_output_shape(context_.get(), name.c_str(), &rank, shape.data()),
                          [&] {
                            shape.resize(size_t(rank));
                            return shape;
                          });
  }
  /// Bytes of the arena and workspaces for the current shapes.
  int64_t arena_bytes() const { return rekindle_context_arena_bytes(context_.get()); }
  /// The next runs time each step.
  void set_profiling(bool on) { rekindle_context_set_profiling(context_.get(), on ? 1 : 0); }
  std::vector<StepTime> step_times() const {
    std::vector<StepTime> times;
    for (size_t i = 0; i < rekindle_context_step_count(context_.get()); ++i) {
      rekindle_step_time t{};
      t.size = sizeof t;
      rekindle_status_free(rekindle_context_step_time(context_.get(), i, &t));
      times.push_back({t.label, t.kernel, t.origin, t.microseconds});
    }
    return times;
  }
  rekindle_context* get() const { return context_.get(); }

 private:
  friend class Engine;
  struct Free {
    void operator()(rekindle_context* c) const { rekindle_context_free(c); }
  };
  explicit Context(rekindle_context* context) : context_(context) {}
  std::map<std::string, Tensor> bound_;  // keeps outputs of other engines alive that are inputs here
  std::unique_ptr<rekindle_context, Free> context_;
};

struct LoadOptions {
  int variant = -1;  // -1: the best one this machine can run
  bool verify_weights = true;
};

/// A loaded engine. Copies share it; many threads may use it, a context each.
class Engine {
 public:
  static Outcome<Engine> load(const std::string& path, const LoadOptions& options = {}) {
    rekindle_engine* engine = nullptr;
    const rekindle_load_options c = to_c(options);
    return detail::finish(rekindle_engine_load(path.c_str(), &c, &engine), [&] { return Engine(engine); });
  }
  static Outcome<Engine> load_bytes(const void* bytes, size_t size, const LoadOptions& options = {}) {
    rekindle_engine* engine = nullptr;
    const rekindle_load_options c = to_c(options);
    return detail::finish(rekindle_engine_load_bytes(bytes, size, &c, &engine),
                          [&] { return Engine(engine); });
  }
  /// Inputs first, in the model's order.
  std::vector<Binding> bindings() const {
    std::vector<Binding> list;
    for (size_t i = 0; i < rekindle_engine_binding_count(engine_.get()); ++i) {
      rekindle_binding b{};
      b.size = sizeof b;
      rekindle_status_free(rekindle_engine_binding(engine_.get(), i, &b));
      const auto shape = [&](const int64_t* dims) { return Shape(dims, dims + b.rank); };
      list.push_back({b.name, b.is_input != 0, b.dtype, b.type, shape(b.dims), shape(b.min), shape(b.opt),
                      shape(b.max)});
    }
    return list;
  }
  Outcome<Context> create_context(const ContextOptions& options = {}) const {
    rekindle_context_options c;
    rekindle_context_options_init(&c);
    c.threads = options.threads;
    if (options.most_iterations > 0) c.most_iterations = options.most_iterations;
    rekindle_context* context = nullptr;
    return detail::finish(rekindle_context_create(engine_.get(), &c, &context),
                          [&] { return Context(context); });
  }
  std::string target() const { return rekindle_engine_target(engine_.get()); }
  std::string model_name() const { return rekindle_engine_model_name(engine_.get()); }
  std::string producer() const { return rekindle_engine_producer(engine_.get()); }
  uint64_t content_hash() const { return rekindle_engine_content_hash(engine_.get()); }
  /// The plan, one line a step.
  Outcome<std::string> describe() const {
    rekindle_blob* text = nullptr;
    return detail::finish(rekindle_engine_describe(engine_.get(), &text), [&] {
      std::string copy(static_cast<const char*>(rekindle_blob_data(text)), rekindle_blob_size(text));
      rekindle_blob_free(text);
      return copy;
    });
  }
  rekindle_engine* get() const { return engine_.get(); }

 private:
  explicit Engine(rekindle_engine* engine) : engine_(engine, rekindle_engine_free) {}
  static rekindle_load_options to_c(const LoadOptions& options) {
    rekindle_load_options c;
    rekindle_load_options_init(&c);
    c.variant = options.variant;
    c.verify_weights = options.verify_weights ? 1 : 0;
    return c;
  }
  std::shared_ptr<rekindle_engine> engine_;
};

/// A built engine's bytes.
class EngineBytes {
 public:
  const void* data() const { return rekindle_blob_data(blob_.get()); }
  size_t size() const { return rekindle_blob_size(blob_.get()); }
  /// Nobody ever sees half a file.
  Outcome<void> save(const std::string& path) const {
    return detail::finish(rekindle_blob_save(blob_.get(), path.c_str()));
  }
  Outcome<Engine> load(const LoadOptions& options = {}) const {
    return Engine::load_bytes(data(), size(), options);
  }

 private:
  friend class Builder;
  explicit EngineBytes(rekindle_blob* blob) : blob_(blob, rekindle_blob_free) {}
  std::shared_ptr<rekindle_blob> blob_;
};

/// Builds an engine from an ONNX model. Needs librekindle; librekindle_runtime cannot build.
class Builder {
 public:
  using Progress = std::function<void(std::string_view phase, int done, int total)>;

  explicit Builder(std::string model_path) : path_(std::move(model_path)) {
    rekindle_build_options_init(&options_);
  }
  /// A model in memory, which must stay until build(); external data are looked for in `folder`.
  static Builder from_bytes(const void* model, size_t size, std::string folder = {}) {
    Builder builder{std::string()};
    builder.model_ = model, builder.model_size_ = size, builder.folder_ = std::move(folder);
    return builder;
  }
  Builder& target(std::string name) {
    return targets_.push_back(std::move(name)), *this;
  }  // may be given several times
  Builder& precision(rekindle_precision p) { return options_.precision = p, *this; }
  Builder& effort(int level) { return options_.effort = level, *this; }  // 0 … 5
  Builder& threads(int count) { return options_.threads = count, *this; }
  Builder& workspace(int64_t bytes) { return options_.workspace_bytes = bytes, *this; }
  Builder& keep_ir(bool keep) { return options_.keep_ir = keep ? 1 : 0, *this; }
  Builder& timing_cache(std::string path) { return timing_cache_ = std::move(path), *this; }
  /// A folder of compiled CUDA kernels, read and written.
  Builder& kernel_cache(std::string folder) { return kernel_cache_ = std::move(folder), *this; }
  Builder& disable(std::string pass_or_tactic) {
    return disabled_.push_back(std::move(pass_or_tactic)), *this;
  }
  /// The least, usual and largest shape of an input, which have one rank; dims that are missing become -1,
  /// which is refused.
  Builder& profile(std::string input, Shape min, Shape opt, Shape max) {
    const size_t rank = std::max({min.size(), opt.size(), max.size()});
    for (Shape* shape : {&min, &opt, &max}) shape->resize(rank, -1);
    profiles_.push_back({std::move(input), std::move(min), std::move(opt), std::move(max)});
    return *this;
  }
  Builder& progress(Progress callback) { return progress_ = std::move(callback), *this; }

  Outcome<EngineBytes> build() {
    rekindle_build_options c = options_;
    const std::vector<const char*> targets = pointers(targets_), disabled = pointers(disabled_);
    c.targets = targets.data(), c.target_count = targets.size();
    c.disabled = disabled.data(), c.disabled_count = disabled.size();
    if (!timing_cache_.empty()) c.timing_cache = timing_cache_.c_str();
    if (!kernel_cache_.empty()) c.kernel_cache = kernel_cache_.c_str();
    std::vector<rekindle_profile> profiles;
    for (const InputProfile& p : profiles_)
      profiles.push_back({sizeof(rekindle_profile), p.input.c_str(), int32_t(p.min.size()), p.min.data(),
                          p.opt.data(), p.max.data()});
    c.profiles = profiles.data(), c.profile_count = profiles.size();
    if (progress_) {
      c.progress = [](void* user, const char* phase, int done, int total) {
        static_cast<Builder*>(user)->progress_(phase, done, total);
      };
      c.progress_user = this;
    }
    rekindle_blob* blob = nullptr;
    rekindle_status* status = model_ == nullptr
                                  ? rekindle_build_file(path_.c_str(), &c, &blob)
                                  : rekindle_build_bytes(model_, model_size_, folder_.c_str(), &c, &blob);
    return detail::finish(status, [&] { return EngineBytes(blob); });
  }

 private:
  struct InputProfile {
    std::string input;
    Shape min, opt, max;
  };
  static std::vector<const char*> pointers(const std::vector<std::string>& texts) {
    std::vector<const char*> list;
    for (const std::string& t : texts) list.push_back(t.c_str());
    return list;
  }
  rekindle_build_options options_{};
  std::string path_, folder_, timing_cache_, kernel_cache_;
  const void* model_ = nullptr;
  size_t model_size_ = 0;
  std::vector<std::string> targets_, disabled_;
  std::vector<InputProfile> profiles_;
  Progress progress_;
};

}  // inline namespace
}  // namespace rekindle
#endif
