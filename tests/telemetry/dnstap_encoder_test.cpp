#include "telemetry/dnstap_encoder.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>
#include <protozero/pbf_reader.hpp>

namespace pillion::telemetry {
namespace {

using namespace std::chrono_literals;

/// The fields of a Protocol Buffers message by their number: numbers in decimal, bytes unchanged.
std::map<unsigned, std::string> fields_of(const std::string& encoded) {
  std::map<unsigned, std::string> fields;
  protozero::pbf_reader reader(encoded);
  while (reader.next()) {
    const auto tag = reader.tag();  // in a build with assertions, protozero resets it after the value was read
    std::string value;
    switch (reader.wire_type()) {
      case protozero::pbf_wire_type::varint:
        value = std::to_string(reader.get_uint64());
        break;
      case protozero::pbf_wire_type::fixed32:
        value = std::to_string(reader.get_fixed32());
        break;
      default:
        value = reader.get_string();
    }
    EXPECT_TRUE(fields.emplace(tag, value).second) << "no field twice";
  }
  return fields;
}

const dns::Buffer message{0x12, 0x34, 0x00, 0xff};
const std::string message_text("\x12\x34\x00\xff", 4);

std::map<unsigned, std::string> encoded(const MessageRecord& record, std::string identity = "web-0") {
  DnstapEncoder encoder(std::move(identity), "pillion 1");
  encoder.set_time(std::chrono::steady_clock::time_point(50s), std::chrono::sys_seconds(1'700'000'000s));
  RecordRing ring(1024);
  pack(record, ring.begin(packed_size(record)));
  ring.commit();
  ring.publish();
  RecordBatch batch;
  encoder.take(ring, 1, batch);
  return fields_of(batch.bytes);
}

TEST(DnstapEncoder, AClientsQuery) {
  const auto frame = encoded(
      {.type = MessageType::client_query,
       .socket_protocol = SocketProtocol::udp,
       .end = {.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3}, .port = 40'000, .is_ipv4 = true},
       .query_time = runtime::Time(49s + 5ns),
       .response_time = {},
       .message = message});
  EXPECT_EQ(frame.at(1), "web-0");
  EXPECT_EQ(frame.at(2), "pillion 1");
  EXPECT_EQ(frame.at(15), "1");
  const std::map<unsigned, std::string> expected{{1, "5"},     {2, "1"},          {3, "1"}, {4, "\x0a\x01\x02\x03"},
                                                 {6, "40000"}, {8, "1699999999"}, {9, "5"}, {10, message_text}};
  EXPECT_EQ(fields_of(frame.at(14)), expected);
}

TEST(DnstapEncoder, AServersReply) {
  MessageRecord record{
      .type = MessageType::forwarder_response,
      .socket_protocol = SocketProtocol::tls,
      .end = {.address = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, .port = 853, .is_ipv4 = false},
      .query_time = runtime::Time(49s),
      .response_time = runtime::Time(50s + 12ms),
      .message = message};
  const auto frame = encoded(record, "");
  EXPECT_FALSE(frame.contains(1));
  const std::string address("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  const std::map<unsigned, std::string> expected{{1, "8"},         {2, "2"},          {3, "3"}, {5, address},
                                                 {7, "853"},       {8, "1699999999"}, {9, "0"}, {12, "1700000000"},
                                                 {13, "12000000"}, {14, message_text}};
  EXPECT_EQ(fields_of(frame.at(14)), expected);
}

TEST(DnstapEncoder, TheOtherTwoTypesHaveTheirEndsAndTimes) {
  MessageRecord record{.type = MessageType::client_response,
                       .socket_protocol = SocketProtocol::tcp,
                       .end = {.port = 1, .is_ipv4 = true},
                       .query_time = runtime::Time(50s),
                       .response_time = runtime::Time(50s),
                       .message = message};
  auto fields = fields_of(encoded(record).at(14));
  EXPECT_EQ(fields.at(1), "6");
  EXPECT_TRUE(fields.contains(4) && fields.contains(6) && fields.contains(14) && !fields.contains(10));
  record.type = MessageType::forwarder_query;
  fields = fields_of(encoded(record).at(14));
  EXPECT_EQ(fields.at(1), "7");
  EXPECT_TRUE(fields.contains(5) && fields.contains(7) && fields.contains(10) && !fields.contains(12));
}

}  // namespace
}  // namespace pillion::telemetry
