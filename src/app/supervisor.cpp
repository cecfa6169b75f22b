#include "app/supervisor.hpp"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "app/handover.hpp"
#include "app/reload_outcome.hpp"
#include "app/relocated_data.hpp"
#include "app/restart_policy.hpp"
#include "app/socket_passing.hpp"
#include "app/stop_signals.hpp"
#include "app/supervised_worker.hpp"

namespace pillion::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int exit_failed = 1;
/// The most sockets of a worker during a reload: two for each of 16 addresses and 256 threads, before and after it.
/// Their room is reserved at the start, since later only functions of libc may be called.
constexpr std::size_t max_sockets = std::size_t{2} * 16 * 256 * 2;

/// This program's file, which is executed again: the worker gets a new address space layout, so that one crash tells
/// an attacker nothing about the next worker.
struct Program {
  int descriptor = -1;         // valid even if another file has replaced it; -1: only the path is known
  const char* path = nullptr;  // as the kernel was given it
};

Program own_program() {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  const auto* const path = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  int descriptor = ::open("/proc/self/exe", O_PATH | O_CLOEXEC);
  if (descriptor < 0) descriptor = ::open(path, O_PATH | O_CLOEXEC);
  return {.descriptor = descriptor, .path = path};
}

class Supervisor {
 public:
  /// `channel` has both ends of the channel by which workers hand over sockets; the worker's is the second.
  Supervisor(char** argv, Program program, const std::vector<int>& sockets, std::array<int, 2> channel,
             const sigset_t& usual_mask)
      : argv_(argv), program_(program), channel_(channel[0]), usual_mask_(usual_mask) {
    sockets_.reserve(max_sockets);
    for (const int socket : sockets) sockets_.push_back({.here = socket, .there = socket});
    told_.supervisor = ::getpid();
    told_.channel = channel[1];
    told_.outcome = outcome_.descriptor();
  }

  /// Waits for signals, and for the next start while there is no worker.
  [[noreturn]] void run(const sigset_t& awaited);

 private:
  void handle(const siginfo_t& signal);
  void pass_on(int number);
  void tend_sockets(const siginfo_t& signal);
  void take_new_sockets();
  void release(int descriptor);
  void reap();
  void worker_ended(int status);
  void start_worker();
  [[noreturn]] void become_worker();
  void close_sockets();
  void start_after(RestartBackoff::Duration pause) { start_at_ = Clock::now() + pause; }

  char** argv_;
  Program program_;
  // Held here, so that `pillion reload` finds it in process 1, and it outlives workers.
  ReloadOutcome outcome_;
  int channel_;
  sigset_t usual_mask_;
  std::vector<PassedDescriptor> sockets_;  // in the order of binding; `there` is the worker
  Handover told_;                          // the next worker's data, without its sockets
  RestartBackoff backoff_;
  pid_t worker_ = 0;  // 0: there is none
  bool ending_ = false;
  Clock::time_point started_;
  Clock::time_point start_at_ = Clock::now();
};

void Supervisor::run(const sigset_t& awaited) {
  for (;;) {
    siginfo_t signal{};
    int number = 0;
    if (worker_ != 0) {
      number = ::sigwaitinfo(&awaited, &signal);
    } else {
      const auto rest = std::max(start_at_ - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(rest);
      const timespec pause{.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(rest - seconds).count()};
      number = ::sigtimedwait(&awaited, &signal, &pause);
    }
    if (number > 0) {
      handle(signal);
    } else if (errno == EAGAIN) {
      start_worker();
    }
  }
}

void Supervisor::handle(const siginfo_t& signal) {
  if (signal.si_signo == SIGCHLD) return reap();
  if (signal.si_signo == socket_signal()) return tend_sockets(signal);
  pass_on(signal.si_signo);
}

void Supervisor::pass_on(int number) {
  if (number != SIGHUP) {
    if (worker_ == 0) ::_exit(0);
    // Sockets are only closed, so that new clients are refused, once no process holds them.
    ending_ = true;
    close_sockets();
  }
  // A worker that has not been started yet reads the configuration anyway.
  if (worker_ != 0) ::kill(worker_, number);
}

void Supervisor::tend_sockets(const siginfo_t& signal) {
  if (worker_ == 0 || signal.si_pid != worker_ || signal.si_code != SI_QUEUE) return;
  if (signal.si_value.sival_int == take_sockets) return take_new_sockets();
  release(signal.si_value.sival_int);
}

void Supervisor::take_new_sockets() {
  while (const auto taken = take_descriptor(channel_)) {
    if (ending_ || sockets_.size() == max_sockets) {
      ::close(taken->here);
    } else {
      sockets_.push_back(*taken);
    }
  }
}

/// The worker may have reused a number before this process hears that it was released: the older socket is meant.
void Supervisor::release(int descriptor) {
  const auto found = std::ranges::find(sockets_, descriptor, &PassedDescriptor::there);
  if (found == sockets_.end()) return;
  ::close(found->here);
  sockets_.erase(found);
}

/// One SIGCHLD may stand for several processes. Process 1 of a container also gets those whose parents have gone.
void Supervisor::reap() {
  int status = 0;
  for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (ended == worker_) worker_ended(status);
  }
}

