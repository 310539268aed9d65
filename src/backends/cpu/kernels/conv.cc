// cpu.conv: products whose rows are pointed at. Windows over few channels are runs of a padded copy.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv.h"

#include "backends/cpu/contraction.h"
#include "backends/cpu/host_kernels.h"
#include "backends/cpu/nothing_to_do.h"
#include "backends/cpu/sliding.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_conv(std::string_view params, Isa isa);

namespace {

struct ConvPlan {
  Sliding s;
  Contraction c;  // of one group
  Tail tail;
  LoopNest nest;  // outputs, tail inputs; its last loop is rows
  int64_t m = 0, outer = 1;
  int64_t group = 1, group_in = 0, group_out = 0;
  bool has_bias = false, nchw_input = false;
  /// The image is copied with its padding first; a row of taps is then one run of kernel * channels floats.
  bool pads = false;
  int64_t padded_height = 0, padded_width = 0;
  int workers = 1;
  Grid grid;

  int64_t padded_row() const { return padded_width * s.channels; }
  int64_t copy_bytes() const {
    return pads ? padded_bytes((s.batch * padded_height * padded_row() + 64) * int64_t(sizeof(float))) : 0;
  }
  int64_t zero_bytes() const { return padded_bytes(group_in * int64_t(sizeof(float))); }
};

/// Addresses of the rows of a tile for every tap, for a group of channels that starts at x.
class RowPointers {
 public:
  RowPointers(const Sliding& s, const float* x, const float* zeros)
      : s_(s), x_(uintptr_t(x)), zeros_(zeros) {}

  void fill(int64_t row, int64_t height, const float** to) const {
    constexpr int64_t kStep = sizeof(float);
    int64_t ox = row % s_.x.out, oy = row / s_.x.out % s_.y.out, n = row / (s_.x.out * s_.y.out);
    uintptr_t first[kMostTileHeight];  // of tap 0, 0; may lie outside the image
    bool at_border[kMostTileHeight];
    bool any_border = false;
    int64_t ys[kMostTileHeight], xs[kMostTileHeight];
    for (int64_t i = 0; i < height; ++i) {
      first[i] =
          x_ +
          uintptr_t((n * s_.batch_step + s_.y.at(oy, 0) * s_.y_step + s_.x.at(ox, 0) * s_.x_step) * kStep);
      ys[i] = oy, xs[i] = ox;
      at_border[i] = !s_.y.is_inside(oy) || !s_.x.is_inside(ox);
      any_border = any_border || at_border[i];
      if (++ox < s_.x.out) continue;
      ox = 0;
      if (++oy < s_.y.out) continue;
      oy = 0;
      ++n;
    }
    const float** at = to;
    for (int64_t ky = 0; ky < s_.y.kernel; ++ky) {
      for (int64_t kx = 0; kx < s_.x.kernel; ++kx, at += height) {
        const auto offset =
            uintptr_t((ky * s_.y.dilation * s_.y_step + kx * s_.x.dilation * s_.x_step) * kStep);
        for (int64_t i = 0; i < height; ++i) at[i] = reinterpret_cast<const float*>(first[i] + offset);
      }
    }
    if (!any_border) return;
    for (int64_t i = 0; i < height; ++i)
      if (at_border[i]) mark_outside(ys[i], xs[i], i, height, to);
  }

 private:
  void mark_outside(int64_t oy, int64_t ox, int64_t i, int64_t height, const float** to) const {
    int64_t y0, y1, x0, x1;
    s_.y.taps_inside(oy, y0, y1);
    s_.x.taps_inside(ox, x0, x1);
    for (int64_t ky = 0; ky < s_.y.kernel; ++ky)
      for (int64_t kx = 0; kx < s_.x.kernel; ++kx)
        if (ky < y0 || ky >= y1 || kx < x0 || kx >= x1) to[(ky * s_.x.kernel + kx) * height + i] = zeros_;
  }

