#pragma once
// Asks one server one question over UDP or TCP.

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "dns/wire.hpp"

namespace pillion::cli {

enum class QueryTransport : std::uint8_t {
  udp,
  tcp,
  tls,
  udp_then_tcp,  // TCP if the answer over UDP is truncated (RFC 7766 section 5)
};

/// One name of a walk along a search list, and the outcome.
struct SearchStep {
  std::string name;
  std::string status;  ///< such as "NXDOMAIN" or "NODATA"
};

struct ServerReply {
  dns::Buffer message;
  config::Endpoint server;
  QueryTransport transport = QueryTransport::udp;  ///< the transport of the reply: udp, tcp or tls
  /// From the first byte sent to the reply, including the connection and a first try over UDP.
  std::chrono::microseconds elapsed{};
  std::string tls{};                 ///< version, group and cipher; empty without TLS
  std::vector<SearchStep> search{};  ///< the steps of a walk before the name that `message` answers
};

/// Why there is no reply.
struct NoReply {
  std::string reason;
  bool is_refused = false;  ///< True if nobody listens at the server's address
  bool was_asked = true;    ///< False if no query was sent, since a file cannot be used
};

/// Sends `query`, a message with one question, and waits 5 s for the reply that has its id and question.
[[nodiscard]] std::expected<ServerReply, NoReply> exchange(const config::Endpoint& server, const dns::Buffer& query,
                                                           QueryTransport transport);

}  // namespace pillion::cli
