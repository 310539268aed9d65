// Forked workers that write their result to a pipe.
// SPDX-License-Identifier: Apache-2.0
#include "cli/workers.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

namespace rekindle::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMostOutput = size_t(1) << 20;

struct Running {
  size_t index = 0;
  pid_t process = 0;
  int pipe = -1;
  Clock::time_point deadline;
  std::string output;
  bool timed_out = false;
};

[[noreturn]] void be_worker(int pipe, size_t index, const WorkerLimits& limits,
                            const std::function<std::string(size_t)>& work) {
  const rlimit memory{rlim_t(limits.memory_bytes), rlim_t(limits.memory_bytes)}, no_core{0, 0};
  setrlimit(RLIMIT_AS, &memory);
  setrlimit(RLIMIT_CORE, &no_core);
  const std::string output = work(index);
  for (size_t at = 0; at < output.size();) {
    const ssize_t wrote = write(pipe, output.data() + at, output.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) _exit(1);
    at += size_t(wrote);
  }
  _exit(0);  // nothing of the parent's is flushed or destroyed here
}

Result<Running> start(size_t index, const WorkerLimits& limits,
                      const std::function<std::string(size_t)>& work) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return Status::error(Code::device, std::string("cannot make a pipe: ") + std::strerror(errno));
  std::fflush(nullptr);
  const pid_t process = fork();
  if (process < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return Status::error(Code::device, std::string("cannot start a process: ") + std::strerror(error));
  }
  if (process == 0) {
    close(ends[0]);
    be_worker(ends[1], index, limits, work);
  }
  close(ends[1]);
  const auto time =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(limits.seconds));
  return Running{index, process, ends[0], Clock::now() + time, {}, false};
}

WorkerOutcome end_of(Running& worker, const WorkerLimits& limits) {
  close(worker.pipe);
  int status = 0;
  while (waitpid(worker.process, &status, 0) < 0 && errno == EINTR) {
  }
  WorkerOutcome outcome{std::move(worker.output), {}};
  char text[128] = "";
  if (worker.timed_out)
    std::snprintf(text, sizeof text, "took longer than %g s", limits.seconds);
  else if (WIFSIGNALED(status))
    std::snprintf(text, sizeof text, "ended by signal %d (%s)", WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
  else if (WEXITSTATUS(status) != 0)
    std::snprintf(text, sizeof text, "ended with exit code %d", WEXITSTATUS(status));
  outcome.failure = text;
  return outcome;
}

/// Reads what has come; false at the end of the output.
bool read_some(Running& worker) {
  char buffer[4096];
  const ssize_t got = read(worker.pipe, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (worker.output.size() < kMostOutput) worker.output.append(buffer, size_t(got));
  return got > 0;
}

/// Waits for output, an end or a deadline, and removes the workers that ended.
void wait_for_some(std::vector<Running>& running, const WorkerLimits& limits,
                   const std::function<void(size_t, const WorkerOutcome&)>& done) {
  std::vector<pollfd> waited;
  Clock::time_point next = Clock::time_point::max();
  for (const Running& r : running) {
    waited.push_back({r.pipe, POLLIN, 0});
    if (!r.timed_out) next = std::min(next, r.deadline);
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - Clock::now()).count();
  poll(waited.data(), nfds_t(waited.size()), int(std::clamp<int64_t>(left + 1, 0, 1000)));
  std::vector<Running> still;
  for (size_t i = 0; i < running.size(); ++i) {
    Running& r = running[i];
    if (!r.timed_out && Clock::now() >= r.deadline) {
      r.timed_out = true;
      kill(r.process, SIGKILL);
    }
    const bool is_ready = (waited[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
    if (!r.timed_out && (!is_ready || read_some(r))) {
      still.push_back(std::move(r));
      continue;
    }
    const size_t index = r.index;
    done(index, end_of(r, limits));
  }
  running = std::move(still);
}

}  // namespace

Status run_in_processes(size_t count, int jobs, const WorkerLimits& limits,
                        const std::function<std::string(size_t)>& work,
                        const std::function<void(size_t, const WorkerOutcome&)>& done) {
  std::vector<Running> running;
  Status problem;
  for (size_t next = 0; (next < count && problem.ok()) || !running.empty();) {
    while (problem.ok() && next < count && running.size() < size_t(jobs)) {
      auto worker = start(next, limits, work);
      if (!worker.ok()) {
        problem = worker.status();
        break;
      }
      ++next;
      running.push_back(*std::move(worker));
    }
    if (!running.empty()) wait_for_some(running, limits, done);
  }
  return problem;
}

}  // namespace rekindle::cli