  const Sliding& s_;
  uintptr_t x_;
  const float* zeros_;
};

class ConvLaunch final : public Launch {
 public:
  explicit ConvLaunch(ConvPlan plan)
      : p_(std::move(plan)), worker_bytes_(padded_bytes(p_.c.worker_bytes(p_.tail))) {}
  int64_t workspace_bytes() const override {
    return p_.zero_bytes() + p_.copy_bytes() + p_.workers * worker_bytes_;
  }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    char* const memory = static_cast<char*>(workspace);
    std::memset(memory, 0, size_t(p_.zero_bytes()));
    const float* x = static_cast<const float*>(inputs[0]);
    float* const copy = reinterpret_cast<float*>(memory + p_.zero_bytes());
    if (p_.pads) copy_padded(x, copy);
    const Call call{p_.pads ? copy : x,
                    static_cast<const float*>(inputs[1]),
                    p_.has_bias ? static_cast<const float*>(inputs[2]) : nullptr,
                    inputs + (p_.has_bias ? 3 : 2),
                    outputs,
                    reinterpret_cast<const float*>(memory),
                    memory + p_.zero_bytes() + p_.copy_bytes()};
    run_grid(p_.grid, p_.c, p_.m, 0, p_.group * p_.outer, [&](int worker, int64_t i, const Share& share) {
      run_rows(call, i / p_.outer, i % p_.outer, share, worker);
    });
    return {};
  }

 private:
  struct Call {
    const float *x, *weights, *bias;
    const void* const* operands;
    void* const* outputs;
    const float* zeros;
    char* scratch;
  };

  void run_rows(const Call& call, int64_t g, int64_t outer, const Share& share, int worker) const {
    const LoopPosition at(p_.nest, p_.nest.depth() - 1, outer);
    Tail::Frame frame = p_.tail.frame(call.outputs, call.operands, at);
    p_.tail.move_columns(frame, g * p_.group_out);
    const RightSide b{call.weights + g * p_.c.panels.packed_floats(p_.c.depth()), true, 0};
    const float* const bias = call.bias ? call.bias + g * p_.group_out : nullptr;
    ShareLoop loop(p_.c, b, bias, p_.tail, frame, share, call.scratch + worker * worker_bytes_);
    const int64_t first = outer * p_.m;
    if (p_.pads) {
      loop.run([&](int64_t row, int64_t height, const float** to) {
        fill_padded(call.x, first + row, height, to);
      });
    } else {
      const RowPointers pointers(p_.s, call.x + g * p_.group_in, call.zeros);
      loop.run(
          [&](int64_t row, int64_t height, const float** to) { pointers.fill(first + row, height, to); });
    }
  }

  void fill_padded(const float* copy, int64_t row, int64_t height, const float** to) const {
    const Sliding& s = p_.s;
    for (int64_t i = 0; i < height; ++i, ++row) {
      const int64_t ox = row % s.x.out, oy = row / s.x.out % s.y.out, n = row / (s.x.out * s.y.out);
      const float* at =
          copy + (n * p_.padded_height + oy * s.y.stride) * p_.padded_row() + ox * s.x.stride * s.channels;
      for (int64_t ky = 0; ky < s.y.kernel; ++ky, at += s.y.dilation * p_.padded_row())
        to[ky * height + i] = at;
    }
  }

