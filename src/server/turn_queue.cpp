#include "server/turn_queue.hpp"

namespace pillion::server {

void TurnQueue::wait(TurnWaiter& waiter) {
  wait_in(waiters_, waiter);
}

void TurnQueue::wait_as_new(TurnWaiter& waiter) {
  wait_in(new_, waiter);
}

void TurnQueue::wait_in(Waiters& waiters, TurnWaiter& waiter) {
  if (waiter.is_waiting_for_turn()) return;
  waiters.push_back(waiter);
  loop_.schedule_last(*this);
}

void TurnQueue::go_on_with_first(Waiters& waiters) {
  auto& waiter = waiters.front();
  waiters.pop_front();
  waiter.go_on();
}

void TurnQueue::flush() {
  while (!new_.empty() && work_.may_serve_waiting_new(loop_.turn(), loop_.clock().refresh())) go_on_with_first(new_);
  // Those that wait again do not go on before the next turn.
  Waiters due;
  due.swap(waiters_);
  while (!due.empty() && work_.may_go_on(loop_.turn(), loop_.clock().refresh())) go_on_with_first(due);
  waiters_.splice(waiters_.begin(), due);
  if (!new_.empty() || !waiters_.empty()) loop_.schedule_last(*this);
}

}  // namespace pillion::server
