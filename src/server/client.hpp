#pragma once
// A client's query from arrival to answer, and the way its answer takes back.

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "dns/query.hpp"
#include "resolve/request.hpp"
#include "runtime/clock.hpp"
#include "server/metrics.hpp"

namespace pillion::server {

/// An IP address as 16 bytes, IPv4 mapped (RFC 4291 2.5.5.2): what clients are told apart by.
using ClientAddress = std::array<std::uint8_t, 16>;

/// True for 127.0.0.0/8 and ::1.
[[nodiscard]] constexpr bool is_loopback(const ClientAddress& address) {
  constexpr ClientAddress ipv6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr std::array<std::uint8_t, 13> ipv4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
  return address == ipv6 || std::equal(ipv4.begin(), ipv4.end(), address.begin());
}

/// A datagram's two ends. The local one matters for sockets bound to a wildcard: the answer must come from where the
/// query went.
struct DatagramPath {
  sockaddr_in6 peer{};  ///< or a sockaddr_in, as the family says
  socklen_t peer_size = 0;
  in6_addr local{};
  int interface = 0;
};

class QueryHandler;
class ClientQuery;

/// Where answers go: a TCP session or a UDP listener.
class Responder {
 public:
  /// Where to append the answer; nullptr where the client is gone. A frame's length prefix is written here.
  virtual dns::Buffer* begin_answer(ClientQuery& query) = 0;
  /// The answer starts at `message_start` of that buffer and is whole.
  virtual void end_answer(ClientQuery& query, std::size_t message_start) = 0;
  /// The answer that may have been begun cannot be made, for want of memory: the client is not to see a part of it.
  virtual void abandon_answer(ClientQuery& query) = 0;
  /// The query is over, answered or not.
  virtual void forget(ClientQuery& query) = 0;

 protected:
  ~Responder() = default;
};

/// An accepted query that has not been answered.
class ClientQuery final : public resolve::Request {
 public:
  void answered(const resolve::Answer& answer) override;

  QueryHandler* handler = nullptr;
  Responder* responder = nullptr;
  Transport transport = Transport::udp;
  bool is_local = true;  ///< TCP only: from a loopback address
  runtime::Time received;
  DatagramPath path;    ///< UDP only
  dns::Buffer message;  ///< the client's own
};

}  // namespace pillion::server
