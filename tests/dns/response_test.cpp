#include "dns/response.hpp"

#include <gmock/gmock.h>

#include "dns/message_builder.hpp"

namespace pillion::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

Buffer error_to(const Buffer& query, std::uint16_t rcode, const OurEdns& ours = {},
                std::optional<ExtendedError> error = {}) {
  Buffer out = {7, 7};
  append_error(out, parse_query(query, {}).value(), rcode, ours, error);
  return {out.begin() + 2, out.end()};
}

TEST(AppendError, CopiesTheQuestionByteForByte) {
  const auto query = MessageBuilder().question("wWw.ExAmple.com", type::svcb).bytes();
  auto expected = query;
  write_u16(expected, 2, flag::qr | flag::rd | flag::ra | rcode::servfail);
  EXPECT_EQ(error_to(query, rcode::servfail), expected);
}

TEST(AppendError, CopiesOpcodeRdAndCdButNothingElse) {
  for (std::uint32_t flags = 0; flags < 0x8000; flags += 0x10) {
    const auto query = MessageBuilder(static_cast<std::uint16_t>(flags)).question("a").bytes();
    const auto answer = error_to(query, rcode::refused);
    ASSERT_EQ(read_u16(answer, 2), flag::qr | flag::ra | (flags & 0x7910U) | rcode::refused) << flags;
    ASSERT_EQ(read_u16(answer, 0), 0x1234);
  }
}

TEST(AppendError, WithoutRecordsOfTheQuery) {
  const auto query =
      MessageBuilder().question("a.example", type::ixfr).record(Section::authority, {0}, type::soa, Buffer(22)).bytes();
  const auto answer = error_to(query, rcode::refused);
  const auto view = MessageView::parse(answer);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->header().authorities(), 0);
}

TEST(AppendError, OptOnlyWhereTheQueryHadOne) {
  EXPECT_FALSE(
      MessageView::parse(error_to(MessageBuilder().question("a").bytes(), rcode::servfail, {}, ExtendedError{1, "x"}))
          .value()
          .opt());

  const auto query = MessageBuilder().question("a").opt({}, 0x00018000).bytes();
  const auto answer = error_to(query, rcode::badvers, {.udp_payload = 1400, .keepalive = 600},
                               ExtendedError{extended_error::network_error, "why"});
  const auto view = MessageView::parse(answer).value();
  const auto edns = read_edns(view);
  EXPECT_TRUE(edns.present);
  EXPECT_EQ(edns.udp_payload, 1400);
  EXPECT_EQ(edns.version, 0);
  EXPECT_TRUE(edns.dnssec_ok);
  EXPECT_EQ(edns.extended_rcode << 4U | view.header().rcode(), rcode::badvers);
  EXPECT_EQ(keepalive_timeout(edns.options), 600);
  EXPECT_THAT(find_option(edns.options, option::extended_error).value(), ElementsAre(0, 23, 'w', 'h', 'y'));
}

TEST(AppendError, NoOptionsUnasked) {
  const auto answer = error_to(MessageBuilder().question("a").opt().bytes(), rcode::notimp);
  const auto edns = read_edns(MessageView::parse(answer).value());
  EXPECT_TRUE(edns.present);
  EXPECT_FALSE(edns.dnssec_ok);
  EXPECT_TRUE(edns.options.empty());
}

TEST(AppendError, TheLongestFitsInTheOldLimit) {
  const auto name = joined({labels_of(3, 63), labels_of(1, 61), {0}});
  const auto query = MessageBuilder().question(name).opt().bytes();
  EXPECT_LE(error_to(query, rcode::servfail, {.keepalive = 1}, ExtendedError{0, std::string(1000, 'x')}).size(),
            min_udp_payload);
}

TEST(AppendHeaderError, TwelveBytes) {
  const auto query = MessageBuilder(0x2910 | flag::ad | flag::tc).set_u16(4, 9).set_u16(10, 3).bytes();
  Buffer out = {1};
  append_header_error(out, query, rcode::formerr, {});
  EXPECT_THAT(out, ElementsAre(1, 0x12, 0x34, 0xA9, 0x91, 0, 0, 0, 0, 0, 0, 0, 0));
}

