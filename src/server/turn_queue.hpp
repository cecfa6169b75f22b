#pragma once
// TCP sessions with more to do than one turn of the loop allows, in the order in which they go on.

#include <boost/intrusive/list.hpp>

#include "runtime/loop.hpp"
#include "server/turn_work.hpp"

namespace pillion::server {

/// Something that waits in a TurnQueue. The destructor takes it out.
class TurnWaiter {
 public:
  TurnWaiter() = default;
  TurnWaiter(const TurnWaiter&) = delete;
  TurnWaiter& operator=(const TurnWaiter&) = delete;

 protected:
  ~TurnWaiter() = default;
  /// Its turn has come. If it has still more to do, it waits again.
  virtual void go_on() = 0;
  [[nodiscard]] bool is_waiting_for_turn() const { return hook_.is_linked(); }
  void stop_waiting_for_turn() { hook_.unlink(); }

 private:
  friend class TurnQueue;
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> hook_;
};

/// The waiting sessions of a shard. They go on after all output of a turn was written, so that no answer waits for
/// them, and as far as the turn's work allows: the new ones first.
class TurnQueue final : runtime::Flushable {
 public:
  explicit TurnQueue(runtime::Loop& loop) : loop_(loop) {}
  ~TurnQueue() { loop_.unschedule(*this); }

  /// What all sessions of the shard do in this turn.
  [[nodiscard]] TurnWork& work() { return work_; }
  /// Goes on at the end of this turn at the earliest. Without effect if it waits already.
  void wait(TurnWaiter& waiter);
  /// The same for a new session that asks little: it waits for other new ones alone, however many queries the turn has
  /// handled.
  void wait_as_new(TurnWaiter& waiter);

 private:
  using Waiters =
      boost::intrusive::list<TurnWaiter,
                             boost::intrusive::member_hook<TurnWaiter, decltype(TurnWaiter::hook_), &TurnWaiter::hook_>,
                             boost::intrusive::constant_time_size<false>>;

  void flush() override;
  void wait_in(Waiters& waiters, TurnWaiter& waiter);
  static void go_on_with_first(Waiters& waiters);

  runtime::Loop& loop_;
  TurnWork work_;
  Waiters new_;
  Waiters waiters_;  // the others
};

}  // namespace pillion::server
