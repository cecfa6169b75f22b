#pragma once
// The interface through which the query log and dnstap receive clients' queries and answers. No query waits for them.

#include <cstdint>
#include <optional>
#include <string_view>

#include "dns/query.hpp"
#include "resolve/answer_source.hpp"
#include "runtime/clock.hpp"
#include "server/client_address.hpp"
#include "server/client_transport.hpp"

namespace pillion::server {

/// The client that sent a query, and the transport that it used.
struct QueryOrigin {
  ClientAddress address{};
  std::uint16_t port = 0;
  Transport transport = Transport::udp;
  IpFamily family = IpFamily::ipv4;

  [[nodiscard]] friend bool operator==(const QueryOrigin&, const QueryOrigin&) = default;
};

/// Its views are valid only during the call, as those of AnsweredQuery are.
struct ReceivedQuery {
  QueryOrigin origin;
  runtime::Time received;
  dns::Bytes message;  ///< as received
};

/// What few answers have.
struct AnswerDetails {
  std::string_view upstream;  ///< name of the upstream group that was asked for this answer; empty: no group or several
  std::string_view server;    ///< such as "1.1.1.1:853"; empty: no server or several
  std::optional<std::uint16_t> info_code;  ///< Pillion's own Extended DNS Error (RFC 8914); nullopt: none
  std::string_view text;                   ///< EXTRA-TEXT of `info_code`
  dns::Bytes extended_errors;              ///< Extended DNS Errors of the upstream, as whole EDNS options
};

struct AnsweredQuery {
  const QueryOrigin& origin;
  runtime::Time received;
  runtime::Time answered;       ///< time of the turn; equals `received` if the answer was ready at once
  const dns::QueryView& query;  ///< only the parts that dns::KeptQuery keeps
  dns::Bytes message;           ///< the answer as it is sent
  std::uint16_t rcode = 0;      ///< 12 bits (RFC 6891 section 6.1.3)
  resolve::Source source = resolve::Source::local;
  const AnswerDetails* details = nullptr;  ///< nullptr if the answer has none of them, as most from the cache
};

/// The shard's thread calls it while it handles a query. It must neither wait nor throw.
class QueryObserver {
 public:
  /// A client has sent a valid query.
  virtual void received(const ReceivedQuery& query) = 0;

 protected:
  ~QueryObserver() = default;
};

/// The shard's thread calls it while it handles an answer. It must neither wait nor throw.
class AnswerObserver {
 public:
  /// True if the observer takes the next answer. Called once for each answer; only if it is true, a call of answered()
  /// follows. So an answer that the observer drops or leaves out costs no more than this call.
  [[nodiscard]] virtual bool takes_next() = 0;
  /// The query has its answer.
  virtual void answered(const AnsweredQuery& query) = 0;

 protected:
  ~AnswerObserver() = default;
};

}  // namespace pillion::server
