// The parts of the decoder that need no template.
// SPDX-License-Identifier: Apache-2.0
#include "base/encode.h"

namespace rekindle {

namespace {
constexpr int kMostNesting = 64;
}

void Decoder::raw(void* data, size_t size) {
  if (size == 0) return;
  if (size > bytes_.size()) {
    std::memset(data, 0, size);
    fail("the data end in the middle of a value");
    bytes_ = {};
    return;
  }
  std::memcpy(data, bytes_.data(), size);
  bytes_ = bytes_.subspan(size);
}

void Decoder::fail(std::string what) {
  if (status_.ok()) status_ = Status::error(Code::data_loss, std::move(what));
}

bool Decoder::charge(size_t bytes) {
  if (!has_memory_limit()) return true;
  if (bytes > memory_left_) {
    fail("the data would take too much memory");
    return false;
  }
  memory_left_ -= bytes;
  return true;
}

Decoder::Nest::Nest(Decoder& decoder) : d(decoder) {
  if (++d.depth_ > kMostNesting) d.fail("values are nested deeper than " + std::to_string(kMostNesting));
}

void decode(Decoder& d, std::string& v) {
  uint32_t count = 0;
  decode(d, count);
  if (count > d.left()) return d.fail("a string of " + std::to_string(count) + " bytes runs past the end");
  if (!d.charge(count)) return;
  v.resize(count);
  d.raw(v.data(), count);
}

}  // namespace rekindle
