#include "telemetry/log_line.hpp"

#include <chrono>
#include <initializer_list>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace pillion::telemetry {
namespace {

using namespace std::chrono_literals;
using runtime::Field;
using runtime::LogLevel;

constexpr auto moment = std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + 3h + 4min + 5s + 678ms;

std::string line(LineFormat format, std::string_view message, std::initializer_list<Field> fields = {},
                 LogLevel level = LogLevel::info) {
  std::string out;
  append_log_line(out, format, moment, level, message, std::span(fields.begin(), fields.size()));
  return out;
}

TEST(EcsLogLine, HasTheSchemasNamesAndOursForTheRest) {
  EXPECT_EQ(
      line(LineFormat::ecs_json, "upstream connected",
           {{"client", "10.0.0.1"}, {"error", "none"}, {"file", "/f"}, {"version", "1"}, {"ms", 12}, {"ok", true}}),
      R"({"@timestamp":"2026-01-02T03:04:05.678Z","log.level":"info","ecs.version":"8.11.0",)"
      R"("event.dataset":"pillion.log","message":"upstream connected","client.ip":"10.0.0.1",)"
      R"("error.message":"none","file.path":"/f","service.version":"1","pillion.ms":12,"pillion.ok":true})"
      "\n");
}

TEST(LogLine, JsonHasTimeLevelMessageThenFields) {
  EXPECT_EQ(line(LineFormat::json, "upstream connected",
                 {{"upstream", "public"},
                  {"ms", 12},
                  {"bytes", std::uint64_t{1} << 63},
                  {"low", -5},
                  {"ratio", 0.25},
                  {"resumed", true}}),
            R"({"ts":"2026-01-02T03:04:05.678Z","level":"info","msg":"upstream connected","upstream":"public","ms":12,)"
            R"("bytes":9223372036854775808,"low":-5,"ratio":0.25,"resumed":true})"
            "\n");
}

TEST(LogLine, TextHasTimeLevelMessageThenFields) {
  EXPECT_EQ(line(LineFormat::text, "upstream connected", {{"server", "1.1.1.1:853"}, {"ms", 12}, {"resumed", false}}),
            "2026-01-02T03:04:05.678Z INFO  upstream connected server=1.1.1.1:853 ms=12 resumed=false\n");
  EXPECT_EQ(line(LineFormat::text, "m", {}, LogLevel::error), "2026-01-02T03:04:05.678Z ERROR m\n");
}

TEST(LogLine, EveryLevelHasItsName) {
  EXPECT_NE(line(LineFormat::json, "m", {}, LogLevel::debug).find(R"("level":"debug")"), std::string::npos);
  EXPECT_NE(line(LineFormat::json, "m", {}, LogLevel::warn).find(R"("level":"warn")"), std::string::npos);
  EXPECT_NE(line(LineFormat::json, "m", {}, LogLevel::error).find(R"("level":"error")"), std::string::npos);
}

TEST(LogLine, TimesBeforeTheEpochAndFractionsRoundDown) {
  std::string out;
  append_log_line(out, LineFormat::text, std::chrono::system_clock::time_point(-1ns), LogLevel::info, "m", {});
  EXPECT_EQ(out, "1969-12-31T23:59:59.999Z INFO  m\n");
}

TEST(LogLine, TextQuotesWhatCouldBeMistaken) {
  EXPECT_EQ(line(LineFormat::text, "m", {{"a", ""}, {"b", "x y"}, {"c", "k=v"}, {"d", "say \"hi\""}, {"e", "l1\nl2"}}),
            "2026-01-02T03:04:05.678Z INFO  m a=\"\" b=\"x y\" c=\"k=v\" d=\"say \\\"hi\\\"\" e=\"l1\\u000al2\"\n");
}

TEST(LogLine, ControlCharactersAreEscapedInBothForms) {
  constexpr std::string_view text("a\x1b[31m\x7f\x00z\xC2\x9B\xC2\xA0", 13);
  constexpr std::string_view escaped = "a\\u001b[31m\\u007f\\u0000z\\u009b\xC2\xA0";
  for (const auto format : {LineFormat::json, LineFormat::text}) {
    EXPECT_NE(line(format, text).find(escaped), std::string::npos);
    EXPECT_NE(line(format, "m", {{"k", text}}).find('"' + std::string(escaped) + '"'), std::string::npos);
  }
}

TEST(LogLine, NumbersThatAreNotFiniteAreNullInJson) {
  const auto out =
      line(LineFormat::json, "m",
           {{"a", std::numeric_limits<double>::quiet_NaN()}, {"b", -std::numeric_limits<double>::infinity()}});
  EXPECT_NE(out.find(R"("a":null,"b":null})"), std::string::npos) << out;
}

struct Utf8Case {
  std::string_view bytes, expected;
};
TEST(LogLine, InvalidUtf8IsReplaced) {
  for (const auto& [bytes, expected] : std::initializer_list<Utf8Case>{
           {"\xC3\xA9", "\xC3\xA9"},                                                  // U+00E9
           {"\xF0\x9F\x9B\xB5", "\xF0\x9F\x9B\xB5"},                                  // U+1F6F5
           {"\xC3", "\xEF\xBF\xBD"},                                                  // cut short
           {"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},                                  //
           {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                                  // overlong
           {"\xE0\x80\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},                  // overlong
           {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},                  // a surrogate
           {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // over U+10FFFF
           {"\xFF", "\xEF\xBF\xBD"},
           {"\xC3(", "\xEF\xBF\xBD("},
       }) {
    const auto parsed = boost::json::parse(line(LineFormat::json, "m", {{"k", bytes}}));
    EXPECT_EQ(parsed.at("k").as_string(), boost::json::string_view(expected.data(), expected.size()));
  }
}

TEST(LogLine, AnyBytesMakeOneParsableObjectOnOneLine) {
  std::mt19937 random(1);
  std::string text;
  for (int round = 0; round < 2000; ++round) {
    text.resize(random() % 40);
    for (auto& c : text) c = static_cast<char>(random());
    const auto out = line(LineFormat::json, text, {{"k", text}});
    ASSERT_EQ(out.find('\n'), out.size() - 1);
    boost::system::error_code error;
    const auto parsed = boost::json::parse(out, error);  // refuses invalid UTF-8
    ASSERT_FALSE(error) << error.message() << ": " << out;
    ASSERT_EQ(parsed.at("msg"), parsed.at("k"));
    ASSERT_EQ(line(LineFormat::text, text, {{"k", text}}).find('\n'),
              line(LineFormat::text, text, {{"k", text}}).size() - 1);
  }
}

TEST(LogLine, LongTextIsCutAtACharacter) {
  for (const std::size_t pad : {0U, 1U, 2U}) {
    std::string text(max_log_text - pad, 'x');
    for (int i = 0; i < 100; ++i) text += "\xE2\x82\xAC";
    const auto parsed = boost::json::parse(line(LineFormat::json, "m", {{"k", text}}));
    EXPECT_EQ(std::string_view(parsed.at("k").as_string()), std::string(max_log_text - pad, 'x') + "\xE2\x80\xA6");
  }
  const std::string just(max_log_text, 'x');
  EXPECT_EQ(boost::json::parse(line(LineFormat::json, "m", {{"k", just}})).at("k").as_string(),
            boost::json::string_view(just));
}

}  // namespace
}  // namespace pillion::telemetry
