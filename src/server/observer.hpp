#pragma once
// Who is told of clients' queries and of their answers: what writes them down. Nobody on the way of a query waits for
// it.

#include <cstdint>
#include <optional>
#include <string_view>

#include "dns/query.hpp"
#include "resolve/metrics.hpp"
#include "runtime/clock.hpp"
#include "server/client_address.hpp"
#include "server/metrics.hpp"

namespace pillion::server {

/// Whom a query is from, and how it came.
struct QueryOrigin {
  ClientAddress address{};
  std::uint16_t port = 0;
  Transport transport = Transport::udp;
  IpFamily family = IpFamily::ipv4;
};

/// Views buffers of whoever tells of it, like all of this.
struct ReceivedQuery {
  QueryOrigin origin;
  runtime::Time received;
  dns::Bytes message;  ///< as it came
};

struct AnsweredQuery {
  QueryOrigin origin;
  runtime::Time received;
  runtime::Time answered;       ///< of the turn: the same as `received` where nothing was waited for
  const dns::QueryView& query;  ///< as far as it was kept (dns::KeptQuery)
  dns::Bytes message;           ///< the answer as it leaves
  std::uint16_t rcode = 0;      ///< 12 bits
  resolve::Source source = resolve::Source::local;
  std::string_view upstream;  ///< name of the group that was asked for this answer; empty: none, or several
  std::string_view server;    ///< "1.1.1.1:853", likewise
  std::optional<std::uint16_t> info_code;  ///< our Extended DNS Error (RFC 8914); nullopt: none
  std::string_view text;                   ///< of that
  dns::Bytes extended_errors;              ///< the upstream's, as whole EDNS options
};

/// Called on the thread of a shard, within its work on a query: must neither wait nor throw.
class QueryObserver {
 public:
  /// A valid query has come.
  virtual void received(const ReceivedQuery& query) = 0;
  /// It has been given an answer.
  virtual void answered(const AnsweredQuery& query) = 0;

 protected:
  ~QueryObserver() = default;
};

}  // namespace pillion::server
