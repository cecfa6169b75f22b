#pragma once
// What happens to one message from a client: read, judged, counted, answered here or handed to the resolver.

#include <cstddef>
#include <expected>
#include <optional>
#include <vector>

#include "config/config.hpp"
#include "dns/query.hpp"
#include "dns/response.hpp"
#include "resolve/resolver.hpp"
#include "runtime/loop.hpp"
#include "runtime/memory.hpp"
#include "runtime/slab.hpp"
#include "server/client.hpp"
#include "server/client_admission.hpp"
#include "server/metrics.hpp"
#include "server/observer.hpp"
#include "server/recent_queries.hpp"
#include "server/shared_limits.hpp"

namespace pillion::server {

/// Who sent a message, and how.
struct Sender {
  Transport transport = Transport::udp;
  IpFamily family = IpFamily::ipv4;
  ClientAddress address{};
  std::uint16_t port = 0;
  bool is_local = true;                          ///< TCP only: from a loopback address
  const DatagramPath* path = nullptr;            ///< UDP only
  const ClientConnection* connection = nullptr;  ///< TCP only
};

/// One per shard, shared by its listeners.
class QueryHandler {
 public:
  /// Bytes that a query takes of the memory for queries while it is asked for, here and behind.
  static constexpr std::size_t usual_cost = 1536;

  QueryHandler(runtime::Loop& loop, const config::Dns& settings, SharedLimits& shared, resolve::Resolver& resolver,
               ClientAdmission& admission, runtime::MemoryShares& memory, DnsMetrics& metrics);

  /// From now on; the limits stay as they are.
  void configure(const config::Dns& settings) { settings_ = settings; }
  /// Tells `observer`, which outlives this, of every query from now on.
  void observe(QueryObserver& observer) { observers_.push_back(&observer); }

  enum class Outcome : std::uint8_t {
    accepted,
    invalid,
    failed,  ///< by an exception: nothing was answered, and the query is not to be forgotten
  };
  /// Takes one message. The answer goes to `responder`, now or later; an invalid message has none over TCP, where the
  /// caller closes the connection, and FORMERR at the most over UDP. A message with another opcode than QUERY is laid
  /// out by rules of its own (RFC 8490 section 5.4): whatever follows its header, it is answered NOTIMP.
  Outcome handle(dns::Bytes message, const Sender& sender, Responder& responder);
  /// Gives its client the answer that was kept for it.
  void deliver(ClientQuery& query);
  /// Gives back some of what a peak has left; true if there is more. Not from within a call of this.
  [[nodiscard]] bool trim() { return queries_.trim(); }

  /// While draining, clients are told to close their connections: a timeout of zero (RFC 7828 section 3.4).
  void set_draining() { draining_ = true; }
  [[nodiscard]] bool is_draining() const { return draining_; }
  [[nodiscard]] std::size_t in_flight() const { return queries_.in_use(); }
  /// When the last message came, or the last query that had to wait was answered, whichever was later.
  [[nodiscard]] runtime::Time last_activity() const { return last_activity_; }

  /// The newest queries, where somebody wants to see them.
  [[nodiscard]] RecentQueries& recent() { return recent_; }
  [[nodiscard]] const config::Dns& settings() const { return settings_; }
  [[nodiscard]] SharedLimits& shared() { return shared_; }
  [[nodiscard]] DnsMetrics& metrics() { return metrics_; }
  [[nodiscard]] ClientAdmission& admission() { return admission_; }
  void count_refusal(Refusal refusal) { metrics_.refused[refusal].add(); }

 private:
  friend class ClientQuery;
  [[nodiscard]] Outcome take(dns::Bytes message, const Sender& sender, Responder& responder);
  void answer(ClientQuery& query, const resolve::Answer& answer);
  void reject(dns::QueryError error, dns::Bytes message, const Sender& sender, Responder& responder);
  void answer_header(dns::Bytes message, std::uint16_t rcode, const Sender& sender, Responder& responder);
  void fill(ClientQuery& query, const Sender& sender, Responder& responder);
  [[nodiscard]] std::expected<ClientQuery*, Refusal> accept(const dns::QueryView& view, const Sender& sender,
                                                            Responder& responder);
  void answer_now(const dns::QueryView& view, const Sender& sender, Responder& responder,
                  const resolve::Answer& answer);
  [[nodiscard]] std::optional<resolve::Answer> refuse(const dns::QueryView& view);
  void respond(ClientQuery& query, const dns::QueryView& view, const resolve::Answer& answer);
  void compose(ClientQuery& query, const dns::QueryView& view, const resolve::Answer& answer);
  void remember(const ClientQuery& query, const dns::QueryView& view, resolve::Source source, std::uint16_t rcode);
  [[nodiscard]] dns::OurEdns our_edns(const dns::QueryView& view, const ClientQuery& query) const;
  void tell_received(dns::Bytes message, const Sender& sender) const;
  void tell_answered(const ClientQuery& query, const dns::QueryView& view, const resolve::Answer& answer,
                     std::uint16_t rcode, dns::Bytes message) const;
  void release(ClientQuery& query);

  runtime::Loop& loop_;
  config::Dns settings_;
  SharedLimits& shared_;
  resolve::Resolver& resolver_;
  ClientAdmission& admission_;
  DnsMetrics& metrics_;
  runtime::Slab<ClientQuery> queries_;
  ClientQuery spare_;                      // for the one message at a time that is answered without a place in queries_
  std::vector<QueryObserver*> observers_;  // empty unless queries are written down
  RecentQueries recent_;
  runtime::Time last_activity_;
  bool draining_ = false;
};

}  // namespace pillion::server