void Supervisor::worker_ended(int status) {
  worker_ = 0;
  // The worker may have died before its signal was handled.
  take_new_sockets();
  if (const auto code = exit_code_after(status, ending_)) ::_exit(*code);
  const auto lived = Clock::now() - started_;
  ++told_.restarts;
  told_.ended_by = WTERMSIG(status);
  told_.lived_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(lived).count());
  start_after(backoff_.next(lived));
}

void Supervisor::start_worker() {
  started_ = Clock::now();
  // The worker inherits the sockets with the numbers that they have here.
  for (auto& socket : sockets_) socket.there = socket.here;
  // _Fork() calls no handlers, which would be those of libraries.
  const pid_t child = is_sanitized ? ::fork() : ::_Fork();
  if (child == 0) become_worker();
  if (child < 0) return start_after(backoff_.next(Clock::duration::zero()));
  worker_ = child;
}

void Supervisor::become_worker() {
  // A terminal must not send its signals to the worker too.
  ::setpgid(0, 0);
  for (const auto& socket : sockets_) told_.sockets.push_back(socket.here);
  for (const int socket : told_.sockets) ::fcntl(socket, F_SETFD, 0);
  for (const int other : {told_.channel, told_.outcome}) ::fcntl(other, F_SETFD, 0);
  ::setenv(handover_variable, to_text(told_).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  auto mask = usual_mask_;
  // None of them may end the worker before it handles them.
  add_stop_signals(mask);
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  ::execveat(program_.descriptor, "", argv_, environ, AT_EMPTY_PATH);
  ::execv(program_.path, argv_);
  std::perror("pillion: cannot start the worker");
  ::_exit(exit_failed);
}

void Supervisor::close_sockets() {
  for (const auto& socket : sockets_) ::close(socket.here);
  sockets_.clear();
}

/// The exit code of the process that binds.
int code_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return exit_failed;
  }
  return exit_code_after(status, true).value_or(exit_failed);
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  ::_exit(exit_failed);
}

/// Makes both ends of the channel for sockets.
std::array<int, 2> make_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) fail("pillion: socketpair");
  return ends;
}

}  // namespace

void supervise(char** argv) {
  const auto program = own_program();
  // SIGCHLD may have been ignored by the process that started this one; children would then leave no status.
  std::signal(SIGCHLD, SIG_DFL);
  // As the worker does: a signal that ends no proxy without a supervisor must end none with one.
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t awaited;
  sigemptyset(&awaited);
  add_stop_signals(awaited);
  for (const int number : {SIGCHLD, socket_signal()}) sigaddset(&awaited, number);
  sigset_t usual_mask;
  ::pthread_sigmask(SIG_BLOCK, &awaited, &usual_mask);

  auto channel = make_channel();
  const pid_t child = ::fork();
  if (child < 0) fail("pillion: fork");
  if (child == 0) {
    ::close(channel[0]);
    if (program.descriptor >= 0) ::close(program.descriptor);
    Handover handover;
    handover.report = channel[1];
    ::setenv(handover_variable, to_text(handover).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    // A terminal sends its signals to this process too. The supervisor handles them once the sockets are bound.
    add_stop_signals(usual_mask);
    ::pthread_sigmask(SIG_SETMASK, &usual_mask, nullptr);
    return;
  }
  ::close(channel[1]);
  auto sockets = receive_descriptors(channel[0]);
  ::close(channel[0]);
  const int code = code_of(child);
  if (code != 0) ::_exit(code);
  if (!sockets) {
    // The process had nothing to bind, as with --help.
    if (sockets.error() == EPIPE) ::_exit(code);
    errno = sockets.error();
    fail("pillion: sockets");
  }

  Supervisor supervisor(argv, program, *sockets, make_channel(), usual_mask);
  discard_relocated_data();
  supervisor.run(awaited);
}

}  // namespace pillion::app
