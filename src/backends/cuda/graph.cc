// Building, changing and starting graphs.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/graph.h"

#include "backends/cuda/kernel.h"

namespace rekindle::cuda {

namespace {

FillNode clearing_node(const CudaLaunch& launch, void* workspace) {
  FillNode fill;
  fill.to = reinterpret_cast<Address>(workspace);
  fill.width = launch.cleared_bytes();
  return fill;
}

}  // namespace

Result<std::unique_ptr<Recording>> GraphRecording::create(std::shared_ptr<const GpuContext> context) {
  RK_CHECK(context->make_current());
  std::unique_ptr<GraphRecording> recording(new GraphRecording(std::move(context)));
  RK_DRIVER_CHECK(recording->context_->driver(), create_graph(&recording->graph_, 0), "making a graph");
  return std::unique_ptr<Recording>(std::move(recording));
}

GraphRecording::~GraphRecording() {
  if (!context_->make_current().ok()) return;
  if (exec_) context_->driver().destroy_graph_exec(exec_);
  if (graph_) context_->driver().destroy_graph(graph_);
}

Status GraphRecording::add(Launch& launch, const void* const* inputs, void* const* outputs, void* workspace,
                           std::span<const uint32_t> after) {
  if (exec_) return Status::error(Code::internal, "a launch is added to a graph that is finished");
  RK_CHECK(context_->make_current());
  const Driver& driver = context_->driver();
  Entry entry{static_cast<CudaLaunch*>(&launch)};
  after_.clear();
  for (const uint32_t i : after) after_.push_back(entries_[i].kernel);
  if (entry.launch->is_empty()) {
    RK_DRIVER_CHECK(driver, add_empty_node(&entry.kernel, graph_, after_.data(), after_.size()),
                    "adding a step to a graph");
    entries_.push_back(entry);
    return {};
  }
  if (entry.launch->cleared_bytes() > 0) {
    const FillNode fill = clearing_node(*entry.launch, workspace);
    RK_DRIVER_CHECK(
        driver,
        add_fill_node(&entry.clearing, graph_, after_.data(), after_.size(), &fill, context_->handle()),
        "adding the clearing of a workspace to a graph");
    after_.assign(1, entry.clearing);
  }
  CudaLaunch::Arguments arguments;
  const KernelNode node = entry.launch->node(arguments, inputs, outputs, workspace);
  RK_DRIVER_CHECK(driver, add_kernel_node(&entry.kernel, graph_, after_.data(), after_.size(), &node),
                  "adding a kernel to a graph");
  entries_.push_back(entry);
  return {};
}

Status GraphRecording::finish() {
  if (exec_) return {};
  RK_CHECK(context_->make_current());
  RK_DRIVER_CHECK(context_->driver(), instantiate_graph(&exec_, graph_, 0), "making a graph ready");
  return {};
}

Status GraphRecording::replace(uint32_t index, const void* const* inputs, void* const* outputs,
                               void* workspace) {
  Entry& entry = entries_[index];
  if (entry.launch->is_empty()) return {};
  RK_CHECK(finish());
  RK_CHECK(context_->make_current());
  const Driver& driver = context_->driver();
  if (entry.clearing) {
    const FillNode fill = clearing_node(*entry.launch, workspace);
    RK_DRIVER_CHECK(driver, set_fill_node(exec_, entry.clearing, &fill, context_->handle()),
                    "changing the clearing of a workspace in a graph");
  }
  CudaLaunch::Arguments arguments;
  const KernelNode node = entry.launch->node(arguments, inputs, outputs, workspace);
  RK_DRIVER_CHECK(driver, set_kernel_node(exec_, entry.kernel, &node), "changing a kernel in a graph");
  return {};
}

Status GraphRecording::replay(Stream& stream) {
  RK_CHECK(finish());
  RK_CHECK(context_->make_current());
  RK_DRIVER_CHECK(context_->driver(), launch_graph(exec_, static_cast<CudaStream&>(stream).handle()),
                  "launching a graph");
  return {};
}

}  // namespace rekindle::cuda
