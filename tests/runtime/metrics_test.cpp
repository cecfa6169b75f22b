#include "runtime/metrics.hpp"

#include <optional>

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

}  // namespace
}  // namespace pillion::runtime
