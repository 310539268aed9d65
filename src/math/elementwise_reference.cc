// Elementwise references: broadcasting, and rows handed to the formula in the type it computes in.
// SPDX-License-Identifier: Apache-2.0
#include "math/elementwise_reference.h"

#include <algorithm>
#include <array>
#include <complex>
#include <cstring>

namespace rekindle {

namespace {

constexpr int64_t kChunk = 1024;  // elements converted at once: four buffers stay in the first-level cache
constexpr size_t kMostInputs = 3;

/// How the output is walked: `outer` dims one by one, then rows in which an input either advances or stands
/// still.
struct Walk {
  Dims outer;
  int64_t row = 1;
  std::array<Dims, kMostInputs> strides;  // of the outer dims, 0 where the input is broadcast
  std::array<bool, kMostInputs> still{};  // the input is one element for a whole row
};

Walk plan_walk(const Dims& out, std::span<const Tensor> in) {
  Walk walk;
  const size_t rank = out.size();
  std::array<Dims, kMostInputs> full;
  for (size_t k = 0; k < in.size(); ++k) {
    const Dims& dims = in[k].dims();
    const Dims own = contiguous_strides(dims);
    full[k].assign(rank, 0);
    for (size_t i = 0; i < dims.size(); ++i)
      if (dims[i] != 1) full[k][rank - dims.size() + i] = own[i];
  }
  // The longest tail of dims along which each input either advances through all of them or through none.
  size_t split = rank;
  std::array<int, kMostInputs> moves{-1, -1, -1};
  while (split > 0) {
    const size_t axis = split - 1;
    if (out[axis] != 1) {
      bool fits = true;
      for (size_t k = 0; k < in.size(); ++k)
        fits = fits && (moves[k] < 0 || moves[k] == (full[k][axis] != 0));
      if (!fits) break;
      for (size_t k = 0; k < in.size(); ++k) moves[k] = full[k][axis] != 0;
    }
    walk.row *= out[axis];
    split = axis;
  }
  for (size_t k = 0; k < in.size(); ++k) walk.still[k] = moves[k] != 1;
  for (size_t i = 0; i < split; ++i) {
    if (out[i] == 1) continue;
    walk.outer.push_back(out[i]);
    for (size_t k = 0; k < in.size(); ++k) walk.strides[k].push_back(full[k][i]);
  }
  return walk;
}

template <class C, class S> C widen(S value) {
  if constexpr (std::is_same_v<S, f16_t> || std::is_same_v<S, bf16_t>)
    return C(float(value));
  else
    return C(value);
}
template <class S, class C> S narrow(C value) {
  if constexpr (std::is_same_v<S, f16_t> || std::is_same_v<S, bf16_t>)
    return S(float(value));
  else if constexpr (std::is_same_v<S, bool>)
    return value != C(0);
  else
    return S(value);
}

template <class C, class S> void load(const void* from, int64_t start, int64_t n, C* to) {
  const S* s = static_cast<const S*>(from) + start;
  for (int64_t i = 0; i < n; ++i) to[i] = widen<C>(s[i]);
}
template <class C, class S> void store(const C* from, int64_t n, void* to, int64_t start) {
  S* s = static_cast<S*>(to) + start;
  for (int64_t i = 0; i < n; ++i) s[i] = narrow<S>(from[i]);
}
template <class C> using Load = void (*)(const void*, int64_t, int64_t, C*);
template <class C> using Store = void (*)(const C*, int64_t, void*, int64_t);

template <class C> class Rows {
 public:
  Rows(RowFunction<C> function, const void* op, std::span<const Tensor> in, Tensor& out)
      : function_(function), op_(op), in_(in), out_(out), buffers_(kChunk * (in.size() + 1)) {
    for (size_t k = 0; k < in.size(); ++k)
      visit_dtype(in[k].dtype(), [&](auto s) { loads_[k] = load<C, decltype(s)>; });
    visit_dtype(out.dtype(), [&](auto s) { store_ = store<C, decltype(s)>; });
  }

  void run(const Walk& walk) {
    const int64_t rows = count_of(walk.outer);
    std::array<int64_t, kMostInputs> start{};
    Dims index(walk.outer.size(), 0);
    for (int64_t r = 0; r < rows; ++r) {
      run_row(walk, start, r * walk.row);
      for (size_t d = index.size(); d-- > 0;) {  // the next row, like an odometer
        for (size_t k = 0; k < in_.size(); ++k) start[k] += walk.strides[k][d];
        if (++index[d] < walk.outer[d]) break;
        for (size_t k = 0; k < in_.size(); ++k) start[k] -= walk.strides[k][d] * walk.outer[d];
        index[d] = 0;
      }
    }
  }

 private:
  void run_row(const Walk& walk, const std::array<int64_t, kMostInputs>& start, int64_t out_start) {
    std::array<const C*, kMostInputs> in{};
    for (size_t k = 0; k < in_.size(); ++k) {
      in[k] = buffers_.data() + int64_t(k) * kChunk;
      if (!walk.still[k]) continue;
      C value{};
      loads_[k](in_[k].raw(), start[k], 1, &value);
      std::fill_n(buffers_.data() + int64_t(k) * kChunk, std::min(kChunk, walk.row), value);
    }
    C* const out = buffers_.data() + int64_t(in_.size()) * kChunk;
    for (int64_t done = 0; done < walk.row; done += kChunk) {
      const int64_t n = std::min(kChunk, walk.row - done);
      for (size_t k = 0; k < in_.size(); ++k)
        if (!walk.still[k])
          loads_[k](in_[k].raw(), start[k] + done, n, buffers_.data() + int64_t(k) * kChunk);
      function_(op_, in.data(), out, n);
      store_(out, n, out_.raw(), out_start + done);
    }
  }

  RowFunction<C> function_;
  const void* op_;
  std::span<const Tensor> in_;
  Tensor& out_;
  std::vector<C> buffers_;
  std::array<Load<C>, kMostInputs> loads_{};
  Store<C> store_ = nullptr;
};

/// Calls visit(out index, the index into each input) for every element.
template <class F> void for_each_element(const Dims& out, std::span<const Tensor> in, F&& visit) {
  const Walk walk = plan_walk(out, in);
  const int64_t rows = count_of(walk.outer);
  std::array<int64_t, kMostInputs> at{};
  for (int64_t r = 0; r < rows; ++r) {
    int64_t rest = r;
    at = {};
    for (size_t d = walk.outer.size(); d-- > 0; rest /= walk.outer[d])
      for (size_t k = 0; k < in.size(); ++k) at[k] += rest % walk.outer[d] * walk.strides[k][d];
    for (int64_t i = 0; i < walk.row; ++i) {
      visit(r * walk.row + i, at);
      for (size_t k = 0; k < in.size(); ++k) at[k] += !walk.still[k];
    }
  }
}

/// An element's own bits, whatever the type; strings excepted.
uint64_t packed_element(const Tensor& t, int64_t i) {
  const int bits = bits_of(t.dtype());
  return uint64_t(static_cast<const uint8_t*>(t.raw())[i * bits / 8] >> (i * bits % 8)) & ((1u << bits) - 1);
}

/// Choosing and comparing need no arithmetic, so they work on types that have none: strings, complex numbers,
/// small floats, packed integers.
void choose_elements(std::span<const Tensor> in, Tensor& out) {
  const bool* condition = in[0].data<bool>();
  const int bits = bits_of(out.dtype());
  for_each_element(out.dims(), in, [&](int64_t i, const auto& at) {
    const size_t k = condition[at[0]] ? 1 : 2;
    if (out.dtype() == DType::string) {
      out.strings()[size_t(i)] = in[k].strings()[size_t(at[k])];
    } else if (bits >= 8) {
      std::memcpy(static_cast<char*>(out.raw()) + i * bits / 8,
                  static_cast<const char*>(in[k].raw()) + at[k] * bits / 8, size_t(bits / 8));
    } else {
      static_cast<uint8_t*>(out.raw())[i * bits / 8] |=
          uint8_t(packed_element(in[k], at[k]) << (i * bits % 8));
    }
  });
}

template <class T> void compare_values(std::span<const Tensor> in, Tensor& out, const T* a, const T* b) {
  for_each_element(out.dims(), in,
                   [&](int64_t i, const auto& at) { out.data<bool>()[i] = a[at[0]] == b[at[1]]; });
}
void compare_elements(std::span<const Tensor> in, Tensor& out) {
  const DType t = in[0].dtype();
  if (t == DType::string) return compare_values(in, out, in[0].strings().data(), in[1].strings().data());
  if (t == DType::c64)
    return compare_values(in, out, in[0].data<std::complex<float>>(), in[1].data<std::complex<float>>());
  if (t == DType::c128)
    return compare_values(in, out, in[0].data<std::complex<double>>(), in[1].data<std::complex<double>>());
  for_each_element(out.dims(), in, [&](int64_t i, const auto& at) {
    out.data<bool>()[i] = in[0].as_double(at[0]) == in[1].as_double(at[1]);  // exact: these types are narrow
  });
}

template <class C>
bool run_rows(RowFunction<C> function, const void* op, std::span<const Tensor> in, Tensor& out) {
  if (!function) return false;
  if (out.count() > 0) Rows<C>(function, op, in, out).run(plan_walk(out.dims(), in));
  return true;
}

/// False when the formula is not made for the type.
bool run_in_type(DType t, const RowFunctions& rows, const void* op, std::span<const Tensor> in, Tensor& out) {
  switch (t) {
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return run_rows(rows.f32, op, in, out);
    case DType::f64:
      return run_rows(rows.f64, op, in, out);
    case DType::i8:
    case DType::u8:
    case DType::i16:
    case DType::u16:
    case DType::i32:
    case DType::boolean:
      return run_rows(rows.i32, op, in, out);
    case DType::u32:
    case DType::i64:
      return run_rows(rows.i64, op, in, out);
    case DType::u64:
      return run_rows(rows.u64, op, in, out);
    default:
      return false;
  }
}

}  // namespace

Result<Types> infer_elementwise(const ElementwiseTraits& traits, std::span<const TensorType> in) {
  RK_CHECK(check_arity(traits.name, in.size(), traits.arity, traits.arity));
  TensorType out = in[0];
  const TensorType& value = in[traits.has_condition ? 1 : 0];
  for (size_t i = 0; i < in.size(); ++i) {
    if (is_absent(in[i]))
      return op_error(traits.name, "input " + std::to_string(i) + " is absent, expected a tensor");
    if (i == 0 && traits.has_condition) {
      if (in[0].dtype != DType::boolean)
        return op_error(traits.name,
                        "the condition is " + std::string(to_string(in[0].dtype)) + ", expected boolean");
    } else {
      RK_CHECK(check_dtype(traits.name, in[i], traits.domain));
      if (in[i].dtype != value.dtype)
        return op_error(traits.name, "the inputs are " + std::string(to_string(value.dtype)) + " and " +
                                         std::string(to_string(in[i].dtype)) + ", expected one element type");
    }
    if (i == 0) continue;
    auto shape = broadcast_shapes(out.shape, in[i].shape);
    if (!shape.ok()) return op_error(traits.name, shape.status().message());
    out.shape = *std::move(shape);
  }
  out.dtype = traits.is_predicate ? DType::boolean : value.dtype;
  return Types{std::move(out)};
}

Result<Tensors> evaluate_elementwise(const ElementwiseTraits& traits, const RowFunctions& rows,
                                     const void* op, std::span<const Tensor> in) {
  RK_ASSERT(in.size() == traits.arity && in.size() <= kMostInputs,
            "an elementwise op is run with the wrong number of inputs");
  Types types;
  for (const Tensor& t : in) types.push_back(t.type());
  RK_TRY(Types result, infer_elementwise(traits, types));
  const auto dims = to_dims(result[0].shape);
  RK_ASSERT(dims.has_value(), "concrete shapes broadcast to a symbolic one");
  const DType computed = in[traits.has_condition ? 1 : 0].dtype();
  if (result[0].dtype == DType::string) {
    RK_TRY(const int64_t count, checked_count(*dims));
    Tensor chosen = Tensor::of_strings(*dims, std::vector<std::string>(size_t(count)));
    if (traits.has_condition) return choose_elements(in, chosen), Tensors{std::move(chosen)};
  }
  RK_TRY(Tensor out, Tensor::make(result[0].dtype, *dims));
  const bool has_formula_type =
      is_float(computed) || (is_integer(computed) && bits_of(computed) >= 8) || computed == DType::boolean;
  if (!has_formula_type && out.count() == 0) return Tensors{std::move(out)};
  if (!has_formula_type && traits.has_condition) return choose_elements(in, out), Tensors{std::move(out)};
  if (!has_formula_type && traits.name == "equal") return compare_elements(in, out), Tensors{std::move(out)};
  if (!run_in_type(computed, rows, op, in, out))
    return Status::error(Code::unsupported, std::string(traits.name) + ": cannot be computed in " +
                                                std::string(to_string(computed)) +
                                                ", expected a number type or boolean");
  return Tensors{std::move(out)};
}

}  // namespace rekindle
