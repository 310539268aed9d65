// Fuzzes the engine loader: whatever is accepted is run by kernels that touch every byte of their arguments,
// so that a plan that reaches outside its memory is found by the sanitizer.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <random>

#include "plan/engine_bytes.h"
#include "runtime/engine.h"

namespace rekindle {
namespace {

using test::PlanMaker;

constexpr int64_t kMostBytes = 4 << 20;

/// Reads every byte of a view, or writes it.
void touch(const ArgShape& shape, const void* data, bool writes) {
  if (!shape.present || count_of(shape.dims) == 0) return;
  int64_t last = 0;
  for (size_t i = 0; i < shape.strides.size(); ++i) last += (shape.dims[i] - 1) * shape.strides[i];
  const int64_t elements = shape.strides.empty() ? count_of(shape.dims) : last + 1;
  const int64_t bytes = bytes_for(shape.dtype, elements);
  volatile uint8_t* const at = static_cast<uint8_t*>(const_cast<void*>(data));
  for (int64_t i = 0; i < bytes; ++i) {
    if (writes)
      at[i] = 1;
    else
      (void)at[i];
  }
}

struct TouchLaunch final : Launch {
  std::vector<ArgShape> inputs, outputs;
  int64_t workspace_bytes() const override { return 64; }
  Status run(Stream&, const void* const* in, void* const* out, void* workspace) override {
    for (size_t i = 0; i < inputs.size(); ++i) touch(inputs[i], in[i], false);
    for (size_t i = 0; i < outputs.size(); ++i) touch(outputs[i], out[i], true);
    touch({DType::u8, {64}, {}, true}, workspace, true);
    return {};
  }
};

/// "make…" makes its outputs: a copy of each input, so that a plan can be right about them.
struct TouchKernel final : Kernel {
  bool makes = false;
  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    auto launch = std::make_unique<TouchLaunch>();
    launch->inputs.assign(shapes.inputs.begin(), shapes.inputs.end());
    launch->outputs.assign(shapes.outputs.begin(), shapes.outputs.end());
    return std::unique_ptr<Launch>(std::move(launch));
  }
  bool makes_outputs() const override { return makes; }
  Result<Tensors> make_outputs(std::span<const Tensor> inputs, std::span<const int64_t>) const override {
    Tensors outputs;
    for (const Tensor& t : inputs) outputs.push_back(t.count() % 2 == 0 ? t : t.clone());
    return outputs;
  }
};

struct TouchStream final : Stream {
  Status synchronize() override { return {}; }
};

struct TouchDevice final : Device {
  bool host = true;
  std::string_view name() const override { return host ? "cpu" : "card"; }
  bool is_host() const override { return host; }
  Result<std::shared_ptr<const Kernel>> load(const KernelImage& image,
                                             std::span<const std::byte> code) override {
    touch({DType::u8, {int64_t(code.size())}, {}, true}, code.data(), false);
    auto kernel = std::make_shared<TouchKernel>();
    kernel->makes = image.name.starts_with("make");
    return std::shared_ptr<const Kernel>(std::move(kernel));
  }
  Result<std::shared_ptr<void>> allocate(int64_t bytes) override {
    if (bytes > kMostBytes) return Status::error(Code::out_of_memory, "more than a fuzzed engine needs");
    void* memory = std::malloc(size_t(bytes));  // exactly as large as asked for
    if (bytes > 0) std::memset(memory, 0, size_t(bytes));
    return std::shared_ptr<void>(memory, [](void* p) { std::free(p); });
  }
  Result<std::unique_ptr<Stream>> create_stream() override {
    return std::unique_ptr<Stream>(std::make_unique<TouchStream>());
  }
  Status copy_in(Stream&, void* to, const void* host_memory, int64_t bytes) override {
    std::memcpy(to, host_memory, size_t(bytes));
    return {};
  }
  Status copy_out(Stream&, void* host_memory, const void* from, int64_t bytes) override {
    std::memcpy(host_memory, from, size_t(bytes));
    return {};
  }
};

Result<std::shared_ptr<Device>> open_touch(std::string_view name) {
  auto device = std::make_shared<TouchDevice>();
  device->host = name != "card";
  return std::shared_ptr<Device>(std::move(device));
}

/// Binds inputs of the profile's least or usual sizes and runs.
void run(const Engine& engine, bool usual) {
  ContextOptions options;
  options.threads = 1;
  options.most_iterations = 50;
  const auto context = engine.create_context(options);
  if (!context.ok()) return;
  Bindings sizes;
  for (const Binding& b : engine.bindings())
    for (const Dim& d : b.type.shape)
      if (const auto symbol = d.as_symbol()) sizes[std::string(*symbol)] = 3;
  for (const SymbolRange& r : engine.plan().profile) sizes[r.symbol] = usual ? r.range.opt : r.range.min;
  for (const Binding& b : engine.bindings()) {
    if (!b.is_input) continue;
    const Result<Dims> dims = eval(b.type.shape, sizes);
    if (!dims.ok()) return;
    const Result<int64_t> count = checked_count(*dims);
    if (!count.ok() || *count > (1 << 16)) return;
    const Result<Tensor> tensor = Tensor::make(b.type.dtype, *dims);
    if (!tensor.ok() || !(*context)->bind(b.name, *tensor).ok()) return;
  }
  for (int i = 0; i < 2; ++i)
    if (!(*context)->run().ok()) return;
  for (const Binding& b : engine.bindings()) {
    const Result<Tensor> output = (*context)->output(b.name);
    if (output.ok()) (void)output->to_string();
  }
}

void load_and_run(std::string_view file) {
  const auto bytes = std::as_bytes(std::span(file.data(), file.size()));
  Result<EngineFile> engine = open_engine_bytes(bytes, nullptr);
  if (!engine.ok()) return;
  for (const Variant& v : engine->variants) (void)print(v.plan);
  LoadOptions options;
  options.open_device = open_touch;
  options.isa = Isa::avx512;
  const auto loaded = Engine::from_file(*std::move(engine), options);
  if (!loaded.ok()) return;
  run(**loaded, false);
  run(**loaded, true);
}

// ---- where mutations begin: small engines that use everything a plan can say

Plan unary(const std::string& kernel) {
  PlanMaker m("cpu");
  const uint32_t a = m.input("a", "f32[N]"), b = m.output("b", "f32[N]");
  m.step(kernel, {a}, {b});
  return m.plan();
}

Plan values_plan() {
  PlanMaker m("cpu");
  m.size("N", 1, 4, 8);
  const uint32_t x = m.input("x", "f32[N]"), v = m.value("f32[K]"), t = m.temp("f32[2*K]"),
                 y = m.output("y", "f32[2*K]");
  m.step("make.same", {x}, {v});
  m.defines("K", 0, 0);
  m.step("cpu.twice", {v, kNone}, {t}).scalars = {Dim::symbol("K") + 1};
  m.step("cpu.copy", {t}, {y});
  m.output_is("v", v);
  return m.plan();
}

Plan control_plan() {
  PlanMaker body("cpu");
  body.input("i", "i64[]");
  const uint32_t c = body.input("c", "boolean[]"), a = body.input("a", "f32[A]");
  body.output_is("c_out", c);
  const uint32_t next = body.output("next", "f32[A]"), each = body.output("each", "f32[A]");
  body.step("cpu.a", {a}, {next});
  body.step("cpu.b", {next}, {each});
  PlanMaker m("cpu");
  const uint32_t count = m.input("count", "i64[]"), condition = m.input("condition", "boolean[]"),
                 x = m.input("x", "f32[N]");
  const uint32_t t = m.temp("f32[N]"), y = m.output("y", "f32[N]"), scan = m.value("f32[T, N]");
  m.branch({condition, x}, {t}, unary("cpu.c"), unary("make.d"));
  m.loop({count, kNone, t}, {y, scan}, 1, body.plan());
  m.defines("T", 1, 0);
  m.output_is("scan", scan);
  return m.plan();
}

Plan card_plan() {
  PlanMaker m("cpu");
  const uint16_t card = m.device("card");
  const uint32_t x = m.input("x", "f32[4, 4]"), there = m.temp("f32[4, 4]", card),
                 sum = m.temp("f32[4, 4]", card);
  const uint32_t columns = m.view(there, "f32[4, 2]", 8, {4, 1}), y = m.output("y", "f32[4, 4]");
  m.copy(x, there).device = card;
  m.step("card.add", {columns}, {sum}).device = card;
  m.copy(sum, y).device = card;
  return m.plan();
}

std::string seed_file(unsigned which) {
  test::SmallEngine small;
  Plan (*const plans[])() = {test::small_plan, values_plan, control_plan, card_plan};
  small.contents.variants[0].plan = plans[which % 4]();
  small.weights.resize(256);
  small.point();
  return small.bytes();
}

/// True when the sections are where the table says, so that their contents can be replaced.
bool is_laid_out(const std::string& file) {
  using namespace engine_format;
  if (file.size() < sizeof(Header) || test::header_of(file).section_count > kMostSections) return false;
  const size_t count = test::header_of(file).section_count;
  if (file.size() < sizeof(Header) + count * sizeof(Section)) return false;
  for (size_t i = 0; i < count; ++i) {
    const Section s = test::section_of(file, i);
    if (s.offset > file.size() || s.size > file.size() - s.offset) return false;
  }
  return count > 0;
}

/// Changes one thing somewhere in a value, by the lists of fields that also save it. Bytes changed blindly
/// seldom decode.
class Mutation {
 public:
  explicit Mutation(std::mt19937& random) : random_(random) {}

