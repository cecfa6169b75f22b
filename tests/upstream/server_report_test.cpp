#include "upstream/server_report.hpp"

#include <gtest/gtest.h>

namespace pillion::upstream {
namespace {

class SilentLog final : public runtime::Log {
 public:
  SilentLog() : Log(runtime::LogLevel::error) {}

 private:
  void write(runtime::LogLevel /*level*/, std::string_view /*message*/,
             std::span<const runtime::Field> /*fields*/) override {}
};

TEST(ServerReport, OfTwoOnOneServerTheNewerSaysWhetherItIsUp) {
  SilentLog log;
  ServerMetrics metrics;
  ServerReport old(log, metrics, "public", "192.0.2.1:853", true);
  EXPECT_EQ(metrics.up.value(), 1);
  old.failed(Error::connect_refused, "");
  EXPECT_EQ(metrics.up.value(), 0);

  ServerReport next(log, metrics, "public", "192.0.2.1:853", true);
  EXPECT_EQ(metrics.up.value(), 1);
  old.failed(Error::connect_refused, "");
  EXPECT_EQ(metrics.up.value(), 1);
  next.failed(Error::connect_refused, "");
  old.answers_again();
  EXPECT_EQ(metrics.up.value(), 0);
  next.answers_again();
  EXPECT_EQ(metrics.up.value(), 1);
  // What is counted is counted by both.
  EXPECT_EQ(metrics.failures[static_cast<std::size_t>(Error::connect_refused)].value(), 3U);
}

}  // namespace
}  // namespace pillion::upstream
