#pragma once
// One question to one server over UDP or TCP, and the reply to it.

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
  udp_then_tcp,  // TCP where the answer over UDP is truncated (RFC 7766 section 5)
};

/// A name of a walk along a search list, and what came of it.
struct SearchStep {
  std::string name;
  std::string status;  ///< "NXDOMAIN", "NODATA"
};

struct ServerReply {
  dns::Buffer message;
  config::Endpoint server;
  QueryTransport transport = QueryTransport::udp;  ///< what the reply came over: udp, tcp or tls
  std::chrono::microseconds elapsed{};  ///< from the first byte sent; the connection and a first try over UDP included
  std::string tls{};                    ///< version, group and cipher; empty without TLS
  std::vector<SearchStep> search{};     ///< of a walk, up to the name that `message` answers
};

/// Why there is no reply.
struct NoReply {
  std::string reason;
  bool is_refused = false;  ///< True if nobody listens at the server's address
};

/// Sends `query`, a message with one question, and waits 5 s for the reply that has its id and question.
[[nodiscard]] std::expected<ServerReply, NoReply> exchange(const config::Endpoint& server, const dns::Buffer& query,
                                                           QueryTransport transport);

}  // namespace pillion::cli
