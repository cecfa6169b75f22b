#include "upstream/encode.hpp"

#include <array>

#include <gtest/gtest.h>

#include "dns/edns.hpp"
#include "dns/framing.hpp"
#include "upstream/test_query.hpp"

namespace pillion::upstream {
namespace {

using testing::TestQuery;

/// The one message in a frame.
dns::Bytes unframed(const dns::Buffer& bytes) {
  dns::Frames frames(bytes);
  const auto message = frames.next();
  EXPECT_TRUE(message && frames.rest().empty());
  return message.value_or(dns::Bytes{});
}

dns::Edns edns_of(dns::Bytes message) {
  return dns::read_edns(dns::MessageView::parse(message).value());
}

TEST(EncodeQuery, FramesTheMessageWithIdAndEdns) {
  const TestQuery query;
  dns::Buffer out;
  encode_query(query, 0xabcd, {.padding = 0, .udp_payload = 1400}, out);
  const auto message = unframed(out);
  const auto view = dns::MessageView::parse(message).value();
  EXPECT_EQ(view.header().id(), 0xabcd);
  EXPECT_EQ(view.header().flags(), dns::flag::rd);
  EXPECT_EQ(view.question().type, dns::type::a);
  const auto edns = dns::read_edns(view);
  EXPECT_TRUE(edns.present);
  EXPECT_EQ(edns.udp_payload, 1400);
  EXPECT_EQ(edns.version, 0);
  EXPECT_FALSE(edns.dnssec_ok);
  EXPECT_TRUE(edns.options.empty()) << "no keepalive, no padding unless asked for";
}

TEST(EncodeQuery, AppendsBehindWhatIsThere) {
  const TestQuery first("a.example");
  const TestQuery second("bb.example");
  dns::Buffer out;
  encode_query(first, 1, {.padding = 128}, out);
  encode_query(second, 2, {.padding = 128}, out);
  dns::Frames frames(out);
  EXPECT_EQ(dns::Header::of(frames.next().value())->id(), 1);
  EXPECT_EQ(dns::Header::of(frames.next().value())->id(), 2);
  EXPECT_TRUE(frames.rest().empty());
}

TEST(EncodeQuery, WithoutAFrameForUdp) {
  const TestQuery query;
  dns::Buffer out;
  encode_query(query, 9, {.framed = false}, out);
  EXPECT_EQ(dns::MessageView::parse(out).value().header().id(), 9);
}

TEST(EncodeQuery, PadsToAMultipleOfTheBlock) {
  for (const auto block : std::to_array<std::uint16_t>({1, 64, 128, 468, 512})) {
    for (std::size_t size = 1; size < 60; ++size) {
      const TestQuery query(std::string(size, 'x') + ".example");
      dns::Buffer out;
      encode_query(query, 1, {.padding = block, .keepalive = true}, out);
      const auto message = unframed(out);
      EXPECT_EQ(message.size() % block, 0U) << "block " << block << ", name of " << size;
      EXPECT_TRUE(dns::find_option(edns_of(message).options, dns::option::padding));
      EXPECT_TRUE(dns::find_option(edns_of(message).options, dns::option::tcp_keepalive));
    }
  }
}

TEST(EncodeQuery, AsksForKeepaliveWithAnEmptyOption) {
  const TestQuery query;
  dns::Buffer out;
  encode_query(query, 1, {.keepalive = true}, out);
  const auto option = dns::find_option(edns_of(unframed(out)).options, dns::option::tcp_keepalive);
  ASSERT_TRUE(option);
  EXPECT_TRUE(option->empty());  // RFC 7828 3.2.1
}

TEST(EncodeQuery, PassesDnssecOkOn) {
  TestQuery query;
  query.dnssec_ok = true;
  dns::Buffer out;
  encode_query(query, 1, {}, out);
  EXPECT_TRUE(edns_of(unframed(out)).dnssec_ok);
}

TEST(EncodeQuery, ChangesNothingButTheIdOfASignedMessage) {
  TestQuery query;
  query.opaque = true;
  query.message.insert(query.message.end(), {1, 2, 3, 4});
  dns::Buffer out;
  encode_query(query, 0x0102, {.padding = 128, .keepalive = true}, out);
  auto expected = query.message;
  dns::write_u16(expected, 0, 0x0102);
  const auto message = unframed(out);
  EXPECT_EQ(dns::Buffer(message.begin(), message.end()), expected);
}

}  // namespace
}  // namespace pillion::upstream
