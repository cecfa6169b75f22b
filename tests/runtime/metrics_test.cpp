#include "runtime/metrics.hpp"

#include <optional>
#include <utility>

#include <gtest/gtest.h>

namespace pillion::runtime {
namespace {

TEST(GaugePart, SeveralAddUpAndEachTakesAlongItsOwn) {
  Gauge gauge;
  std::optional<GaugePart> old(gauge);
  old->set(3);
  {
    GaugePart next(gauge);
    next.add(2);
    next.add(2);
    EXPECT_EQ(gauge.value(), 7);
    old->set(1);
    EXPECT_EQ(gauge.value(), 5);
    old.reset();
    EXPECT_EQ(gauge.value(), 4);
    next.add(-1);
    EXPECT_EQ(gauge.value(), 3);
  }
  EXPECT_EQ(gauge.value(), 0);
}

TEST(NewestGauge, ShowsWhatTheNewestThatIsLeftSays) {
  NewestGauge gauge;
  EXPECT_EQ(gauge.value(), 0);
  std::optional<NewestGauge::Setter> old, middle, newest;
  old.emplace(gauge, 1);
  middle.emplace(gauge, 2);
  newest.emplace(gauge, 3);
  EXPECT_EQ(gauge.value(), 3);
  old->set(4);
  EXPECT_EQ(gauge.value(), 3);
  middle.reset();
  EXPECT_EQ(gauge.value(), 3);
  newest.reset();
  EXPECT_EQ(gauge.value(), 4);
  old.reset();
  EXPECT_EQ(gauge.value(), 4);
}

TEST(NewestGauge, ASetterThatMovesKeepsItsPlace) {
  NewestGauge gauge;
  std::optional<NewestGauge::Setter> old(std::in_place, gauge, 1);
  NewestGauge::Setter newest(gauge, 2);
  const NewestGauge::Setter moved(std::move(*old));
  old.reset();
  EXPECT_EQ(gauge.value(), 2);
  newest.set(3);
  EXPECT_EQ(gauge.value(), 3);
}

}  // namespace
}  // namespace pillion::runtime
