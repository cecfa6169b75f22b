#pragma once
// Handles one message of a client: parses it, checks it, counts it, and answers it or gives it to the resolver.

#include <cstddef>
#include <optional>
#include <vector>

#include "config/config.hpp"
#include "dns/query.hpp"
#include "dns/response.hpp"
#include "resolve/resolver.hpp"
#include "runtime/loop.hpp"
#include "runtime/memory.hpp"
#include "server/client.hpp"
#include "server/client_admission.hpp"
#include "server/metrics.hpp"
#include "server/observer.hpp"
#include "server/recent_queries.hpp"
#include "server/shared_limits.hpp"
#include "server/waiting_queries.hpp"

namespace pillion::server {

/// The sender of a message, and its transport.
struct Sender {
  Transport transport = Transport::udp;
  IpFamily family = IpFamily::ipv4;
  ClientAddress address{};
  std::uint16_t port = 0;
  bool is_local = true;                          ///< TCP only: the peer has a loopback address
  const DatagramPath* path = nullptr;            ///< UDP only
  const ClientConnection* connection = nullptr;  ///< TCP only
};

/// One for each shard, shared by its listeners.
class QueryHandler {
 public:
  QueryHandler(runtime::Loop& loop, const config::Dns& settings, SharedLimits& shared, resolve::Resolver& resolver,
               ClientAdmission& admission, runtime::MemoryShares& memory, DnsMetrics& metrics);

  /// Applies the settings from now on. The limits do not change.
  void configure(const config::Dns& settings) { settings_ = settings; }
  /// Tells `observer`, which outlives this, of every query from now on.
  void observe_queries(QueryObserver& observer) { query_observers_.push_back(&observer); }
  /// Tells `observer`, which outlives this, of every answer from now on.
  void observe_answers(AnswerObserver& observer) { answer_observers_.push_back(&observer); }

  enum class Outcome : std::uint8_t {
    accepted,
    invalid,
    failed,  ///< an exception was thrown: nothing was answered, and forget() is not called
  };
  /// Handles one message. The answer goes to `responder`, now or later. An invalid message gets no answer over TCP,
  /// where the caller closes the connection, and at most FORMERR over UDP. A message with another opcode than QUERY
  /// follows other rules after its header (RFC 8490 section 5.4), so that it is answered NOTIMP whatever follows.
  Outcome handle(dns::Bytes message, const Sender& sender, Responder& responder);
  /// Gives the client of `query` the answer that was kept for it.
  void deliver(ClientQuery& query);
  /// Frees some memory that a peak has left. True if there is more. Must not be called from within a call of this.
  [[nodiscard]] bool trim() { return waiting_.trim(); }

  /// While draining, answers tell clients to close their connections by a timeout of zero (RFC 7828 section 3.4).
  void set_draining() { draining_ = true; }
  [[nodiscard]] bool is_draining() const { return draining_; }
  [[nodiscard]] std::size_t in_flight() const { return waiting_.size(); }
  /// The later of two times: when the last message came, and when the last waiting query was answered.
  [[nodiscard]] runtime::Time last_activity() const { return last_activity_; }

  /// The newest queries, if the configuration asks for them.
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
  void answer_now(const dns::QueryView& view, const Sender& sender, Responder& responder,
                  const resolve::Answer& answer);
  [[nodiscard]] std::optional<resolve::Answer> refuse(const dns::QueryView& view);
  void respond(ClientQuery& query, const dns::QueryView& view, const resolve::Answer& answer);
  void compose(ClientQuery& query, const dns::QueryView& view, const resolve::Answer& answer);
  void remember(const ClientQuery& query, const dns::QueryView& view, resolve::Source source, std::uint16_t rcode);
  [[nodiscard]] dns::OurEdns our_edns(const dns::QueryView& view, const ClientQuery& query) const;
  void tell_received(dns::Bytes message, const Sender& sender) const;
  void tell_answered(AnswerObserver& observer, const ClientQuery& query, const dns::QueryView& view,
                     const resolve::Answer& answer, std::uint16_t rcode, dns::Bytes message) const;
  void release(ClientQuery& query);

  runtime::Loop& loop_;
  config::Dns settings_;
  SharedLimits& shared_;
  resolve::Resolver& resolver_;
  ClientAdmission& admission_;
  DnsMetrics& metrics_;
  WaitingQueries waiting_;
  /// The query that handle() answers before it returns, such as one that the cache answers. It takes no place in
  /// waiting_. handle() does not call itself, so that one object serves all of them, and none is constructed for each.
  ClientQuery immediate_query_;
  std::vector<QueryObserver*> query_observers_;    // empty unless queries are written down
  std::vector<AnswerObserver*> answer_observers_;  // empty unless answers are written down
  RecentQueries recent_;
  runtime::Time last_activity_;
  bool draining_ = false;
};

}  // namespace pillion::server
