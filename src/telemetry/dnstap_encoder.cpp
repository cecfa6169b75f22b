#include "telemetry/dnstap_encoder.hpp"

#include <string_view>

#include <protozero/pbf_writer.hpp>

namespace pillion::telemetry {
namespace {

// Field numbers of dnstap.proto.
namespace dnstap_field {
constexpr protozero::pbf_tag_type identity = 1, version = 2, message = 14, type = 15;
}
namespace message_field {
constexpr protozero::pbf_tag_type type = 1, socket_family = 2, socket_protocol = 3, query_address = 4,
                                  response_address = 5, query_port = 6, response_port = 7, query_time_sec = 8,
                                  query_time_nsec = 9, query_message = 10, response_time_sec = 12,
                                  response_time_nsec = 13, response_message = 14;
}
constexpr std::int32_t dnstap_type_message = 1;
constexpr std::int32_t family_inet = 1;
constexpr std::int32_t family_inet6 = 2;

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void add(protozero::pbf_writer& writer, protozero::pbf_tag_type tag, std::string_view bytes) {
  writer.add_bytes(tag, bytes.data(), bytes.size());
}

void add_time(protozero::pbf_writer& writer, protozero::pbf_tag_type seconds_tag, protozero::pbf_tag_type rest_tag,
              std::chrono::nanoseconds since_epoch) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  writer.add_uint64(seconds_tag, static_cast<std::uint64_t>(seconds.count()));
  writer.add_fixed32(rest_tag, static_cast<std::uint32_t>((since_epoch - seconds).count()));
}

}  // namespace

void DnstapEncoder::append(const MessageRecord& record, std::string& out) {
  encode_message(record);
  protozero::pbf_writer writer(out);
  if (!identity_.empty()) add(writer, dnstap_field::identity, identity_);
  add(writer, dnstap_field::version, version_);
  add(writer, dnstap_field::message, message_);
  writer.add_enum(dnstap_field::type, dnstap_type_message);
}

void DnstapEncoder::encode_message(const MessageRecord& record) {
  message_.clear();
  protozero::pbf_writer writer(message_);
  const auto& end = record.end;
  const auto address = std::span(end.address);
  const auto written = text_of(end.is_ipv4 ? address.last(4) : address);
  writer.add_enum(message_field::type, static_cast<std::int32_t>(record.type));
  writer.add_enum(message_field::socket_family, end.is_ipv4 ? family_inet : family_inet6);
  writer.add_enum(message_field::socket_protocol, static_cast<std::int32_t>(record.socket_protocol));
  // Only the address of the peer is written: of the client, which asks, or of the upstream server, which responds.
  add(writer, record.is_of_client() ? message_field::query_address : message_field::response_address, written);
  writer.add_uint32(record.is_of_client() ? message_field::query_port : message_field::response_port, end.port);
  const auto system_time = [this](runtime::Time time) { return time.time_since_epoch() + to_system_; };
  add_time(writer, message_field::query_time_sec, message_field::query_time_nsec, system_time(record.query_time));
  if (!record.is_response()) return add(writer, message_field::query_message, text_of(record.message));
  add_time(writer, message_field::response_time_sec, message_field::response_time_nsec,
           system_time(record.response_time));
  add(writer, message_field::response_message, text_of(record.message));
}

}  // namespace pillion::telemetry
