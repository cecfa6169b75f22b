#include "admin/status_json.hpp"

#include <chrono>
#include <vector>

#include <boost/json/object.hpp>
#include <gtest/gtest.h>

namespace pillion::admin {
namespace {

using namespace std::chrono_literals;

TEST(StatusJson, TheUptimeIsNotThatOfAClockThatWasSet) {
  telemetry::Sources::Reloads reloads;
  telemetry::Sources sources;
  sources.reloads = &reloads;
  const Figures figures;
  const std::vector<Finding> findings(1);
  const Moment started(runtime::Time(100s), WallTime(1'000'000s));
  const Moment now(runtime::Time(105s), WallTime(900'000s));
  const auto status = status_json({.sources = sources,
                                   .figures = figures,
                                   .findings = findings,
                                   .started = started,
                                   .file = {},
                                   .sbom = {},
                                   .listen = {}},
                                  now);
  EXPECT_EQ(status.at("uptime_seconds").as_double(), 5);
  EXPECT_EQ(status.at("started_at").as_string(), "1970-01-12T13:46:40.000Z");
  EXPECT_EQ(status.at("time").as_string(), "1970-01-11T10:00:00.000Z");
}

}  // namespace
}  // namespace pillion::admin
