#pragma once
// One question that is being asked at an upstream.

#include <cstdint>
#include <optional>

#include "dns/message.hpp"
#include "runtime/clock.hpp"
#include "upstream/error.hpp"
#include "upstream/tracer.hpp"

namespace pillion::upstream {

class Query;

/// An upstream's reply to one query. It views the connection's read buffer and is valid only during the call that
/// hands it over.
struct Reply {
  /// nullopt for an error reply without a question, which some servers send with FORMERR or NOTIMP: only `rcode` is
  /// then known. Also nullopt if `is_truncated` and the records do not make a complete message.
  std::optional<dns::MessageView> message;
  std::uint16_t rcode = 0;
  bool is_truncated = false;    ///< TC is set, or the datagram was cut: the answer must be fetched over a stream
  runtime::Duration latency{};  ///< from sending to reading
};

/// False if the server replies that it could or would not answer; another one may (RFC 1034 section 5.3.3 step 4d).
[[nodiscard]] constexpr bool is_usable(std::uint16_t rcode) {
  return rcode != dns::rcode::formerr && rcode != dns::rcode::servfail && rcode != dns::rcode::notimp &&
         rcode != dns::rcode::refused;
}

/// True if the server states that the data exists but fails validation (RFC 8914 sections 4.7 to 4.13). No other
/// server can make it valid.
[[nodiscard]] bool is_bogus(const Reply& reply);

/// The present holder of a query: a connection, or a pool in which it waits.
class QueryHolder {
 public:
  /// The asker no longer wants the answer. The query is not referred to after this. Its message id stays in use until
  /// the reply or the close.
  virtual void abandon(Query& query) = 0;

 protected:
  ~QueryHolder() = default;
};

/// How suspicious a query is: whether it may be what ends connections. Suspects are sent apart from the others
/// (Quarantine).
struct Suspicion {
  std::uint8_t endings = 0;        ///< connections that ended while it was in flight
  std::uint8_t endings_alone = 0;  ///< those of them on which it was alone, apart from the others
  bool alone = false;              ///< must be sent with nothing else in flight
};

/// The asker owns the query and must not move it until replied() or failed() was called, or it has abandoned it.
/// Exactly one of the three happens.
class Query {
 public:
  Query() = default;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  virtual void replied(const Reply& reply) = 0;
  virtual void failed(Error error) = 0;
  /// The connection with the query has fallen silent. The query stays there, since the answer may still come, but the
  /// asker may also ask another server.
  virtual void delayed() {}

  /// Header (the id is unused) and question, without EDNS; if `opaque`, the client's whole message.
  dns::Buffer message;
  bool dnssec_ok = false;
  /// Sent unchanged except for the id, because it is signed (RFC 8945 5.3: TSIG keeps the original id).
  bool opaque = false;
  /// Sent without EDNS, because the server does not support it.
  bool without_edns = false;
  /// The server replied FORMERR or NOTIMP to it with EDNS.
  bool was_refused_with_edns = false;

  /// A query is given up after this many connections ended with it in flight.
  static constexpr unsigned max_endings = 8;

  Suspicion suspicion;
  bool waits_apart = false;  ///< waits in a Quarantine
  bool was_lost = false;     ///< lost with a connection: sending it again counts as a replay
  QueryHolder* holder = nullptr;
  std::uint16_t id = 0;                         ///< on the connection that has it
  const trace::Link* trace = &trace::untraced;  ///< must outlive the query's time in flight

 protected:
  ~Query() = default;
};

}  // namespace pillion::upstream
