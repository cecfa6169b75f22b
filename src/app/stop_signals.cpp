#include "app/stop_signals.hpp"

namespace pillion::app {
namespace {

void change_mask(int how) {
  sigset_t set;
  sigemptyset(&set);
  add_stop_signals(set);
  ::pthread_sigmask(how, &set, nullptr);
}

}  // namespace

void block_stop_signals() {
  change_mask(SIG_BLOCK);
}

StopSignalsUnblocked::StopSignalsUnblocked() {
  change_mask(SIG_UNBLOCK);
}

}  // namespace pillion::app
