// cpu.indexed: rows of elements, or tuples with a run of elements each; indices are checked as they are used.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/indexed.h"

#include <atomic>
#include <cstring>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"
#include "math/scalar.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_indexed(std::string_view params, Isa isa);

namespace {

constexpr int64_t kByteGrain = 65536;  // the least bytes worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

struct Bits128 {
  uint64_t low, high;
};

/// to = to combined with from; integers wrap.
struct Replace {
  template <class T> static T join(T, T from) { return from; }
};
struct AddTo {
  template <class T> static T join(T to, T from) {
    if constexpr (std::is_integral_v<T>)
      return T(std::make_unsigned_t<T>(to) + std::make_unsigned_t<T>(from));
    else
      return to + from;
  }
};
struct MultiplyBy {
  template <class T> static T join(T to, T from) {
    if constexpr (std::is_integral_v<T>)
      return T(std::make_unsigned_t<T>(to) * std::make_unsigned_t<T>(from));
    else
      return to * from;
  }
};
struct Larger {
  template <class T> static T join(T to, T from) { return max(to, from); }
};
struct Smaller {
  template <class T> static T join(T to, T from) { return min(to, from); }
};

/// The sizes of one launch. Elements of x lie in `axis_stride` runs along the axis; tuples point at runs.
struct IndexedPlan {
  IndexedOp op = IndexedOp::gather_elements;
  DType dtype = DType::f32;
  ops::ScatterReduction reduction = ops::ScatterReduction::none;
  bool wide_indices = true;
  int64_t bytes = 4, x_count = 0;
  // elements: rows along the last dim of the indices
  LoopNest rows;  // operand 0: positions in x, the axis left out
  int64_t row = 1, row_count = 1, axis_size = 1, axis_stride = 1;
  bool row_is_axis = true;
  // tuples
  Dims tuple_sizes, tuple_strides;
  int64_t tuples = 1, tuples_each = 1, item = 0, run = 1;  // tuples_each of a batch item of `item` elements
  int workers = 1;
};

/// The first index outside its axis that a worker met.
struct Fault {
  std::atomic<bool> is_set = false;
  int64_t index = 0, size = 0;
  void set(int64_t i, int64_t n) {
    if (!is_set.exchange(true)) index = i, size = n;
  }
};

template <class I> class IndexedRun {
 public:
  IndexedRun(const IndexedPlan& plan, const I* indices, Fault& fault)
      : p_(plan), indices_(indices), fault_(fault) {}

  /// y[i] = x[place of index i], rows begin … end-1.
  template <class T> void gather_rows(const T* x, T* y, int64_t begin, int64_t end) const {
    for_each_row(begin, end, [&](int64_t base, int64_t first) {
      const I* const at = indices_ + first;
      T* const to = y + first;
      return for_row(base, at, [&](int64_t i, int64_t place) { to[i] = x[place]; });
    });
  }
  template <class Join, class T> void scatter_rows(const T* updates, T* y) const {
    for_each_row(0, p_.row_count, [&](int64_t base, int64_t first) {
      const T* const from = updates + first;
      return for_row(base, indices_ + first,
                     [&](int64_t i, int64_t place) { y[place] = Join::join(y[place], from[i]); });
    });
  }
  /// visit(t, offset) for tuples begin … end-1: the run of tuple t begins at that element of x.
  template <class F> void for_each_tuple(int64_t begin, int64_t end, F&& visit) const {
    const size_t length = p_.tuple_sizes.size();
    for (int64_t t = begin; t < end; ++t) {
      int64_t offset = t / p_.tuples_each * p_.item;
      for (size_t k = 0; k < length; ++k) {
        const int64_t index = place_of(indices_[t * int64_t(length) + int64_t(k)], p_.tuple_sizes[k]);
        if (index < 0) return;
        offset += index * p_.tuple_strides[k];
      }
      visit(t, offset);
    }
  }

 private:
  /// A place on the axis, or -1.
  int64_t place_of(int64_t index, int64_t size) const {
    const int64_t place = index < 0 ? index + size : index;
    if (uint64_t(place) < uint64_t(size)) return place;
    fault_.set(index, size);
    return -1;
  }
  template <class F> void for_each_row(int64_t begin, int64_t end, F&& visit) const {
    if (begin == end) return;
    LoopPosition at(p_.rows, p_.rows.depth(), begin);
    for (int64_t r = begin; r < end; ++r, at.next())
      if (!visit(at.offset(0), r * p_.row)) return;
  }
  template <class F> bool for_row(int64_t base, const I* indices, F&& visit) const {
    const int64_t size = p_.axis_size, stride = p_.axis_stride, own = p_.row_is_axis ? 0 : 1;
    for (int64_t i = 0; i < p_.row; ++i) {
      const int64_t place = place_of(indices[i], size);
      if (place < 0) return false;
      visit(i, base + place * stride + i * own);
    }
    return true;
  }

  const IndexedPlan& p_;
  const I* indices_;
  Fault& fault_;
};

class IndexedLaunch final : public Launch {
 public:
  explicit IndexedLaunch(IndexedPlan plan) : p_(std::move(plan)) {}

  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    Fault fault;
    if (p_.wide_indices)
      run_with(inputs, outputs[0], static_cast<const int64_t*>(inputs[1]), fault);
    else
      run_with(inputs, outputs[0], static_cast<const int32_t*>(inputs[1]), fault);
    if (!fault.is_set) return {};
    return bad(std::string(enum_name(p_.op)) + ": index " + std::to_string(fault.index) +
               " is outside an axis of size " + std::to_string(fault.size));
  }

