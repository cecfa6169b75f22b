// Records in the presentation format of zone files are read like ldns reads them, and printed again by rdata_to_text().
// Other text gets an error.

#include "presentation/zone_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include "dns/message_builder.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"

namespace pillion::presentation::testing {
namespace {

using namespace dns;
using namespace dns::testing;

using ::testing::HasSubstr;

const Buffer& origin() {
  static const auto name = name_of("db.internal");
  return name;
}

ZoneRecord record_of(std::string_view line) {
  auto record = parse_zone_record(line, origin());
  EXPECT_TRUE(record.has_value()) << line << ": " << record.error();
  return record.value_or(ZoneRecord{});
}

std::string problem_of(std::string_view line, const Buffer& zone = origin()) {
  const auto record = parse_zone_record(line, zone);
  return record ? "taken" : record.error();
}

// The rdata as rdata_to_text() prints it.
std::string rdata_text(const ZoneRecord& record) {
  const auto message = MessageBuilder(flag::qr)
                           .question("www.example.com")
                           .record(Section::answer, {0}, record.type, record.rdata)
                           .bytes();
  return rdata_to_text(message, read_record(message, 33).value());
}

// The record that ldns makes of the line.
ZoneRecord record_by_ldns(const std::string& line) {
  ldns_rr* rr = nullptr;
  ldns_rdf* zone = ldns_dname_new_frm_str("db.internal.");
  ZoneRecord record;
  if (ldns_rr_new_frm_str(&rr, line.c_str(), 300, zone, nullptr) == LDNS_STATUS_OK) {
    ldns_buffer* buffer = ldns_buffer_new(4096);
    if (ldns_rr_rdata2buffer_wire(buffer, rr) == LDNS_STATUS_OK)
      record.rdata.assign(ldns_buffer_begin(buffer), ldns_buffer_begin(buffer) + ldns_buffer_position(buffer));
    const auto* const owner = ldns_rr_owner(rr);
    record.owner.assign(ldns_rdf_data(owner), ldns_rdf_data(owner) + ldns_rdf_size(owner));
    record.type = static_cast<std::uint16_t>(ldns_rr_get_type(rr));
    record.klass = static_cast<std::uint16_t>(ldns_rr_get_class(rr));
    record.ttl = ldns_rr_ttl(rr);
    ldns_buffer_free(buffer);
    ldns_rr_free(rr);
  }
  ldns_rdf_deep_free(zone);
  return record;
}

TEST(ZoneRecord, IsWhatLdnsReads) {
  for (const std::string line : {
           "www A 192.0.2.1",
           "www 60 A 192.0.2.1",
           "www IN A 192.0.2.1",
           "www 60 IN A 192.0.2.1",
           "www.db.internal. 1h30m IN A 192.0.2.1",
           "WWW in a 192.0.2.1",
           "@ A 192.0.2.1",
           "*.pods A 192.0.2.1",
           "300 A 192.0.2.1",
           "a\\.b.c A 192.0.2.1",
           "\\042\\000x AAAA 2001:db8::1",
           "www\tA\t192.0.2.1  ; a comment",
           "v6 AAAA ::ffff:192.0.2.1",
           "alias CNAME www",
           "alias CNAME @",
           "alias CNAME WWW.example.",
           "@ NS ns1",
           "1.2 PTR host.example.",
           "@ MX 10 mail",
           "_ldap._tcp SRV 0 5 389 ldap",
           "@ SOA ns1 admin.example. 2024010101 7200 3600 1209600 300",
           "t TXT \"v=spf1 -all\"",
           "t TXT one two",
           "t TXT \"one\" \"two \\\"quoted\\\"\" \"\"",
           "t TXT \"semi;colon (paren)\" \"\\195\\169\\\\\"",
           "@ CAA 0 issue \"ca.example; policy=ev\"",
           "_443._tcp TLSA 3 1 1 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
           "h HINFO \"PC\" \"Linux\"",
           "n NAPTR 100 50 \"s\" \"http+I2L\" \"\" _http._tcp.example.",
           "x TYPE1234 \\# 3 abcdef",
           "x TYPE1234 \\# 4 abcd ef01",
           "x TYPE1 \\# 4 C0000201",
           "x A \\# 4 C0000201",
       }) {
    const auto expected = record_by_ldns(line);
    ASSERT_FALSE(expected.rdata.empty()) << line;
    const auto record = record_of(line);
    EXPECT_EQ(record.owner, expected.owner) << line;
    EXPECT_EQ(record.type, expected.type) << line;
    EXPECT_EQ(record.klass, expected.klass) << line;
    EXPECT_EQ(record.ttl, expected.ttl) << line;
    EXPECT_EQ(record.rdata, expected.rdata) << line;
  }
}

TEST(ZoneRecord, PrintsBackWhatWasRead) {
  for (const std::string text : {
           "A 192.0.2.1",
           "AAAA 2001:db8::1",
           "NS ns1.example.com.",
           "CNAME a\\.b.example.",
           "PTR .",
           "MX 65535 mail.example.",
           "SRV 1 2 443 host.example.",
           "SOA ns.example. admin.example. 4294967295 7200 3600 1209600 300",
           "TXT \"one\" \"two \\\"quoted\\\"\" \"\"",
           "TXT \"\\195\\169\\010\"",
           "CAA 128 issue \"ca.example; policy=ev\"",
           "CAA 0 iodef \"\"",
           "RP admin.example. txt.example.",
           "DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
           "SSHFP 1 1 DD465C09CFA51FB45020CC83316FFF21B9EC74AC",
           "TYPE1234 \\# 3 ABCDEF",
           "TYPE65280 \\# 0",
           "SPF \\# 2 0161",
       }) {
    const auto record = record_of("x " + text);
    EXPECT_EQ(type_to_text(record.type) + " " + rdata_text(record), text);
  }
}

TEST(ZoneRecord, ServiceBindingsComeInHex) {
  const auto record = record_of("@ HTTPS \\# 10 0001000001000302 6832");
  EXPECT_EQ(record.type, type::https);
  EXPECT_EQ(rdata_text(record), "1 . alpn=\"h2\"");
  EXPECT_THAT(problem_of("@ HTTPS 1 . alpn=h2"),
              HasSubstr("HTTPS can be given only in hexadecimal (RFC 3597); allowed: such as "
                        "`HTTPS \\# LENGTH HEX`"));
  EXPECT_THAT(problem_of("@ SVCB \\# 3 000100"), "taken");
  EXPECT_THAT(problem_of("@ SVCB \\# 2 0001"), HasSubstr("the hexadecimal digits are not the rdata of SVCB"));
}

TEST(ZoneRecord, ABlankInFrontStandsForTheZone) {
  const auto record = record_of(" 60 A 192.0.2.1");
  EXPECT_EQ(record.owner, origin());
  EXPECT_EQ(record.ttl, 60U);
  EXPECT_EQ(record_of("\tA 192.0.2.1").owner, origin());
}

TEST(ZoneRecord, NamesAreCompletedByTheOrigin) {
  EXPECT_EQ(record_of("a.b A 192.0.2.1").owner, name_of("a.b.db.internal"));
  EXPECT_EQ(record_of("x CNAME a\\.").rdata, joined({label_of("a."), origin()}));
  EXPECT_EQ(record_of("x CNAME a\\\\.").rdata, name_of("a\\\\."));
  EXPECT_EQ(record_of("*  A 192.0.2.1").owner, joined({label_of("*"), origin()}));
  const auto in_root = parse_zone_record("www.example A 192.0.2.1", Buffer{0});
  ASSERT_TRUE(in_root.has_value());
  EXPECT_EQ(in_root->owner, name_of("www.example"));
}

TEST(ZoneRecord, TheOwnerLiesInTheZoneInAnyCase) {
  EXPECT_EQ(record_of("www.DB.internal. A 192.0.2.1").owner, name_of("www.DB.internal"));
  EXPECT_EQ(problem_of("www.example. A 192.0.2.1"),
            "`www.example.` is outside the zone; allowed: a name within `db.internal.`, or a name without the "
            "final dot, to which Pillion appends the zone");
  EXPECT_THAT(problem_of("internal. A 192.0.2.1"), HasSubstr("is outside the zone"));
  EXPECT_THAT(problem_of("xdb.internal. A 192.0.2.1"), HasSubstr("is outside the zone"));
}

TEST(ZoneRecord, AForgottenFinalDotIsTold) {
  EXPECT_EQ(problem_of("www.db.internal A 192.0.2.1"),
            "`www.db.internal` ends in the zone's name but not in a dot: Pillion would append `db.internal.` to "
            "it; allowed: a final dot, or the name without the zone");
  EXPECT_THAT(problem_of("DB.Internal A 192.0.2.1"), HasSubstr("not in a dot"));
  EXPECT_THAT(problem_of("x CNAME www.db.internal"), HasSubstr("not in a dot"));
  EXPECT_EQ(record_of("x CNAME www.xdb.internal").rdata, name_of("www.xdb.internal.db.internal"));
  EXPECT_EQ(record_of("db A 192.0.2.1").owner, name_of("db.db.internal"));
}

TEST(ZoneRecord, TtlsAreSecondsOrUnits) {
  const std::pair<std::string, std::uint32_t> ttls[] = {{"0", 0},
                                                        {"300", 300},
                                                        {"5m", 300},
                                                        {"5M", 300},
                                                        {"1h30m", 5400},
                                                        {"2d", 172'800},
                                                        {"1w", 604'800},
                                                        {"1w2d3h4m5s", 788'645},
                                                        {"2147483647", 2'147'483'647}};
  for (const auto& [text, ttl] : ttls) EXPECT_EQ(record_of("x " + text + " A 192.0.2.1").ttl, ttl) << text;
  EXPECT_EQ(record_of("x A 192.0.2.1").ttl, 300U);
  EXPECT_EQ(record_of("x IN 60 A 192.0.2.1").ttl, 60U) << "behind the class";
  for (const std::string text : {"2147483648", "99999999999999999999", "5x", "1h30", "1.5h", "5mm", "4000w"}) {
    EXPECT_EQ(problem_of("x " + text + " A 192.0.2.1"),
              "`" + text + "` is not a TTL; allowed: 0 to 2147483647 seconds, or such as 5m or 1h30m");
  }
}

TEST(ZoneRecord, TimesOfASoaMayHaveUnits) {
  EXPECT_EQ(record_of("@ SOA ns1 admin 7 2h 1h 2w 5m").rdata,
            record_of("@ SOA ns1 admin 7 7200 3600 1209600 300").rdata);
  EXPECT_THAT(problem_of("@ SOA ns1 admin 4294967296 1 1 1 1"),
              HasSubstr("`4294967296` is not a number from 0 to 4294967295"));
}

TEST(ZoneRecord, ParenthesesContinueIt) {
  const auto expected = record_of("@ SOA ns1 admin 7 7200 3600 1209600 300");
  EXPECT_EQ(record_of("@ SOA ns1 admin (7 7200 3600 1209600 300)").rdata, expected.rdata);
  EXPECT_EQ(record_of("@ SOA ns1 admin ( 7 ; serial\n 7200 3600\r\n 1209600 300 ) ; end\n").rdata, expected.rdata);
  EXPECT_THAT(problem_of("x A (192.0.2.1"), HasSubstr("`(` has no `)` after it"));
  EXPECT_THAT(problem_of("x A 192.0.2.1)"), HasSubstr("`)` has no `(` before it"));
  EXPECT_THAT(problem_of("x A 192.0.2.1\ny A 192.0.2.2"), HasSubstr("continues on a second line"));
}

TEST(ZoneRecord, StringsHoldUpTo255Bytes) {
  EXPECT_EQ(record_of("x TXT \"" + std::string(255, 'a') + "\"").rdata.size(), 256U);
  EXPECT_EQ(record_of("x TXT " + std::string(254, 'a') + "\\000").rdata.back(), 0U);
  EXPECT_THAT(problem_of("x TXT \"" + std::string(256, 'a') + "\""),
              HasSubstr("has 256 bytes; allowed: several strings of at most 255 bytes each"));
  // CAA's value is text to the end (RFC 8659 4.1).
  EXPECT_EQ(record_of("x CAA 0 issue \"" + std::string(300, 'a') + "\"").rdata.size(), 307U);
}

TEST(ZoneRecord, RdataHoldsUpTo65535Bytes) {
  std::string strings;
  for (int i = 0; i < 255; ++i) strings += " " + std::string(255, 'a');
  EXPECT_EQ(record_of("x TXT" + strings + " " + std::string(254, 'a')).rdata.size(), 65'535U);
  EXPECT_EQ(problem_of("x TXT" + strings + " " + std::string(255, 'a')),
            "the rdata has 65536 bytes; allowed: at most 65535");
}

TEST(ZoneRecord, GenericRdataIsCheckedAgainstItsType) {
  EXPECT_THAT(problem_of("x A \\# 3 C00002"),
              HasSubstr("the hexadecimal digits are not the rdata of A; allowed: such as `A 192.0.2.1`"));
  EXPECT_EQ(problem_of("x CNAME \\# 3 016100"), "taken");
  EXPECT_THAT(problem_of("x CNAME \\# 2 C00C"), HasSubstr("not the rdata of CNAME"));
  // The second name points to the first, and in rdata outside of a message there must be no pointers.
  EXPECT_THAT(problem_of("x RP \\# 5 016100C000"), HasSubstr("not the rdata of RP"));
  EXPECT_THAT(problem_of("x RP \\# 5 016100FFFF"), HasSubstr("not the rdata of RP"));
  EXPECT_EQ(problem_of("x RP \\# 4 01610000"), "taken");
  // The pointer leads to a label inside the rdata, as far from its start as a pointer of a message may lead.
  const std::string name = "0B6161616161616161616161016200";
  EXPECT_EQ(problem_of("x RP \\# 16 " + name + "00"), "taken");
  EXPECT_THAT(problem_of("x RP \\# 17 " + name + "C00C"), HasSubstr("not the rdata of RP"));
}

TEST(ZoneRecord, WhatIsNoRecordIsTold) {
  constexpr std::string_view form = "`[owner] [ttl] [IN] type rdata`, such as `www 300 IN A 192.0.2.1`";
  const std::pair<std::string, std::string> cases[] = {
      {"", "the text has no record; allowed: " + std::string(form)},
      {"  ; only a comment", "the text has no record; allowed: " + std::string(form)},
      {"$TTL 5m", "`$TTL` is a directive; allowed: records, relative to `db.internal.`"},
      {"www", "the type is missing; allowed: " + std::string(form)},
      {"www 300 IN", "the type is missing; allowed: " + std::string(form)},
      {"www \"A\" 192.0.2.1", "the type is missing; allowed: " + std::string(form)},
      {"www AAAAA 192.0.2.1", "`AAAAA` is not a record type; allowed: " + std::string(form)},
      {"www 300 IN IN A 192.0.2.1", "`IN` is not a record type; allowed: " + std::string(form)},
      {"A 192.0.2.1",
       "the owner before `A` is missing; allowed: " + std::string(form) + ", where `@` is the zone itself"},
      {"TXT hello",
       "the owner before `TXT` is missing; allowed: " + std::string(form) + ", where `@` is the zone itself"},
      {"www CH A 192.0.2.1", "`CH` is not the class IN; allowed: IN, which may be left out"},
      {"www CLASS3 A 192.0.2.1", "`CLASS3` is not the class IN; allowed: IN, which may be left out"},
      {"www DNAME example.",
       "a zone cannot have DNAME records here; allowed: a CNAME for each name, or the wildcard `*`"},
      {"www TYPE39 \\# 1 00",
       "a zone cannot have DNAME records here; allowed: a CNAME for each name, or the wildcard `*`"},
      {"www ANY x", "ANY is not a type that a zone can hold; allowed: types of data, such as A, AAAA or TXT"},
      {"www TYPE0 \\# 0", "TYPE0 is not a type that a zone can hold; allowed: types of data, such as A, AAAA or TXT"},
      {"www TYPE128 \\# 0",
       "TYPE128 is not a type that a zone can hold; allowed: types of data, such as A, AAAA or TXT"},
      {"www OPT \\# 0", "OPT is not a type that a zone can hold; allowed: types of data, such as A, AAAA or TXT"},
      {"www A 192.168.1.300", "`192.168.1.300` is not an IPv4 address; allowed: such as `A 192.0.2.1`"},
      {"www A 2001:db8::1", "`2001:db8::1` is not an IPv4 address; allowed: such as `A 192.0.2.1`"},
      {"www A 192.0.2.1 192.0.2.2",
       "`192.0.2.2` follows the rdata of A, which is complete; allowed: such as `A 192.0.2.1`"},
      {"www A", "the rdata of A is incomplete; allowed: such as `A 192.0.2.1`"},
      {std::string("www A 192.0.2.1\0", 16), "`192.0.2.1\\000` is not an IPv4 address; allowed: such as `A 192.0.2.1`"},
      {"www AAAA 192.0.2.1", "`192.0.2.1` is not an IPv6 address; allowed: such as `AAAA 2001:db8::1`"},
      {"www MX mail", "`mail` is not a number from 0 to 65535; allowed: such as `MX 10 mail.example.`"},
      {"www MX 65536 mail", "`65536` is not a number from 0 to 65535; allowed: such as `MX 10 mail.example.`"},
      {"www MX 10", "the rdata of MX is incomplete; allowed: such as `MX 10 mail.example.`"},
      {"www SRV 0 0 443", "the rdata of SRV is incomplete; allowed: such as `SRV 10 5 443 host.example.`"},
      {"www TXT", "the rdata of TXT is incomplete; allowed: such as `TXT \"some text\"`"},
      {"www CAA 256 issue x", "`256` is not a number from 0 to 255; allowed: such as `CAA 0 issue \"ca.example\"`"},
      {"www CAA 0 is-sue x",
       "`is-sue` is not a tag of letters and digits; allowed: such as `CAA 0 issue \"ca.example\"`"},
      {"www CNAME a..b",
       "`a..b` is not a name: an empty label; allowed: labels of 1 to 63 bytes between dots, 255 bytes in all"},
      {"www CNAME \"a\"", "`a` is in quotes; allowed: a name without them"},
      {"www TXT \"open", "a quotation mark has no closing one; allowed: both, or `\\\"` for the character"},
      {"www TXT \"a\\256\"",
       "`a\\256` has an escape \\DDD above 255; allowed: `\\DDD` with 000 to 255, and `\\\\` for a backslash"},
      {"www TXT a\\", "`a\\` has a backslash at the end; allowed: `\\DDD` with 000 to 255, and `\\\\` for a backslash"},
      {"www TYPE1234 abc",
       "the rdata of TYPE1234 can be given only in hexadecimal (RFC 3597); allowed: such as `TYPE1234 \\# LENGTH HEX`"},
      {"www TYPE1234 \\#", "`` is not a length from 0 to 65535; allowed: `\\# LENGTH HEX`, such as `\\# 4 C0000201`"},
      {"www TYPE1234 \\# 65536 00",
       "`65536` is not a length from 0 to 65535; allowed: `\\# LENGTH HEX`, such as `\\# 4 C0000201`"},
      {"www TYPE1234 \\# 2 00",
       "the length is 2, but the hexadecimal digits make 1; allowed: `\\# LENGTH HEX`, such as `\\# 4 C0000201`"},
      {"www TYPE1234 \\# 1 0", "the number of hexadecimal digits is odd; allowed: two for each byte"},
      {"www TYPE1234 \\# 1 0g", "`0g` is not hexadecimal; allowed: two digits for each byte"},
  };
  for (const auto& [line, problem] : cases) EXPECT_EQ(problem_of(line), problem) << line;
}

TEST(ZoneRecord, ANameThatIsTooLongOnceCompletedIsTold) {
  const std::string label(63, 'a');
  const auto line = label + "." + label + "." + label + "." + std::string(50, 'b') + " A 192.0.2.1";
  EXPECT_EQ(problem_of(line, name_of("z")), "taken");
  EXPECT_THAT(problem_of(line), HasSubstr("is too long with the zone appended, which is `db.internal.`; allowed: "));
}

TEST(ZoneRecord, MessagesAreOneShortLine) {
  const auto problem = problem_of("www A " + std::string(1000, 'x'));
  EXPECT_EQ(problem, "`" + std::string(60, 'x') + "...` is not an IPv4 address; allowed: such as `A 192.0.2.1`");
  EXPECT_THAT(problem_of("www A \"a\nb\""), HasSubstr("`a\\010b` is not"));
}

}  // namespace
}  // namespace pillion::presentation::testing
