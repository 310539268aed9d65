// The type erasure behind Op: the plumbing nobody needs to read. Included by op.h only.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <typeinfo>

#include "ir/attribute_text.h"
#include "ir/op_fields.h"
#include "math/elementwise_reference.h"

namespace rekindle {

struct Op::Concept {
  virtual ~Concept() = default;
  virtual std::string_view name() const = 0;
  virtual OpKind kind() const = 0;
  virtual bool commutes() const = 0;
  virtual size_t arity() const = 0;
  virtual std::string attributes(ConstantTable*) const = 0;
  virtual std::string params() const = 0;
  virtual Result<Op> decode_params(std::string_view bytes) const = 0;
  virtual Result<Op> parse_attributes(TextReader& in) const = 0;
  virtual std::vector<std::pair<std::string, std::string>> field_texts() const = 0;
  virtual std::vector<GraphRef> graphs() const = 0;
  virtual void collect_symbols(std::set<std::string, std::less<>>& into) const = 0;
  virtual std::shared_ptr<const Concept> substitute(const DimMap&) const = 0;  // null when nothing changes
  virtual Result<Types> infer(std::span<const TensorType>) const = 0;
  virtual Result<Tensors> evaluate(std::span<const Tensor>) const = 0;
  virtual Expr expr(std::span<const Expr>) const = 0;
  virtual const void* get(const std::type_info&) const = 0;
};

template <class T> struct Op::Model final : Concept {
  explicit Model(T o) : op(std::move(o)) {}
  std::string_view name() const override { return T::name; }
  OpKind kind() const override {
    if constexpr (ElementwiseOp<T>)
      return OpKind::elementwise;
    else
      return T::kind;
  }
  bool commutes() const override { return rekindle::commutes<T>(); }
  size_t arity() const override {
    if constexpr (ElementwiseOp<T>)
      return arity_of<T>();
    else
      return 0;
  }
  std::string attributes(ConstantTable* constants) const override { return print_attributes(op, constants); }
  std::string params() const override {
    if constexpr (HasFields<T>)
      return to_bytes(op);
    else
      return {};
  }
  Result<Op> decode_params(std::string_view bytes) const override {
    if constexpr (HasFields<T>) {
      RK_TRY(T read, from_bytes<T>(bytes));
      return Op(std::move(read));
    } else {
      if (!bytes.empty())
        return Status::error(Code::data_loss,
                             std::string(T::name) + " has no attributes, but some are stored");
      return Op(T{});
    }
  }
  Result<Op> parse_attributes(TextReader& in) const override {
    T read;
    RK_CHECK(rekindle::parse_attributes(in, read, T::name));
    return Op(std::move(read));
  }
  std::vector<std::pair<std::string, std::string>> field_texts() const override {
    return rekindle::field_texts(op);
  }
  std::vector<GraphRef> graphs() const override {
    std::vector<GraphRef> found;
    for_each_field(op, [&](std::string_view, const auto& v) { collect_graphs(v, found); });
    return found;
  }
  void collect_symbols(std::set<std::string, std::less<>>& into) const override {
    for_each_field(op, [&](std::string_view, const auto& v) { rekindle::collect_symbols(v, into); });
  }
  std::shared_ptr<const Concept> substitute(const DimMap& with) const override {
    if constexpr (has_symbolic_field<T>()) {
      T changed = op;
      bool any = false;
      for_each_field(changed, [&](std::string_view, auto& v) { any |= substitute_field(v, with); });
      if (any) return std::make_shared<Model<T>>(std::move(changed));
    }
    return nullptr;
  }
  Result<Types> infer(std::span<const TensorType> t) const override {
    if constexpr (ElementwiseOp<T>)
      return infer_elementwise(traits_of<T>(), t);
    else
      return op.infer(t);
  }
  Result<Tensors> evaluate(std::span<const Tensor> t) const override {
    if constexpr (ElementwiseOp<T>)
      return evaluate_elementwise(traits_of<T>(), row_functions<T>(), &op, t);
    else
      return op.evaluate(t);
  }
  Expr expr(std::span<const Expr> x) const override {
    if constexpr (!ElementwiseOp<T>)
      return Expr(std::string("?"));
    else if constexpr (arity_of<T>() == 1)
      return op.formula(x[0]);
    else if constexpr (arity_of<T>() == 2)
      return op.formula(x[0], x[1]);
    else
      return op.formula(x[0], x[1], x[2]);
  }
  const void* get(const std::type_info& t) const override { return t == typeid(T) ? &op : nullptr; }
  T op;
};

template <OpStruct T> Op::Op(T op) : self_(std::make_shared<Model<T>>(std::move(op))) {}
template <OpStruct T> const T* Op::as() const { return static_cast<const T*>(self_->get(typeid(T))); }
inline std::string_view Op::name() const { return self_->name(); }
inline OpKind Op::kind() const { return self_->kind(); }
inline bool Op::commutes() const { return self_->commutes(); }
inline size_t Op::arity() const { return self_->arity(); }
inline std::string Op::attributes(ConstantTable* constants) const { return self_->attributes(constants); }
inline std::string Op::params() const { return self_->params(); }
inline Result<Op> Op::decode_params(std::string_view bytes) const { return self_->decode_params(bytes); }
inline Result<Op> Op::parse_attributes(TextReader& in) const { return self_->parse_attributes(in); }
inline std::vector<std::pair<std::string, std::string>> Op::field_texts() const {
  return self_->field_texts();
}
inline std::vector<GraphRef> Op::graphs() const { return self_->graphs(); }
inline void Op::collect_symbols(std::set<std::string, std::less<>>& into) const {
  self_->collect_symbols(into);
}
inline Op Op::substitute(const DimMap& with) const {
  Op changed = *this;
  if (auto model = self_->substitute(with)) changed.self_ = std::move(model);
  return changed;
}
inline Result<Types> Op::infer(std::span<const TensorType> t) const { return self_->infer(t); }
inline Result<Tensors> Op::evaluate(std::span<const Tensor> t) const { return self_->evaluate(t); }
inline Expr Op::expr(std::span<const Expr> x) const { return self_->expr(x); }

}  // namespace rekindle