 private:
  template <class I>
  void run_with(const void* const* inputs, void* output, const I* indices, Fault& fault) const {
    const IndexedRun<I> run(p_, indices, fault);
    switch (p_.op) {
      case IndexedOp::gather_elements:
        return visit_bits([&](auto zero) {
          using T = decltype(zero);
          share_items(p_.row_count, p_.workers, [&](int, int64_t begin, int64_t end) {
            run.gather_rows(static_cast<const T*>(inputs[0]), static_cast<T*>(output), begin, end);
          });
        });
      case IndexedOp::gather_nd:
        return gather_tuples(run, static_cast<const char*>(inputs[0]), static_cast<char*>(output));
      case IndexedOp::scatter_elements:
      case IndexedOp::scatter_nd:
        if (inputs[0] != output && p_.x_count > 0)
          std::memcpy(output, inputs[0], size_t(p_.x_count * p_.bytes));
        return visit_join([&](auto join, auto zero) {
          using T = decltype(zero);
          scatter<decltype(join)>(run, static_cast<const T*>(inputs[2]), static_cast<T*>(output));
        });
    }
  }

  template <class R> void gather_tuples(const R& run, const char* x, char* y) const {
    const int64_t bytes = p_.run * p_.bytes;
    share_items(p_.tuples, p_.workers, [&](int, int64_t begin, int64_t end) {
      if (bytes == 4)
        run.for_each_tuple(begin, end,
                           [&](int64_t t, int64_t at) { std::memcpy(y + t * 4, x + at * p_.bytes, 4); });
      else
        run.for_each_tuple(begin, end, [&](int64_t t, int64_t at) {
          std::memcpy(y + t * bytes, x + at * p_.bytes, size_t(bytes));
        });
    });
  }
  /// One thread: updates of the same place are taken in order.
  template <class Join, class R, class T> void scatter(const R& run, const T* updates, T* y) const {
    if (p_.op == IndexedOp::scatter_elements) return run.template scatter_rows<Join>(updates, y);
    run.for_each_tuple(0, p_.tuples, [&](int64_t t, int64_t at) {
      const T* const from = updates + t * p_.run;
      for (int64_t i = 0; i < p_.run; ++i) y[at + i] = Join::join(y[at + i], from[i]);
    });
  }

  /// An integer of the element's size.
  template <class F> void visit_bits(F&& visit) const {
    switch (p_.bytes) {
      case 1:
        return visit(uint8_t{});
      case 2:
        return visit(uint16_t{});
      case 4:
        return visit(uint32_t{});
      case 8:
        return visit(uint64_t{});
      default:
        return visit(Bits128{});
    }
  }
  template <class F> void visit_join(F&& visit) const {
    const auto number = [&](auto join) {
      switch (p_.dtype) {
        case DType::f32:
          return visit(join, float{});
        case DType::f64:
          return visit(join, double{});
        case DType::i32:
          return visit(join, int32_t{});
        default:
          return visit(join, int64_t{});
      }
    };
    switch (p_.reduction) {
      case ops::ScatterReduction::none:
        return visit_bits([&](auto zero) { visit(Replace{}, zero); });
      case ops::ScatterReduction::add:
        return number(AddTo{});
      case ops::ScatterReduction::mul:
        return number(MultiplyBy{});
      case ops::ScatterReduction::max:
        return number(Larger{});
      case ops::ScatterReduction::min:
        return number(Smaller{});
    }
  }

  IndexedPlan p_;
};

