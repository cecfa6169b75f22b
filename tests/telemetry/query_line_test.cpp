#include "telemetry/query_line.hpp"

#include <array>
#include <climits>
#include <sstream>
#include <vector>

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include "config/keys.hpp"
#include "dns/name.hpp"

namespace pillion::telemetry {
namespace {

using namespace std::chrono_literals;
using config::QueryLogField;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

QueryLogFields all_fields() {
  QueryLogFields fields{};
  fields.fill(true);
  return fields;
}

QueryLogFields only(QueryLogField field) {
  QueryLogFields fields{};
  fields[field] = true;
  return fields;
}

/// A record and the data that it views.
struct Sample {
  dns::Buffer name = dns::parse_name("www.Example.org").value();
  QueryRecord record{{.origin = {.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1},
                                 .port = 40'000,
                                 .transport = server::Transport::udp,
                                 .family = server::IpFamily::ipv4},
                      .answered = runtime::Time(100s),
                      .duration = 12'345'678ns,
                      .id = 4711,
                      .type = dns::type::a,
                      .klass = 1,
                      .rcode = dns::rcode::noerror,
                      .info_code = std::nullopt,
                      .source = resolve::Source::upstream},
                     name,
                     "public",
                     "9.9.9.9:853",
                     {}};
};

std::string line_of(const QueryRecord& record, QueryLogFields fields = all_fields(),
                    std::optional<NameHash> hash = {}) {
  QueryLineEncoder encoder(fields, std::move(hash));
  // The record is from a second before the two clocks were read.
  encoder.set_time(std::chrono::steady_clock::time_point(101s),
                   std::chrono::sys_days(std::chrono::January / 2 / 2026) + 3h + 4min + 6s + 678'901us);
  std::vector<std::uint8_t> packed(packed_size(record));
  pack(record, packed);
  std::string out;
  encoder.append(packed, out);
  return out;
}

TEST(QueryLine, HasEverythingThatIsKnown) {
  EXPECT_EQ(line_of(Sample{}.record),
            R"({"@timestamp":"2026-01-02T03:04:05.678901Z","ecs.version":"8.11.0","event.dataset":"pillion.dns",)"
            R"("client.ip":"127.0.0.1","client.port":40000,"network.transport":"udp","network.type":"ipv4",)"
            R"("dns.id":"4711","dns.question.name":"www.Example.org","dns.question.type":"A",)"
            R"("dns.question.class":"IN","dns.response_code":"NOERROR","event.duration":12345678,)"
            R"("pillion.source":"upstream","pillion.upstream":"public","pillion.server":"9.9.9.9:853"})"
            "\n");
}

TEST(QueryLine, OfIpv6AndAFailure) {
  Sample sample;
  sample.record.origin = {.address = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                          .port = 1,
                          .transport = server::Transport::tcp,
                          .family = server::IpFamily::ipv6};
  sample.record.type = 65'400;
  sample.record.klass = 3;
  sample.record.rcode = dns::rcode::servfail;
  sample.record.upstream = sample.record.server = {};
  sample.record.info_code = 22;
  sample.record.text = "no \"reach\"\n\xff";
  const auto line = boost::json::parse(line_of(sample.record)).as_object();
  EXPECT_EQ(line.at("client.ip").as_string(), "2001:db8::1");
  EXPECT_EQ(line.at("network.transport").as_string(), "tcp");
  EXPECT_EQ(line.at("network.type").as_string(), "ipv6");
  EXPECT_EQ(line.at("dns.question.type").as_string(), "TYPE65400");
  EXPECT_EQ(line.at("dns.question.class").as_string(), "CH");
  EXPECT_EQ(line.at("dns.response_code").as_string(), "SERVFAIL");
  EXPECT_EQ(line.at("pillion.ede.code").as_int64(), 22);
  EXPECT_EQ(line.at("pillion.ede.text").as_string(), "no \"reach\"\n\xEF\xBF\xBD");
  EXPECT_FALSE(line.contains("pillion.upstream"));
  EXPECT_FALSE(line.contains("pillion.server"));
}

TEST(QueryLine, HasTheFieldsThatWereChosen) {
  EXPECT_EQ(line_of(Sample{}.record, only(QueryLogField::response_code)),
            R"({"@timestamp":"2026-01-02T03:04:05.678901Z","ecs.version":"8.11.0","event.dataset":"pillion.dns",)"
            R"("dns.response_code":"NOERROR"})"
            "\n");
  // A line with only one field has only its name.
  for (const auto field : runtime::enumerators<QueryLogField>) {
    Sample sample;
    sample.record.info_code = 1;
    sample.record.text = "text";
    const auto line = boost::json::parse(line_of(sample.record, only(field))).as_object();
    const auto word = config::query_log_field_words[field];
    EXPECT_EQ(line.size(), 4U) << word;
    EXPECT_TRUE(line.contains(word)) << word;
  }
}

TEST(QueryLine, TimesKeepTheirZerosAndGoOn) {
  QueryLineEncoder encoder(QueryLogFields{}, std::nullopt);
  encoder.set_time(std::chrono::steady_clock::time_point(0s), std::chrono::sys_days(std::chrono::January / 1 / 2026));
  Sample sample;
  std::string out;
  for (const auto at :
       {runtime::Duration(0), runtime::Duration(7us), runtime::Duration(59s + 999'999us), runtime::Duration(-1us)}) {
    sample.record.answered = runtime::Time(at);
    encoder.append(sample.record, out);
  }
  EXPECT_THAT(out, HasSubstr("2026-01-01T00:00:00.000000Z"));
  EXPECT_THAT(out, HasSubstr("2026-01-01T00:00:00.000007Z"));
  EXPECT_THAT(out, HasSubstr("2026-01-01T00:00:59.999999Z"));
  EXPECT_THAT(out, HasSubstr("2025-12-31T23:59:59.999999Z"));
}

TEST(QueryLine, HasAHeaderOfSyslogInFrontWhereItIsSentThere) {
  QueryLineEncoder encoder(QueryLogFields{}, std::nullopt, SyslogHeader("web-0", 7, "query"));
  encoder.set_time(std::chrono::steady_clock::time_point(0s), std::chrono::sys_days(std::chrono::January / 1 / 2026));
  Sample sample;
  sample.record.answered = runtime::Time(7us);
  std::string out;
  encoder.append(sample.record, out);
  EXPECT_EQ(out,
            R"(<30>1 2026-01-01T00:00:00.000007Z web-0 pillion 7 query - {"@timestamp":"2026-01-01T00:00:00.000007Z",)"
            R"("ecs.version":"8.11.0","event.dataset":"pillion.dns"})"
            "\n");
}

TEST(QueryLine, TheClientsAddressIsEachTimeItsOwn) {
  QueryLineEncoder encoder(only(QueryLogField::client_address), std::nullopt);
  Sample sample;
  std::string out;
  for (const std::uint8_t last : std::to_array<std::uint8_t>({1, 1, 2, 1})) {
    sample.record.origin.address.back() = last;
    encoder.append(sample.record, out);
  }
  std::vector<std::string> addresses;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);)
    addresses.emplace_back(boost::json::parse(line).at("client.ip").as_string());
  EXPECT_EQ(addresses, (std::vector<std::string>{"127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.1"}));
}

TEST(QueryLine, NamesAreWrittenAsInZoneFiles) {
  const std::array<std::pair<std::string_view, std::string_view>, 4> names{{
      {".", "."},
      {R"(a\.b.example)", R"(a\.b.example)"},
      {R"(\000\255\"x\\.example)", R"(\000\255\"x\\.example)"},
      {"_tcp.a-b.example", "_tcp.a-b.example"},
  }};
  for (const auto& [asked, written] : names) {
    Sample sample;
    sample.name = dns::parse_name(asked).value();
    sample.record.name = sample.name;
    EXPECT_EQ(boost::json::parse(line_of(sample.record)).at("dns.question.name").as_string(), written);
  }
}

TEST(QueryLine, IsShorterThanWhatAPipeTakesAtOnce) {
  Sample sample;
  sample.name.clear();
  for (const std::size_t size : {63U, 63U, 63U, 61U}) {
    sample.name.push_back(static_cast<std::uint8_t>(size));
    sample.name.insert(sample.name.end(), size, 0xff);
  }
  sample.name.push_back(0);
  ASSERT_EQ(sample.name.size(), dns::max_name_size);
  sample.record.name = sample.name;
  const std::string upstream(63, 'u');
  const std::string text(max_error_text, '\x01');
  sample.record.upstream = upstream;
  sample.record.server = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
  sample.record.info_code = 65'535;
  sample.record.text = text;
  EXPECT_LT(line_of(sample.record).size(), static_cast<std::size_t>(PIPE_BUF));
}

// Of `printf '\003www\007example\003org\0' | openssl dgst -sha256 -mac HMAC -macopt key:0123456789abcdef`.
constexpr std::string_view hash_of_www = "3102667bf1ad011f10aa722f4d2742ab58372c0bdee9fc6e22de5d5437bc60f7";

TEST(QueryLine, HashedNamesAreHmacsOfTheirWireFormInLowerCase) {
  const auto line = line_of(Sample{}.record, all_fields(), NameHash("0123456789abcdef"));
  EXPECT_EQ(boost::json::parse(line).at("dns.question.name").as_string(), hash_of_www);
  EXPECT_THAT(line, Not(HasSubstr("xample")));
  Sample lower;
  lower.name = dns::parse_name("www.example.org").value();
  lower.record.name = lower.name;
  EXPECT_EQ(line_of(lower.record, all_fields(), NameHash("0123456789abcdef")), line);
  EXPECT_NE(line_of(lower.record, all_fields(), NameHash("fedcba9876543210")), line);
  EXPECT_NE(line_of(lower.record, all_fields(), NameHash::with_random_key()),
            line_of(lower.record, all_fields(), NameHash::with_random_key()));
}

TEST(QueryLine, OneHashServesManyNames) {
  NameHash hash("0123456789abcdef");
  const auto name = dns::parse_name("www.example.org").value();
  EXPECT_EQ(hash.hex(name), hash_of_www);
  EXPECT_NE(hash.hex(dns::parse_name("a.example").value()), hash_of_www);
  EXPECT_EQ(hash.hex(name), hash_of_www);
}

}  // namespace
}  // namespace pillion::telemetry
