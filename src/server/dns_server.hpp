#pragma once
// All listeners of one shard.

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "server/tcp_listener.hpp"
#include "server/udp_listener.hpp"

namespace pillion::server {

class DnsServer final : runtime::Deadline, BanListener {
 public:
  /// The references must outlive this.
  DnsServer(runtime::Loop& loop, const config::Config& settings, SharedLimits& limits, resolve::Resolver& resolver,
            runtime::MemoryShares& memory, DnsMetrics& metrics);
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;
  ~DnsServer() override { process_.clients.remove_listener(*this); }

  /// Applies the settings from now on, except the addresses and the limits of the process.
  void configure(const config::Config& settings);
  /// Adds an address to listen on: when the server starts, or at once if it has started. Throws
  /// boost::system::system_error.
  void listen(ListenAddress address);
  /// Stops listening on the addresses that are not in `listen`. What the kernel has received for them is still
  /// answered, and their TCP clients are finished. Calls `released` with the descriptor of each of their sockets,
  /// which another process may hold too.
  void keep_only(const std::vector<config::Endpoint>& listen, const std::function<void(int)>& released);

  /// The addresses that keep_only() has released and from which the last answers still leave. From now on sockets of
  /// this process can be bound to them (Occupant::released). Throws boost::system::system_error.
  [[nodiscard]] std::vector<config::Endpoint> let_take_back();

  /// As QueryHandler::observe_queries().
  void observe_queries(QueryObserver& observer) { handler_.observe_queries(observer); }
  /// As QueryHandler::observe_answers().
  void observe_answers(AnswerObserver& observer) { handler_.observe_answers(observer); }

  void start();
  /// Tells clients to connect elsewhere, and still answers them.
  void begin_drain() { handler_.set_draining(); }
  /// Accepts no new TCP clients and closes those that have been idle since `idle_since`. The others, and UDP clients,
  /// are still answered.
  void let_go(runtime::Time idle_since);
  /// True if a query is in flight, or an answer was not yet written to its client.
  [[nodiscard]] bool is_busy() const;
  /// The later of two times: when the last query came, and when an answer was last given that had been waited for.
  [[nodiscard]] runtime::Time last_activity() const;
  /// Takes no more queries except those that the kernel has received. Ends TCP connections when their clients have
  /// everything.
  void finish();
  /// True once finish() only waits for the end of the turn.
  [[nodiscard]] bool is_finished() const;
  /// Frees some memory that a peak has left. True if there is more. Must not be called from within a call of a
  /// handler.
  [[nodiscard]] bool trim() { return handler_.trim(); }
  /// Closes everything. Answers that are discarded count as undelivered.
  void stop();
  /// True once everything has ended. This may be destroyed once the queries that are still being resolved are answered
  /// too.
  [[nodiscard]] bool is_stopped() const;
  /// For the admin server.
  [[nodiscard]] std::vector<ClientFacts> clients(runtime::Time now) const { return admission_.table().snapshot(now); }
  [[nodiscard]] const RecentQueries& recent() { return handler_.recent(); }
  /// The addresses that it listens on, in the order in which they were added.
  [[nodiscard]] std::vector<config::Endpoint> addresses() const;

 private:
  /// The listeners of one address.
  struct Listeners {
    config::Endpoint endpoint;  // as configured
    std::unique_ptr<UdpListener> udp;
    std::unique_ptr<TcpListener> tcp;
  };
  /// How often released addresses are checked.
  static constexpr std::chrono::milliseconds look_every{20};

  static void start(Listeners& listeners);
  void stop_unused();
  void expired(runtime::Time now) override;
  void bans_wait() override;
  template <typename Action>
  void for_each(Action action);
  template <typename Predicate>
  [[nodiscard]] bool any_of(Predicate predicate) const;

  runtime::Loop& loop_;
  SharedLimits& process_;
  SessionLimits limits_;
  ClientAdmission admission_;
  QueryHandler handler_;
  ClientMemory memory_;
  TurnQueue turns_;
  bool is_started_ = false;
  std::vector<Listeners> listeners_;
  std::vector<Listeners> released_;  // until nothing on them is in progress
};

}  // namespace pillion::server
