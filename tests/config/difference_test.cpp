#include "config/difference.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/line_paths.hpp"
#include "config/load.hpp"

namespace pillion::config {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

std::vector<std::string> difference(const Config& before, const Config& after) {
  return config::difference(to_yaml(before, true), to_yaml(after, true));
}

Route zone_of(const std::string& zone, std::vector<std::string> records) {
  return {.zone = zone, .upstream = "", .records = std::move(records)};
}

Config with_records(std::size_t count, const std::function<std::string(std::size_t)>& record) {
  auto config = default_config();
  config.routes.push_back(zone_of("db.internal", {}));
  for (std::size_t i = 0; i < count; ++i) config.routes.back().records.push_back(record(i));
  return config;
}

std::string address_record(std::size_t i) {
  return "h" + std::to_string(i) + " A 192.0.2.1";
}

TEST(Difference, OfTheSameIsEmpty) {
  EXPECT_THAT(difference(default_config(), default_config()), IsEmpty());
  EXPECT_THAT(config::difference("", ""), IsEmpty());
}

TEST(Difference, NamesNetworks) {
  auto before = default_config();
  before.routes.push_back({.zone = "", .upstream = "public", .records = {}, .network = "10.0.0.0/8"});
  auto after = before;
  after.routes.back().network = "10.0.0.0/9";
  EXPECT_THAT(difference(before, after), ElementsAre(R"(- routes[]: {network: "10.0.0.0/8", upstream: public})",
                                                     R"(+ routes[]: {network: "10.0.0.0/9", upstream: public})"));
}

TEST(Difference, NamesTheKeysThatEnclose) {
  auto after = default_config();
  after.dns.listen.push_back({"::1", 8053});
  after.upstreams.front().timeout = std::chrono::seconds(5);
  after.upstreams.front().servers.pop_back();
  after.threads = 2;
  EXPECT_THAT(
      difference(default_config(), after),
      ElementsAre(R"(- dns.listen: ["127.0.0.1:8053"])", R"(+ dns.listen: ["127.0.0.1:8053", "[::1]:8053"])",
                  "- upstreams.public.timeout: 4s", "+ upstreams.public.timeout: 5s",
                  R"(- upstreams.public.servers[]: {address: "9.9.9.9:853", tls_name: dns.quad9.net, pins: []})",
                  "- threads: 1", "+ threads: 2"));
}

TEST(Difference, OfRecordsNamesTheirZone) {
  auto before = default_config();
  before.routes.push_back(zone_of("a", {"x A 192.0.2.1", "y TXT \"a: b\""}));
  auto after = before;
  before.routes.push_back(zone_of("b", {"x A 192.0.2.1"}));
  after.routes.push_back(zone_of("c", {"x A 192.0.2.1"}));
  after.routes[1].records[1] = "y TXT \"a: c\"";
  EXPECT_THAT(difference(before, after),
              ElementsAre(R"(- routes[zone: "a"].records[]: "y TXT \"a: b\"")", R"(- routes[].zone: "b")",
                          R"(- routes[zone: "b"].records[]: "x A 192.0.2.1")",
                          R"(+ routes[zone: "a"].records[]: "y TXT \"a: c\"")", R"(+ routes[].zone: "c")",
                          R"(+ routes[zone: "c"].records[]: "x A 192.0.2.1")"));
}

TEST(Difference, OfARenamedUpstreamTakesNoLineOfAnotherForItsOwn) {
  auto after = default_config();
  after.upstreams.front().name = "private";
  after.routes.front().upstream = "private";
  const auto lines = difference(default_config(), after);
  EXPECT_EQ(std::ranges::count_if(lines, [](const auto& line) { return line.starts_with("- upstreams.public."); }), 7);
  EXPECT_EQ(std::ranges::count_if(lines, [](const auto& line) { return line.starts_with("+ upstreams.private."); }), 7);
  EXPECT_THAT(lines, testing::Contains(R"(+ routes[]: {zone: ".", upstream: private})"));
}

TEST(Difference, TellsTheOrderOfServers) {
  auto after = default_config();
  std::ranges::reverse(after.upstreams.front().servers);
  EXPECT_THAT(difference(default_config(), after), SizeIs(2));
}

TEST(Difference, ShowsNoSecret) {
  auto before = default_config();
  before.upstreams.front().tls.client_cert = before.upstreams.front().tls.client_key = "/hidden-1";
  auto after = before;
  after.upstreams.front().tls.client_key = "/hidden-2";
  EXPECT_THAT(difference(before, after), IsEmpty());
}

TEST(Difference, IsTheShortestThatThereIs) {
  const auto before = with_records(3000, address_record);
  auto after = before;
  auto& records = after.routes.back().records;
  records.erase(records.begin() + 10);
  records.insert(records.begin() + 1500, "new A 192.0.2.2");
  records[2900] = "other A 192.0.2.3";
  const std::string path = R"(routes[zone: "db.internal"].records[]: )";
  EXPECT_THAT(difference(before, after),
              ElementsAre("- " + path + "\"h10 A 192.0.2.1\"", "+ " + path + "\"new A 192.0.2.2\"",
                          "- " + path + "\"h2900 A 192.0.2.1\"", "+ " + path + "\"other A 192.0.2.3\""));
}

