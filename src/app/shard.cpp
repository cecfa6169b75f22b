#include "app/shard.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace pillion::app {
namespace asio = boost::asio;

Shard::Shard(const config::Config& config, server::PortUse port_use, SharedParts& shared, runtime::Log& log)
    : loop_(log),
      memory_(shared.memory.division, config.threads),
      group_metrics_(config.upstreams.begin(), config.upstreams.end()),
      resolver_(loop_, loop_.random(), loop_.log(), memory_,
                make_setup(loop_, config, shared.tls, shared.loop_labels, memory_, group_metrics_)),
      server_(loop_, config, port_use, shared.limits, resolver_, memory_, metrics_),
      trimmer_(loop_, memory_, [this] {
        server_.trim();
        resolver_.trim();
      }) {}

void Shard::start() {
  resolver_.start();
  server_.start();
  trimmer_.start();
}

void Shard::drain(const DrainTerms& terms, OnDrained done) {
  asio::post(loop_.io(), [this, terms, done = std::move(done)]() mutable {
    const auto now = loop_.clock().refresh();
    if (drain_) {
      drain_->cut_short(now + terms.timeout);
      drain_timer_.cancel();
      return;
    }
    drain_.emplace(terms, now);
    loop_.tasks().spawn(run_drain(std::move(done)), "drain");
  });
}

asio::awaitable<void> Shard::run_drain(OnDrained done) {
  server_.begin_drain();
  co_await answer_until_quiet();
  trimmer_.stop();
  co_await deliver();
  const auto before = metrics_.responses_undelivered.value();
  server_.stop();
  resolver_.stop();
  while (!server_.is_stopped() || !resolver_.is_stopped())
    co_await pause_until(loop_.clock().refresh() + Drain::busy_interval);
  loop_.release_timer();
  done(metrics_.responses_undelivered.value() - before);
}

asio::awaitable<void> Shard::answer_until_quiet() {
  for (;;) {
    const auto now = loop_.clock().refresh();
    if (drain_->is_past_min(now)) server_.let_go(drain_->quiet_since(now));
    const DrainFacts facts{.is_busy = server_.is_busy(), .last_activity = server_.last_activity()};
    if (drain_->has_ended(facts, now)) co_return;
    co_await pause_until(drain_->next_look(facts, now));
  }
}

/// What has come until now is answered, and what has been answered is delivered, if there is time.
asio::awaitable<void> Shard::deliver() {
  server_.finish();
  // What could be answered at once leaves at the end of the turn, even where no time is left.
  co_await asio::post(loop_.io(), asio::use_awaitable);
  for (auto now = loop_.clock().refresh(); now < drain_->end() && !server_.is_finished(); now = loop_.clock().refresh())
    co_await pause_until(std::min<runtime::Time>(now + Drain::busy_interval, drain_->end()));
}

/// Or until a second signal comes.
asio::awaitable<void> Shard::pause_until(runtime::Time time) {
  drain_timer_.expires_at(time);
  boost::system::error_code ignored;
  co_await drain_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace pillion::app
