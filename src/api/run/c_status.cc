// rekindle.h: status, version, machine, log, blobs, element types.
// SPDX-License-Identifier: Apache-2.0
#include "api/run/c_objects.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/version.h"

using namespace rekindle;
using c_api::guarded;
using c_api::null_argument;

namespace {

/// What is returned when there is no memory for an error.
rekindle_status* no_memory() {
  static rekindle_status status{Status::error(Code::out_of_memory, "the system has no more memory"),
                                "the system has no more memory", "the system has no more memory"};
  return &status;
}

}  // namespace

rekindle_status* c_api::to_c(const Status& status) noexcept {
  if (status.ok()) return nullptr;
  try {
    return new rekindle_status{status, status.to_string(), status.to_string_with_places()};
  } catch (...) {
    return no_memory();
  }
}

extern "C" {

rekindle_code rekindle_status_code(const rekindle_status* status) {
  return status == nullptr ? REKINDLE_OK : static_cast<rekindle_code>(status->status.code());
}
const char* rekindle_status_message(const rekindle_status* status) {
  return status == nullptr ? "" : status->status.message().c_str();
}
const char* rekindle_status_text(const rekindle_status* status) {
  return status == nullptr ? "ok" : status->text.c_str();
}
const char* rekindle_status_details(const rekindle_status* status) {
  return status == nullptr ? "ok" : status->details.c_str();
}
void rekindle_status_free(rekindle_status* status) {
  if (status != no_memory()) delete status;
}
const char* rekindle_code_name(int32_t code) { return to_string(static_cast<Code>(code)); }

const char* rekindle_version(void) { return kVersion; }
const char* rekindle_machine_isa(void) { return enum_name(detect_isa()).data(); }
int rekindle_machine_cores(void) { return usable_cores(); }

void rekindle_set_log_sink(rekindle_log_sink sink, void* user, int32_t least) {
  log::set_level(static_cast<log::Level>(std::clamp<int32_t>(least, 0, int32_t(log::Level::error))));
  if (sink == nullptr) return log::set_sink({});
  log::set_sink([sink, user](log::Level level, std::string_view category, std::string_view text) {
    sink(user, int32_t(level), std::string(category).c_str(), std::string(text).c_str());
  });
}

const void* rekindle_blob_data(const rekindle_blob* blob) {
  return blob == nullptr ? nullptr : blob->bytes.c_str();
}
size_t rekindle_blob_size(const rekindle_blob* blob) { return blob == nullptr ? 0 : blob->bytes.size(); }
rekindle_status* rekindle_blob_save(const rekindle_blob* blob, const char* path) {
  return guarded([&]() -> Status {
    if (blob == nullptr) return null_argument("the blob");
    if (path == nullptr) return null_argument("the path");
    return write_file_atomically(path, blob->bytes);
  });
}
void rekindle_blob_free(rekindle_blob* blob) { delete blob; }

const char* rekindle_dtype_name(int32_t dtype) {
  return dtype < 0 || size_t(dtype) >= kDTypeNames.size() ? "?" : kDTypeNames[size_t(dtype)].data();
}
int rekindle_dtype_bits(int32_t dtype) {
  return dtype >= 0 && size_t(dtype) < kDTypeNames.size() ? bits_of(static_cast<DType>(dtype)) : 0;
}

}  // extern "C"
