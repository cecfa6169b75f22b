#include "app/shard.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "app/resolver_setup.hpp"

namespace pillion::app {
namespace asio = boost::asio;

namespace {

/// How often a shard checks whether a new generation's connections are open.
constexpr std::chrono::milliseconds warm_poll{2};

}  // namespace

Shard::Shard(const Plan& plan, std::vector<server::ListenAddress> addresses, SharedParts& shared, runtime::Log& log,
             const MakeShardObservers& make_observers)
    : loop_(log),
      memory_(shared.memory.division, plan.config.threads),
      cache_size_(shared.cache_size(plan.config)),
      observers_(make_observers(loop_)),
      upstreams_(make_upstreams(loop_, plan, {}, memory_.queries, server_metrics_, observers_.of_server)),
      resolver_(loop_, loop_.random(), loop_.log(), memory_, setup_of(plan, upstreams_)),
      server_(loop_, plan.config, shared.limits, resolver_, memory_, metrics_),
      explainer_(loop_, resolver_, plan.config.dns.udp_payload),
      trimmer_(loop_, memory_, plan.config.threads, [this] {
        const bool is_more = server_.trim();
        return resolver_.trim() || is_more;
      }) {
  for (auto* const observer : observers_.of_queries) server_.observe_queries(*observer);
  for (auto* const observer : observers_.of_answers) server_.observe_answers(*observer);
  for (auto& address : addresses) server_.listen(std::move(address));
}

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

void Shard::explain(const server::ExplainedQuestion& question,
                    std::function<void(std::optional<server::Explanation>)> done) {
  const auto hand_over = [done](server::Explanation explanation) { done(std::move(explanation)); };
  if (!explainer_.explain(question, hand_over)) done(std::nullopt);
}

void Shard::look(std::function<void(admin::ShardView&)> visit) {
  asio::post(loop_.io(), [this, visit = std::move(visit)] {
    loop_.clock().refresh();
    visit(*this);
  });
}

std::vector<admin::ServerView> Shard::servers() {
  std::vector<admin::ServerView> views;
  for (const auto& upstream : upstreams_) {
    for (const auto* const server : upstream.servers)
      views.push_back({.upstream = upstream.parts->settings.name,
                       .server = server->server(),
                       .facts = server->facts(loop_.clock().now())});
  }
  return views;
}

void Shard::let_take_back(std::function<void(std::vector<config::Endpoint>)> done) {
  asio::post(loop_.io(), [this, done = std::move(done)] {
    std::vector<config::Endpoint> addresses;
    // Without it, binding them says what is wrong.
    loop_.contain("reload", [&] { addresses = server_.let_take_back(); }, [] {});
    done(std::move(addresses));
  });
}

void Shard::prepare(std::shared_ptr<const Plan> plan, std::vector<server::ListenAddress> added,
                    runtime::Duration patience, std::function<void(std::optional<std::string> error)> done) {
  asio::post(
      loop_.io(), [this, plan = std::move(plan), added = std::move(added), patience, done = std::move(done)]() mutable {
        if (drain_) return done("Pillion is draining");
        try {
          Prepared next{.plan = std::move(plan), .upstreams = {}, .generation = nullptr, .added = std::move(added)};
          next.upstreams =
              make_upstreams(loop_, *next.plan, upstreams_, memory_.queries, server_metrics_, observers_.of_server);
          next.generation = std::make_unique<resolve::Generation>(loop_, setup_of(*next.plan, next.upstreams));
          discard_prepared();
          prepared_ = std::move(next);
          // From here on the generation has connections, and must not be destroyed before they are closed.
          prepared_->generation->start();
          loop_.tasks().spawn(warm(loop_.clock().refresh() + patience, done), "reload");
        } catch (const std::exception& error) {
          done(error.what());
        }
      });
}

/// Waits until the new connections are open, so that no query waits for them.
asio::awaitable<void> Shard::warm(runtime::Time until, std::function<void(std::optional<std::string> error)> done) {
  asio::steady_timer timer(loop_.io());
  while (prepared_ && !prepared_->generation->is_warm() && loop_.clock().now() < until) {
    timer.expires_after(warm_poll);
    co_await timer.async_wait(asio::use_awaitable);
    loop_.clock().refresh();
  }
  done(std::nullopt);
}

void Shard::commit(std::function<void(int)> released, std::function<void(const ShardUpstreams* upstreams)> done) {
  asio::post(loop_.io(), [this, released = std::move(released), done = std::move(done)] {
    if (!prepared_ || drain_) return done(nullptr);
    auto& next = *prepared_;
    const auto swap = [&] {
      server_.configure(next.plan->config);
      explainer_.set_udp_payload(next.plan->config.dns.udp_payload);
      for (auto& address : next.added) server_.listen(std::move(address));
      server_.keep_only(next.plan->config.dns.listen, released);
      resolver_.replace(std::move(next.generation));
      upstreams_ = std::move(next.upstreams);
      prepared_.reset();
    };
    // If swapping throws, the prepared generation stays until it is discarded.
    const bool swapped = loop_.contain("reload", swap, [] {});
    done(swapped ? &upstreams_ : nullptr);
  });
}

void Shard::discard() {
  asio::post(loop_.io(), [this] { discard_prepared(); });
}

void Shard::discard_prepared() {
  if (prepared_) resolver_.retire(*prepared_->generation);
  prepared_.reset();
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
  // A generation that a reload has prepared is discarded too.
  discard_prepared();
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

/// Answers what has arrived until now, and delivers the answers if there is time.
asio::awaitable<void> Shard::deliver() {
  server_.finish();
  // Immediate answers are sent at the end of the turn even if no time is left.
  co_await asio::post(loop_.io(), asio::use_awaitable);
  for (auto now = loop_.clock().refresh(); now < drain_->end() && !server_.is_finished(); now = loop_.clock().refresh())
    co_await pause_until(std::min<runtime::Time>(now + Drain::busy_interval, drain_->end()));
}

/// Waits until `time`, or until a second signal comes.
asio::awaitable<void> Shard::pause_until(runtime::Time time) {
  drain_timer_.expires_at(time);
  boost::system::error_code ignored;
  co_await drain_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace pillion::app