TEST(AppendHeaderError, Rfc6891OurOptWhereOneCanBeFound) {
  const auto two_questions = joined({name_of("b.example"), {0, 1, 0, 1}});
  const auto first = MessageBuilder().question("a.example").bytes();
  auto query = joined({first, two_questions, {0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0}});
  write_u16(query, 4, 2);
  write_u16(query, 10, 1);
  Buffer out;
  append_header_error(out, query, rcode::formerr, {.udp_payload = 1400, .keepalive = {}});
  EXPECT_EQ(Header::of(out)->questions(), 0);
  EXPECT_EQ(Header::of(out)->additionals(), 1);
  EXPECT_THAT(Bytes(out).subspan(header_size), ElementsAre(0, 0, 41, 1400 >> 8, 1400 & 0xFF, 0, 0, 0x80, 0, 0, 0));

  // An OPT record after a malformed record does not count.
  query[header_size] = 0xFF;
  out.clear();
  append_header_error(out, query, rcode::formerr, {});
  EXPECT_EQ(out.size(), header_size);
}

TEST(AddressTo, Rfc1035TheQuerysOwnIdFlagsAndLetters) {
  const auto asked = MessageBuilder(flag::rd | flag::cd).question("WWW.Example").set_u16(0, 77).bytes();
  auto answer = MessageBuilder(flag::qr | flag::aa | flag::ra | flag::ad).question("www.example").bytes();
  address_to(parse_query(asked, {}).value(), answer);
  EXPECT_EQ(answer, MessageBuilder(flag::qr | flag::aa | flag::ra | flag::rd | flag::cd)
                        .question("WWW.Example")
                        .set_u16(0, 77)
                        .bytes());
  // RFC 6840 section 5.7: AD is only for clients that set AD or DO.
  const auto plain = MessageBuilder(flag::ad).question("www.example").bytes();
  answer = MessageBuilder(flag::qr | flag::rd | flag::ad).question("www.example").bytes();
  address_to(parse_query(plain, {}).value(), answer);
  EXPECT_EQ(Header::of(answer)->flags(), flag::qr | flag::ad);
}

MessageBuilder long_answer(std::uint16_t flags) {
  return MessageBuilder(flags).question("wWw.example").record(Section::answer, pointer_to(12), type::a, test_address);
}

/// A message with two answers, an authority and an additional record, and the offsets at which these end.
struct Sections {
  Sections() {
    message.question("www.example");
    for (const auto section : {Section::answer, Section::answer, Section::authority, Section::additional}) {
      ends.push_back(message.size());
      message.record(section, pointer_to(12), type::a, test_address);
    }
    ends.push_back(message.size());
  }
  MessageBuilder message{flag::qr | flag::rd};
  std::vector<std::size_t> ends;  // of the question, then of each record
};

TEST(Shorten, KeepsWholeRecordsFromTheBeginning) {
  const Sections whole;
  struct Expected {
    std::size_t limit;
    bool is_loss;
    std::array<std::uint16_t, 3> counts;
    bool dnssec_ok = false;
  };
  const auto& ends = whole.ends;
  for (const auto& [limit, is_loss, counts, dnssec_ok] :
       {Expected{ends[4], false, {2, 1, 1}}, Expected{ends[4] - 1, false, {2, 1, 0}},  // RFC 2181 9
        Expected{ends[3], false, {2, 1, 0}}, Expected{ends[3] - 1, false, {2, 0, 0}},
        Expected{ends[3] - 1, true, {2, 0, 0}, true},  // RFC 4035 section 3.1.1: validating clients need these
        Expected{ends[2] - 1, true, {1, 0, 0}}, Expected{ends[0], true, {0, 0, 0}}}) {
    Buffer out = {1, 2, 3};
    append(out, whole.message.bytes());
    EXPECT_EQ(shorten(out, 3, limit, dnssec_ok), is_loss) << limit;
    const auto message = MessageView::parse(Bytes(out).subspan(3)).value();
    EXPECT_LE(message.bytes().size(), limit);
    const auto header = message.header();
    EXPECT_THAT(counts, ElementsAre(header.answers(), header.authorities(), header.additionals())) << limit;
    EXPECT_EQ(header.flags(), flag::qr | flag::rd | (is_loss ? flag::tc : 0)) << limit;
  }
}

