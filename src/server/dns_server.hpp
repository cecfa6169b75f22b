#pragma once
// All listeners of one shard.

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "server/tcp_listener.hpp"
#include "server/udp_listener.hpp"

namespace pillion::server {

class DnsServer final : runtime::Deadline {
 public:
  /// `limits` and `memory` outlive this.
  DnsServer(runtime::Loop& loop, const config::Config& settings, SharedLimits& limits, resolve::Resolver& resolver,
            runtime::MemoryShares& memory, DnsMetrics& metrics);

  /// From now on, but for the addresses and the limits of the process.
  void configure(const config::Config& settings);
  /// Listens on this address too, from the start or, once started, at once. Throws boost::system::system_error.
  void listen(ListenAddress address);
  /// Lets go of the addresses that `listen` does not have: what the kernel has taken in is answered, and their clients
  /// are finished. Calls `released` with each of their sockets, which may be open in another process as well.
  void keep_only(const std::vector<config::Endpoint>& listen, const std::function<void(int)>& released);

  /// As QueryHandler::observe().
  void observe(QueryObserver& observer) { handler_.observe(observer); }

  void start();
  /// Clients are told to go elsewhere, and answered on.
  void begin_drain() { handler_.set_draining(); }
  /// No new TCP clients, and none that have been idle since `idle_since`; the others, and UDP, are answered on.
  void let_go(runtime::Time idle_since);
  /// True if a query is in flight, or an answer has not been written to its client.
  [[nodiscard]] bool is_busy() const;
  /// When the last query came, or an answer that was waited for was given, whichever was later.
  [[nodiscard]] runtime::Time last_activity() const;
  /// Takes no more queries, but those that the kernel has; ends TCP connections when their clients have everything.
  void finish();
  /// True once finish() has nothing more to wait for but the end of the turn.
  [[nodiscard]] bool is_finished() const;
  /// Gives back some of what a peak has left; true if there is more. Not from within a call of a handler's.
  [[nodiscard]] bool trim() { return handler_.trim(); }
  /// Closes everything. Answers that are thrown away are counted as undelivered.
  void stop();
  /// True once everything has ended, so that this may be destroyed when the queries that are still resolved are
  /// answered.
  [[nodiscard]] bool is_stopped() const;
  /// For people who look.
  [[nodiscard]] std::vector<ClientFacts> clients(runtime::Time now) const { return admission_.table().snapshot(now); }
  [[nodiscard]] const RecentQueries& recent() { return handler_.recent(); }
  /// The addresses that are listened on, in the order in which they came.
  [[nodiscard]] std::vector<config::Endpoint> addresses() const;

 private:
  /// An address that is listened on.
  struct Listeners {
    config::Endpoint endpoint;  // as configured
    std::unique_ptr<UdpListener> udp;
    std::unique_ptr<TcpListener> tcp;
  };
  /// How often addresses that are let go of are looked at.
  static constexpr std::chrono::milliseconds look_every{20};

  static void start(Listeners& listeners);
  void stop_unused();
  void expired(runtime::Time now) override;
  template <typename Action>
  void for_each(Action action);
  template <typename Predicate>
  [[nodiscard]] bool any_of(Predicate predicate) const;

  runtime::Loop& loop_;
  SessionLimits limits_;
  ClientAdmission admission_;
  QueryHandler handler_;
  ClientMemory memory_;
  bool is_started_ = false;
  std::vector<Listeners> listeners_;
  std::vector<Listeners> released_;  // until nothing of them is under way
};

}  // namespace pillion::server
