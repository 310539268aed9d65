// Status, Diagnostics and the assertion that ends the program.
// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace rekindle {

const char* to_string(Code code) {
  switch (code) {
    case Code::ok:
      return "ok";
    case Code::invalid_argument:
      return "invalid argument";
    case Code::unsupported:
      return "unsupported";
    case Code::not_found:
      return "not found";
    case Code::data_loss:
      return "data loss";
    case Code::out_of_memory:
      return "out of memory";
    case Code::device:
      return "device";
    case Code::internal:
      return "internal";
  }
  return "unknown";
}

Status Status::error(Code code, std::string message, Where at) {
  Status s;
  s.code_ = code;
  s.trail_ = std::make_shared<std::vector<std::pair<std::string, Where>>>();
  s.trail_->emplace_back(std::move(message), at);
  return s;
}

Status Status::note(std::string context, Where at) && {
  if (trail_ == nullptr) return std::move(*this);
  if (trail_.use_count() > 1) trail_ = std::make_shared<std::vector<std::pair<std::string, Where>>>(*trail_);
  trail_->emplace_back(std::move(context), at);
  return std::move(*this);
}

const std::string& Status::message() const {
  static const std::string empty;
  return trail_ ? trail_->front().first : empty;
}

std::string Status::to_string() const {
  if (ok()) return "ok";
  std::string text = message();
  for (size_t i = 1; i < trail_->size(); ++i) text += "\n  " + (*trail_)[i].first;
  return text;
}

std::string Status::to_string_with_places() const {
  if (ok()) return "ok";
  std::string text;
  for (const auto& [message, at] : *trail_)
    text += (text.empty() ? "" : "\n  ") + message + " [" + at.file + ":" + std::to_string(at.line) + "]";
  return text;
}

void Diagnostics::add(Status status) {
  if (!status.ok()) problems_.push_back(std::move(status));
}

Status Diagnostics::to_status(const std::string& what) const {
  if (problems_.empty()) return {};
  if (problems_.size() == 1) return problems_[0];
  constexpr size_t kMostPrinted = 50;
  std::string text = what + " has " + std::to_string(problems_.size()) + " problems:";
  for (size_t i = 0; i < problems_.size() && i < kMostPrinted; ++i) text += "\n  " + problems_[i].message();
  if (problems_.size() > kMostPrinted)
    text += "\n  and " + std::to_string(problems_.size() - kMostPrinted) + " more";
  return Status::error(problems_[0].code(), std::move(text));
}

void fail_assertion(const char* condition, const char* message, Where at) {
  std::fprintf(stderr,
               "rekindle: internal error: %s (%s) at %s:%d\nThis is a bug in Rekindle; please report it.\n",
               message, condition, at.file, at.line);
  std::abort();
}

}  // namespace rekindle
