// Writing the plan: buffers, views and steps from kernels and storage.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/lower.h"

#include <algorithm>

#include "math/copy.h"
#include "math/movement.h"
#include "ops/loop.h"
#include "plan/arena.h"

namespace rekindle {

namespace {

using Symbols = std::set<std::string, std::less<>>;

class Lowering {
 public:
  Lowering(Graph graph, LoweringContext& context, Symbols symbols)
      : graph_(std::move(graph)), context_(context), symbols_(std::move(symbols)) {}

  static constexpr int64_t kVectorBytes = 16;  // what kernels of a device other than the host load at once

  Result<Plan> run() {
    RK_TRY(nodes_, choose_kernels(graph_, context_));
    has_host_ = context_.host_tuner != nullptr;
    storage_ = StorageMap::assign(graph_, nodes_, has_host_ ? kVectorBytes : 1);
    report_kernels();
    input_symbols_ = symbols_;
    find_last_uses();
    RK_CHECK(add_bindings());
    for (NodeId n = graph_.first(); n != NodeId::none; n = graph_.next(n)) RK_CHECK(add_node(n));
    RK_CHECK(copy_to_outputs());
    close_life_spans();
    place_static_arena();
    return std::move(plan_);
  }

 private:
  /// What there is to say about the nodes that became steps.
  void report_kernels() {
    for (NodeId n = graph_.first(); n != NodeId::none; n = graph_.next(n)) {
      const LoweredNode& lowered = nodes_.at(n);
      if (lowered.role != Role::kernel) continue;
      context_.regions.push_back({lowered.label, graph_[n].origin, lowered.choice});
      context_.regions.back().choice.kernel.inputs.clear();  // the report keeps no weights
    }
  }

  // ---- life spans, in nodes: the last node that touches any value stored in a root
  void find_last_uses() {
    uint32_t position = 0;
    for (NodeId n = graph_.first(); n != NodeId::none; n = graph_.next(n), ++position)
      for (ValueId v : graph_[n].inputs)
        if (v != ValueId::none) last_use_[storage_.of(v).root] = position;
    for (ValueId v : graph_.outputs) last_use_[storage_.of(v).root] = UINT32_MAX;
  }

  Dim bytes_of(const TensorType& type) const {
    const int bits = bits_of(type.dtype);
    if (bits >= 8) return type.count() * Dim(bits / 8);
    return ceil_div(type.count() * Dim(bits), 8);
  }

  // ---- buffers and views
  uint32_t add_buffer(Place place, uint64_t index, Dim bytes, uint16_t device) {
    Buffer buffer;
    buffer.place = place;
    buffer.device = device;
    buffer.index = index;
    buffer.bytes = bytes;
    buffer.first_step = UINT32_MAX;
    plan_.buffers.push_back(std::move(buffer));
    return uint32_t(plan_.buffers.size() - 1);
  }

  uint32_t add_view(uint32_t buffer, TensorType type, Dim offset = 0, std::vector<Dim> strides = {}) {
    plan_.views.push_back({buffer, std::move(type), offset, std::move(strides)});
    return uint32_t(plan_.views.size() - 1);
  }

  Status add_bindings() {
    for (ValueId v : graph_.inputs) {
      const uint32_t buffer =
          add_buffer(Place::binding, plan_.bindings.size(), bytes_of(graph_[v].type), host());
      plan_.bindings.push_back({graph_[v].name, graph_[v].type, true});
      buffer_of_[v] = buffer;
      plan_.binding_views.push_back(view_of(v));
    }
    for (ValueId v : graph_.outputs) {
      const uint32_t buffer =
          add_buffer(Place::binding, plan_.bindings.size(), bytes_of(graph_[v].type), host());
      plan_.bindings.push_back({graph_[v].name, graph_[v].type, false});
      plan_.binding_views.push_back(add_view(buffer, graph_[v].type));
      // The value is made right in the caller's memory when its storage is its own and as large.
      const Storage storage = storage_.of(v);
      const bool is_made_here = graph_[storage.root].producer != NodeId::none;
      if (is_made_here && device_of(storage.root) == host() && storage.strides.empty() &&
          storage.offset.is(0) && !buffer_of_.contains(storage.root) &&
          bytes_of(graph_[storage.root].type) == bytes_of(graph_[v].type) &&
          !is_made_while_running(storage.root))
        buffer_of_[storage.root] = buffer;
      else
        copied_outputs_.push_back({v, plan_.binding_views.back()});
    }
    return {};
  }

  /// Values of kernels that allocate their outputs, and of branches: their memory cannot be chosen
  /// beforehand.
  bool is_made_while_running(ValueId v) const {
    const auto made = nodes_.find(graph_[v].producer);
    return made != nodes_.end() && (made->second.role == Role::branch || made->second.choice.makes_outputs);
  }