  void copy_padded(const float* x, float* copy) const {
    const Sliding& s = p_.s;
    share_items(s.batch * p_.padded_height, p_.workers, [&](int, int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t n = r / p_.padded_height, y = r % p_.padded_height - s.y.begin;
        float* const to = copy + r * p_.padded_row();
        if (y < 0 || y >= s.y.in) {
          std::fill_n(to, p_.padded_row(), 0.0f);
          continue;
        }
        const int64_t left = std::min(s.x.begin, p_.padded_width),
                      width = std::min(s.x.in, p_.padded_width - left);
        std::fill_n(to, left * s.channels, 0.0f);
        if (p_.nchw_input)
          interleave(x + (n * s.channels * s.y.in + y) * s.x.in, s.y.in * s.x.in, width,
                     to + left * s.channels);
        else
          copy_pixels(x + n * s.batch_step + y * s.y_step, width, to + left * s.channels);
        std::fill(to + (left + width) * s.channels, to + p_.padded_row(), 0.0f);
      }
    });
  }
  void copy_pixels(const float* from, int64_t width, float* to) const {
    const int64_t c = p_.s.channels;
    if (p_.s.x_step == c) {
      std::memcpy(to, from, size_t(width * c) * sizeof(float));
    } else {
      for (int64_t i = 0; i < width; ++i)
        std::memcpy(to + i * c, from + i * p_.s.x_step, size_t(c) * sizeof(float));
    }
  }
  void interleave(const float* from, int64_t plane, int64_t width, float* to) const {
    if (p_.s.channels == 3) {
      for (int64_t i = 0; i < width; ++i)
        to[3 * i] = from[i], to[3 * i + 1] = from[plane + i], to[3 * i + 2] = from[2 * plane + i];
    } else {
      transpose_floats(from, plane, p_.s.channels, width, to, p_.s.channels);
    }
  }

  ConvPlan p_;
  int64_t worker_bytes_;
};

Status bad_conv(const std::string& what) { return Status::error(Code::invalid_argument, "conv: " + what); }

constexpr int64_t kFewChannels = 8;  // up to here a pixel is too short a run

class ConvKernel final : public Kernel {
 public:
  ConvKernel(ConvParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    RK_TRY(ConvPlan plan, make_plan(shapes));
    if (plan.m * plan.outer == 0) return NothingToDo::make();
    return std::unique_ptr<Launch>(std::make_unique<ConvLaunch>(std::move(plan)));
  }

 private:
  Result<ConvPlan> make_plan(const LaunchShapes& shapes) const {
    const size_t fixed = params_.has_bias ? 3 : 2;
    if (shapes.inputs.size() < fixed || shapes.outputs.empty())
      return bad_conv(std::to_string(shapes.inputs.size()) + " inputs, expected at least " +
                      std::to_string(fixed));
    ConvPlan plan;
    plan.group = params_.group, plan.has_bias = params_.has_bias, plan.nchw_input = params_.nchw_input;
    plan.group_in = params_.in_channels / params_.group,
    plan.group_out = params_.out_channels / params_.group;
    RK_TRY(plan.s,
           Sliding::make(params_.window, shapes.inputs[0], shapes.outputs[0], params_.nchw_input, "conv"));
    plan.pads = use_padded_copy(plan.s);
    plan.c = plan.pads
                 ? Contraction::plan(plan.group_out, plan.s.y.kernel, plan.s.x.kernel * plan.s.channels, isa_)
                 : Contraction::plan(plan.group_out, plan.s.taps(), plan.group_in, isa_);
    if (plan.pads) {
      plan.padded_height =
          (plan.s.y.out - 1) * plan.s.y.stride + (plan.s.y.kernel - 1) * plan.s.y.dilation + 1;
      plan.padded_width = (plan.s.x.out - 1) * plan.s.x.stride + plan.s.x.kernel;
      if (double(plan.s.batch) * double(plan.padded_height) * double(plan.padded_row()) > 0x1p40)
        return bad_conv("the padded input has more than 2^40 elements");
    }
    RK_CHECK(check(shapes, plan));
    RK_TRY(plan.tail, Tail::make(tail_, shapes.inputs.subspan(fixed), shapes.outputs, isa_));
    RK_TRY(plan.nest, LoopNest::of_rows(shapes.outputs[0].dims, plan.tail.row_strides()));
    plan.m = plan.nest.dims.back(), plan.outer = plan.nest.iterations(plan.nest.depth() - 1);
    RK_CHECK(plan.tail.set_rows(plan.nest, plan.c.tile_floats()));
    if (plan.m * plan.outer == 0) return plan;
    const double work = double(plan.s.outputs()) * double(params_.out_channels) * double(plan.c.depth());
    plan.workers = contraction_workers(work, shapes.threads);
    plan.grid = Grid::choose((plan.m + plan.c.tile_height - 1) / plan.c.tile_height * plan.outer * plan.group,
                             plan.c, plan.workers);
    return plan;
  }

