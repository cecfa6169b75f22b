#include "telemetry/message_record.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace pillion::telemetry {
namespace {

/// The part with a fixed size. It is the start of a packed record; the message follows it.
struct MessageStart {
  MessageEnd end;
  runtime::Time query_time;
  runtime::Time response_time;
  MessageType type = MessageType::client_query;
  SocketProtocol socket_protocol = SocketProtocol::udp;
};
static_assert(std::is_trivially_copyable_v<MessageStart>);
static_assert(least_packed_message_size <= sizeof(MessageStart));

}  // namespace

std::size_t packed_size(const MessageRecord& record) {
  return sizeof(MessageStart) + record.message.size();
}

void pack(const MessageRecord& record, std::span<std::uint8_t> out) {
  const MessageStart start{.end = record.end,
                           .query_time = record.query_time,
                           .response_time = record.response_time,
                           .type = record.type,
                           .socket_protocol = record.socket_protocol};
  std::memcpy(out.data(), &start, sizeof start);
  std::ranges::copy(record.message, out.subspan(sizeof start).begin());
}

MessageRecord unpack_message(std::span<const std::uint8_t> bytes) {
  MessageStart start;
  std::memcpy(&start, bytes.data(), sizeof start);
  return {.type = start.type,
          .socket_protocol = start.socket_protocol,
          .end = start.end,
          .query_time = start.query_time,
          .response_time = start.response_time,
          .message = bytes.subspan(sizeof start)};
}

}  // namespace pillion::telemetry
