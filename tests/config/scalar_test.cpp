#include "config/scalar.hpp"

#include <gtest/gtest.h>

namespace pillion::config {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, ReadsEachUnit) {
  EXPECT_EQ(parse_duration("0s"), 0ms);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("5s"), 5s);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1h"), 1h);
}

TEST(ParseDuration, RefusesTheRest) {
  for (const auto* const text :
       {"", "s", "5", "5S", "5 s", " 5s", "5s ", "+5s", "-5s", "1.5s", "05s", "5sec", "1m30s", "5µs"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(FormatDuration, TakesTheLargestUnitThatIsExact) {
  EXPECT_EQ(format_duration(0ms), "0s");
  EXPECT_EQ(format_duration(999ms), "999ms");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(60s), "60s");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(5min), "5m");
  EXPECT_EQ(format_duration(1h), "1h");
}

TEST(ParseSize, ReadsEachUnit) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("512B"), 512U);
  EXPECT_EQ(parse_size("64KiB"), 65'536U);
  EXPECT_EQ(parse_size("4MiB"), 4'194'304U);
  EXPECT_EQ(parse_size("1GiB"), 1'073'741'824U);
}

TEST(ParseSize, RefusesTheRest) {
  for (const auto* const text : {"", "4096", "4MB", "4mib", "4 MiB", "-1B", "9007199254740993GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(FormatSize, TakesTheLargestUnitThatIsExact) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1), "1B");
  EXPECT_EQ(format_size(1000), "1000B");
  EXPECT_EQ(format_size(1024), "1KiB");
  EXPECT_EQ(format_size(1536), "1536B");
  EXPECT_EQ(format_size(4U << 20U), "4MiB");
  EXPECT_EQ(format_size(1025U << 20U), "1025MiB");
  EXPECT_EQ(format_size(std::uint64_t{16} << 30U), "16GiB");
}

TEST(ParseDomain, HasOneFormForAName) {
  for (const auto* const text : {"cluster.local", "cluster.local.", "Cluster.LOCAL", "\\099luster.local"})
    EXPECT_EQ(parse_domain(text), "cluster.local") << text;
  EXPECT_EQ(parse_domain("."), ".");
  EXPECT_EQ(parse_domain("a\\.B\\."), "a\\.b\\.");
  EXPECT_EQ(parse_domain("\xc3\xa9.example"), "\\195\\169.example");
}

TEST(ParseDomain, RefusesTheRest) {
  for (const auto* const text : {"", "..", ".a", "a..b", "a\\", "a\\256"}) EXPECT_FALSE(parse_domain(text)) << text;
  EXPECT_FALSE(parse_domain(std::string(64, 'a')));
}

TEST(ParseEndpoint, ReadsBothFamilies) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:53"), (Endpoint{"127.0.0.1", 53}));
  EXPECT_EQ(parse_endpoint("0.0.0.0:0"), (Endpoint{"0.0.0.0", 0}));
  EXPECT_EQ(parse_endpoint("[::1]:65535"), (Endpoint{"::1", 65'535}));
  EXPECT_EQ(parse_endpoint("[2001:DB8:0:0::1]:853"), (Endpoint{"2001:db8::1", 853}));
}

TEST(ParseEndpoint, RefusesTheRest) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv,
                          ":"sv,
                          "53"sv,
                          "127.0.0.1"sv,
                          "127.0.0.1:"sv,
                          "127.0.0.1:+53"sv,
                          "127.0.0.1:-1"sv,
                          "127.0.0.1:053"sv,
                          "127.0.0.1: 53"sv,
                          "127.1:53"sv,
                          "0x7f.0.0.1:53"sv,
                          "127.0.0.01:53"sv,
                          "::1"sv,
                          "::1:53"sv,
                          "[::1]"sv,
                          "[::1]53"sv,
                          "[::1:53"sv,
                          "::1]:53"sv,
                          "[[::1]]:53"sv,
                          "[]:53"sv,
                          "[127.0.0.1]:53"sv,
                          "localhost:53"sv,
                          "127.0.0.1\0x:53"sv,
                          "127.0.0.1:53\0"sv}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

TEST(ParseEndpoint, ComesBackFromItsText) {
  for (const auto* const text : {"127.0.0.1:53", "[::1]:853", "[fe80::1]:0"})
    EXPECT_EQ(to_string(parse_endpoint(text).value()), text);
}

TEST(CheckTlsName, AcceptsHostNames) {
  for (const auto* const text :
       {"dns.quad9.net", "a", "1dot1dot1dot1.cloudflare-dns.com", "xn--bcher-kva.example", "9.example"}) {
    EXPECT_EQ(check_tls_name(text), "") << text;
  }
  EXPECT_EQ(check_tls_name(std::string(63, 'a') + ".example"), "");
}

TEST(CheckTlsName, RefusesTheRest) {
  for (const auto* const text :
       {"", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "*.example", "bücher.example", "192.0.2.1", "::1"}) {
    EXPECT_NE(check_tls_name(text), "") << text;
  }
  EXPECT_NE(check_tls_name(std::string(64, 'a')), "");
  std::string long_name = "a";
  while (long_name.size() < 254) long_name += ".a";
  EXPECT_NE(check_tls_name(long_name), "");
}

TEST(CheckPin, IsStrictBase64Of32Bytes) {
  EXPECT_EQ(check_pin("sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg="), "");
  for (const auto* const text :
       {"", "sha256/", "YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=",
        "SHA256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=", "sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg",
        "sha256/YLh1dUR9y6Kja30RrAn7JKnbQG_uEtLMkBgFF2Fuihg=", "sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuih==",
        "sha256/YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihh="}) {
    EXPECT_NE(check_pin(text), "") << text;
  }
}

TEST(InQuotes, IsOneLineOfWholeCharacters) {
  EXPECT_EQ(in_quotes("a\nb\x7f"), "`a?b?`");
  EXPECT_EQ(in_quotes("a\xE9z"), "`a?z`");
  EXPECT_EQ(in_quotes(std::string(60, 'a')), "`" + std::string(60, 'a') + "`");
  EXPECT_EQ(in_quotes(std::string(59, 'a') + "éé"), "`" + std::string(59, 'a') + "…`");
}

TEST(Fraction, IsExactToNineDigits) {
  EXPECT_EQ(parse_fraction("0"), 0U);
  EXPECT_EQ(parse_fraction("1"), whole_share);
  EXPECT_EQ(parse_fraction("1.000"), whole_share);
  EXPECT_EQ(parse_fraction("0.05"), 50'000'000U);
  EXPECT_EQ(parse_fraction("0.000000001"), 1U);
  EXPECT_EQ(parse_fraction("0.999999999"), whole_share - 1);
  for (const std::uint32_t parts : {0U, 1U, 50'000'000U, 123'456'789U, whole_share - 1, whole_share})
    EXPECT_EQ(parse_fraction(format_fraction(parts)), parts);
  EXPECT_EQ(format_fraction(50'000'000), "0.05");
}

TEST(Fraction, WhatIsNone) {
  for (const auto* const text : {"", ".", ".5", "1.", "-0", "-1", "-0.5", "+1", "2", "1.1", "1.000000001",
                                 "0.0000000001", "0,5", "1e-3", "0x1", "00.5", "0.5 ", "0.5.5", "half"}) {
    EXPECT_FALSE(parse_fraction(text)) << text;
  }
}

}  // namespace
}  // namespace pillion::config
