#include "runtime/loop.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

namespace pillion::runtime {
namespace asio = boost::asio;

Loop::Loop(Log& log)
    : log_(log), tasks_(io_.get_executor(), [this](std::string_view task, std::string_view what) {
        log_.error("task failed", {{"task", task}, {"error", what}});
      }) {}

void Loop::schedule(Flushable& flushable) {
  if (flushable.scheduled_) return;
  flushable.scheduled_ = true;
  flush_next_.push_back(&flushable);
  // A posted handler runs after every handler that is ready now: that is the end of the turn.
  if (flush_next_.size() == 1) asio::post(io_, [this] { end_turn(); });
}

void Loop::unschedule(Flushable& flushable) {
  if (!flushable.scheduled_) return;
  flushable.scheduled_ = false;
  std::replace(flush_next_.begin(), flush_next_.end(), &flushable, static_cast<Flushable*>(nullptr));
  std::replace(flushing_.begin(), flushing_.end(), &flushable, static_cast<Flushable*>(nullptr));
}

void Loop::end_turn() {
  flushing_.swap(flush_next_);
  for (std::size_t i = 0; i < flushing_.size(); ++i) {
    auto* const flushable = flushing_[i];
    if (flushable == nullptr) continue;
    flushing_[i] = nullptr;
    flushable->scheduled_ = false;
    flushable->flush();
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

void Loop::on_timer() {
  armed_ = Time::max();
  deadlines().expire(clock().refresh());
  arm();
}

}  // namespace pillion::runtime
