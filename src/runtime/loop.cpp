#include "runtime/loop.hpp"

#include <algorithm>
#include <chrono>

#include <boost/asio/post.hpp>

namespace pillion::runtime {
namespace {

/// A deadline that is this late shows that the process did not run meanwhile: it was stopped, or its machine was.
constexpr std::chrono::seconds stood_still{1};
/// Enough for 8,192 sockets, since Asio takes at most 128 events at once.
constexpr unsigned most_looks = 64;

}  // namespace

Loop::Loop(Log& log)
    // TaskGroup calls this while it handles the task's exception.
    : log_(log), tasks_(io_.get_executor(), [this](std::string_view task, std::string_view) { errors_.note(task); }) {}

void Loop::run() {
  // io_context::run() returns as soon as it has no work. The output that the last handlers scheduled must still be
  // flushed, and a flush may start new work.
  for (bool again = true; again;) {
    io_.restart();
    const bool handled = run_handlers();
    again = end_turn() || handled;
  }
}

bool Loop::run_handlers() {
  try {
    return io_.run() > 0;
  } catch (...) {
    errors_.note("handler");
    return true;
  }
}

void Loop::schedule(Flushable& flushable) {
  if (flushable.scheduled_) return;
  flush_next_.push_back(&flushable);
  flushable.scheduled_ = true;
}

void Loop::schedule_last(Flushable& flushable) {
  if (flushable.scheduled_) return;
  flush_last_.push_back(&flushable);
  flushable.scheduled_ = true;
}

void Loop::unschedule(Flushable& flushable) {
  if (!flushable.scheduled_) return;
  flushable.scheduled_ = false;
  for (auto* const list : {&flush_next_, &flush_last_, &flushing_})
    std::replace(list->begin(), list->end(), &flushable, static_cast<Flushable*>(nullptr));
}

/// True if something was flushed. What a flush schedules waits for the next turn, except that the first ones may
/// schedule the last ones of this turn.
bool Loop::end_turn() {
  ++turn_;
  if (!has_flushes()) return false;
  flush_all(flush_next_);
  flush_all(flush_last_);
  return true;
}

void Loop::flush_all(std::vector<Flushable*>& scheduled) {
  flushing_.swap(scheduled);
  for (std::size_t i = 0; i < flushing_.size(); ++i) {
    auto* const flushable = flushing_[i];
    if (flushable == nullptr) continue;
    flushing_[i] = nullptr;
    flushable->scheduled_ = false;
    contain("flush", [&] { flushable->flush(); }, [] {});
  }
  flushing_.clear();
}

void Loop::deadline_set(Time at) {
  if (at < armed_) arm();
}

void Loop::arm() {
  const auto next = deadlines().next();
  if (!next) {
    armed_ = Time::max();
    return;
  }
  armed_ = *next;
  timer_.expires_at(armed_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_timer();
  });
}

/// True if deadlines must wait for another look at the kernel's events. After a pause of the process, what arrived in
/// time lies unread in more sockets than one look finds, and their deadlines would take them for silent.
bool Loop::lets_events_pass(Time now) {
  return now - armed_ >= stood_still && io_.has_found_events() && ++looks_ < most_looks;
}

void Loop::on_timer() {
  const auto now = clock().refresh();
  if (lets_events_pass(now)) {
    boost::asio::post(io(), [this] { on_timer(); });
    return;
  }
  looks_ = 0;
  armed_ = Time::max();
  // Goes on with the remaining deadlines after one has thrown.
  while (!contain("deadline", [&] { deadlines().expire(now); }, [] {})) continue;
  arm();
}

}  // namespace pillion::runtime