  bool is_known(const Dim& d) const {
    Symbols used;
    d.collect_symbols(used);
    return std::includes(input_symbols_.begin(), input_symbols_.end(), used.begin(), used.end());
  }

  uint32_t buffer_for(ValueId root) {
    if (const auto found = buffer_of_.find(root); found != buffer_of_.end()) return found->second;
    const Dim bytes = bytes_of(graph_[root].type);
    const bool late = is_made_while_running(root) || !is_known(bytes);
    return buffer_of_[root] = add_buffer(late ? Place::value : Place::arena, 0, bytes, device_of(root));
  }

  Result<uint32_t> constant_view(const Tensor& tensor, uint16_t device) {
    RK_TRY(uint64_t offset, context_.weights.add(tensor));
    const auto [it, fresh] = weight_buffers_.try_emplace({offset, tensor.bytes(), device}, 0);
    if (fresh) it->second = add_buffer(Place::weight, offset, Dim(tensor.bytes()), device);
    return add_view(it->second, tensor.type());
  }

  // ---- devices: 0 is the one built for, 1 the host where that is another
  uint16_t host() const { return has_host_ ? 1 : 0; }
  uint16_t device_of(const LoweredNode& made) const {
    return made.choice.on_host || made.role == Role::branch ? host() : 0;
  }
  /// Where a root's bytes are made; bindings are the caller's, on the host.
  uint16_t device_of(ValueId root) const {
    const NodeId producer = graph_[root].producer;
    return producer == NodeId::none ? host() : device_of(nodes_.at(producer));
  }
  /// A value where another device reads it: its root is copied whole, once.
  uint32_t view_on(ValueId v, uint16_t device) {
    const Storage storage = storage_.of(v);
    if (device_of(storage.root) == device) return view_of(v);
    const auto [it, fresh] = copies_.try_emplace({storage.root, device}, 0);
    if (fresh) {
      const TensorType& type = graph_[storage.root].type;
      const Dim bytes = bytes_of(type);
      it->second = add_buffer(is_known(bytes) ? Place::arena : Place::value, 0, bytes, device);
      add_transfer(view_of(storage.root), add_view(it->second, type));
    }
    return add_view(it->second, graph_[v].type, storage.offset, storage.strides);
  }
  void add_transfer(uint32_t from, uint32_t to) {
    Step step;
    step.kind = StepKind::copy;
    step.inputs = {from};
    step.outputs = {to};
    step.label = "transfer";
    plan_.steps.push_back(std::move(step));
  }

  uint32_t view_of(ValueId v) {
    if (const auto found = view_of_.find(v); found != view_of_.end()) return found->second;
    const Storage storage = storage_.of(v);
    return view_of_[v] = add_view(buffer_for(storage.root), graph_[v].type, storage.offset, storage.strides);
  }

  /// A value as an argument: constants, also seen through reshapes, live in the weight section.
  Result<uint32_t> argument(ValueId v, uint16_t device) {
    if (v == ValueId::none) return kNone;
    const Storage storage = storage_.of(v);
    if (const Tensor* constant = graph_.constant(storage.root)) {
      RK_TRY(uint32_t whole, constant_view(*constant, device));
      if (storage.root == v) return whole;
      return add_view(plan_.views[whole].buffer, graph_[v].type, storage.offset, storage.strides);
    }
    return view_on(v, device);
  }

  // ---- steps
  Status add_node(NodeId n) {
    const LoweredNode& lowered = nodes_.at(n);
    switch (lowered.role) {
      case Role::view:
        break;
      case Role::concat:
        RK_CHECK(add_concat(n));
        break;
      case Role::branch:
        RK_CHECK(add_branch(n));
        break;
      case Role::kernel:
        RK_CHECK(add_kernel(n, lowered.choice));
        break;
    }
    ++position_;
    return {};
  }

  uint32_t kernel_number(const KernelImage& image) {
    for (uint32_t i = 0; i < plan_.kernels.size(); ++i)
      if (plan_.kernels[i] == image) return i;
    plan_.kernels.push_back(image);
    return uint32_t(plan_.kernels.size() - 1);
  }

