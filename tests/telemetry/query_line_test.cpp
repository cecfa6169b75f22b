#include "telemetry/query_line.hpp"

#include <array>
#include <climits>
#include <random>
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

/// The sample is from a second before the two clocks were read.
void set_clocks(QueryLineEncoder& encoder) {
  encoder.set_time(std::chrono::steady_clock::time_point(101s),
                   std::chrono::sys_days(std::chrono::January / 2 / 2026) + 3h + 4min + 6s + 678'901us);
}

/// Puts the records into a ring and gives them to the encoder.
std::string lines_of(QueryLineEncoder& encoder, const std::vector<QueryRecord>& records) {
  RecordRing ring(1024 * (records.size() + 1));
  for (const auto& record : records) {
    pack(record, ring.begin(packed_size(record)));
    ring.commit();
  }
  ring.publish();
  RecordBatch batch;
  encoder.take(ring, 1U << 20U, batch);
  EXPECT_EQ(batch.size(), records.size());
  return batch.bytes;
}

std::string line_of(const QueryRecord& record, QueryLogFields fields = all_fields(),
                    std::optional<NameHash> hash = {}) {
  QueryLineEncoder encoder(fields, std::move(hash));
  set_clocks(encoder);
  return lines_of(encoder, {record});
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
    out += lines_of(encoder, {sample.record});
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
  EXPECT_EQ(lines_of(encoder, {sample.record}),
            R"(<30>1 2026-01-01T00:00:00.000007Z web-0 pillion 7 query - {"@timestamp":"2026-01-01T00:00:00.000007Z",)"
            R"("ecs.version":"8.11.0","event.dataset":"pillion.dns"})"
            "\n");
}

TEST(QueryLine, HasEveryIdInDecimal) {
  QueryLineEncoder encoder(only(QueryLogField::message_id), std::nullopt);
  Sample sample;
  for (std::uint32_t id = 0; id <= 0xffff; ++id) {
    sample.record.id = static_cast<std::uint16_t>(id);
    ASSERT_THAT(lines_of(encoder, {sample.record}), EndsWith(R"("dns.id":")" + std::to_string(id) + "\"}\n"));
  }
}

TEST(QueryLine, TheClientsAddressIsEachTimeItsOwn) {
  QueryLineEncoder encoder(only(QueryLogField::client_address), std::nullopt);
  Sample sample;
  std::string out;
  for (const std::uint8_t last : std::to_array<std::uint8_t>({1, 1, 2, 1})) {
    sample.record.origin.address.back() = last;
    out += lines_of(encoder, {sample.record});
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

/// The encoder keeps texts of earlier lines. Each line must be as one of an encoder that has written none.
TEST(QueryLine, IsTheSameAfterAnyOtherLines) {
  std::mt19937 random(1);  // NOLINT: the same sequence each time, so that a failure can be repeated
  std::vector<Sample> samples(3000);
  std::vector<QueryRecord> records;
  for (auto& sample : samples) {
    const bool is_common = random() % 4 != 0;
    auto text = (is_common ? "name-" : std::string(1 + random() % 50, 'x')) + std::to_string(random() % 700);
    if (random() % 8 == 0) text += R"(\.")";
    if (random() % 16 == 0) text = "a";
    sample.name = dns::parse_name(text + ".example").value();
    auto& record = sample.record;
    record.name = sample.name;
    record.answered = runtime::Time(100s + random() % 3 * 1us);
    record.duration = runtime::Duration(random() % 2);
    record.origin.port = static_cast<std::uint16_t>(random() % 3);
    record.origin.address.back() = static_cast<std::uint8_t>(random() % 2);
    record.id = static_cast<std::uint16_t>(random() % 0x10000);
    record.type = static_cast<std::uint16_t>(1 + random() % 3 * 8);
    record.klass = static_cast<std::uint16_t>(random() % 8 == 0 ? 3 : 1);
    record.rcode = static_cast<std::uint16_t>(random() % 2 * 3);
    record.source = random() % 4 == 0 ? resolve::Source::upstream : resolve::Source::cache;
    if (record.source == resolve::Source::cache) record.upstream = record.server = {};
    if (random() % 8 == 0) record.info_code = static_cast<std::uint16_t>(random() % 3);
    if (record.info_code == 1) record.text = "why";
    records.push_back(record);
  }
  for (const bool is_hashed : {false, true}) {
    const auto hash = [&] { return is_hashed ? std::optional<NameHash>("0123456789abcdef") : std::nullopt; };
    QueryLineEncoder encoder(all_fields(), hash());
    set_clocks(encoder);
    for (std::size_t i = 0; i < records.size(); i += 30) {
      const std::vector<QueryRecord> some(records.begin() + static_cast<std::ptrdiff_t>(i),
                                          records.begin() + static_cast<std::ptrdiff_t>(i + 30));
      std::string expected;
      for (const auto& record : some) expected += line_of(record, all_fields(), hash());
      ASSERT_EQ(lines_of(encoder, some), expected);
    }
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
