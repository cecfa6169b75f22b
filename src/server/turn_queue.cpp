#include "server/turn_queue.hpp"

namespace pillion::server {

void TurnQueue::wait(TurnWaiter& waiter) {
  if (waiter.is_waiting_for_turn()) return;
  waiters_.push_back(waiter);
  loop_.schedule_last(*this);
}

void TurnQueue::flush() {
  // Those that wait again do not go on before the next turn.
  Waiters due;
  due.swap(waiters_);
  while (!due.empty() && work_.may_go_on(loop_.turn(), loop_.clock().refresh())) {
    auto& waiter = due.front();
    due.pop_front();
    waiter.go_on();
  }
  waiters_.splice(waiters_.begin(), due);
  if (!waiters_.empty()) loop_.schedule_last(*this);
}

}  // namespace pillion::server
