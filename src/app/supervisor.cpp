#include "app/supervisor.hpp"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
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

#include "app/reload_outcome.hpp"
#include "app/relocated_data.hpp"
#include "app/restart_policy.hpp"
#include "app/socket_passing.hpp"

namespace pillion::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int cannot_start = 1;
/// The value of this signal is the descriptor of a socket to close.
int release_signal() {
  return SIGRTMIN;
}

/// This very file, to be executed again: the worker gets an address space laid out anew, so that one crash tells an
/// attacker nothing about the next worker.
struct Program {
  int descriptor = -1;         // even if another file has been put in its place; -1: only the path is known
  const char* path = nullptr;  // as the kernel was told
};

Program own_program() {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  const auto* const path = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  int descriptor = ::open("/proc/self/exe", O_PATH | O_CLOEXEC);
  if (descriptor < 0) descriptor = ::open(path, O_PATH | O_CLOEXEC);
  return {.descriptor = descriptor, .path = path};
}

/// Signals that are meant for the worker. It is started with them blocked, so that none ends it before it listens.
constexpr std::array passed_signals = {SIGTERM, SIGINT, SIGHUP};

void add_passed_signals(sigset_t& set) {
  for (const int number : passed_signals) sigaddset(&set, number);
}

class Supervisor {
 public:
  Supervisor(char** argv, Program program, std::vector<int> sockets, const sigset_t& usual_mask)
      : argv_(argv), program_(program), usual_mask_(usual_mask) {
    told_.supervisor = ::getpid();
    told_.sockets = std::move(sockets);
    told_.outcome = outcome_.descriptor();
  }

  /// Waits for signals, and for the time of the next start while there is no worker.
  [[noreturn]] void run(const sigset_t& awaited);

 private:
  void handle(const siginfo_t& signal);
  void pass_on(int number);
  void release(const siginfo_t& signal);
  void reap();
  void worker_ended(int status);
  void start_worker();
  [[noreturn]] void become_worker();
  void close_sockets();
  void start_after(RestartBackoff::Duration pause) { start_at_ = Clock::now() + pause; }

  char** argv_;
  Program program_;
  // Here, so that `pillion reload` finds it in process 1, and it outlives workers.
  ReloadOutcome outcome_;
  sigset_t usual_mask_;
  Handover told_;  // what the next worker is
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
  if (signal.si_signo == release_signal()) return release(signal);
  pass_on(signal.si_signo);
}

void Supervisor::pass_on(int number) {
  if (number != SIGHUP) {
    if (worker_ == 0) ::_exit(0);
    // Only where nobody else has them are they closed when the worker closes them: new clients are refused then.
    ending_ = true;
    close_sockets();
  }
  // A worker that is yet to be started reads the configuration anyway.
  if (worker_ != 0) ::kill(worker_, number);
}

void Supervisor::release(const siginfo_t& signal) {
  if (worker_ == 0 || signal.si_pid != worker_ || signal.si_code != SI_QUEUE) return;
  const auto found = std::ranges::find(told_.sockets, signal.si_value.sival_int);
  if (found == told_.sockets.end()) return;
  ::close(*found);
  told_.sockets.erase(found);
}

/// One SIGCHLD may stand for several processes; process 1 of a container is given those whose parents have gone.
void Supervisor::reap() {
  int status = 0;
  for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (ended == worker_) worker_ended(status);
  }
}

void Supervisor::worker_ended(int status) {
  worker_ = 0;
  if (const auto code = exit_code_after(status, ending_)) ::_exit(*code);
  const auto lived = Clock::now() - started_;
  ++told_.restarts;
  told_.ended_by = WTERMSIG(status);
  told_.lived_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(lived).count());
  start_after(backoff_.next(lived));
}

void Supervisor::start_worker() {
  started_ = Clock::now();
  // _Fork() calls no handlers, which would be those of libraries.
  const pid_t child = is_sanitized ? ::fork() : ::_Fork();
  if (child == 0) become_worker();
  if (child < 0) return start_after(backoff_.next(Clock::duration::zero()));
  worker_ = child;
}

void Supervisor::become_worker() {
  // What a terminal sends to its foreground processes is not to come twice.
  ::setpgid(0, 0);
  for (const int socket : told_.sockets) ::fcntl(socket, F_SETFD, 0);
  ::fcntl(told_.outcome, F_SETFD, 0);
  ::setenv(handover_variable, to_text(told_).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  auto mask = usual_mask_;
  add_passed_signals(mask);
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  ::execveat(program_.descriptor, "", argv_, environ, AT_EMPTY_PATH);
  ::execv(program_.path, argv_);
  std::perror("pillion: cannot start the worker");
  ::_exit(cannot_start);
}

void Supervisor::close_sockets() {
  for (const int socket : told_.sockets) ::close(socket);
  told_.sockets.clear();
}

/// The exit code of the process that binds.
int code_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return cannot_start;
  }
  return exit_code_after(status, true).value_or(cannot_start);
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  ::_exit(cannot_start);
}

}  // namespace

void supervise(char** argv) {
  const auto program = own_program();
  // Whoever started this may ignore it, and then children leave no status.
  std::signal(SIGCHLD, SIG_DFL);
  sigset_t awaited;
  sigemptyset(&awaited);
  add_passed_signals(awaited);
  for (const int number : {SIGCHLD, release_signal()}) sigaddset(&awaited, number);
  sigset_t usual_mask;
  ::pthread_sigmask(SIG_BLOCK, &awaited, &usual_mask);

  std::array<int, 2> channel{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel.data()) != 0) fail("pillion: socketpair");
  const pid_t child = ::fork();
  if (child < 0) fail("pillion: fork");
  if (child == 0) {
    ::close(channel[0]);
    if (program.descriptor >= 0) ::close(program.descriptor);
    Handover handover;
    handover.report = channel[1];
    ::setenv(handover_variable, to_text(handover).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    ::pthread_sigmask(SIG_SETMASK, &usual_mask, nullptr);
    return;
  }
  ::close(channel[1]);
  auto sockets = receive_descriptors(channel[0]);
  ::close(channel[0]);
  const int code = code_of(child);
  if (code != 0) ::_exit(code);
  if (!sockets) {
    // It had nothing to bind, as with --help.
    if (sockets.error() == EPIPE) ::_exit(code);
    errno = sockets.error();
    fail("pillion: sockets");
  }

  Supervisor supervisor(argv, program, std::move(*sockets), usual_mask);
  discard_relocated_data();
  supervisor.run(awaited);
}

void follow_supervisor(const Handover& handover) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have gone before.
  if (::getppid() != handover.supervisor) ::_exit(cannot_start);
  // The kernel knows a program that is executed by its descriptor under the descriptor's number.
  ::prctl(PR_SET_NAME, "pillion");
}

void release_inherited_socket(const Handover& handover, int descriptor) {
  if (handover.supervisor != 0) ::sigqueue(handover.supervisor, release_signal(), {.sival_int = descriptor});
}

}  // namespace pillion::app
