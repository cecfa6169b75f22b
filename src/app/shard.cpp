#include "app/shard.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "app/resolver_setup.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

/// Clients that asked nothing for so long are taken to be done.
constexpr std::chrono::milliseconds quiet_period{500};
/// How often a draining shard looks whether it is done.
constexpr std::chrono::milliseconds drain_poll{20};
/// How often a shard looks whether the connections of a new generation are open.
constexpr std::chrono::milliseconds warm_poll{2};

}  // namespace

Shard::Shard(const Plan& plan, const std::vector<config::Endpoint>& listen, server::PortUse port_use,
             SharedParts& shared, runtime::Log& log)
    : loop_(log),
      memory_(shared.memory.division, plan.config.threads),
      cache_size_(shared.cache_size(plan.config)),
      upstreams_(make_upstreams(loop_, plan, {}, memory_.queries, server_metrics_)),
      resolver_(loop_, loop_.random(), loop_.log(), memory_, setup_of(plan, upstreams_)),
      server_(loop_, plan.config, listen, port_use, shared.inherited, shared.limits, resolver_, memory_, metrics_),
      trimmer_(loop_, memory_, [this] {
        server_.trim();
        resolver_.trim();
      }) {}

resolve::Setup Shard::setup_of(const Plan& plan, const ShardUpstreams& upstreams) const {
  auto setup = make_setup(plan.config, upstreams);
  setup.cache.size = cache_size_;
  return setup;
}

void Shard::start() {
  resolver_.start();
  server_.start();
  trimmer_.start();
}

void Shard::prepare(std::shared_ptr<const Plan> plan, runtime::Duration patience,
                    std::function<void(std::optional<std::string> error)> done) {
  asio::post(loop_.io(), [this, plan = std::move(plan), patience, done = std::move(done)]() mutable {
    if (draining_) return done("it is draining");
    try {
      Prepared next{.plan = std::move(plan), .upstreams = {}, .generation = nullptr};
      next.upstreams = make_upstreams(loop_, *next.plan, upstreams_, memory_.queries, server_metrics_);
      next.generation = std::make_unique<resolve::Generation>(loop_, setup_of(*next.plan, next.upstreams));
      next.generation->start();
      prepared_ = std::move(next);
    } catch (const std::exception& error) {
      return done(error.what());
    }
    loop_.tasks().spawn(warm(loop_.clock().refresh() + patience, std::move(done)), "reload");
  });
}

/// New connections are opened before queries wait for them.
asio::awaitable<void> Shard::warm(runtime::Time until, std::function<void(std::optional<std::string> error)> done) {
  asio::steady_timer timer(loop_.io());
  while (prepared_ && !prepared_->generation->is_warm() && loop_.clock().now() < until) {
    timer.expires_after(warm_poll);
    co_await timer.async_wait(asio::use_awaitable);
    loop_.clock().refresh();
  }
  done(std::nullopt);
}

void Shard::commit(std::function<void(const ShardUpstreams& upstreams)> done) {
  asio::post(loop_.io(), [this, done = std::move(done)] {
    if (prepared_ && !draining_) {
      auto next = std::move(*prepared_);
      prepared_.reset();
      server_.configure(next.plan->config);
      resolver_.replace(std::move(next.generation));
      upstreams_ = std::move(next.upstreams);
    }
    done(upstreams_);
  });
}

void Shard::discard() {
  asio::post(loop_.io(), [this] {
    if (!prepared_) return;
    auto next = std::move(*prepared_);
    prepared_.reset();
    resolver_.retire(*next.generation);
  });
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
  // What a reload has begun goes as well.
  if (prepared_) resolver_.retire(*prepared_->generation);
  prepared_.reset();
  resolver_.stop();
  while (!server_.is_stopped() || !resolver_.is_stopped()) co_await pause();
  loop_.release_timer();
  done();
}

}  // namespace pillion::app