TEST(Shorten, Rfc2308ADenialIsNotWholeWithoutItsSoa) {
  MessageBuilder message(flag::qr | rcode::nxdomain);
  message.question("www.example");
  message.record(Section::answer, pointer_to(12), type::cname, name_of("host.example"));
  message.record(Section::authority, name_of("example"), type::ns, name_of("ns.example"));
  const auto before_soa = message.size();
  message.record(Section::authority, name_of("example"), type::soa, joined({{0}, {0}, Buffer(20)}));
  for (const auto limit : {message.size() - 1, before_soa - 1}) {
    auto out = message.bytes();
    EXPECT_TRUE(shorten(out, 0, limit, false));
    const auto header = MessageView::parse(out)->header();
    EXPECT_TRUE(header.is_truncated());
    EXPECT_EQ(header.rcode(), rcode::nxdomain);
    EXPECT_EQ(header.answers(), 1);
  }
}

TEST(Shorten, FollowsNoPointerIntoAQuestionThatHasChanged) {
  MessageBuilder message(flag::qr);
  message.question("www.example", type::a);
  const auto type_low = message.size() - 3;
  // Read from the low byte of the type on, type A and class IN are two labels of one byte, and the type of the first
  // record is their root label. After the type has changed, there is no name at that place.
  message.record(Section::authority, Buffer{0}, type::a, test_address);
  message.record(Section::authority, pointer_to(type_low), type::a, test_address);
  ASSERT_TRUE(MessageView::parse(message.bytes()));
  message.set_u16(type_low - 1, type::https);
  ASSERT_FALSE(MessageView::parse(message.bytes())) << "what was denied for each type is asked for by another";
  auto out = message.bytes();
  const auto size = out.size();
  EXPECT_TRUE(shorten(out, 0, size - 1, true));
  EXPECT_LT(out.size(), size);
}

TEST(AppendTruncated, KeepsTheHeaderAndSetsTc) {
  const std::uint16_t flags = flag::qr | flag::aa | flag::rd | flag::ra | flag::ad | flag::cd | rcode::nxdomain;
  const auto answer = long_answer(flags).opt().bytes();
  Buffer out;
  append_truncated(out, MessageView::parse(answer).value(), {}, {});
  EXPECT_THAT(out, ElementsAreArray(MessageBuilder(flags | flag::tc).question("wWw.example").bytes()));
}

TEST(AppendTruncated, OurOptToAClientWithEdns) {
  const auto answer = long_answer(flag::qr).opt(option_of(option::cookie, Buffer(8)), 0x02000000).bytes();
  Buffer out = {5};
  append_truncated(out, MessageView::parse(answer).value(), {.udp_payload = 1232, .keepalive = 2},
                   {.present = true, .dnssec_ok = true, .options = {}});
  const auto edns = read_edns(MessageView::parse(Bytes(out).subspan(1)).value());
  EXPECT_TRUE(edns.present);
  EXPECT_EQ(edns.udp_payload, 1232);
  EXPECT_EQ(edns.extended_rcode, 2);  // the upper bits of the answer's RCODE
  EXPECT_TRUE(edns.dnssec_ok);
  EXPECT_FALSE(find_option(edns.options, option::cookie));
  EXPECT_EQ(keepalive_timeout(edns.options), 2);
}

TEST(AppendQuery, IsAQuery) {
  Buffer out;
  append_query(out, 0x1234, flag::rd, name_of("www.example.com"), type::aaaa, klass::in);
  EXPECT_EQ(out, MessageBuilder().question("www.example.com", type::aaaa).bytes());
  EXPECT_TRUE(parse_query(out, {}));
}

}  // namespace
}  // namespace pillion::dns::testing
