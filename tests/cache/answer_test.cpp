// The answer of a hit: the stored bytes, changed for this client and this time.

#include <gmock/gmock.h>

#include "cache/messages.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"

namespace pillion::cache::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
namespace type = dns::type;
namespace rcode = dns::rcode;

std::vector<std::string> records_of(dns::Bytes message) {
  std::vector<std::string> texts;
  dns::for_each_record(dns::MessageView::parse(message).value(), [&](const dns::Record& record) {
    Buffer owner;
    EXPECT_TRUE(dns::unpack_name(message, record.owner, owner));
    texts.push_back(dns::to_text(owner) + ' ' + std::to_string(record.ttl) + ' ' +
                    presentation::type_to_text(record.type) + ' ' + presentation::rdata_to_text(message, record));
  });
  return texts;
}

TEST(Answer, IsTheReplyWithTheClientsIdAndQuestion) {
  Harness harness;
  const auto reply = address_reply("www.example", 300);
  ASSERT_TRUE(harness.insert(Query("www.example"), reply));
  const Query asked("wWw.EXample", {.id = 0xBEEF});
  auto expected = address_reply("wWw.EXample", 300);
  dns::write_u16(expected, 0, 0xBEEF);
  EXPECT_THAT(harness.answer(asked), ElementsAreArray(expected));
  EXPECT_EQ(harness.answer(asked).size(), answer_size(*harness.lookup(asked).entry, asked.view()));
}

