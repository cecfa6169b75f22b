#include "dns/query.hpp"

#include <set>

#include <gtest/gtest.h>

#include "dns/message_builder.hpp"

namespace pillion::dns::testing {
namespace {

TEST(ParseQuery, WithoutEdns) {
  const auto message = MessageBuilder().question("www.example.com", type::aaaa).bytes();
  const auto query = parse_query(message, {});
  ASSERT_TRUE(query);
  EXPECT_EQ(query->question().type, type::aaaa);
  EXPECT_FALSE(query->edns.present);
  EXPECT_EQ(query->edns.udp_payload, 512);
}

TEST(ParseQuery, WithEdns) {
  const auto message =
      MessageBuilder().question("www.example.com").opt(option_of(option::cookie, Buffer(8, 1)), 0x8000).bytes();
  const auto query = parse_query(message, {});
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->edns.present);
  EXPECT_TRUE(query->edns.dnssec_ok);
  EXPECT_EQ(query->edns.udp_payload, 1232);
  EXPECT_TRUE(find_option(query->edns.options, option::cookie));
}

TEST(ParseQuery, TheOpcodeAndTheTypeAreNotItsBusiness) {
  for (std::uint16_t opcode = 0; opcode < 16; ++opcode) {
    const auto message =
        MessageBuilder(static_cast<std::uint16_t>(opcode << 11U)).question("example.com", type::axfr).bytes();
    EXPECT_TRUE(parse_query(message, {})) << opcode;
  }
  EXPECT_TRUE(parse_query(MessageBuilder(0x7FFF).question("example.com", 0).bytes(), {}));
}

TEST(ParseQuery, RecordsAreWelcome) {
  // IXFR carries the SOA that the client has (RFC 1995 3); an update carries anything.
  const auto ixfr = MessageBuilder()
                        .question("example.com", type::ixfr)
                        .record(Section::authority, pointer_to(12), type::soa, Buffer(22))
                        .bytes();
  EXPECT_TRUE(parse_query(ixfr, {}));
  const auto update = MessageBuilder(5U << 11U)
                          .question("example.com", type::soa)
                          .record(Section::answer, {0}, type::mx, {}, 0, klass::any)
                          .bytes();
  EXPECT_TRUE(parse_query(update, {}));
}

TEST(ParseQuery, ResponsesAreKnownBeforeAnythingElse) {
  auto message = MessageBuilder(flag::qr).set_u16(4, 7).raw({0xC0}).bytes();
  EXPECT_EQ(parse_query(message, {}).error(), QueryError::is_response);
  message.resize(11);
  EXPECT_EQ(parse_query(message, {}).error(), QueryError::short_header);
}

TEST(QueryError, EachHasItsOwnMetricReason) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(QueryError::count_); ++i)
    names.insert(to_string(static_cast<QueryError>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(QueryError::count_));
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(QueryError::count_), "unknown");
}

TEST(QueryError, FormerrOnlyToWhatMayBeAQuery) {
  EXPECT_FALSE(deserves_formerr(QueryError::short_header));
  EXPECT_FALSE(deserves_formerr(QueryError::is_response));
  EXPECT_TRUE(deserves_formerr(QueryError::question_count));
  EXPECT_TRUE(deserves_formerr(QueryError::name_not_utf8));
}

}  // namespace
}  // namespace pillion::dns::testing
