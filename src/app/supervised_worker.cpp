#include "app/supervised_worker.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include "app/socket_passing.hpp"

namespace pillion::app {
namespace {

/// The exit code of a worker whose supervisor has gone.
constexpr int exit_orphaned = 1;

void signal_supervisor(const Handover& handover, int value) {
  ::sigqueue(handover.supervisor, socket_signal(), {.sival_int = value});
}

}  // namespace

void follow_supervisor(const Handover& handover) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The supervisor may have gone before.
  if (::getppid() != handover.supervisor) ::_exit(exit_orphaned);
  // The kernel names a program that is executed by its descriptor after the descriptor's number.
  ::prctl(PR_SET_NAME, "pillion");
}

void hand_to_supervisor(const Handover& handover, int descriptor) {
  // Signalled after each one, since the supervisor must make room for the next.
  if (handover.channel >= 0 && send_descriptor(handover.channel, descriptor)) signal_supervisor(handover, take_sockets);
}

void release_socket(const Handover& handover, int descriptor) {
  if (handover.supervisor != 0) signal_supervisor(handover, descriptor);
}

}  // namespace pillion::app
