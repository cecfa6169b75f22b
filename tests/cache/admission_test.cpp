// Which replies the cache keeps, as which kind, and for how long.

#include "cache/admission.hpp"

#include <gmock/gmock.h>

#include "cache/messages.hpp"
#include "runtime/enum_array.hpp"

namespace pillion::cache::testing {
namespace {

namespace type = dns::type;
namespace rcode = dns::rcode;
using std::chrono::seconds;

std::expected<Admitted, NotStored> admitted(const Query& query, const Buffer& reply, const Settings& settings = {}) {
  return admit(query.key(), dns::MessageView::parse(reply).value(), settings);
}

NotStored refused(const Query& query, const Buffer& reply) {
  const auto result = admitted(query, reply);
  return result ? NotStored::count_ : result.error();
}

const Query www("www.example");

MessageBuilder www_reply(std::uint32_t ttl = 300) {
  return reply_to("www.example").record(Section::answer, pointer_to(to_question), type::a, {192, 0, 2, 1}, ttl);
}

TEST(Admission, Rfc2181PositiveLivesAsLongAsTheRecordThatExpiresFirst) {
  EXPECT_EQ(admitted(www, www_reply(300).bytes())->lifetime, 300U);
  EXPECT_EQ(admitted(www, www_reply(300).bytes())->kind, Kind::positive);
  const auto with_glue = www_reply(300)
                             .record(Section::authority, {0}, type::ns, {0}, 200)
                             .record(Section::additional, {0}, type::a, {192, 0, 2, 2}, 100)
                             .opt({}, 5)
                             .bytes();
  EXPECT_EQ(admitted(www, with_glue)->lifetime, 100U);
}

TEST(Admission, PositiveIsBoundedByMinAndMaxTtl) {
  const Settings settings = {.min_ttl = seconds(10), .max_ttl = seconds(60)};
  EXPECT_EQ(admitted(www, www_reply(5).bytes(), settings)->lifetime, 10U);
  EXPECT_EQ(admitted(www, www_reply(30).bytes(), settings)->lifetime, 30U);
  EXPECT_EQ(admitted(www, www_reply(61).bytes(), settings)->lifetime, 60U);
  EXPECT_EQ(admitted(www, www_reply(0x7FFFFFFF).bytes(), settings)->lifetime, 60U);
}

TEST(Admission, Rfc1035ZeroTtlIsForTheQueryInProgress) {
  EXPECT_EQ(refused(www, www_reply(0).bytes()), NotStored::zero_ttl);
  EXPECT_EQ(admitted(www, www_reply(0).bytes(), {.min_ttl = seconds(1)})->lifetime, 1U);
}

TEST(Admission, Rfc2181TopBitOfTheTtlMeansZero) {
  EXPECT_EQ(refused(www, www_reply(0x80000001).bytes()), NotStored::zero_ttl);
}

TEST(Admission, Rfc2308NegativeLivesForTheLesserOfSoaTtlAndMinimum) {
  for (const auto code : {rcode::nxdomain, rcode::noerror}) {
    EXPECT_EQ(admitted(www, negative_reply("www.example", code, 100, 200))->lifetime, 100U);
    EXPECT_EQ(admitted(www, negative_reply("www.example", code, 200, 90))->lifetime, 90U);
    EXPECT_EQ(admitted(www, negative_reply("www.example", code, 9000, 9000))->lifetime, 300U);
    EXPECT_EQ(refused(www, negative_reply("www.example", code, 100, 0)), NotStored::zero_ttl);
    EXPECT_EQ(refused(www, negative_reply("www.example", code, 0, 100)), NotStored::zero_ttl);
    EXPECT_EQ(refused(www, negative_reply("www.example", code, 100, 0x80000001)), NotStored::zero_ttl);
  }
  EXPECT_EQ(admitted(www, negative_reply("www.example", rcode::nxdomain, 9, 9))->kind, Kind::nxdomain);
  EXPECT_EQ(admitted(www, negative_reply("www.example", rcode::noerror, 9, 9))->kind, Kind::nodata);
}

TEST(Admission, Rfc2308MinTtlDoesNotLengthenNegativeAnswers) {
  const auto reply = negative_reply("www.example", rcode::nxdomain, 5, 5);
  EXPECT_EQ(admitted(www, reply, {.min_ttl = seconds(60)})->lifetime, 5U);
}

TEST(Admission, Rfc2308NegativeWithoutSoaIsNotKept) {
  EXPECT_EQ(refused(www, reply_to("www.example", type::a, rcode::nxdomain).bytes()), NotStored::no_soa);
  EXPECT_EQ(refused(www, reply_to("www.example").bytes()), NotStored::no_soa);
  // An SOA elsewhere than in the authority section says nothing about the answer.
  const auto misplaced = reply_to("www.example", type::a, rcode::nxdomain)
                             .record(Section::additional, {0}, type::soa, soa_rdata({0}, {0}, 60))
                             .bytes();
  EXPECT_EQ(refused(www, misplaced), NotStored::no_soa);
  const auto short_soa =
      reply_to("www.example", type::a, rcode::nxdomain).record(Section::authority, {0}, type::soa, Buffer(21)).bytes();
  EXPECT_EQ(refused(www, short_soa), NotStored::no_soa);
}

TEST(Admission, Rfc2308ReferralIsNoAnswer) {
  EXPECT_EQ(refused(www, reply_to("www.example").record(Section::authority, {0}, type::ns, {0}).bytes()),
            NotStored::no_soa);
}

MessageBuilder alias_reply(std::uint16_t code, std::uint32_t alias_ttl) {
  return reply_to("www.example", type::a, code)
      .record(Section::answer, pointer_to(to_question), type::cname, name_of("gone.example"), alias_ttl);
}

TEST(Admission, Rfc2308AliasThatEndsInNoData) {
  const auto reply =
      alias_reply(rcode::noerror, 50).record(Section::authority, {0}, type::soa, soa_rdata({0}, {0}, 80), 90);
  EXPECT_EQ(admitted(www, reply.bytes())->kind, Kind::nodata);
  EXPECT_EQ(admitted(www, reply.bytes())->lifetime, 50U);
  EXPECT_EQ(refused(www, alias_reply(rcode::noerror, 50).bytes()), NotStored::no_soa);
  const Query for_alias("www.example", {.type = type::cname});
  const auto alias_alone =
      reply_to("www.example", type::cname).record(Section::answer, pointer_to(to_question), type::cname, {0}).bytes();
  EXPECT_EQ(admitted(for_alias, alias_alone)->kind, Kind::positive);
}

TEST(Admission, Rfc6604AliasThatEndsInNxdomainDoesNotDenyTheNameAsked) {
  const auto reply =
      alias_reply(rcode::nxdomain, 500).record(Section::authority, {0}, type::soa, soa_rdata({0}, {0}, 80), 90).bytes();
  EXPECT_EQ(admitted(www, reply)->kind, Kind::nxdomain);
  EXPECT_EQ(admitted(www, reply)->lifetime, 80U);
  EXPECT_FALSE(admitted(www, reply)->denies_name);
  EXPECT_TRUE(admitted(www, negative_reply("www.example", rcode::nxdomain, 9, 9))->denies_name);
  EXPECT_FALSE(admitted(www, negative_reply("www.example", rcode::noerror, 9, 9))->denies_name);
}

TEST(Admission, Rfc9520FailuresForFiveSecondsAndFiveMinutesAtMost) {
  const auto reply = reply_to("www.example", type::a, rcode::servfail).bytes();
  EXPECT_EQ(admitted(www, reply)->kind, Kind::failure);
  EXPECT_EQ(admitted(www, reply)->lifetime, 5U);
  EXPECT_EQ(admitted(www, reply, {.failure_ttl = seconds(0)})->lifetime, 1U);
  EXPECT_EQ(admitted(www, reply, {.failure_ttl = seconds(3000)})->lifetime, 300U);
}

TEST(Admission, Rfc9520RefusalsAreFailures) {
  for (const auto code : {rcode::formerr, rcode::servfail, rcode::notimp, rcode::refused}) {
    const auto reply = reply_to("www.example", type::a, code).bytes();
    EXPECT_EQ(admitted(www, reply)->kind, Kind::failure) << code;
    EXPECT_EQ(admitted(www, reply)->lifetime, 5U) << code;
  }
}

TEST(Admission, Rfc2181TruncatedIsNotKept) {
  auto reply = www_reply();
  EXPECT_EQ(refused(www, reply.set_u16(2, reply_flags | dns::flag::tc).bytes()), NotStored::truncated);
}

TEST(Admission, Rfc8945SignedIsNotKept) {
  EXPECT_EQ(refused(www, www_reply().record(Section::additional, {0}, type::tsig, {}, 0, dns::klass::any).bytes()),
            NotStored::signed_message);
  EXPECT_EQ(
      refused(www, www_reply().record(Section::additional, {0}, type::sig, Buffer(18), 0, dns::klass::any).bytes()),
      NotStored::signed_message);
}

TEST(Admission, Rfc7871AnswersForOneNetworkAreNotKept) {
  const auto with_subnet = [](const Buffer& value) {
    return www_reply().opt(option_of(dns::option::client_subnet, value)).bytes();
  };
  EXPECT_EQ(refused(www, with_subnet({0, 1, 24, 24, 192, 0, 2})), NotStored::client_subnet);
  EXPECT_EQ(refused(www, with_subnet({0, 1, 24, 1, 192, 0, 2})), NotStored::client_subnet);
  EXPECT_EQ(refused(www, with_subnet({0, 1, 24})), NotStored::client_subnet);
  EXPECT_TRUE(admitted(www, with_subnet({0, 1, 24, 0, 192, 0, 2})));
  EXPECT_TRUE(admitted(www, www_reply().opt(option_of(dns::option::padding, Buffer(9))).bytes()));
}

TEST(Admission, OtherRcodesAreNotKept) {
  for (std::uint16_t code = 0; code < 16; ++code) {
    const bool kept = code <= rcode::refused;
    EXPECT_EQ(admitted(www, negative_reply("www.example", code, 60, 60)).has_value(), kept) << code;
  }
  // RFC 6891 6.1.3: the upper bits are in the OPT record; 16 is BADVERS.
  EXPECT_EQ(refused(www, www_reply().opt({}, 0x01000000).bytes()), NotStored::other_rcode);
}

TEST(Admission, OnlyRepliesToQueries) {
  auto reply = www_reply();
  EXPECT_EQ(refused(www, reply.set_u16(2, dns::flag::rd).bytes()), NotStored::not_a_response);
  EXPECT_EQ(refused(www, reply.set_u16(2, reply_flags | 4U << 11U).bytes()), NotStored::not_a_response);
}

TEST(Admission, OnlyWhatWasAsked) {
  const auto reply = www_reply().bytes();
  EXPECT_TRUE(admitted(Query("WWW.exAMPLE"), reply));  // RFC 4343
  EXPECT_EQ(refused(Query("wwx.example"), reply), NotStored::other_question);
  EXPECT_EQ(refused(Query("www.example", {.type = type::aaaa}), reply), NotStored::other_question);
  auto key = www.key();
  key.klass = dns::klass::chaos;
  EXPECT_EQ(admit(key, dns::MessageView::parse(reply).value(), {}).error(), NotStored::other_question);
}

TEST(Admission, Rfc1035ARepliesOwnRdSaysNothing) {
  // Some servers do not copy the bit. The query's bit decides.
  auto reply = www_reply();
  EXPECT_TRUE(admitted(www, reply.set_u16(2, dns::flag::qr | dns::flag::ra).bytes()));
}

TEST(Admission, Rfc6895MetaTypesAreNotKeptButAnyIs) {
  for (const auto rr_type : {std::uint16_t{0}, type::opt, type::tkey, type::tsig, type::ixfr, type::axfr}) {
    const auto reply = reply_to("www.example", rr_type).record(Section::answer, {0}, type::a, {1, 2, 3, 4}).bytes();
    EXPECT_EQ(refused(Query("www.example", {.type = rr_type}), reply), NotStored::meta_type) << rr_type;
  }
  const auto any = reply_to("www.example", type::any).record(Section::answer, {0}, type::hinfo, {0, 0}).bytes();
  EXPECT_EQ(admitted(Query("www.example", {.type = type::any}), any)->kind, Kind::positive);
}

TEST(Admission, ReasonsHaveNames) {
  for (const auto reason : runtime::enumerators<NotStored>) EXPECT_NE(to_string(reason), "unknown");
  EXPECT_EQ(to_string(NotStored::too_large), "too_large");
  EXPECT_EQ(to_string(NotStored::count_), "unknown");
}

}  // namespace
}  // namespace pillion::cache::testing