  bool use_padded_copy(const Sliding& s) const {
    if (params_.nchw_input) return true;
    return params_.group == 1 && s.channels <= kFewChannels && s.taps() > 1 && s.x.dilation == 1;
  }

  Status check(const LaunchShapes& shapes, const ConvPlan& plan) const {
    const ArgShape& x = shapes.inputs[0];
    const ArgShape& w = shapes.inputs[1];
    if (x.dtype != DType::f32 || w.dtype != DType::f32) return bad_conv("x and the weights must be f32");
    if (plan.s.channels != params_.in_channels || shapes.outputs[0].dims.back() != params_.out_channels)
      return bad_conv(std::to_string(plan.s.channels) + " to " +
                      std::to_string(shapes.outputs[0].dims.back()) + " channels, expected " +
                      std::to_string(params_.in_channels) + " to " + std::to_string(params_.out_channels));
    if (params_.nchw_input && (params_.group != 1 || plan.s.x.dilation != 1))
      return bad_conv("an NCHW input is only read without groups and horizontal dilation");
    if (!is_contiguous(w) || count_of(w.dims) != plan.group * plan.c.panels.packed_floats(plan.c.depth()))
      return bad_conv("the packed weights are " + to_string(w.dims) + ", expected " +
                      std::to_string(plan.group * plan.c.panels.packed_floats(plan.c.depth())) + " elements");
    if (params_.has_bias && !is_vector(shapes.inputs[2], params_.out_channels))
      return bad_conv("the bias is not f32[" + std::to_string(params_.out_channels) + "]");
    return {};
  }

  ConvParams params_;
  KernelProgram tail_{params_.tail};
  Isa isa_;
};

}  // namespace

Tensor pack_conv_weights(const Tensor& w, int64_t group, Isa isa) {
  RK_ASSERT(w.rank() >= 3 && group > 0 && w.dims()[0] % group == 0, "conv weights are O, C/group, kernel…");
  const int64_t out = w.dims()[0] / group, channels = w.dims()[1];
  int64_t taps = 1;
  for (size_t i = 2; i < w.dims().size(); ++i) taps *= w.dims()[i];
  const Panels panels = Panels::of(out, isa);
  const int64_t depth = taps * channels;
  Tensor packed(DType::f32, {group * panels.packed_floats(depth)});
  for (int64_t g = 0; g < group; ++g) {
    const float* const from = w.data<float>() + g * out * depth;
    float* const to = packed.data<float>() + g * panels.packed_floats(depth);
    for (int64_t p = 0; p < panels.count; ++p)
      for (int64_t tap = 0; tap < taps; ++tap)
        pack_panel(from + panels.first_column(p) * depth + tap, taps, depth, channels, panels.columns_of(p),
                   panels.floats_of(p),
                   to + depth * panels.first_column(p) + tap * channels * panels.floats_of(p));
  }
  return packed;
}

Result<std::shared_ptr<const Kernel>> make_conv(std::string_view params, Isa isa) {
  RK_TRY(ConvParams p, from_bytes<ConvParams>(params));
  if (p.group < 1 || p.in_channels < 1 || p.out_channels < 1 || p.in_channels % p.group ||
      p.out_channels % p.group)
    return bad_conv(std::to_string(p.in_channels) + " to " + std::to_string(p.out_channels) +
                    " channels in " + std::to_string(p.group) + " groups");
  return std::shared_ptr<const Kernel>(std::make_shared<ConvKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
