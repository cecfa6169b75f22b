#include "upstream/server_report.hpp"

#include <utility>

#include <gtest/gtest.h>

#include "support/silent_log.hpp"

namespace pillion::upstream {
namespace {

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

}  // namespace
}  // namespace pillion::upstream
