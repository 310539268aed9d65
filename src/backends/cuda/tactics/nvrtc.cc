// Compiling generated kernels.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/nvrtc.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace rekindle::cuda {

using Program = struct ProgramOfNvrtc*;

struct Nvrtc::Functions {
  int (*version)(int* major, int* minor) = nullptr;
  int (*create)(Program* program, const char* source, const char* name, int headers, const char* const* texts,
                const char* const* names) = nullptr;
  int (*compile)(Program program, int count, const char* const* options) = nullptr;
  int (*destroy)(Program* program) = nullptr;
  int (*log_size)(Program program, size_t* bytes) = nullptr;
  int (*log)(Program program, char* text) = nullptr;
  int (*cubin_size)(Program program, size_t* bytes) = nullptr;
  int (*cubin)(Program program, char* bytes) = nullptr;
  int (*ptx_size)(Program program, size_t* bytes) = nullptr;
  int (*ptx)(Program program, char* bytes) = nullptr;
};

namespace {

constexpr int kOldest = 12000, kNewest = 12999;

/// Toolkits' folders, newest first; the system's own search (with this library's RUNPATH) comes before them.
constexpr std::array kPlaces{
    "libnvrtc.so.12",
    "/usr/local/cuda-12/lib64/libnvrtc.so.12",
    "/usr/local/cuda/lib64/libnvrtc.so.12",
    "/usr/lib/x86_64-linux-gnu/libnvrtc.so.12",
};

int number_after(const std::string& text, size_t from, const char* what) {
  const size_t at = text.find(what, from);
  return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + std::strlen(what));
}

/// The number that stands right before `what`.
int number_before(const std::string& text, const char* what) {
  const size_t at = text.find(what);
  if (at == std::string::npos) return 0;
  size_t begin = at;
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  return std::atoi(text.c_str() + begin);
}

std::vector<std::string> options_for(int sm, CodeKind kind) {
  return {std::string("-arch=") + (kind == CodeKind::cubin ? "sm_" : "compute_") + std::to_string(sm),
          "-DRK_SM=" + std::to_string(sm), "--std=c++17", "--ptxas-options=-v", "--no-source-include"};
}

}  // namespace

std::string Nvrtc::options_text(int sm, CodeKind kind) {
  std::string text;
  for (const std::string& option : options_for(sm, kind)) text += option + " ";
  return text;
}

AssemblerReport read_assembler_log(const std::string& log) {
  AssemblerReport report;
  report.registers = number_after(log, 0, "Used ");
  report.spill_bytes = number_before(log, " bytes spill stores") + number_before(log, " bytes spill loads");
  report.shared_bytes = number_before(log, " bytes smem");
  return report;
}

Result<Nvrtc> Nvrtc::open(const std::string& path) {
  void* library = nullptr;
  std::string tried;
  std::vector<std::string> places;
  if (path.empty())
    places.assign(kPlaces.begin(), kPlaces.end());
  else
    places.push_back(path);
  for (const std::string& place : places) {
    library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library) break;
    tried += (tried.empty() ? "" : ", ") + place;
  }
  if (!library)
    return Status::error(Code::not_found,
                         "NVRTC 12 was not found (tried " + tried +
                             "); it compiles kernels for CUDA targets: install the Python package "
                             "nvidia-cuda-nvrtc-cu12==12.6.85 or a CUDA 12 toolkit, or give its path");
  static Functions functions;
  bool complete = true;
  const auto find = [&](auto& function, const char* symbol) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, symbol));
    complete = complete && function;
  };
  find(functions.version, "nvrtcVersion");
  find(functions.create, "nvrtcCreateProgram");
  find(functions.compile, "nvrtcCompileProgram");
  find(functions.destroy, "nvrtcDestroyProgram");
  find(functions.log_size, "nvrtcGetProgramLogSize");
  find(functions.log, "nvrtcGetProgramLog");
  find(functions.cubin_size, "nvrtcGetCUBINSize");
  find(functions.cubin, "nvrtcGetCUBIN");
  find(functions.ptx_size, "nvrtcGetPTXSize");
  find(functions.ptx, "nvrtcGetPTX");
  int major = 0, minor = 0;
  if (complete) functions.version(&major, &minor);
  Nvrtc nvrtc;
  nvrtc.version_ = major * 1000 + minor * 10;
  if (!complete || nvrtc.version_ < kOldest || nvrtc.version_ > kNewest)
    return Status::error(Code::unsupported,
                         "the NVRTC that was found is " + std::to_string(major) + "." +
                             std::to_string(minor) +
                             ", expected 12.x: 11 knows no dp4a and 13 no GPU below sm_75");
  nvrtc.functions_ = &functions;
  return nvrtc;
}

Result<const Nvrtc*> Nvrtc::load(const std::string& path) {
  static const Result<Nvrtc> loaded = open(path);
  if (!loaded.ok()) return loaded.status();
  return &*loaded;
}

Result<std::string> Nvrtc::run(const std::string& source, const std::string& name,
                               std::span<const char* const> options, CodeKind kind, std::string& log) const {
  Program program = nullptr;
  if (functions_->create(&program, source.c_str(), (name + ".cu").c_str(), 0, nullptr, nullptr) != 0)
    return Status::error(Code::internal, "NVRTC takes no program named " + name);
  const int code = functions_->compile(program, int(options.size()), options.data());
  size_t size = 0;
  functions_->log_size(program, &size);
  log.resize(size);
  if (size > 0) functions_->log(program, log.data());
  std::string bytes;
  if (code == 0) {
    (kind == CodeKind::cubin ? functions_->cubin_size : functions_->ptx_size)(program, &size);
    bytes.resize(size);
    (kind == CodeKind::cubin ? functions_->cubin : functions_->ptx)(program, bytes.data());
  }
  functions_->destroy(&program);
  if (code != 0 || bytes.empty())
    return Status::error(Code::internal, "the kernel " + name + " does not compile:\n" + log);
  return bytes;
}

Result<CompiledCode> Nvrtc::compile(const std::string& source, const std::string& name, int sm,
                                    CodeKind kind) const {
  std::vector<std::string> texts = options_for(sm, kind);
  if (source.find("#define RK_KEEP_ORDER 1") != std::string::npos) texts.emplace_back("--ptxas-options=-O1");
  std::vector<const char*> options;
  for (const std::string& text : texts) options.push_back(text.c_str());
  CompiledCode compiled;
  std::string log;
  RK_TRY(compiled.image.bytes, run(source, name, options, kind, log));
  compiled.image.kind = kind;
  compiled.image.sm = uint32_t(sm);
  compiled.report = read_assembler_log(log);
  return compiled;
}

}  // namespace rekindle::cuda
