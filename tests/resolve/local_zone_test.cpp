#include "resolve/local_zone.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "presentation/zone_text.hpp"
#include "resolve/ask_zone.hpp"

namespace pillion::resolve::testing {
namespace {

using dns::testing::name_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
namespace type = dns::type;
namespace rcode = dns::rcode;

constexpr auto made_up_soa = "corp.example. 300 SOA corp.example. nobody.invalid. 1 3600 1200 604800 300";

LocalZone zone_of(std::string_view origin, const std::vector<std::string>& lines) {
  auto name = name_of(origin);
  std::vector<dns::ZoneRecord> records;
  for (const auto& line : lines) records.push_back(presentation::parse_zone_record(line, name).value());
  return {std::move(name), std::move(records)};
}

LocalZone corp_zone(const std::vector<std::string>& lines) {
  return zone_of("corp.example", lines);
}

TEST(LocalZone, AnswersWithTheRecordsOfTheTypeInTheirOrder) {
  const auto zone = corp_zone({"www 60 A 192.0.2.9", "www 60 A 192.0.2.1", "www 50 AAAA 2001:db8::1", "@ A 192.0.2.3"});
  const auto response = ask(zone, "www.corp.example", type::a);
  EXPECT_EQ(response.rcode, rcode::noerror);
  EXPECT_THAT(response.answers, ElementsAre("www.corp.example. 60 A 192.0.2.9", "www.corp.example. 60 A 192.0.2.1"));
  EXPECT_THAT(response.authorities, IsEmpty());
  EXPECT_THAT(ask(zone, "corp.example", type::a).answers, ElementsAre("corp.example. 300 A 192.0.2.3"));
}

TEST(LocalZone, IdFlagsAndQuestionAreTheClients) {  // RFC 1035 4.1.1, RFC 4035 3.2.2, RFC 4343 section 3
  const auto zone = corp_zone({"www A 192.0.2.1"});
  const auto query = query_for("WwW.Corp.EXAMPLE", type::a, dns::klass::in, dns::flag::rd | dns::flag::cd);
  const auto response = ask(zone, query);
  EXPECT_EQ(response.flags, dns::flag::qr | dns::flag::aa | dns::flag::ra | dns::flag::rd | dns::flag::cd);
  EXPECT_THAT(response.answers, ElementsAre("WwW.Corp.EXAMPLE. 300 A 192.0.2.1"));
  EXPECT_EQ(dns::read_u16(response.bytes, 0), 0x1234);
  EXPECT_TRUE(std::equal(query.begin() + dns::header_size, query.end(), response.bytes.begin() + dns::header_size));

  const auto without = ask(zone, query_for("www.corp.example", type::a, dns::klass::in, dns::flag::ad));
  EXPECT_EQ(without.flags, dns::flag::qr | dns::flag::aa | dns::flag::ra);
}

TEST(LocalZone, TheClientsOptIsNotItsBusiness) {
  const auto zone = corp_zone({"www A 192.0.2.1"});
  const auto response = ask(zone, dns::testing::MessageBuilder().question("www.corp.example").opt().bytes());
  EXPECT_THAT(response.answers, SizeIs(1));
}

TEST(LocalZone, AppendsBehindWhatIsThere) {
  const auto zone = corp_zone({"www CNAME web", "web A 192.0.2.1"});
  const auto query = query_for("www.corp.example", type::a);
  dns::Buffer out = {1, 2, 3};
  zone.append_answer(dns::parse_query(query, {}).value(), out);
  EXPECT_EQ(dns::Buffer(out.begin(), out.begin() + 3), (dns::Buffer{1, 2, 3}));
  EXPECT_THAT(read_response({out.begin() + 3, out.end()}).answers, SizeIs(2));
}

TEST(LocalZone, MissingNames) {  // RFC 2308 2.1
  const auto zone = corp_zone({"www A 192.0.2.1"});
  const auto response = ask(zone, "ftp.corp.example", type::a);
  EXPECT_EQ(response.rcode, rcode::nxdomain);
  EXPECT_THAT(response.answers, IsEmpty());
  EXPECT_THAT(response.authorities, ElementsAre(made_up_soa));
  EXPECT_EQ(ask(zone, "x.www.corp.example", type::a).rcode, rcode::nxdomain);
  EXPECT_TRUE(ask(zone, "ftp.corp.example", type::a).flags & dns::flag::aa);
}

TEST(LocalZone, MissingTypes) {  // RFC 2308 2.2
  const auto response = ask(corp_zone({"www A 192.0.2.1"}), "www.corp.example", type::aaaa);
  EXPECT_EQ(response.rcode, rcode::noerror);
  EXPECT_THAT(response.answers, IsEmpty());
  EXPECT_THAT(response.authorities, ElementsAre(made_up_soa));
}

TEST(LocalZone, EmptyNonTerminalsExist) {  // RFC 8020 2, RFC 4592 2.2.2
  const auto zone = corp_zone({"a.b.c A 192.0.2.1"});
  for (const auto* name : {"b.c.corp.example", "c.corp.example", "corp.example"}) {
    EXPECT_EQ(ask(zone, name, type::a).rcode, rcode::noerror) << name;
    EXPECT_THAT(ask(zone, name, type::a).authorities, SizeIs(1)) << name;
  }
  EXPECT_EQ(ask(zone, "x.c.corp.example", type::a).rcode, rcode::nxdomain);
  EXPECT_THAT(ask(zone, "c.corp.example", type::any).authorities, SizeIs(1));
}

TEST(LocalZone, TheSoaSaysHowLongNegativeAnswersHold) {  // RFC 2308 section 3: the lower of its TTL and its minimum
  const auto lower_minimum = corp_zone({"@ 900 SOA ns1 admin 7 3600 600 86400 60"});
  EXPECT_THAT(ask(lower_minimum, "x.corp.example", type::a).authorities,
              ElementsAre("corp.example. 60 SOA ns1.corp.example. admin.corp.example. 7 3600 600 86400 60"));
  EXPECT_THAT(ask(lower_minimum, "corp.example", type::soa).answers,
              ElementsAre("corp.example. 900 SOA ns1.corp.example. admin.corp.example. 7 3600 600 86400 60"));
  const auto lower_ttl = corp_zone({"@ 30 SOA ns1 admin 7 3600 600 86400 60"});
  EXPECT_THAT(ask(lower_ttl, "x.corp.example", type::a).authorities,
              ElementsAre("corp.example. 30 SOA ns1.corp.example. admin.corp.example. 7 3600 600 86400 60"));
}

TEST(LocalZone, AMadeUpSoaIsThereToAsk) {
  EXPECT_THAT(ask(corp_zone({}), "corp.example", type::soa).answers, ElementsAre(made_up_soa));
  EXPECT_EQ(ask(corp_zone({}), "x.corp.example", type::soa).rcode, rcode::nxdomain);
}

TEST(LocalZone, AnSoaBeneathTheOriginIsData) {
  const auto zone = corp_zone({"sub SOA ns1 admin 7 3600 600 86400 60"});
  EXPECT_THAT(ask(zone, "x.sub.corp.example", type::a).authorities, ElementsAre(made_up_soa));
  EXPECT_THAT(ask(zone, "sub.corp.example", type::soa).answers, SizeIs(1));
}

TEST(LocalZone, Any) {
  const auto zone = corp_zone({"www A 192.0.2.1", "www TXT \"x\"", "ftp CNAME www"});
  EXPECT_THAT(ask(zone, "www.corp.example", type::any).answers,
              UnorderedElementsAre("www.corp.example. 300 A 192.0.2.1", "www.corp.example. 300 TXT \"x\""));
  EXPECT_THAT(ask(zone, "ftp.corp.example", type::any).answers,
              ElementsAre("ftp.corp.example. 300 CNAME www.corp.example."));
}

TEST(LocalZone, FollowsAliases) {  // RFC 1034 3.6.2
  const auto zone = corp_zone({"a 10 CNAME b", "b 20 CNAME C", "c 30 A 192.0.2.1"});
  EXPECT_THAT(ask(zone, "a.corp.example", type::a).answers,
              ElementsAre("a.corp.example. 10 CNAME b.corp.example.", "b.corp.example. 20 CNAME C.corp.example.",
                          "C.corp.example. 30 A 192.0.2.1"));
  EXPECT_THAT(ask(zone, "a.corp.example", type::cname).answers,
              ElementsAre("a.corp.example. 10 CNAME b.corp.example."));
}

TEST(LocalZone, TheCodeIsAboutTheLastAlias) {  // RFC 6604 section 3, RFC 2308 2.1
  const auto zone = corp_zone({"a CNAME b", "c CNAME d", "d TXT \"x\""});
  const auto missing = ask(zone, "a.corp.example", type::a);
  EXPECT_EQ(missing.rcode, rcode::nxdomain);
  EXPECT_THAT(missing.answers, SizeIs(1));
  EXPECT_THAT(missing.authorities, ElementsAre(made_up_soa));
  const auto no_data = ask(zone, "c.corp.example", type::a);
  EXPECT_EQ(no_data.rcode, rcode::noerror);
  EXPECT_THAT(no_data.answers, SizeIs(1));
  EXPECT_THAT(no_data.authorities, ElementsAre(made_up_soa));
}

TEST(LocalZone, AliasesOutOfTheZoneEndTheAnswer) {
  const auto response = ask(corp_zone({"a CNAME www.example.net."}), "a.corp.example", type::a);
  EXPECT_EQ(response.rcode, rcode::noerror);
  EXPECT_THAT(response.answers, ElementsAre("a.corp.example. 300 CNAME www.example.net."));
  EXPECT_THAT(response.authorities, IsEmpty());
}

TEST(LocalZone, AliasesInACircleAreAnError) {  // RFC 1034 3.6.2
  const auto zone = corp_zone({"a CNAME b", "b CNAME a", "self CNAME self", "*.wild CNAME x.wild"});
  for (const auto* name : {"a.corp.example", "self.corp.example", "y.wild.corp.example"}) {
    const auto response = ask(zone, name, type::a);
    EXPECT_EQ(response.rcode, rcode::servfail) << name;
    EXPECT_FALSE(response.flags & dns::flag::aa);
    EXPECT_THAT(response.answers, IsEmpty());
    EXPECT_THAT(response.authorities, IsEmpty());
  }
}

TEST(LocalZone, AtMostSixteenAliases) {
  std::vector<std::string> lines = {"17 A 192.0.2.1"};
  for (int i = 0; i < 17; ++i) lines.push_back(std::to_string(i) + " CNAME " + std::to_string(i + 1));
  const auto zone = corp_zone(lines);
  EXPECT_THAT(ask(zone, "1.corp.example", type::a).answers, SizeIs(17));  // the address comes last
  EXPECT_EQ(ask(zone, "0.corp.example", type::a).rcode, rcode::servfail);
}

// The zone of RFC 4592 2.2.1, and its answer to each question there.
TEST(LocalZoneWildcards, TheExamplesOfTheRfc) {
  const auto zone =
      zone_of("example", {"* 3600 TXT \"this is a wildcard\"", "* 3600 MX 10 host1",
                          "sub.* 3600 TXT \"this is not a wildcard\"", "host1 3600 A 192.0.2.1",
                          "_ssh._tcp.host1 3600 SRV 0 0 22 host1", "_ssh._tcp.host2 3600 SRV 0 0 22 host2"});
  EXPECT_THAT(ask(zone, "host3.example", type::mx).answers, ElementsAre("host3.example. 3600 MX 10 host1.example."));
  const auto no_data = ask(zone, "host3.example", type::a);
  EXPECT_EQ(no_data.rcode, rcode::noerror);
  EXPECT_THAT(no_data.authorities, SizeIs(1));
  EXPECT_THAT(ask(zone, "foo.bar.example", type::txt).answers,
              ElementsAre("foo.bar.example. 3600 TXT \"this is a wildcard\""));
  // host1.example exists, sub.*.example exists, _tcp.host1 exists, host2 exists without data, the asterisk label
  // exists.
  EXPECT_THAT(ask(zone, "host1.example", type::mx).answers, IsEmpty());
  EXPECT_EQ(ask(zone, "host1.example", type::mx).rcode, rcode::noerror);
  EXPECT_THAT(ask(zone, "sub.*.example", type::mx).answers, IsEmpty());
  EXPECT_EQ(ask(zone, "sub.*.example", type::mx).rcode, rcode::noerror);
  EXPECT_EQ(ask(zone, "_telnet._tcp.host1.example", type::srv).rcode, rcode::nxdomain);
  EXPECT_THAT(ask(zone, "host2.example", type::a).answers, IsEmpty());
  EXPECT_EQ(ask(zone, "host2.example", type::a).rcode, rcode::noerror);
  EXPECT_EQ(ask(zone, "ghost.*.example", type::mx).rcode, rcode::nxdomain);
}

TEST(LocalZoneWildcards, AskedForByName) {  // RFC 4592 2.2: a question may have an asterisk like any other label
  const auto zone = corp_zone({"* A 192.0.2.1"});
  EXPECT_THAT(ask(zone, "*.corp.example", type::a).answers, ElementsAre("*.corp.example. 300 A 192.0.2.1"));
  EXPECT_THAT(ask(zone, "corp.example", type::a).answers, IsEmpty());  // not for its parent
}

TEST(LocalZoneWildcards, AnEmptyOneAnswersWithoutData) {  // RFC 4592 2.2.2 and 3.3.1: it exists, so it is the source
  const auto zone = corp_zone({"x.* A 192.0.2.1"});
  EXPECT_EQ(ask(zone, "y.corp.example", type::a).rcode, rcode::noerror);
  EXPECT_THAT(ask(zone, "y.corp.example", type::a).authorities, SizeIs(1));
}

TEST(LocalZoneWildcards, Aliases) {  // RFC 4592 3.3.3
  const auto zone = corp_zone({"*.apps CNAME ingress", "ingress A 192.0.2.1"});
  EXPECT_THAT(
      ask(zone, "A.B.apps.corp.example", type::a).answers,
      ElementsAre("A.B.apps.corp.example. 300 CNAME ingress.corp.example.", "ingress.corp.example. 300 A 192.0.2.1"));
}

TEST(LocalZoneWildcards, TheLongestNames) {
  const auto zone = corp_zone({"* A 192.0.2.1"});
  auto name = dns::testing::labels_of(120, 1);
  name.insert(name.begin(), {1, 'x'});
  dns::append(name, name_of("corp.example"));
  ASSERT_EQ(name.size(), 256U);
  name.erase(name.begin(), name.begin() + 2);
  const auto query = dns::testing::MessageBuilder().question(name).bytes();
  EXPECT_THAT(ask(zone, query).answers, SizeIs(1));
}

TEST(LocalZone, NameServersBeneathTheOriginDelegateNothing) {
  const auto zone = corp_zone({"sub NS ns.sub", "ns.sub A 192.0.2.1"});
  EXPECT_THAT(ask(zone, "sub.corp.example", type::ns).answers, SizeIs(1));
  EXPECT_EQ(ask(zone, "x.sub.corp.example", type::a).rcode, rcode::nxdomain);
  EXPECT_THAT(ask(zone, "ns.sub.corp.example", type::a).answers, SizeIs(1));
}

TEST(LocalZone, Classes) {
  const auto zone = corp_zone({"www A 192.0.2.1"});
  const auto chaos = ask(zone, query_for("www.corp.example", type::a, dns::klass::chaos));
  EXPECT_EQ(chaos.rcode, rcode::refused);
  EXPECT_EQ(chaos.flags, dns::flag::qr | dns::flag::ra | dns::flag::rd);
  EXPECT_THAT(chaos.authorities, IsEmpty());
  const auto any = ask(zone, query_for("www.corp.example", type::a, dns::klass::any));
  EXPECT_THAT(any.answers, SizeIs(1));
  EXPECT_FALSE(any.flags & dns::flag::aa);  // RFC 1034 6.2
}

TEST(LocalZone, NamesOutsideAreRefused) {
  const auto zone = corp_zone({"www A 192.0.2.1"});
  for (const auto* name : {"example", ".", "www.example", "xcorp.example", "x\\004corp.example"}) {
    EXPECT_EQ(ask(zone, name, type::a).rcode, rcode::refused) << name;
  }
}

TEST(LocalZone, TheRootCanBeAZone) {
  const auto zone = zone_of(".", {"www.example A 192.0.2.1"});
  EXPECT_THAT(ask(zone, "www.example", type::a).answers, SizeIs(1));
  EXPECT_THAT(ask(zone, "com", type::a).authorities, ElementsAre(". 300 SOA . nobody.invalid. 1 3600 1200 604800 300"));
}

TEST(LocalZone, LeavesOutWhatIsNotItsOwn) {
  const auto www = [](std::string_view owner, std::uint16_t klass) {
    return dns::ZoneRecord{.owner = name_of(owner), .type = type::a, .klass = klass, .ttl = 1, .rdata = {192, 0, 2, 1}};
  };
  const LocalZone zone(name_of("corp.example"), {www("www.example.net", dns::klass::in), www("example", dns::klass::in),
                                                 www("a.corp.example", dns::klass::chaos)});
  EXPECT_EQ(ask(zone, "a.corp.example", type::a).rcode, rcode::nxdomain);
  EXPECT_EQ(ask(zone, "www.example.net", type::a).rcode, rcode::refused);
}

TEST(LocalZone, ASetHasOneTtlAndNoDoubles) {  // RFC 2181 section 5 and 5.2
  const auto zone =
      corp_zone({"www 60 A 192.0.2.2", "WWW 30 A 192.0.2.1", "www 20 A 192.0.2.2", "www 10 AAAA 2001:db8::1"});
  EXPECT_THAT(ask(zone, "www.corp.example", type::a).answers,
              ElementsAre("www.corp.example. 20 A 192.0.2.2", "www.corp.example. 20 A 192.0.2.1"));
}

TEST(LocalZone, ASetThatDoesNotFitIsLeftOut) {  // RFC 2181 section 9
  std::vector<std::string> lines;
  for (int i = 0; i < 5'000; ++i)
    lines.push_back("big A 10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256));
  lines.push_back("alias CNAME big");
  const auto zone = corp_zone(lines);
  const auto response = ask(zone, "alias.corp.example", type::a);
  EXPECT_TRUE(response.flags & dns::flag::tc);
  EXPECT_THAT(response.answers, ElementsAre("alias.corp.example. 300 CNAME big.corp.example."));
  EXPECT_EQ(response.rcode, rcode::noerror);
  lines.resize(4'000);  // of 16 bytes each
  const auto fitting = ask(corp_zone(lines), "big.corp.example", type::a);
  EXPECT_THAT(fitting.answers, SizeIs(4'000));
  EXPECT_FALSE(fitting.flags & dns::flag::tc);
}

TEST(LocalZone, TenThousandNames) {
  std::vector<std::string> lines;
  for (int i = 0; i < 10'000; ++i) lines.push_back("host" + std::to_string(i) + " TXT \"" + std::to_string(i) + "\"");
  const auto zone = corp_zone(lines);
  for (int i = 0; i < 10'000; i += 97) {
    const auto name = "HOST" + std::to_string(i) + ".corp.example";
    ASSERT_THAT(ask(zone, name, type::txt).answers, ElementsAre(name + ". 300 TXT \"" + std::to_string(i) + "\""));
  }
  EXPECT_EQ(ask(zone, "host10000.corp.example", type::txt).rcode, rcode::nxdomain);
}

}  // namespace
}  // namespace pillion::resolve::testing
