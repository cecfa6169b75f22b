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

/// Something with output to send. However often it is scheduled in a turn, flush() is called once, after every event
/// that was ready: this is what makes one write, and one TLS record, of all the messages of a turn.
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

/// One thread's loop. Everything in it is used from that thread only.
class Loop final : public Schedule {
 public:
  explicit Loop(Log& log);

  [[nodiscard]] boost::asio::io_context& io() { return io_; }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] Log& log() { return log_; }
  [[nodiscard]] TaskGroup& tasks() { return tasks_; }

  /// Runs until no service has anything under way. What handlers throw ends here, if it has not ended where it should:
  /// the others go on.
  void run();
  [[nodiscard]] const InternalErrors& internal_errors() const { return errors_; }
  void note_exception(std::string_view during) noexcept override { errors_.note(during); }

  /// How many turns there were.
  [[nodiscard]] std::uint64_t turn() const { return turn_; }

  /// Asks for flush() at the end of this turn.
  void schedule(Flushable& flushable);
  /// Takes back a schedule(); whoever is destroyed while scheduled must call it.
  void unschedule(Flushable& flushable);

  /// Lets go of the timer, so that run() returns when no service has anything under way. Call when no deadline is
  /// needed any more.
  void release_timer() { timer_.cancel(); }

 private:
  void deadline_set(Time at) override;
  bool run_handlers();
  bool end_turn();
  void arm();
  void on_timer();

  TurnContext io_{[this] {
    end_turn();
    return !flush_next_.empty();
  }};
  Log& log_;
  InternalErrors errors_{log_};
  Random random_;
  TaskGroup tasks_;
  boost::asio::steady_timer timer_{io_};
  Time armed_ = Time::max();
  std::uint64_t turn_ = 0;
  std::vector<Flushable*> flushing_;
  std::vector<Flushable*> flush_next_;
};

}  // namespace pillion::runtime
