#include "dns/query.hpp"

#include <algorithm>
#include <set>
#include <utility>

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
  // IXFR has the client's SOA in the authority section (RFC 1995 section 3); UPDATE may have records in all sections.
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

/// The view of the kept query that `message` is.
class Kept {
 public:
  explicit Kept(Buffer message) : message_(std::move(message)), whole_(parse_query(message_, {}).value()) {
    kept_.assign(whole_);
    // The kept query must not refer to the message.
    std::ranges::fill(message_, 0xFF);
  }
  [[nodiscard]] QueryView view() const { return kept_.view(); }

 private:
  Buffer message_;
  QueryView whole_;
  KeptQuery kept_;
};

TEST(KeptQuery, HasTheHeaderAndTheQuestion) {
  const Kept kept(MessageBuilder(flag::rd | flag::cd).question("WWW.example.com", type::aaaa).bytes());
  const auto view = kept.view();
  EXPECT_EQ(view.message.header().flags(), flag::rd | flag::cd);
  EXPECT_TRUE(view.is_recursive());
  EXPECT_EQ(to_text(view.question().name), "WWW.example.com.");
  EXPECT_EQ(view.question().type, type::aaaa);
  EXPECT_EQ(view.question().klass, klass::in);
  EXPECT_FALSE(view.edns.present);
  EXPECT_EQ(view.edns.udp_payload, 512);
  EXPECT_FALSE(view.message.is_signed());
}

TEST(KeptQuery, HasWhatItsEdnsSaysOfTheAnswer) {
  const Kept kept(MessageBuilder().question("www.example.com").opt({}, 0x8000).bytes());
  const auto edns = kept.view().edns;
  EXPECT_TRUE(edns.present);
  EXPECT_TRUE(edns.dnssec_ok);
  EXPECT_EQ(edns.udp_payload, 1232);
  EXPECT_TRUE(edns.options.empty());
}

TEST(KeptQuery, KnowsWhetherTheClientPadsAndKeepsAlive) {
  for (const bool pads : {false, true}) {
    for (const bool keeps : {false, true}) {
      Buffer options;
      if (pads) append(options, option_of(option::padding, Buffer(60'000, 0)));
      if (keeps) append(options, option_of(option::tcp_keepalive, {}));
      append(options, option_of(option::cookie, Buffer(8, 1)));
      const Kept kept(MessageBuilder().question("www.example.com").opt(options).bytes());
      const auto view = kept.view();
      EXPECT_EQ(find_option(view.edns.options, option::padding).has_value(), pads);
      EXPECT_EQ(find_option(view.edns.options, option::tcp_keepalive).has_value(), keeps);
      EXPECT_FALSE(find_option(view.edns.options, option::cookie));
      EXPECT_LE(view.message.bytes().size(), 300U);
    }
  }
}

}  // namespace
}  // namespace pillion::dns::testing
