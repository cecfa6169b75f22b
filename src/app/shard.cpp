#include "app/shard.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace pillion::app {
namespace asio = boost::asio;

namespace {

/// Clients that asked nothing for so long are taken to be done.
constexpr std::chrono::milliseconds quiet_period{500};
/// How often a draining shard looks whether it is done.
constexpr std::chrono::milliseconds drain_poll{20};

}  // namespace

Shard::Shard(const config::Config& config, server::PortUse port_use, SharedParts& shared, runtime::Log& log)
    : loop_(log),
      memory_(shared.memory.division, config.threads),
      group_metrics_(config.upstreams.begin(), config.upstreams.end()),
      resolver_(loop_, loop_.random(), loop_.log(), memory_,
                make_setup(loop_, config, shared.tls, shared.loop_labels, memory_, group_metrics_)),
      server_(loop_, config, port_use, shared.inherited, shared.limits, resolver_, memory_, metrics_),
      trimmer_(loop_, memory_, [this] {
        server_.trim();
        resolver_.trim();
      }) {}

void Shard::start() {
  resolver_.start();
  server_.start();
  trimmer_.start();
}

void Shard::drain(runtime::Duration grace, std::function<void()> done) {
  asio::post(loop_.io(), [this, grace, done = std::move(done)]() mutable {
    const auto until = loop_.clock().refresh() + grace;
    drain_until_ = draining_ ? std::min(drain_until_, until) : until;
    if (std::exchange(draining_, true)) return;
    loop_.tasks().spawn(finish(std::move(done)), "drain");
  });
}

asio::awaitable<void> Shard::finish(std::function<void()> done) {
  asio::steady_timer timer(loop_.io());
  const auto pause = [&timer] {
    timer.expires_after(drain_poll);
    return timer.async_wait(asio::use_awaitable);
  };
  server_.begin_drain();
  while (!server_.is_quiet(quiet_period) && loop_.clock().now() < drain_until_) {
    co_await pause();
    loop_.clock().refresh();
  }
  trimmer_.stop();
  server_.stop();
  resolver_.stop();
  while (!server_.is_stopped() || !resolver_.is_stopped()) co_await pause();
  loop_.release_timer();
  done();
}

}  // namespace pillion::app