  template <HasFields T> void change(T& value) {
    size_t count = 0;
    for_each_field(value, [&](std::string_view, auto&) { ++count; });
    const size_t chosen = pick(count);
    size_t at = 0;
    for_each_field(value, [&](std::string_view, auto& field) {
      if (at++ == chosen) change(field);
    });
  }
  template <class T> void change(std::vector<T>& list) {
    const size_t what = pick(8);
    if (list.empty() || what == 0)
      list.insert(list.begin() + int64_t(pick(list.size() + 1)), T{});
    else if (what == 1)
      list.erase(list.begin() + int64_t(pick(list.size())));
    else if (what == 2)
      list.push_back(T(list[pick(list.size())]));
    else if (what == 3)
      std::swap(list[pick(list.size())], list[pick(list.size())]);
    else
      change(list[pick(list.size())]);
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  void change(T& value) {
    if constexpr (std::is_same_v<T, bool>)
      value = !value;
    else if constexpr (std::is_floating_point_v<T>)
      value = T(pick(100));
    else if (const size_t what = pick(4); what == 0)
      value = T(int64_t(value) + int64_t(pick(5)) - 2);
    else if (what == 1)
      value = T(pick(8));
    else if (what == 2)
      value = T(64 * pick(8));
    else
      value = T(std::array<int64_t, 6>{-1, INT64_MAX, INT64_MIN, int64_t(1) << 31, int64_t(1) << 40,
                                       4096}[pick(6)]);
  }
  template <NamedEnum E> void change(E& value) { value = E(pick(enum_names(value).size())); }
  void change(std::string& text) {
    text = std::array<const char*, 8>{"", "N", "K", "A", "cpu", "card", "make.x", "cpu.x"}[pick(8)];
  }
  void change(Dim& dim) {
    const Dim others[] = {
        0, 1, 2, 4, 16, -1, int64_t(1) << 40, Dim::symbol("N"), Dim::symbol("K"), Dim::symbol("A")};
    const Dim other = others[pick(std::size(others))];
    switch (pick(8)) {
      case 0:
        dim = dim + other;
        break;
      case 1:
        dim = dim * other;
        break;
      case 2:
        dim = floor_div(dim, other);
        break;
      case 3:
        dim = min(dim, other);
        break;
      case 4:
        dim = broadcast(dim, other);
        break;
      default:
        dim = other;
        break;
    }
  }

 private:
  size_t pick(size_t count) { return random_() % std::max<size_t>(1, count); }
  std::mt19937& random_;
};

/// A file whose plans differ in a few things.
std::string with_changed_plans(const std::string& file, std::mt19937& random) {
  const engine_format::Section section = test::section_of(file, 1);
  Result<std::vector<Variant>> variants =
      from_bytes<std::vector<Variant>>(file.substr(section.offset, section.size));
  if (!variants.ok()) return file;
  for (unsigned n = 1 + random() % 3; n > 0; --n) Mutation(random).change(*variants);
  return test::with_section(file, 1, to_bytes(*variants));
}

}  // namespace
}  // namespace rekindle

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

