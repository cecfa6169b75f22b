#include "upstream/server_report.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "support/silent_log.hpp"

namespace pillion::upstream {
namespace {

using namespace std::chrono_literals;

/// Keeps the lines of level info and above, with the number in the field `failures`, if there is one.
class ReportLog final : public runtime::Log {
 public:
  ReportLog() : Log(runtime::LogLevel::info) {}
  std::vector<std::string> lines;

 private:
  void write(runtime::LogLevel /*level*/, std::string_view message, std::span<const runtime::Field> fields) override {
    lines.emplace_back(message);
    const auto found = std::ranges::find(fields, "failures", &runtime::Field::key);
    if (found != fields.end()) lines.back() += " " + std::to_string(std::get<std::uint64_t>(found->value.variant()));
  }
};

TEST(ServerReport, OfTwoOnOneServerTheNewerSaysWhetherItIsUp) {
  pillion::testing::SilentLog log;
  ServerMetrics metrics;
  ServerReport old(log, metrics, "public", "192.0.2.1:853", true);
  EXPECT_EQ(metrics.up.value(), 1);
  old.failed(Error::connect_refused, "", {});
  EXPECT_EQ(metrics.up.value(), 0);

  ServerReport next(log, metrics, "public", "192.0.2.1:853", true);
  EXPECT_EQ(metrics.up.value(), 1);
  old.failed(Error::connect_refused, "", {});
  EXPECT_EQ(metrics.up.value(), 1);
  next.failed(Error::connect_refused, "", {});
  old.answers_again();
  EXPECT_EQ(metrics.up.value(), 0);
  next.answers_again();
  EXPECT_EQ(metrics.up.value(), 1);
  // Both count the events.
  EXPECT_EQ(metrics.failures[Error::connect_refused].value(), 3U);
}

TEST(ServerReport, WhenTheNewerGoesWhatTheOlderKnowsIsShownAgain) {
  pillion::testing::SilentLog log;
  ServerMetrics metrics;
  ServerReport old(log, metrics, "public", "192.0.2.1:853", true);
  {
    // A generation that is never used, and that asks in a way that the server refuses.
    ServerReport discarded(log, metrics, "public", "192.0.2.1:853", true);
    discarded.failed(Error::certificate_untrusted, "", {});
    EXPECT_EQ(metrics.up.value(), 0);
  }
  EXPECT_EQ(metrics.up.value(), 1);
  old.failed(Error::connect_refused, "", {});
  EXPECT_EQ(metrics.up.value(), 0);
  {
    const ServerReport hopeful(log, metrics, "public", "192.0.2.1:853", true);
  }
  EXPECT_EQ(metrics.up.value(), 0);
}

TEST(ServerReport, ThatItMovesChangesNothing) {
  pillion::testing::SilentLog log;
  ServerMetrics metrics;
  ServerReport old(log, metrics, "public", "192.0.2.1:853", true);
  ServerReport first(log, metrics, "public", "192.0.2.1:853", true);
  ServerReport next(std::move(first));
  next.failed(Error::connect_refused, "", {});
  EXPECT_EQ(metrics.up.value(), 0);
  old.answers_again();
  EXPECT_EQ(metrics.up.value(), 0);
}

TEST(ServerReport, WhereAnotherSaysWhetherTheServerIsUpItSaysNothingOfThat) {
  pillion::testing::SilentLog log;
  ServerMetrics metrics;
  ServerReport over_udp(log, metrics, "cluster", "192.0.2.1:53", true);
  ServerReport over_tcp(log, metrics, "cluster", "192.0.2.1:53", false);
  over_tcp.failed(Error::connect_refused, "", {});
  EXPECT_EQ(metrics.up.value(), 1);
}

TEST(ServerReport, AFailureThatGoesOnIsLoggedOnceAMinuteWithTheirNumber) {
  ReportLog log;
  ServerMetrics metrics;
  ServerReport report(log, metrics, "public", "192.0.2.1:853", true);
  const runtime::Time begin;
  const auto fail_for = [&](runtime::Duration from, runtime::Duration to, Error error) {
    log.lines.clear();
    for (auto at = from; at < to; at += 5s) report.failed(error, "", begin + at);
  };
  fail_for(0s, 60s, Error::certificate_untrusted);
  EXPECT_EQ(log.lines, std::vector<std::string>{"upstream failed"});
  fail_for(60s, 180s, Error::certificate_untrusted);
  EXPECT_EQ(log.lines, (std::vector<std::string>{"upstream still fails 12", "upstream still fails 12"}));

  // Another reason is news, and is counted from its own first line.
  fail_for(180s, 240s, Error::connect_refused);
  EXPECT_EQ(log.lines, std::vector<std::string>{"upstream failed"});
  fail_for(240s, 245s, Error::connect_refused);
  EXPECT_EQ(log.lines, std::vector<std::string>{"upstream still fails 12"});

  // After an answer nothing goes on.
  report.answers_again();
  fail_for(400s, 460s, Error::connect_refused);
  EXPECT_EQ(log.lines, std::vector<std::string>{"upstream failed"});
}

TEST(ServerReport, AFailureThatIsRareIsLoggedAtItsNextTimeAfterAMinute) {
  ReportLog log;
  ServerMetrics metrics;
  ServerReport report(log, metrics, "public", "192.0.2.1:853", true);
  const runtime::Time begin;
  for (const auto at : {0s, 59s, 600s, 601s}) report.failed(Error::connect_refused, "", begin + at);
  EXPECT_EQ(log.lines, (std::vector<std::string>{"upstream failed", "upstream still fails 2"}));
}

}  // namespace
}  // namespace pillion::upstream
