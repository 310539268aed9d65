// Packing and unpacking; the other ops are lists in between.
// SPDX-License-Identifier: Apache-2.0
#include "math/sequence.h"

#include "math/compute_type.h"
#include "math/element_copy.h"
#include "math/movement.h"

namespace rekindle::ops {

namespace {

Result<Tensor> make_elements(std::string_view op, DType dtype, Dims dims) {
  RK_TRY(const int64_t count, checked_count(dims));
  if (dtype == DType::string)
    return Tensor::of_strings(std::move(dims), std::vector<std::string>(size_t(count)));
  return make_tensor(op, dtype, std::move(dims));
}

Status check_sequence(std::string_view op, std::span<const TensorType> in) {
  RK_CHECK(check_present(op, in, 2));
  if (in[0].rank() != 1)
    return op_error(op, "the data is " + in[0].to_string() + ", expected a list of elements");
  if (in[1].dtype != DType::i64 || in[1].rank() != 2)
    return op_error(op, "the shapes are " + in[1].to_string() + ", expected i64[n, 9]");
  return check_equal_dims(op, "the columns of the shapes", in[1].shape[1], kSequenceColumns);
}
Types sequence_types(DType dtype, const Dim& elements, const Dim& count) {
  return {{dtype, {elements}}, {DType::i64, {count, kSequenceColumns}}};
}

/// A position among n (or n + 1) places.
Result<int64_t> position_of(std::string_view op, const Tensor& t, int64_t n, int64_t places) {
  if (t.count() != 1)
    return op_error(op, "the position has " + std::to_string(t.count()) + " elements, expected 1");
  const int64_t given = t.as_int64(0), position = given < 0 ? given + n : given;
  if (position < 0 || position >= places)
    return op_error(op,
                    "position " + std::to_string(given) + " is outside a sequence of " + std::to_string(n));
  return position;
}
Status check_position(std::string_view op, std::span<const TensorType> in, size_t i) {
  if (!has_input(in, i)) return {};
  RK_CHECK(check_indices(op, in[i], "position"));
  return check_scalar(op, in[i], "position");
}

}  // namespace

Result<Tensors> pack_sequence(std::string_view op, DType dtype, std::span<const Tensor> elements) {
  int64_t total = 0;
  RK_TRY(Tensor shapes, make_tensor(op, DType::i64, {int64_t(elements.size()), kSequenceColumns}));
  for (size_t i = 0; i < elements.size(); ++i) {
    const Tensor& e = elements[i];
    if (e.rank() > kSequenceRank || e.dtype() != dtype)
      return op_error(op, "element " + std::to_string(i) + " is " + e.type().to_string() + ", expected " +
                              std::string(to_string(dtype)) + " of rank 8 at most");
    int64_t* row = shapes.data<int64_t>() + int64_t(i) * kSequenceColumns;
    row[0] = e.rank();
    std::copy(e.dims().begin(), e.dims().end(), row + 1);
    total += e.count();
  }
  RK_TRY(Tensor data, make_elements(op, dtype, {total}));
  int64_t at = 0;
  for (const Tensor& e : elements) {
    if (e.count() > 0) ElementCopier(e, data).run(0, at, e.count());
    at += e.count();
  }
  return Tensors{std::move(data), std::move(shapes)};
}

Result<Tensors> unpack_sequence(std::string_view op, const Tensor& data, const Tensor& shapes) {
  Tensors elements;
  int64_t at = 0;
  for (int64_t i = 0; i < shapes.dims()[0]; ++i) {
    const int64_t* row = shapes.data<int64_t>() + i * kSequenceColumns;
    if (row[0] < 0 || row[0] > kSequenceRank)
      return op_error(
          op, "element " + std::to_string(i) + " has rank " + std::to_string(row[0]) + ", expected 0 to 8");
    Dims dims(row + 1, row + 1 + row[0]);
    RK_TRY(const int64_t count, checked_count(dims));
    if (count > data.count() - at)
      return op_error(
          op, "the shapes need more elements than the " + std::to_string(data.count()) + " there are");
    RK_TRY(Tensor e, make_elements(op, data.dtype(), std::move(dims)));
    if (count > 0) ElementCopier(data, e).run(at, 0, count);
    at += count;
    elements.push_back(std::move(e));
  }
  if (at != data.count())
    return op_error(
        op, "the shapes need " + std::to_string(at) + " elements, there are " + std::to_string(data.count()));
  return elements;
}

Result<Types> SequencePack::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_present(name, in, in.size()));
  Dim total = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i].dtype != dtype || in[i].rank() > kSequenceRank)
      return op_error(name, "input " + std::to_string(i) + " is " + in[i].to_string() + ", expected " +
                                std::string(to_string(dtype)) + " of rank 8 at most");
    total = total + in[i].count();
  }
  return sequence_types(dtype, total, int64_t(in.size()));
}
Result<Tensors> SequencePack::evaluate(std::span<const Tensor> in) const {
  return pack_sequence(name, dtype, in);
}

Result<Types> SequenceAt::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 3, 3));
  RK_CHECK(check_sequence(name, in));
  RK_CHECK(check_present(name, in, 3));
  RK_CHECK(check_position(name, in, 2));
  TensorType out{in[0].dtype, shape};
  for (Dim& d : out.shape)
    if (d.is(-1)) d = Dim::unknown();
  return Types{std::move(out)};
}
Result<Tensors> SequenceAt::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensors elements, unpack_sequence(name, in[0], in[1]));
  const auto n = int64_t(elements.size());
  RK_TRY(const int64_t i, position_of(name, in[2], n, n));
  Tensor& e = elements[size_t(i)];
  bool fits = e.rank() == int(shape.size());
  for (size_t d = 0; fits && d < shape.size(); ++d)
    fits = shape[d].is(-1) || !shape[d].as_int() || shape[d].is(e.dims()[d]);
  if (!fits)
    return op_error(name, "element " + std::to_string(i) + " is " + e.type().to_string() + ", expected " +
                              rekindle::to_string(shape));
  return Tensors{std::move(e)};
}