TEST(Difference, HasAnEnd) {
  const auto before = with_records(1, address_record);
  const auto after = with_records(151, address_record);
  const auto lines = difference(before, after);
  ASSERT_THAT(lines, SizeIs(max_difference_lines + 1));
  EXPECT_EQ(lines.back(), "... and 50 more");
  EXPECT_EQ(lines[99], R"(+ routes[zone: "db.internal"].records[]: "h100 A 192.0.2.1")");
}

TEST(Difference, OfVeryManyLinesShowsBothKinds) {
  const auto before = with_records(10'000, address_record);
  const auto after = with_records(10'000, [](std::size_t i) { return "h" + std::to_string(i) + " A 192.0.2.2"; });
  const auto lines = difference(before, after);
  ASSERT_THAT(lines, SizeIs(max_difference_lines + 1));
  EXPECT_EQ(lines[98], R"(- routes[zone: "db.internal"].records[]: "h49 A 192.0.2.1")");
  EXPECT_EQ(lines[99], R"(+ routes[zone: "db.internal"].records[]: "h49 A 192.0.2.2")");
  EXPECT_EQ(lines.back(), "... and 19900 more");
}

TEST(Difference, OfVeryManyLinesCountsThoseThatComeTwice) {
  const auto before = with_records(2000, [](std::size_t i) { return i < 1000 ? "a A 192.0.2.1" : address_record(i); });
  const auto after = with_records(2000, [](std::size_t i) { return i < 1001 ? address_record(i) : "a A 192.0.2.1"; });
  const auto lines = difference(before, after);
  // One of a thousand equal lines and 999 others are removed, and 1,000 are added.
  EXPECT_EQ(lines.back(), "... and 1900 more");
}

TEST(Difference, OfVeryManyLinesThatMovedSaysSo) {
  const auto before = with_records(2000, address_record);
  auto after = before;
  std::ranges::reverse(after.routes.back().records);
  EXPECT_THAT(difference(before, after), ElementsAre("the same lines in another order"));
}

TEST(Difference, CutsLongLinesBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "é";
  const auto before = with_records(1, address_record);
  for (const std::string start : {"", "x"}) {
    const auto after = with_records(1, [&](std::size_t) { return start + text; });
    const auto lines = difference(before, after);
    ASSERT_THAT(lines, SizeIs(2));
    EXPECT_THAT(lines[1],
                AllOf(StartsWith(R"(+ routes[zone: "db.internal"].records[]: ")" + start + "é"), EndsWith("é...")));
    EXPECT_LE(lines[1].size(), 303U);
  }
}

TEST(ValueLines, HaveTheWholeConfiguration) {
  auto config = default_config();
  config.routes.push_back(zone_of("a", {"x A 192.0.2.1"}));
  PathSet paths;
  const auto yaml = to_yaml(config, true);
  std::vector<std::string> headers;
  std::size_t lines = 0;
  for (std::size_t start = 0, end = 0; (end = yaml.find('\n', start)) != std::string::npos; start = end + 1) {
    ++lines;
    if (yaml[end - 1] == ':') headers.push_back(yaml.substr(start, end - start));
  }
  EXPECT_EQ(value_lines(yaml, paths).size(), lines - headers.size());
  EXPECT_THAT(paths, Each(testing::MatchesRegex(R"re([a-z0-9_]+(\.[a-z0-9_]+|\[[^]]*\])*)re")));
}

/// The shortest difference by the quadratic table of the textbook.
std::size_t edits(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> common(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      common[i][j] = a[i - 1] == b[j - 1] ? common[i - 1][j - 1] + 1 : std::max(common[i - 1][j], common[i][j - 1]);
    }
  }
  return a.size() + b.size() - 2 * common[a.size()][b.size()];
}

TEST(Difference, OfAllShortTextsIsShortestAndLeadsFromOneToTheOther) {
  // Every text of at most five lines of three kinds.
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; texts[i].size() < 5; ++i) {
    for (const char kind : {'a', 'b', 'c'}) texts.push_back(texts[i] + kind);
  }
  const auto as_list = [](const std::string& kinds) {
    std::string yaml = "l:\n";
    for (const char kind : kinds) yaml += std::string("  - \"") + kind + "\"\n";
    return yaml;
  };
  for (std::size_t i = 0; i < texts.size(); i += 2) {
    for (std::size_t j = 0; j < texts.size(); j += 3) {
      const auto lines = config::difference(as_list(texts[i]), as_list(texts[j]));
      ASSERT_EQ(lines.size(), edits(texts[i], texts[j])) << texts[i] << " " << texts[j];
      std::string before = texts[i];
      std::string after = texts[j];
      std::ranges::sort(before);
      std::ranges::sort(after);
      for (const auto& line : lines) {
        auto& text = line[0] == '-' ? before : after;
        ASSERT_NE(text.find(line[8]), std::string::npos) << line;
        text.erase(text.find(line[8]), 1);
      }
      ASSERT_EQ(before, after) << "what is left of both is the same";
    }
  }
}

}  // namespace
}  // namespace pillion::config
