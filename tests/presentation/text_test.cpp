#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include "dns/message_builder.hpp"
#include "presentation/mnemonics.hpp"
#include "presentation/rdata_text.hpp"

namespace pillion::presentation::testing {
namespace {

using namespace dns;
using namespace dns::testing;

TEST(TypeText, ThereAndBack) {
  EXPECT_EQ(type_to_text(type::aaaa), "AAAA");
  EXPECT_EQ(type_to_text(type::nsec3param), "NSEC3PARAM");
  EXPECT_EQ(type_to_text(65400), "TYPE65400");
  EXPECT_EQ(type_to_text(0), "TYPE0");
  for (int code = 0; code <= 65535; ++code) {
    const auto rr_type = static_cast<std::uint16_t>(code);
    ASSERT_EQ(type_from_text(type_to_text(rr_type)), rr_type);
    ASSERT_EQ(type_from_text("TYPE" + std::to_string(code)), rr_type);
  }
}

TEST(TypeText, MnemonicsAreThoseOfLdns) {
  for (int code = 0; code < 260; ++code) {
    const auto text = type_to_text(static_cast<std::uint16_t>(code));
    if (text.starts_with("TYPE")) continue;
    EXPECT_EQ(ldns_get_rr_type_by_name(text.c_str()), code) << text;
  }
}

TEST(TypeText, AnyCaseAndNothingElse) {
  EXPECT_EQ(type_from_text("aaaa"), type::aaaa);
  EXPECT_EQ(type_from_text("type28"), type::aaaa);
  for (const auto text :
       {"", "TYPE", "TYPE65536", "TYPE-1", "TYPE 1", "TYPE1x", "AAAAA", "AA", "28", "TYP28", "TYPE+1"}) {
    EXPECT_EQ(type_from_text(text), std::nullopt) << text;
  }
}

TEST(ClassAndRcodeText, MnemonicOrNumber) {
  EXPECT_EQ(class_to_text(klass::in), "IN");
  EXPECT_EQ(class_to_text(klass::chaos), "CH");
  EXPECT_EQ(class_to_text(4), "HS");
  EXPECT_EQ(class_to_text(klass::any), "ANY");
  EXPECT_EQ(class_to_text(77), "CLASS77");
  EXPECT_EQ(rcode_to_text(rcode::noerror), "NOERROR");
  EXPECT_EQ(rcode_to_text(rcode::nxdomain), "NXDOMAIN");
  EXPECT_EQ(rcode_to_text(rcode::badvers), "BADVERS");
  EXPECT_EQ(rcode_to_text(24), "RCODE24");
}

// The text of rdata that is in the first record of a message.
std::string rdata_text(std::uint16_t rr_type, const Buffer& rdata, std::uint16_t rr_class = klass::in) {
  const auto message = MessageBuilder(flag::qr)
                           .question("www.example.com")
                           .record(Section::answer, {0}, rr_type, rdata, 300, rr_class)
                           .bytes();
  return rdata_to_text(message, read_record(message, 33).value());
}

TEST(RdataText, AddressesOfOtherClasses) {
  EXPECT_EQ(rdata_text(type::a, {192, 0, 2, 1}), "192.0.2.1");
  EXPECT_EQ(rdata_text(type::a, joined({name_of("net.example"), {1, 2}}), klass::chaos), "net.example. 402");
  EXPECT_EQ(rdata_text(type::a, {192, 0, 2, 1}, klass::chaos), "\\# 4 C0000201");
  EXPECT_EQ(rdata_text(type::aaaa, Buffer(16), klass::chaos), "\\# 16 00000000000000000000000000000000");
}

// The rdata in wire form that ldns makes of a record in presentation format.
Buffer rdata_by_ldns(const std::string& record) {
  ldns_rr* rr = nullptr;
  if (ldns_rr_new_frm_str(&rr, record.c_str(), 300, nullptr, nullptr) != LDNS_STATUS_OK) return {};
  ldns_buffer* buffer = ldns_buffer_new(4096);
  Buffer rdata;
  if (ldns_rr_rdata2buffer_wire(buffer, rr) == LDNS_STATUS_OK) {
    rdata.assign(ldns_buffer_begin(buffer), ldns_buffer_begin(buffer) + ldns_buffer_position(buffer));
  }
  ldns_buffer_free(buffer);
  ldns_rr_free(rr);
  return rdata;
}

TEST(RdataText, WhatLdnsReadsComesBack) {
  const std::pair<std::uint16_t, std::string> cases[] = {
      {type::a, "192.0.2.1"},
      {type::aaaa, "2001:db8::1"},
      {type::aaaa, "::"},
      {type::ns, "ns1.example.com."},
      {type::cname, "a\\.b.example."},
      {type::ptr, "host.example."},
      {type::dname, "example.net."},
      {type::soa, "ns.example. admin.example. 2024010101 7200 3600 1209600 300"},
      {type::mx, "10 mail.example."},
      {type::txt, "\"v=spf1 -all\""},
      {type::txt, "\"one\" \"two \\\"quoted\\\"\" \"\""},
      {type::txt, "\"\\195\\169\\010\""},
      {type::hinfo, "\"PC\" \"Linux\""},
      {type::rp, "admin.example. txt.example."},
      {type::srv, "1 2 443 host.example."},
      {type::naptr, "100 50 \"s\" \"http+I2L\" \"\" _http._tcp.example."},
      {type::caa, "0 issue \"ca.example; policy=ev\""},
      {type::ds, "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118"},
      {type::sshfp, "1 1 DD465C09CFA51FB45020CC83316FFF21B9EC74AC"},
      {type::tlsa, "3 1 1 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"},
      {type::dnskey, "257 3 13 bWluZQ=="},
      {type::dnskey, "256 3 8 AwEAAQ=="},
      {type::rrsig, "A 13 2 300 20240201000000 20240101120530 12345 example. c2lnbmF0dXJl"},
      {type::nsec, "b.example. A MX RRSIG NSEC TYPE1234"},
      {type::nsec3, "1 1 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A RRSIG"},
      {type::nsec3, "1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR"},
      {type::nsec3param, "1 0 10 AABB"},
  };
  for (const auto& [rr_type, text] : cases) {
    const auto rdata = rdata_by_ldns("example. 300 IN " + type_to_text(rr_type) + " " + text);
    ASSERT_FALSE(rdata.empty()) << text;
    EXPECT_EQ(rdata_text(rr_type, rdata), text);
  }
}

TEST(RdataText, CompressedNamesAreUnpacked) {
  EXPECT_EQ(rdata_text(type::ns, pointer_to(12)), "www.example.com.");
  EXPECT_EQ(rdata_text(type::mx, joined({{0, 5}, label_of("mail"), pointer_to(16)})), "5 mail.example.com.");
}

TEST(RdataText, ServiceBindings) {
  const auto parameter = [](std::uint16_t key, const Buffer& value) { return option_of(key, value); };
  EXPECT_EQ(rdata_text(type::https, joined({{0, 0}, name_of("svc.example")})), "0 svc.example.");
  EXPECT_EQ(
      rdata_text(type::https, joined({{0, 1, 0},
                                      parameter(0, {0, 1, 0, 9}),
                                      parameter(1, bytes_of("\x02h2\x03h,3")),
                                      parameter(2, {}),
                                      parameter(3, {0x01, 0xBB}),
                                      parameter(4, {192, 0, 2, 1, 192, 0, 2, 2}),
                                      parameter(5, {0xFF, 0x01}),
                                      parameter(6, joined({{0x20, 0x01, 0x0D, 0xB8}, Buffer(12)})),
                                      parameter(9, bytes_of("x\"y"))})),
      "1 . mandatory=alpn,key9 alpn=\"h2,h\\\\,3\" no-default-alpn port=443 ipv4hint=192.0.2.1,192.0.2.2 ech=/wE= "
      "ipv6hint=2001:db8:: key9=\"x\\\"y\"");
}

TEST(RdataText, WhatIsNotKnownOrDoesNotFitIsInHex) {
  EXPECT_EQ(rdata_text(65280, {}), "\\# 0");
  EXPECT_EQ(rdata_text(65280, {0xAB, 0x01}), "\\# 2 AB01");
  const std::pair<std::uint16_t, Buffer> cases[] = {
      {type::a, {192, 0, 2}},
      {type::a, {192, 0, 2, 1, 0}},
      {type::aaaa, Buffer(15)},
      {type::ns, {}},
      {type::ns, {0xC0}},
      {type::ns, {1, 'a', 0, 0}},
      {type::mx, {0}},
      {type::soa, joined({{0, 0}, Buffer(19)})},
      {type::txt, {}},
      {type::txt, {2, 'a'}},
      {type::nsec, {0, 0, 0}},
      {type::nsec, {0, 0, 33}},
      {type::nsec3, {1, 0, 0, 0, 4, 1}},
      {type::caa, {0, 0}},
      {type::caa, {0, 1, ' '}},
      {type::svcb, {0, 1, 0, 0, 3, 0, 1, 1}},
      {type::svcb, {0, 1, 0, 0, 3, 0, 9}},
      {type::svcb, {0, 1, 0, 0, 1, 0, 1, 5}},
      {type::svcb, {0, 1, 0, 0, 4, 0, 3, 1, 2, 3}},
      {type::rrsig, Buffer(17)},
      {type::nxt, {0, 1}},
      {type::opt, {0, 1, 0, 0}},
  };
  for (const auto& [rr_type, rdata] : cases) {
    EXPECT_TRUE(rdata_text(rr_type, rdata).starts_with("\\# " + std::to_string(rdata.size()))) << rr_type;
  }
}

}  // namespace
}  // namespace pillion::presentation::testing