/// Engines are larger than the inputs that are tried when nobody says otherwise.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  static char max_len[] = "-max_len=16384";
  static std::vector<char*> arguments(*argv, *argv + *argc);
  arguments.insert(arguments.begin() + 1, max_len);
  *argc = int(arguments.size());
  arguments.push_back(nullptr);
  *argv = arguments.data();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rekindle::load_and_run({reinterpret_cast<const char*>(data), size});
  return 0;
}

/// Most mutations are of one section's content, with checksums made right again: what is behind them would
/// else be out of reach.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace rekindle;
  std::mt19937 random(seed);
  std::string file(reinterpret_cast<const char*>(data), size);
  if (!is_laid_out(file) || random() % 200 == 0) {
    file = seed_file(random());
  } else if (random() % 4 != 0 && test::header_of(file).section_count > 1) {
    file = with_changed_plans(file, random);
  } else if (random() % 10 == 0) {
    file.resize(max_size);
    file.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(file.data()), size, max_size));
    if (random() % 2 == 0 && is_laid_out(file)) test::seal(file);
  } else {
    const engine_format::Header header = test::header_of(file);
    const size_t index = random() % 4 != 0 && header.section_count > 1 ? 1 : random() % header.section_count;
    const engine_format::Section section = test::section_of(file, index);
    std::string content = file.substr(section.offset, section.size);
    content.resize(section.size + 64);
    content.resize(
        LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(content.data()), section.size, content.size()));
    file = test::with_section(file, index, content);
  }
  if (file.size() > max_size) file.resize(max_size);
  std::copy(file.begin(), file.end(), reinterpret_cast<char*>(data));
  return file.size();
}