  Result<Step> step_for(const Choice& choice, const std::vector<ValueId>& region_inputs) {
    Step step;
    step.device = choice.on_host ? host() : 0;
    KernelImage image = choice.kernel.image;
    if (!choice.kernel.code.empty()) {
      const auto [known, fresh] = context_.code_offsets.try_emplace(choice.kernel.code, 0);
      if (fresh) {
        constexpr size_t kCodeAlignment = 256;
        context_.code.resize((context_.code.size() + kCodeAlignment - 1) / kCodeAlignment * kCodeAlignment);
        known->second = context_.code.size();
        context_.code += choice.kernel.code;
      }
      image.code_offset = known->second;
      image.code_size = choice.kernel.code.size();
    }
    step.kernel = kernel_number(image);
    for (const KernelInput& in : choice.kernel.inputs) {
      const auto view = in.region_input >= 0 ? argument(region_inputs[size_t(in.region_input)], step.device)
                        : in.constant.has_data() ? constant_view(in.constant, step.device)
                                                 : Result<uint32_t>(kNone);
      if (!view.ok()) return view.status();
      step.inputs.push_back(*view);
    }
    step.grid = choice.kernel.grid;
    step.scalars = choice.kernel.scalars;
    (choice.is_predicted ? step.predicted_us : step.measured_us) = choice.microseconds;
    return step;
  }

  Status add_kernel(NodeId n, const Choice& choice) {
    const Node& node = graph_[n];
    RK_TRY(Region region, region_of(graph_, n, context_.sizes));
    RK_TRY(Step step, step_for(choice, region.outer_inputs));
    take_over_memory(node, region, choice);
    for (ValueId v : node.outputs) step.outputs.push_back(view_of(v));
    define_symbols(node, step);
    step.origin = node.origin;
    step.label = region.label();
    plan_.steps.push_back(std::move(step));
    return {};
  }

  /// Lets output 0 have the memory of an input that nobody needs any more.
  void take_over_memory(const Node& node, const Region& region, const Choice& choice) {
    const ValueId out = node.outputs[0];
    if (storage_.of(out).root != out || buffer_of_.contains(out) || is_made_while_running(out)) return;
    const Dim bytes = bytes_of(graph_[out].type);
    for (uint32_t i : choice.kernel.may_overwrite) {
      const ValueId in = region.outer_inputs[i];
      const Storage storage = storage_.of(in);
      const auto buffer = buffer_of_.find(storage.root);
      const bool whole =
          storage.strides.empty() && storage.offset.is(0) && bytes_of(graph_[storage.root].type) == bytes;
      const bool used_twice =
          std::count_if(region.outer_inputs.begin(), region.outer_inputs.end(),
                        [&](ValueId v) { return storage_.of(v).root == storage.root; }) > 1;
      if (buffer == buffer_of_.end() || !whole || used_twice || last_use_[storage.root] != position_ ||
          plan_.buffers[buffer->second].place != Place::arena || shared_.contains(buffer->second) ||
          plan_.buffers[buffer->second].device != device_of(out))
        continue;
      buffer_of_[out] = buffer->second;
      return;
    }
  }

  void define_symbols(const Node& node, Step& step) {
    for (uint32_t o = 0; o < node.outputs.size(); ++o) {
      const Shape& shape = graph_[node.outputs[o]].type.shape;
      for (uint32_t axis = 0; axis < shape.size(); ++axis) {
        const auto symbol = shape[axis].as_symbol();
        if (symbol && !symbols_.contains(*symbol) && graph_.defines_symbol(node.outputs[o], *symbol)) {
          symbols_.emplace(*symbol);
          step.defines.push_back({std::string(*symbol), o, axis});
        }
      }
    }
  }

  Status add_copy(ValueId from, uint32_t to, const std::string& origin) {
    Graph one;
    const TensorType& type = graph_[from].type;
    const ValueId in = one.add_input("x", type);
    RK_TRY(ValueId out, one.add1(ops::Copy{}, {in}, "y", origin));
    one.set_outputs({out});
    RK_TRY(Region region, region_of(one, one.first(), context_.sizes));
    // Between two places of the host it is the host's copy.
    const bool on_host = has_host_ && plan_.buffers[plan_.views[to].buffer].device == host();
    RK_TRY(Choice choice, (on_host ? context_.host_tuner : context_.tuner)->choose(region));
    choice.on_host = on_host;
    RK_TRY(Step step, step_for(choice, {from}));
    step.outputs = {to};
    step.origin = origin;
    step.label = "copy";
    plan_.steps.push_back(std::move(step));
    return {};
  }

  Status add_concat(NodeId n) {
    const Node& node = graph_[n];
    const uint32_t buffer = buffer_for(storage_.of(node.outputs[0]).root);
    shared_.insert(buffer);
    for (size_t i : storage_.copied_inputs(n)) {
      const Storage at = storage_.part_of(graph_, n, i);
      const uint32_t part = add_view(buffer, graph_[node.inputs[i]].type, at.offset, at.strides);
      RK_CHECK(add_copy(node.inputs[i], part, node.origin));
    }
    return {};
  }

