// A frame and the device that is not the host: callers' memory in the place of buffers, and copies of what
// callers have on the host.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "runtime/frame.h"

namespace rekindle {

namespace {

/// Up to here a copy through page-locked memory is faster than letting the driver find out where pages are.
constexpr int64_t kStagedBytes = int64_t(4) << 20;

}  // namespace

void Frame::place(uint32_t buffer, void* base) {
  if (buffers_[buffer].base == base) return;
  buffers_[buffer].base = base;
  ++placement_;
}

/// Inputs' mirrors have memory of their own beside the arena, so that all can be filled before the first
/// step.
Status Frame::place_mirrors() {
  for (const LoadedMirror& mirror : plan_.mirrors) {
    const BoundValue& value = bound_[mirror.binding];
    BufferState& state = buffers_[mirror.buffer];
    if (value.is_bound && value.on_device) {
      place(mirror.buffer, value.data);
    } else if (mirror.is_input) {
      RK_CHECK(own_[mirror.buffer].grow(*plan_.devices[plan_.accelerator], state.bytes));
      place(mirror.buffer, own_[mirror.buffer].data());
    } else {
      place(mirror.buffer, state.home);
    }
  }
  return {};
}

Status Frame::copy_inputs(bool waits) {
  Device& device = *plan_.devices[plan_.accelerator];
  Stream& stream = *resources_.streams[plan_.accelerator];
  for (uint32_t i = 0; i < plan_.input_count; ++i) {
    if (!bound_[i].on_device || !plan_.needs_host_copy[i]) continue;
    const uint32_t view = plan_.plan->binding_views[i], buffer = plan_.view(view).buffer;
    RK_CHECK(own_[buffer].grow_staging(device, extents_[view]));
    RK_CHECK(device.copy_out(stream, own_[buffer].data(), bound_[i].data, extents_[view]));
    RK_CHECK(stream.synchronize());
    buffers_[buffer].base = own_[buffer].data();
  }
  for (const LoadedMirror& mirror : plan_.mirrors)
    if (mirror.is_input && !bound_[mirror.binding].on_device) RK_CHECK(copy_input(mirror, waits));
  return {};
}

Status Frame::copy_input(const LoadedMirror& mirror, bool waits) {
  Device& device = *plan_.devices[plan_.accelerator];
  const void* from = bound_[mirror.binding].data;
  const int64_t bytes = buffers_[mirror.buffer].bytes;
  if (bytes == 0) return {};
  if (waits && bytes <= kStagedBytes) {
    Storage& staging = staging_[mirror.binding];
    RK_CHECK(staging.grow_staging(device, bytes));
    std::memcpy(staging.data(), from, size_t(bytes));
    from = staging.data();
  }
  return device.copy_in(*resources_.streams[plan_.accelerator], buffers_[mirror.buffer].base, from, bytes);
}

/// Outputs that the host has, in memory of the device that callers bound to them.
Status Frame::finish_device_outputs() {
  Stream& stream = *resources_.streams[plan_.accelerator];
  bool has_copied = false;
  for (uint32_t i = uint32_t(plan_.input_count); i < bound_.size(); ++i) {
    if (!is_on_device(i) || !plan_.needs_host_copy[i]) continue;
    const uint32_t view = plan_.plan->binding_views[i];
    RK_TRY(const void* const from, address_of(view));
    RK_CHECK(plan_.devices[plan_.accelerator]->copy_in(stream, bound_[i].data, from, extents_[view]));
    has_copied = true;
  }
  return has_copied ? stream.synchronize() : Status();
}

}  // namespace rekindle