TEST(Answer, IsAppended) {
  Harness harness;
  const Query query("www.example");
  ASSERT_TRUE(harness.insert(query, address_reply("www.example", 300)));
  harness.at(10);
  Buffer out = {1, 2, 3};
  append_answer(*harness.lookup(query).entry, query.view(), harness.now, 0, out);
  EXPECT_THAT(Buffer(out.begin(), out.begin() + 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(Buffer(out.begin() + 3, out.end()), ElementsAreArray(harness.answer(query)));
}

TEST(Answer, Rfc2181EachTtlIsLessByTheAgeInWholeSeconds) {
  Harness harness;
  const Query query("www.example");
  ASSERT_TRUE(harness.insert(query, reply_to("www.example")
                                        .record(Section::answer, {0}, type::a, {1, 2, 3, 4}, 300)
                                        .record(Section::authority, {0}, type::ns, {0}, 100)
                                        .record(Section::additional, {0}, type::a, {1, 2, 3, 4}, 200)
                                        .bytes()));
  EXPECT_THAT(harness.ttls(query), ElementsAre(300, 100, 200));
  harness.at(0.999);
  EXPECT_THAT(harness.ttls(query), ElementsAre(300, 100, 200));
  harness.at(1);
  EXPECT_THAT(harness.ttls(query), ElementsAre(299, 99, 199));
  harness.at(99.999);
  EXPECT_THAT(harness.ttls(query), ElementsAre(201, 1, 101));
}

TEST(Answer, TtlsAreBoundedAsTheEntryIs) {
  Harness harness({.min_ttl = std::chrono::seconds(60), .max_ttl = std::chrono::seconds(3600)});
  const Query query("www.example");
  ASSERT_TRUE(harness.insert(query, reply_to("www.example")
                                        .record(Section::answer, {0}, type::a, {1, 2, 3, 4}, 5)
                                        .record(Section::answer, {0}, type::a, {1, 2, 3, 5}, 0x80000005)
                                        .record(Section::answer, {0}, type::a, {1, 2, 3, 6}, 86400)
                                        .bytes()));
  EXPECT_THAT(harness.ttls(query), ElementsAre(60, 60, 3600));
}

TEST(Answer, Rfc2308TheSoaOfANegativeAnswerCountsDownFromTheLifetime) {
  Harness harness;
  const Query query("www.example");
  ASSERT_TRUE(harness.insert(query, negative_reply("www.example", rcode::nxdomain, 3600, 60)));
  harness.at(20);
  EXPECT_THAT(harness.ttls(query), ElementsAre(40));
}

TEST(Answer, Rfc8767StaleAnswersHaveATtlOf30) {
  Harness harness;
  const Query query("www.example");
  ASSERT_TRUE(harness.insert(query, reply_to("www.example")
                                        .record(Section::answer, {0}, type::a, {1, 2, 3, 4}, 10)
                                        .record(Section::additional, {0}, type::a, {1, 2, 3, 4}, 3600)
                                        .bytes()));
  harness.at(10);
  EXPECT_THAT(harness.ttls(query), ElementsAre(30, 30));
}

TEST(Answer, Rfc6891HasNoOptWhereverTheReplyHadIt) {
  Harness harness;
  const Query query("www.example");
  const auto with_opt_first = reply_to("www.example")
                                  .record(Section::answer, pointer_to(to_question), type::a, {1, 2, 3, 4}, 60)
                                  .opt(option_of(dns::option::padding, Buffer(40)))
                                  .record(Section::additional, pointer_to(to_question), type::aaaa, Buffer(16), 50)
                                  .bytes();
  ASSERT_TRUE(harness.insert(query, with_opt_first));
  harness.at(7);
  EXPECT_THAT(records_of(harness.answer(query)), ElementsAre("www.example. 53 A 1.2.3.4", "www.example. 43 AAAA ::"));
}

TEST(Answer, Rfc8914ExtendedErrorsAreKeptAndOtherOptionsAreNot) {
  Harness harness;
  const Query query("www.example");
  const auto blocked = option_of(dns::option::extended_error, {0, 15, 'n', 'o'});
  const auto filtered = option_of(dns::option::extended_error, {0, 17});
  const auto too_long = option_of(dns::option::extended_error, Buffer(max_extended_errors));
  const auto cookie = option_of(dns::option::cookie, Buffer(8));
  const auto options = joined({blocked, cookie, too_long, filtered});
  auto reply = MessageBuilder(reply_flags | rcode::nxdomain).question("www.example");
  reply.record(Section::authority, {0}, type::soa, soa_rdata({0}, {0}, 60)).opt(options);
  ASSERT_TRUE(harness.insert(query, reply.bytes()));
  EXPECT_THAT(harness.lookup(query).entry->extended_errors(), ElementsAreArray(joined({blocked, filtered})));
}

TEST(Answer, Rfc1035RecursionDesiredIsTheClients) {
  Harness harness;
  ASSERT_TRUE(harness.insert(Query("www.example"), address_reply("www.example", 60)));
  const auto flags = [&](std::uint16_t asked) {
    return dns::read_u16(harness.answer(Query("www.example", {.flags = asked})), 2);
  };
  EXPECT_EQ(flags(dns::flag::rd), reply_flags);
  EXPECT_EQ(flags(0), reply_flags & ~dns::flag::rd);
}

TEST(Answer, Rfc6840AuthenticDataIsForThoseWhoAskForIt) {
  Harness harness;
  auto authentic = address_reply("www.example", 60);
  dns::write_u16(authentic, 2, reply_flags | dns::flag::ad);
  ASSERT_TRUE(harness.insert(Query("www.example"), authentic));
  ASSERT_TRUE(harness.insert(Query("www.example", {.dnssec_ok = true}), authentic));
  const auto has_ad = [&](const QueryOptions& options) {
    return (dns::read_u16(harness.answer(Query("www.example", options)), 2) & dns::flag::ad) != 0;
  };
  EXPECT_FALSE(has_ad({}));
  EXPECT_TRUE(has_ad({.flags = dns::flag::rd | dns::flag::ad}));
  EXPECT_TRUE(has_ad({.dnssec_ok = true}));
}

// Denials of real servers, with and without DNSSEC: their names are compressed against the question and each other.
TEST(Answer, Rfc8020NamesBeneathKeepTheRecordsThoughTheQuestionIsLonger) {
  const auto soa = soa_rdata(joined({label_of("ns"), pointer_to(to_question + 5)}),
                             joined({label_of("root"), pointer_to(to_question + 5)}), 60);
  const auto signature = joined({Buffer(18, 1), pointer_to(to_question + 5), Buffer(30, 7)});
  const auto next = joined({label_of("zzz"), pointer_to(to_question + 5), {0, 1, 0x40}});
  MessageBuilder reply(reply_flags | rcode::nxdomain);
  reply.question("gone.example.com");
  reply.record(Section::authority, pointer_to(to_question + 5), type::soa, soa, 100);
  const auto owner = reply.size();
  reply.record(Section::authority, joined({label_of("abc"), pointer_to(to_question + 5)}), type::nsec, next, 90);
  reply.record(Section::authority, pointer_to(owner), type::rrsig, signature, 90);
  reply.record(Section::authority, pointer_to(owner + 4), type::nsec3, Buffer(30, 1), 90);
  reply.record(Section::authority, name_of("other.test"), type::ns, pointer_to(owner), 90);

  Harness harness;
  ASSERT_TRUE(harness.insert(Query("gone.example.com"), reply.bytes()));
  harness.at(3);
  const auto exact = harness.answer(Query("gone.example.com"));
  const Query beneath("a.b.GONE.example.com", {.type = type::aaaa, .id = 99});
  ASSERT_EQ(harness.freshness(beneath), Freshness::fresh);
  const auto answer = harness.answer(beneath);
  EXPECT_EQ(answer.size(), exact.size() + 4);
  EXPECT_EQ(answer.size(), answer_size(*harness.lookup(beneath).entry, beneath.view()));
  const auto view = dns::MessageView::parse(answer).value();
  EXPECT_THAT(view.question().name.bytes(), ElementsAreArray(name_of("a.b.GONE.example.com")));
  EXPECT_EQ(view.question().type, type::aaaa);
  EXPECT_EQ(view.header().rcode(), rcode::nxdomain);
  EXPECT_EQ(view.header().id(), 99);
  auto expected = records_of(exact);
  ASSERT_EQ(expected.size(), 5U);
  EXPECT_THAT(expected[1], ::testing::HasSubstr("abc.example.com. 57 NSEC zzz.example.com."));
  EXPECT_THAT(records_of(answer), ElementsAreArray(expected));
}

TEST(Answer, Rfc8020WhateverRecordsItHas) {
  MessageBuilder reply(reply_flags | rcode::nxdomain);
  reply.question("gone.example").record(Section::authority, {0}, type::soa, soa_rdata({0}, {0}, 60), 60);
  reply.record(Section::authority, pointer_to(to_question), 65'280, {1, 2, 3}, 60);
  Harness harness;
  ASSERT_TRUE(harness.insert(Query("gone.example"), reply.bytes()));
  EXPECT_EQ(harness.freshness(Query("x.gone.example")), Freshness::fresh);
  EXPECT_THAT(records_of(harness.answer(Query("x.gone.example"))),
              ElementsAre(::testing::_, ::testing::HasSubstr("gone.example. 60")));
}

TEST(Answer, Rfc8020NotWithMorePointersThanAnEntryCanList) {
  MessageBuilder reply(reply_flags | rcode::nxdomain);
  reply.question("gone.example").record(Section::authority, {0}, type::soa, soa_rdata({0}, {0}, 60), 60);
  for (int i = 0; i < 300; ++i) reply.record(Section::authority, pointer_to(to_question), 65'280, {1}, 60);
  Harness harness;
  ASSERT_TRUE(harness.insert(Query("gone.example"), reply.bytes()));
  EXPECT_EQ(harness.freshness(Query("gone.example", {.type = type::txt})), Freshness::fresh);
  EXPECT_EQ(harness.freshness(Query("x.gone.example")), Freshness::miss);
}

TEST(Answer, Rfc2181ATtlWithItsTopBitSetIsZero) {
  const auto reply = reply_to("www.example")
                         .record(Section::answer, pointer_to(to_question), type::a, {192, 0, 2, 1}, 0x80000001)
                         .record(Section::answer, pointer_to(to_question), type::a, {192, 0, 2, 2}, 0x7FFFFFFF)
                         .bytes();
  const Query query("www.example");
  Preparation prepared(0x5eed);
  ASSERT_TRUE(prepared.prepare(query.key(), dns::MessageView::parse(reply).value(), {}));
  std::vector<std::uint32_t> ttls;
  dns::for_each_record(dns::MessageView::parse(prepared.wire()).value(),
                       [&](const dns::Record& record) { ttls.push_back(record.ttl); });
  EXPECT_THAT(ttls, ElementsAre(0, 3600));
  EXPECT_EQ(prepared.admitted().error(), NotStored::zero_ttl);
}

TEST(Answer, AddressesBeginWithTheOneWhoseTurnItIs) {
  Harness harness;
  const Query query("www.example");
  auto reply = reply_to("www.example");
  reply.record(Section::answer, pointer_to(to_question), type::cname, name_of("host.example"), 300);
  for (std::uint8_t i = 1; i <= 3; ++i)
    reply.record(Section::answer, name_of("host.example"), type::a, {192, 0, 2, i}, 300);
  reply.record(Section::answer, name_of("host.example"), type::rrsig, joined({Buffer(18), {0}, {1}}), 300);
  ASSERT_TRUE(harness.insert(query, reply.bytes()));
  const auto in_order = records_of(harness.answer(query));
  ASSERT_EQ(in_order.size(), 5U);
  for (const std::size_t turn : {0U, 1U, 2U, 3U, 7U}) {
    harness.rotation = turn;
    auto expected = in_order;
    std::ranges::rotate(expected.begin() + 1, expected.begin() + 1 + static_cast<std::ptrdiff_t>(turn % 3),
                        expected.begin() + 4);
    EXPECT_THAT(records_of(harness.answer(query)), ElementsAreArray(expected)) << turn;
  }
}

TEST(Answer, OnlyAddressesOfOneOwnerChangePlaces) {
  // Owner names with equal ends, and addresses of another class, which may have any size.
  Harness harness;
  const auto set_of = [](const MessageBuilder& reply, std::uint16_t rr_type) {
    Preparation prepared(0x5eed);
    const auto view = dns::MessageView::parse(reply.bytes()).value();
    EXPECT_TRUE(prepared.prepare({.name = view.question().name, .type = rr_type, .klass = dns::klass::in}, view, {}));
    return std::pair(prepared.addresses().first, prepared.addresses().count);
  };
  auto other_owner = reply_to("q.example");
  other_owner.record(Section::answer, joined({label_of("www"), pointer_to(to_question)}), type::a, {1, 1, 1, 1}, 300);
  for (std::uint8_t i = 2; i <= 3; ++i)
    other_owner.record(Section::answer, pointer_to(to_question), type::a, {i, i, i, i}, 300);
  EXPECT_EQ(set_of(other_owner, type::a), std::pair(std::uint8_t{1}, std::uint8_t{2}));

  auto other_class = reply_to("q.example", type::aaaa);
  other_class.record(Section::answer, pointer_to(to_question), type::aaaa, Buffer(16, 7), 300);
  for (int i = 0; i < 3; ++i)
    other_class.record(Section::answer, joined({label_of(std::string(16, static_cast<char>('a' + i))), {0}}),
                       type::aaaa, {}, 300, dns::klass::chaos);
  EXPECT_EQ(set_of(other_class, type::aaaa), std::pair(std::uint8_t{0}, std::uint8_t{0}));
}

TEST(Answer, AloneOrOfTwoTypesTheyStayWhereTheyAre) {
  Harness harness;
  harness.rotation = 1;
  const Query query("www.example", {.type = type::any});
  auto reply = reply_to("www.example", type::any);
  reply.record(Section::answer, pointer_to(to_question), type::a, {192, 0, 2, 1}, 300);
  reply.record(Section::answer, pointer_to(to_question), type::aaaa, Buffer(16), 300);
  reply.record(Section::answer, {0}, type::a, {192, 0, 2, 2}, 300);
  ASSERT_TRUE(harness.insert(query, reply.bytes()));
  const auto turned = records_of(harness.answer(query));
  harness.rotation = 0;
  EXPECT_EQ(turned, records_of(harness.answer(query)));
}

}  // namespace
}  // namespace pillion::cache::testing
