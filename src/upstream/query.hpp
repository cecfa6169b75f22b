#pragma once
// One question on its way to an upstream.

#include <cstdint>
#include <optional>

#include "dns/message.hpp"
#include "runtime/clock.hpp"
#include "upstream/error.hpp"
#include "upstream/trace.hpp"

namespace pillion::upstream {

class Query;

/// An upstream's reply to one query. Views the connection's read buffer: valid only during the call that hands it over.
struct Reply {
  /// nullopt for an error reply without a question, as some servers send with FORMERR or NOTIMP: `rcode` is all it
  /// says. nullopt too where `is_truncated` and the records do not make a whole message.
  std::optional<dns::MessageView> message;
  std::uint16_t rcode = 0;
  bool is_truncated = false;    ///< TC, or cut on its way: the answer is to be had over a stream
  runtime::Duration latency{};  ///< from sending to reading
};

/// False if the server says that it could or would not answer, which another one may (RFC 1034 section 5.3.3 step 4d).
[[nodiscard]] constexpr bool is_usable(std::uint16_t rcode) {
  return rcode != dns::rcode::formerr && rcode != dns::rcode::servfail && rcode != dns::rcode::notimp &&
         rcode != dns::rcode::refused;
}

/// True if the server says that the data is there and does not pass validation (RFC 8914 sections 4.7 to 4.13): no
/// other server's word would make it true.
[[nodiscard]] bool is_bogus(const Reply& reply);

/// Whoever holds a query at the moment: a connection, or a pool whose connections have no room.
class Carrier {
 public:
  /// The asker no longer wants the answer. The query is not referred to after this; its message id stays taken until
  /// the reply or the close.
  virtual void abandon(Query& query) = 0;

 protected:
  ~Carrier() = default;
};

/// Whether a query is what ends connections: those that were in flight when one ended without answering them are under
/// suspicion, and are tried apart from the others (Quarantine).
struct Suspicion {
  std::uint8_t endings = 0;        ///< connections that ended while it was in flight
  std::uint8_t endings_alone = 0;  ///< those of them on which nothing else was in flight, apart from the others
  bool alone = false;              ///< to be sent with nothing else in flight
};

/// Owned by the asker, who keeps it in place until replied() or failed() was called or it has abandoned it: exactly one
/// of the three happens.
class Query {
 public:
  Query() = default;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  virtual void replied(const Reply& reply) = 0;
  virtual void failed(Error error) = 0;
  /// The connection that carries it has fallen silent. The query stays there, since the answer may come all the same,
  /// but whoever asked may ask somebody else as well.
  virtual void delayed() {}

  /// Header (the id is not used) and question, without EDNS; or the client's whole message where `opaque`.
  dns::Buffer message;
  bool dnssec_ok = false;
  /// Sent as it is but for the id, since it is signed (RFC 8945 5.3: TSIG keeps the original id).
  bool opaque = false;
  /// Sent without EDNS, which the server does not understand.
  bool without_edns = false;
  /// The server said FORMERR or NOTIMP to it with EDNS.
  bool was_refused_with_edns = false;

  /// Connections that took this query without answering it, after which it is given up.
  static constexpr unsigned max_endings = 8;

  Suspicion suspicion;
  bool waits_apart = false;  ///< in a Quarantine
  bool was_lost = false;     ///< with a connection: to send it again is a replay
  Carrier* carrier = nullptr;
  std::uint16_t id = 0;                         ///< on the connection that carries it
  const trace::Link* trace = &trace::untraced;  ///< outlives the query's way

 protected:
  ~Query() = default;
};

}  // namespace pillion::upstream
