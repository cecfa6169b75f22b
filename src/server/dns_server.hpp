#pragma once
// All listeners of one shard.

#include <memory>
#include <vector>

#include "server/tcp_listener.hpp"
#include "server/udp_listener.hpp"

namespace pillion::server {

class DnsServer {
 public:
  /// Listens on every one of `addresses`, with the sockets that `inherited` has for it, or binds them; throws BindError,
  /// or boost::system::system_error. `limits` and `memory` outlive this.
  DnsServer(runtime::Loop& loop, const config::Config& settings, const std::vector<config::Endpoint>& addresses,
            PortUse port_use, InheritedSockets& inherited, SharedLimits& limits, resolve::Resolver& resolver,
            runtime::MemoryShares& memory, DnsMetrics& metrics);

  /// From now on, but for the addresses and the limits of the process.
  void configure(const config::Config& settings);

  /// Of sockets that share their addresses, when all of them are bound: see keep_to().
  void keep_addresses_to(std::size_t sockets);
  void start();
  /// No new TCP clients; those that are there, and UDP, are answered on.
  void begin_drain();
  /// True if nothing is under way, and no query came for `quiet`.
  [[nodiscard]] bool is_quiet(runtime::Duration quiet) const;
  /// Gives back what a peak has left. Not from within a call of a handler's.
  void trim() { handler_.trim(); }
  /// Closes everything.
  void stop();
  /// True once everything has ended, so that this may be destroyed when the queries that are still resolved are
  /// answered.
  [[nodiscard]] bool is_stopped() const;
  /// The addresses that are listened on, in the order of the configuration.
  [[nodiscard]] std::vector<config::Endpoint> addresses() const;

 private:
  void listen(BoundAddress bound);

  runtime::Loop& loop_;
  SessionLimits limits_;
  ClientAdmission admission_;
  QueryHandler handler_;
  ClientMemory memory_;
  std::vector<std::unique_ptr<UdpListener>> udp_;
  std::vector<std::unique_ptr<TcpListener>> tcp_;
};

}  // namespace pillion::server
