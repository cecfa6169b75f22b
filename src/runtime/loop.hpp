#pragma once
// What every service of a shard shares: the event loop, its clock, its end of turn, its deadlines.

#include <cstdint>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/internal_errors.hpp"
#include "runtime/log.hpp"
#include "runtime/random.hpp"
#include "runtime/schedule.hpp"
#include "runtime/task_group.hpp"
#include "runtime/turn_reactor.hpp"

namespace pillion::runtime {

/// Something with output to send. The loop calls flush() once at the end of a turn, after every handler that was
/// ready, however often the object was scheduled in that turn. So all messages of a turn leave in one write and one
/// TLS record.
class Flushable {
 public:
  Flushable() = default;
  Flushable(const Flushable&) = delete;
  Flushable& operator=(const Flushable&) = delete;

 protected:
  ~Flushable() = default;
  virtual void flush() = 0;

 private:
  friend class Loop;
  bool scheduled_ = false;
};

/// The event loop of one thread. Only that thread may use it.
class Loop final : public Schedule {
 public:
  explicit Loop(Log& log);

  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] Log& log() { return log_; }
  [[nodiscard]] TaskGroup& tasks() { return tasks_; }

  /// Runs until no service has an operation pending. An exception that no contain() caught ends here, is counted and
  /// logged, and the loop goes on.
  void run();
  [[nodiscard]] const InternalErrors& internal_errors() const { return errors_; }
  void note_exception(std::string_view during) noexcept override { errors_.note(during); }

  /// The number of turns so far.
  [[nodiscard]] std::uint64_t turn() const { return turn_; }

  /// Requests a call of flush() at the end of this turn.
  void schedule(Flushable& flushable);
  /// Like schedule(), but flush() comes after that of each object for which schedule() was called: for work that the
  /// output of this turn must not wait for.
  void schedule_last(Flushable& flushable);
  /// Withdraws schedule() and schedule_last(). A Flushable must call this before it is destroyed while scheduled.
  void unschedule(Flushable& flushable);

  /// Cancels the timer, so that run() returns once no service has an operation pending. Called when no deadline is
  /// needed any more.
  void release_timer() { timer_.cancel(); }

 private:
  void deadline_set(Time at) override;
  bool run_handlers();
  bool end_turn();
  [[nodiscard]] bool has_flushes() const { return !flush_next_.empty() || !flush_last_.empty(); }
  void flush_all(std::vector<Flushable*>& scheduled);
  void arm();
  void on_timer();
  [[nodiscard]] bool lets_events_pass(Time now);

  TurnContext io_{[this] {
    end_turn();
    return has_flushes();
  }};
  Log& log_;
  InternalErrors errors_{log_};
  Random random_;
  TaskGroup tasks_;
  boost::asio::steady_timer timer_{io_};
  Time armed_ = Time::max();
  unsigned looks_ = 0;  // for events, while late deadlines let them pass
  std::uint64_t turn_ = 0;
  std::vector<Flushable*> flushing_;
  std::vector<Flushable*> flush_next_;
  std::vector<Flushable*> flush_last_;
};

}  // namespace pillion::runtime
