// Typed access to a node's attributes.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/node_reader.h"

#include "onnx/names.h"

namespace rekindle::onnx {

Values NodeReader::inputs_up_to(size_t count) const {
  Values values;
  for (size_t i = 0; i < count; ++i) values.push_back(input(i));
  while (!values.empty() && values.back() == ValueId::none) values.pop_back();
  return values;
}

const AttributeProto* NodeReader::find(std::string_view name) {
  for (size_t i = 0; i < proto_.attributes.size(); ++i) {
    const AttributeProto& attribute = proto_.attributes[i];
    if (attribute.name != name) continue;
    was_read_[i] = true;
    if (attribute.ref_attr_name.empty()) return &attribute;
    const auto bound =
        bindings_ ? bindings_->find(attribute.ref_attr_name) : AttributeBindings::const_iterator();
    if (!bindings_)
      fail("attribute " + quote_name(name) +
           " refers to a function's attribute, but the node is in no function");
    return bindings_ && bound != bindings_->end() ? bound->second : nullptr;
  }
  return nullptr;
}

bool NodeReader::has(std::string_view name) { return find(name) != nullptr; }

void NodeReader::fail(std::string message) {
  if (error_.ok()) error_ = Status::error(Code::invalid_argument, std::move(message));
}

template <class T> const T* NodeReader::value_of(std::string_view name, AttributeType type) {
  const AttributeProto* attribute = find(name);
  if (attribute == nullptr) return nullptr;
  const T* value = std::get_if<T>(&attribute->value);
  if (value == nullptr || attribute->type != type) {
    fail("attribute " + quote_name(name) + " is of type " + to_string(attribute->type) + ", expected " +
         to_string(type));
    return nullptr;
  }
  return value;
}

int64_t NodeReader::integer(std::string_view name, int64_t otherwise) {
  const auto* value = value_of<int64_t>(name, AttributeType::i);
  return value ? *value : otherwise;
}

bool NodeReader::flag(std::string_view name, bool otherwise) {
  const int64_t value = integer(name, otherwise);
  if (value != 0 && value != 1)
    fail("attribute " + quote_name(name) + " is " + std::to_string(value) + ", expected 0 or 1");
  return value == 1;
}

float NodeReader::real(std::string_view name, float otherwise) {
  const auto* value = value_of<float>(name, AttributeType::f);
  return value ? *value : otherwise;
}

std::string NodeReader::text(std::string_view name, std::string_view otherwise) {
  const auto* value = value_of<std::string_view>(name, AttributeType::s);
  return std::string(value ? *value : otherwise);
}

std::vector<int64_t> NodeReader::integers(std::string_view name, std::vector<int64_t> otherwise) {
  const auto* value = value_of<std::span<const int64_t>>(name, AttributeType::ints);
  return value ? std::vector<int64_t>(value->begin(), value->end()) : std::move(otherwise);
}

std::vector<float> NodeReader::reals(std::string_view name, std::vector<float> otherwise) {
  const auto* value = value_of<std::span<const float>>(name, AttributeType::floats);
  return value ? std::vector<float>(value->begin(), value->end()) : std::move(otherwise);
}

std::vector<std::string> NodeReader::texts(std::string_view name) {
  const auto* value = value_of<std::span<const std::string_view>>(name, AttributeType::strings);
  return value ? std::vector<std::string>(value->begin(), value->end()) : std::vector<std::string>();
}

Result<Tensor> NodeReader::tensor(std::string_view name) {
  const auto* value = value_of<const TensorProto*>(name, AttributeType::tensor);
  if (value) return tensors_.load(**value);
  RK_CHECK(error_);
  return Status::error(Code::invalid_argument,
                       "attribute " + quote_name(name) + " is missing, expected a tensor");
}

Result<Tensor> NodeReader::sparse_tensor(std::string_view name) {
  const auto* value = value_of<const SparseTensorProto*>(name, AttributeType::sparse_tensor);
  if (value) return tensors_.load(**value);
  RK_CHECK(error_);
  return Status::error(Code::invalid_argument,
                       "attribute " + quote_name(name) + " is missing, expected a sparse tensor");
}

const TypeProto* NodeReader::type(std::string_view name) {
  const auto* value = value_of<const TypeProto*>(name, AttributeType::type_proto);
  if (!value) fail("attribute " + quote_name(name) + " is missing, expected a type");
  return value ? *value : nullptr;
}

const GraphProto* NodeReader::graph(std::string_view name) {
  const auto* value = value_of<const GraphProto*>(name, AttributeType::graph);
  if (!value) fail("attribute " + quote_name(name) + " is missing, expected a graph");
  return value ? *value : nullptr;
}

std::string NodeReader::unknown_choice(std::string_view name, std::string_view word,
                                       const std::string& known) {
  return "attribute " + quote_name(name) + " is " + quote_name(word) + ", expected " + known;
}

Status NodeReader::finish() const {
  std::string unread;
  for (size_t i = 0; i < was_read_.size(); ++i)
    if (!was_read_[i]) unread += (unread.empty() ? "" : ", ") + quote_name(proto_.attributes[i].name);
  if (unread.empty()) return {};
  return Status::error(Code::unsupported,
                       "attribute " + unread + " has no meaning here that this version knows");
}

}  // namespace rekindle::onnx