Result<Types> SequenceInsert::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 3, 4));
  RK_CHECK(check_sequence(name, in));
  RK_CHECK(check_present(name, in, 3));
  RK_CHECK(check_position(name, in, 3));
  if (in[2].dtype != in[0].dtype || in[2].rank() > kSequenceRank)
    return op_error(name, "the new element is " + in[2].to_string() + ", expected " +
                              std::string(to_string(in[0].dtype)) + " of rank 8 at most");
  return sequence_types(in[0].dtype, in[0].shape[0] + in[2].count(), in[1].shape[0] + Dim(1));
}
Result<Tensors> SequenceInsert::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensors elements, unpack_sequence(name, in[0], in[1]));
  auto at = int64_t(elements.size());
  if (const Tensor* position = optional_input(in, 3)) {
    RK_TRY(at, position_of(name, *position, at, at + 1));
  }
  elements.insert(elements.begin() + at, in[2]);
  return pack_sequence(name, in[0].dtype(), elements);
}

Result<Types> SequenceErase::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 3));
  RK_CHECK(check_sequence(name, in));
  RK_CHECK(check_position(name, in, 2));
  return sequence_types(in[0].dtype, Dim::unknown(), in[1].shape[0] - Dim(1));
}
Result<Tensors> SequenceErase::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensors elements, unpack_sequence(name, in[0], in[1]));
  const auto n = int64_t(elements.size());
  if (n == 0) return op_error(name, "the sequence is empty, expected an element to take out");
  int64_t at = n - 1;
  if (const Tensor* position = optional_input(in, 2)) {
    RK_TRY(at, position_of(name, *position, n, n));
  }
  elements.erase(elements.begin() + at);
  return pack_sequence(name, in[0].dtype(), elements);
}

Result<Types> SequenceConcat::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_sequence(name, in));
  if (rank < 1 || rank > kSequenceRank + 1 || axis < 0 || axis >= rank)
    return op_error(name, "axis " + std::to_string(axis) + " is outside rank " + std::to_string(rank));
  Shape shape;
  for (int64_t i = 0; i < rank; ++i) shape.push_back(Dim::unknown());
  return Types{{in[0].dtype, std::move(shape)}};
}
Result<Tensors> SequenceConcat::evaluate(std::span<const Tensor> in) const {
  RK_TRY(Tensors elements, unpack_sequence(name, in[0], in[1]));
  if (elements.empty()) return op_error(name, "the sequence is empty, expected at least one element");
  for (Tensor& e : elements) {
    if (e.rank() != rank - (stack ? 1 : 0))
      return op_error(name, "an element is " + e.type().to_string() + ", expected rank " +
                                std::to_string(rank - (stack ? 1 : 0)));
    Dims dims = e.dims();
    if (stack) dims.insert(dims.begin() + axis, 1);
    e = e.reshaped(std::move(dims));
  }
  const Concat concat{.axis = axis};
  RK_CHECK(infer_tensors(concat, elements).status());
  return concat.evaluate(elements);
}

Result<Types> SequenceSplit::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 2));
  RK_CHECK(check_present(name, in, 1));
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  if (in[0].rank() > kSequenceRank)
    return op_error(name, "x is " + in[0].to_string() + ", expected rank 8 at most");
  Dim count = in[0].shape[size_t(along)];
  if (has_input(in, 1)) {
    RK_CHECK(check_indices(name, in[1], "split"));
    if (in[1].rank() > 1)
      return op_error(name, "the split is " + in[1].to_string() + ", expected a scalar or a list");
    count = in[1].rank() == 1 ? in[1].shape[0] : Dim::unknown();
  }
  return sequence_types(in[0].dtype, in[0].count(), count);
}
Result<Tensors> SequenceSplit::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  RK_TRY(const int along, normalize_axis(name, axis, x.rank()));
  const int64_t size = x.dims()[size_t(along)];
  Dims sizes;
  const Tensor* split = optional_input(in, 1);
  if (split && split->rank() == 1) {
    RK_TRY(sizes, to_int64s(*split));
  } else {
    const int64_t each = split ? split->as_int64(0) : 1;
    if (each < 1) return op_error(name, "the split is " + std::to_string(each) + ", expected at least 1");
    for (int64_t at = 0; at < size; at += each) sizes.push_back(std::min(each, size - at));
  }
  Tensors parts;
  int64_t at = 0;
  for (const int64_t s : sizes) {
    if (s < 0 || s > size - at)
      return op_error(name, "the split holds " + std::to_string(s) + " and only " +
                                std::to_string(size - at) + " are left");
    Dims dims = x.dims();
    dims[size_t(along)] = s;
    RK_TRY(Tensor part, make_elements(name, x.dtype(), dims));
    ElementMap from = contiguous_map(x.dims());
    from.start = at * from.strides[size_t(along)];
    if (part.count() > 0) copy_elements(x, from, part, contiguous_map(dims), dims);
    if (!keepdims && !split) {
      dims.erase(dims.begin() + along);
      part = part.reshaped(dims);
    }
    parts.push_back(std::move(part));
    at += s;
  }
  if (at != size)
    return op_error(name,
                    "the split adds up to " + std::to_string(at) + ", expected " + std::to_string(size));
  return pack_sequence(name, x.dtype(), parts);
}

}  // namespace rekindle::ops
