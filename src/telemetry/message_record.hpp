#pragma once
// A DNS message as the shard's thread hands it to the thread of dnstap. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dns/wire.hpp"
#include "runtime/clock.hpp"

namespace pillion::telemetry {

/// Message.Type of dnstap.proto.
enum class MessageType : std::uint8_t {
  client_query = 5,
  client_response = 6,
  forwarder_query = 7,
  forwarder_response = 8,
};
/// SocketProtocol of dnstap.proto.
enum class SocketProtocol : std::uint8_t { udp = 1, tcp = 2, tls = 3 };

/// One end of the path that a message takes: an address with IPv4 mapped into IPv6 (RFC 4291 2.5.5.2), and a port.
struct MessageEnd {
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;
  bool is_ipv4 = false;
};

/// `message` refers to the buffer that the record was made from.
struct MessageRecord {
  MessageType type = MessageType::client_query;
  SocketProtocol socket_protocol = SocketProtocol::udp;
  MessageEnd end;  ///< the client's, or the upstream server's
  runtime::Time query_time;
  runtime::Time response_time;  ///< set for a response only
  dns::Bytes message;

  [[nodiscard]] bool is_response() const {
    return type == MessageType::client_response || type == MessageType::forwarder_response;
  }
  [[nodiscard]] bool is_of_client() const {
    return type == MessageType::client_query || type == MessageType::client_response;
  }
};

/// No packed record is smaller.
inline constexpr std::size_t least_packed_message_size = 48;

/// The number of bytes that pack() writes.
[[nodiscard]] std::size_t packed_size(const MessageRecord& record);
/// `out` has packed_size() bytes.
void pack(const MessageRecord& record, std::span<std::uint8_t> out);
/// Reads what pack() wrote.
[[nodiscard]] MessageRecord unpack_message(std::span<const std::uint8_t> bytes);

}  // namespace pillion::telemetry
