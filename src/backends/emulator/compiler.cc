// Running c++ on generated sources.
// SPDX-License-Identifier: Apache-2.0
#include "backends/emulator/compiler.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <sstream>
#include <vector>

#include "backends/emulator/language_files.h"
#include "backends/emulator/object_file.h"
#include "base/file.h"

extern char** environ;

namespace rekindle::emulator {

namespace {

constexpr size_t kMostShared = 48 * 1024;  // static shared memory of a block, on every architecture
constexpr size_t kMostLog = 1 << 20;

/// A folder of this process alone, which goes with it.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> make() {
    std::error_code error;
    std::string path = (std::filesystem::temp_directory_path(error) / "rekindle-XXXXXX").string();
    if (error || !mkdtemp(path.data()))
      return Status::error(Code::device, "cannot make a folder for a compilation as " + path);
    return TemporaryFolder(std::move(path));
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Runs the compiler in the folder, with what it prints in `log`. True when it ended well.
Result<bool> run_compiler(const std::string& folder, const std::vector<std::string>& options,
                          const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& o : options) arguments.push_back(const_cast<char*>(o.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&files, folder.c_str());
  pid_t child = 0;
  const int error = posix_spawnp(&child, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0)
    return Status::error(Code::not_found,
                         "the C++ compiler " + options[0] + " cannot be run (" +
                             std::string(strerror(error)) +
                             "); it compiles kernels for the emulator: install the package g++");
  int state = 0;
  while (waitpid(child, &state, 0) < 0)
    if (errno != EINTR) return Status::error(Code::device, "lost sight of the compiler");
  return WIFEXITED(state) && WEXITSTATUS(state) == 0;
}

/// "extern __shared__ char memory[];" declares what the linker makes a name for the emulator's own: `name` is
/// that name then.
Status take_dynamic_shared(std::string& source, std::string& name) {
  constexpr std::string_view kWords = "extern __shared__";
  for (size_t at = 0; (at = source.find(kWords, at)) != std::string::npos;) {
    source.replace(at, kWords.size(), "RK_EMULATOR_DYNAMIC_SHARED");
    const size_t end = source.find('[', at);
    const auto is_letter = [&](size_t i) { return std::isalnum(uint8_t(source[i])) || source[i] == '_'; };
    size_t begin = end == std::string::npos ? at : end;
    while (begin > at && is_letter(begin - 1)) --begin;
    const std::string found = source.substr(begin, end - begin);
    if (end == std::string::npos || found.empty() || (!name.empty() && name != found))
      return Status::error(Code::unsupported,
                           "dynamic shared memory is declared in a way that the emulator does not know, "
                           "expected one name, as in extern __shared__ char memory[]");
    name = found;
  }
  return {};
}

/// A kernel without a word of the architecture is the same for all.
bool depends_on_architecture(const std::string& source) {
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);)
    if (line.substr(0, line.find("//")).find("RK_SM") != std::string::npos) return true;
  return false;
}

Result<std::string> compile_source(const std::string& source, const std::string& name, int sm) {
  RK_TRY(const TemporaryFolder folder, TemporaryFolder::make());
  const std::string file = folder.path() + "/kernel.cc", log = folder.path() + "/log";
  std::string text(language_file("table.cuh"));
  text += language_file("language.cuh");
  text += language_file("tensor_cores.cuh");
  std::string kernel = source, dynamic;
  RK_CHECK(take_dynamic_shared(kernel, dynamic));
  text += "#line 1 \"" + name + ".cu\"\n" + kernel;
  RK_CHECK(write_file_atomically(file, text));
  // No library is linked: the functions that the instrumentation calls are in the source, those of the C
  // library are there when the object is loaded.
  std::vector<std::string> options{"c++",
                                   "-std=c++17",
                                   "-O1",
                                   "-w",
                                   "-fPIC",
                                   "-shared",
                                   "-nostdlib",
                                   "-fsanitize=thread",
                                   "-fno-exceptions",
                                   "-fno-rtti",
                                   "-fno-builtin-memcpy",
                                   "-fno-builtin-memset",
                                   "-ffp-contract=off",
                                   "-fwrapv",
                                   "-fno-strict-aliasing",
                                   "-fvisibility=hidden",
                                   "-DRK_SM=" + std::to_string(sm),
                                   "kernel.cc",
                                   "-o",
                                   "kernel.so"};
  if (!dynamic.empty()) options.push_back("-Wl,--defsym," + dynamic + "=rk_emulator_dynamic");
  RK_TRY(const bool compiled, run_compiler(folder.path(), options, log));
  if (!compiled) {
    const auto printed = read_file(log, kMostLog);
    return Status::error(Code::internal, "the kernel " + name + " does not compile for the emulator:\n" +
                                             (printed.ok() ? *printed : printed.status().message()));
  }
  return read_file(folder.path() + "/kernel.so");
}

class HostCompiler final : public cuda::KernelCompiler {
 public:
  Result<cuda::CompiledCode> compile(const std::string& source, const std::string& name, int sm,
                                     cuda::CodeKind) const override {
    const std::string key = (depends_on_architecture(source) ? std::to_string(sm) : "") + "\n" + source;
    {
      const std::lock_guard lock(mutex_);
      if (const auto known = done_.find(key); known != done_.end()) {
        cuda::CompiledCode same = known->second;
        same.image.sm = uint32_t(sm);
        return same;
      }
    }
    cuda::CompiledCode made;
    RK_TRY(made.image.bytes, compile_source(source, name, sm));
    made.image.kind = cuda::CodeKind::emulated;
    made.image.sm = uint32_t(sm);
    RK_TRY(const ObjectFile object, read_object(made.image.bytes));
    size_t shared = 0;
    for (const SharedVariable& v : object.shared) shared += v.bytes;
    if (shared > kMostShared)
      return Status::error(Code::internal, "the kernel " + name + " has " + std::to_string(shared) +
                                               " bytes of static shared memory, a block may have " +
                                               std::to_string(kMostShared));
    made.report.shared_bytes = int(shared);
    const std::lock_guard lock(mutex_);
    return done_[key] = std::move(made);
  }

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::string, cuda::CompiledCode> done_;
};

}  // namespace

const cuda::KernelCompiler& host_compiler() {
  static const HostCompiler compiler;
  return compiler;
}

}  // namespace rekindle::emulator
