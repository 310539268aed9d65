// The device interface: kernels, memory and streams. Backends implement it; the runtime and the tuner use it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "plan/plan.h"
#include "tensor/tensor.h"

namespace rekindle {

/// An argument's shape at one launch.
struct ArgShape {
  DType dtype = DType::f32;
  Dims dims;
  Dims strides;         // elements; empty means contiguous
  bool present = true;  // false: an absent optional input
};
struct LaunchShapes {
  std::span<const ArgShape> inputs, outputs;
  std::span<const int64_t> grid, scalars;
  int threads = 1;  // cpu: how many the context may use
  /// Memory of inputs that are weights: known before the run, so a kernel may look at it or keep it. Null for
  /// others.
  std::span<const void* const> constant_inputs;
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual Status synchronize() = 0;
};

/// A kernel made ready for one set of shapes. Owned by one context, so it may keep state; run() neither
/// allocates nor locks.
class Launch {
 public:
  virtual ~Launch() = default;
  virtual int64_t workspace_bytes() const { return 0; }
  /// Pointers in the order of the shapes; null for absent inputs. 64-byte aligned unless the view has an
  /// offset.
  virtual Status run(Stream& stream, const void* const* inputs, void* const* outputs, void* workspace) = 0;
};

/// A loaded kernel: immutable and shared by all contexts.
class Kernel {
 public:
  virtual ~Kernel() = default;
  /// Called on a shape change. Errors when the shapes are not what the kernel can do.
  virtual Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const = 0;
  /// Kernels with data-dependent output shapes make their outputs themselves; host devices only.
  virtual bool makes_outputs() const { return false; }
  virtual Result<Tensors> make_outputs(std::span<const Tensor> inputs,
                                       std::span<const int64_t> scalars) const;
};

/// Launches that are set up once and started together with one call. It holds no launch alive.
class Recording {
 public:
  virtual ~Recording() = default;
  /// Adds a launch, which begins when those numbered in `after` (in the order they were added) have ended.
  /// Not after the first replay.
  virtual Status add(Launch& launch, const void* const* inputs, void* const* outputs, void* workspace,
                     std::span<const uint32_t> after) = 0;
  /// Gives launch number `index` other memory from the next replay on.
  virtual Status replace(uint32_t index, const void* const* inputs, void* const* outputs,
                         void* workspace) = 0;
  /// What can be done before the first replay, so that it costs what the others do.
  virtual Status finish() = 0;
  /// Enqueues all launches; neither allocates nor locks once finished.
  virtual Status replay(Stream& stream) = 0;
};

/// What lies between two points of a stream's work, by the device's own clock where it has one.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual Status start(Stream& stream) = 0;
  virtual Status stop(Stream& stream) = 0;
  virtual Result<double> microseconds() = 0;  // waits for the stop
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;  // "cpu", "cuda"
  virtual bool is_host() const = 0;           // its memory is ordinary memory
  /// What a measurement depends on beside the kernel: the model of the processor. A timing cache may come
  /// from another.
  virtual std::string hardware() const { return std::string(name()); }
  virtual Result<std::shared_ptr<const Kernel>> load(const KernelImage& image,
                                                     std::span<const std::byte> code) = 0;
  virtual Result<std::shared_ptr<void>> allocate(int64_t bytes) = 0;  // 64-byte aligned (host) or better
  virtual Result<std::unique_ptr<Stream>> create_stream() = 0;
  /// The host's bytes may change once copy_in returns, unless they are of allocate_staging(): then after a
  /// synchronize(). They are there only after a synchronize() once copy_out was called.
  virtual Status copy_in(Stream&, void* to, const void* host, int64_t bytes) = 0;
  virtual Status copy_out(Stream&, void* host, const void* from, int64_t bytes) = 0;

  // ---- what devices with memory of their own can do; the host does without
  /// Host memory that copies to and from the device need not wait for.
  virtual Result<std::shared_ptr<void>> allocate_staging(int64_t bytes) { return allocate(bytes); }
  virtual Status copy_within(Stream&, void* to, const void* from, int64_t bytes);
  virtual Status fill(Stream&, void* to, uint8_t value, int64_t bytes);
  /// A stream of the program around: its native handle, which outlives what is returned.
  virtual Result<std::unique_ptr<Stream>> wrap_stream(void* native);
  /// Null where launches are not recorded.
  virtual Result<std::unique_ptr<Recording>> record() { return std::unique_ptr<Recording>(); }
  virtual Result<std::unique_ptr<Timer>> create_timer();
};

/// How a process opens devices by name ("cpu"); the facade passes one that knows every backend in the build.
using OpenDevice = std::function<Result<std::shared_ptr<Device>>(std::string_view name)>;

}  // namespace rekindle