class IndexedKernel final : public Kernel {
 public:
  explicit IndexedKernel(IndexedParams params) : params_(params) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    const bool scatters = params_.op >= IndexedOp::scatter_elements;
    if (shapes.inputs.size() != (scatters ? 3 : 2) || shapes.outputs.size() != 1)
      return fail(std::to_string(shapes.inputs.size()) + " inputs, expected " + (scatters ? "3" : "2"));
    const ArgShape &x = shapes.inputs[0], &indices = shapes.inputs[1], &y = shapes.outputs[0];
    for (const ArgShape& arg : shapes.inputs)
      if (!arg.present || !is_contiguous(arg)) return fail("a strided or absent input");
    if (!is_contiguous(y) || x.dtype != y.dtype || bits_of(x.dtype) < 8 ||
        (scatters && (shapes.inputs[2].dtype != x.dtype || y.dims != x.dims)))
      return fail("x " + std::string(to_string(x.dtype)) + to_string(x.dims) + " for an output " +
                  std::string(to_string(y.dtype)) + to_string(y.dims));
    if (indices.dtype != DType::i64 && indices.dtype != DType::i32)
      return fail("indices are " + std::string(to_string(indices.dtype)) + ", expected i64 or i32");
    IndexedPlan plan;
    plan.op = params_.op, plan.dtype = x.dtype, plan.reduction = params_.reduction;
    plan.wide_indices = indices.dtype == DType::i64;
    plan.bytes = bits_of(x.dtype) / 8, plan.x_count = count_of(x.dims);
    const ArgShape& picked = scatters ? shapes.inputs[2] : y;  // what stands for the indices
    const bool by_element =
        params_.op == IndexedOp::gather_elements || params_.op == IndexedOp::scatter_elements;
    if (by_element)
      RK_CHECK(plan_elements(x.dims, indices.dims, picked.dims, plan));
    else
      RK_CHECK(plan_tuples(x.dims, indices.dims, picked.dims, plan));
    plan.workers = worker_count(count_of(picked.dims) * plan.bytes, kByteGrain, shapes.threads);
    return std::unique_ptr<Launch>(std::make_unique<IndexedLaunch>(std::move(plan)));
  }

 private:
  Status fail(const std::string& what) const { return bad(std::string(enum_name(params_.op)) + ": " + what); }

  Status plan_elements(const Dims& x, const Dims& indices, const Dims& picked, IndexedPlan& plan) const {
    const auto axis = size_t(params_.axis);
    if (x.empty() || axis >= x.size() || indices.size() != x.size() || picked != indices)
      return fail("indices " + to_string(indices) + " along axis " + std::to_string(params_.axis) + " of " +
                  to_string(x));
    for (size_t d = 0; d < x.size(); ++d)
      if (d != axis && indices[d] > x[d])
        return fail("dim " + std::to_string(d) + " of the indices is " + std::to_string(indices[d]) +
                    ", expected at most " + std::to_string(x[d]));
    Dims strides = contiguous_strides(x), outer(indices.begin(), indices.end() - 1);
    plan.axis_size = x[axis], plan.axis_stride = strides[axis];
    plan.row_is_axis = axis + 1 == x.size();
    strides[axis] = 0;
    strides.pop_back();
    RK_TRY(plan.rows, LoopNest::make(outer, {strides}, false));
    plan.row = indices.back();
    plan.row_count = plan.row == 0 ? 0 : count_of(outer);
    return {};
  }

  Status plan_tuples(const Dims& x, const Dims& indices, const Dims& picked, IndexedPlan& plan) const {
    const auto batch = size_t(params_.batch_dims);
    const int64_t length = indices.empty() ? 0 : indices.back();
    if (params_.batch_dims >= int64_t(std::min(x.size(), indices.size())) || length < 1 ||
        length > int64_t(x.size() - batch))
      return fail("tuples " + to_string(indices) + " into " + to_string(x));
    const auto first = x.begin() + int64_t(batch);
    plan.tuple_sizes.assign(first, first + length);
    const Dims strides = contiguous_strides(x);
    plan.tuple_strides.assign(strides.begin() + int64_t(batch), strides.begin() + int64_t(batch) + length);
    plan.run = count_of(Dims(first + length, x.end()));
    plan.item = count_of(Dims(first, x.end()));
    plan.tuples = count_of(Dims(indices.begin(), indices.end() - 1));
    const int64_t items = count_of(Dims(x.begin(), first));
    plan.tuples_each = items > 0 ? std::max<int64_t>(1, plan.tuples / items) : 1;
    if (count_of(picked) != plan.tuples * plan.run || plan.tuples > items * plan.tuples_each)
      return fail("tuples " + to_string(indices) + " into " + to_string(x) + " do not make " +
                  to_string(picked));
    return {};
  }

  IndexedParams params_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_indexed(std::string_view params, Isa) {
  RK_TRY(IndexedParams p, from_bytes<IndexedParams>(params));
  if (p.axis < 0 || p.batch_dims < 0) return bad("indexed: a negative axis");
  return std::shared_ptr<const Kernel>(std::make_shared<IndexedKernel>(p));
}

}  // namespace rekindle::cpu