  Status add_branch(NodeId n) {
    const Node& node = graph_[n];
    const auto* loop = node.op.as<ops::Loop>();
    Step step;
    step.kind = loop ? StepKind::loop : StepKind::branch;
    if (loop) step.scalars = {loop->carried};
    step.device = host();
    for (ValueId v : node.inputs) {
      RK_TRY(uint32_t view, argument(v, host()));
      step.inputs.push_back(view);
    }
    for (const GraphRef& body : node.op.graphs()) {
      Symbols symbols = symbols_;
      for (ValueId v : body->inputs)
        for (const Dim& d : (*body)[v].type.shape) d.collect_symbols(symbols);
      RK_TRY(Plan plan, lower(*body, context_, std::move(symbols)));
      step.subplans.push_back(uint32_t(plan_.subplans.size()));
      plan_.subplans.push_back(std::move(plan));
    }
    for (ValueId v : node.outputs) step.outputs.push_back(view_of(v));
    define_symbols(node, step);
    step.origin = node.origin;
    step.label = loop ? "loop" : "if";
    plan_.steps.push_back(std::move(step));
    return {};
  }

  Status copy_to_outputs() {
    for (const auto& [v, view] : copied_outputs_) {
      const Storage storage = storage_.of(v);
      if (!has_host_ || (device_of(storage.root) == host() && !graph_.constant(storage.root))) {
        RK_CHECK(add_copy(v, view, ""));
        continue;
      }
      RK_TRY(uint32_t from, argument(v, 0));
      if (!storage.strides.empty()) {  // a transfer moves bytes in a row
        const Dim bytes = bytes_of(graph_[v].type);
        const uint32_t whole = add_view(add_buffer(Place::arena, 0, bytes, 0), graph_[v].type);
        RK_CHECK(add_copy(v, whole, ""));
        from = whole;
      }
      add_transfer(from, view);
    }
    return {};
  }

  // ---- after the last step
  void close_life_spans() {
    for (uint32_t s = 0; s < plan_.steps.size(); ++s)
      for (const auto* list : {&plan_.steps[s].inputs, &plan_.steps[s].outputs})
        for (uint32_t view : *list) {
          if (view == kNone) continue;
          Buffer& buffer = plan_.buffers[plan_.views[view].buffer];
          buffer.first_step = std::min(buffer.first_step, s);
          buffer.last_step = std::max(buffer.last_step, s);
        }
    for (Buffer& buffer : plan_.buffers)
      if (buffer.place != Place::arena || buffer.first_step == UINT32_MAX) {
        buffer.first_step = 0;
        if (buffer.place != Place::arena) buffer.last_step = 0;
      }
  }

  void place_static_arena() {
    place_static_arena(0);
    if (has_host_) place_static_arena(1);
  }
  void place_static_arena(uint16_t device) {
    std::vector<ArenaRequest> requests;
    std::vector<size_t> which;
    for (size_t i = 0; i < plan_.buffers.size(); ++i) {
      const Buffer& buffer = plan_.buffers[i];
      if (buffer.place != Place::arena || buffer.device != device) continue;
      const auto bytes = buffer.bytes.as_int();
      if (!bytes) return;  // the runtime plans it when the shapes are known
      requests.push_back({*bytes, buffer.first_step, buffer.last_step});
      which.push_back(i);
    }
    ArenaLayout layout;
    ArenaPlanner().place(requests, layout);
    for (size_t i = 0; i < which.size(); ++i) plan_.buffers[which[i]].offset = uint64_t(layout.offsets[i]);
  }

  Graph graph_;
  LoweringContext& context_;
  Symbols symbols_;        // defined so far
  Symbols input_symbols_;  // known before the plan runs
  LoweredNodes nodes_;
  StorageMap storage_;
  Plan plan_;
  std::map<ValueId, uint32_t> buffer_of_;  // of roots
  std::map<ValueId, uint32_t> view_of_;
  std::map<std::tuple<uint64_t, int64_t, uint16_t>, uint32_t> weight_buffers_;
  std::map<std::pair<ValueId, uint16_t>, uint32_t> copies_;  // buffers of roots on the other device
  std::map<ValueId, uint32_t> last_use_;                     // of roots, as node positions
  std::set<uint32_t> shared_;                                // buffers of concatenations: never taken over
  std::vector<std::pair<ValueId, uint32_t>> copied_outputs_;
  uint32_t position_ = 0;
  bool has_host_ = false;
};

}  // namespace

Result<Plan> lower(Graph graph, LoweringContext& context, std::set<std::string, std::less<>> symbols) {
  return Lowering(std::move(graph), context, std::move(symbols)).run();
}

}  // namespace rekindle
