#include "resolve/prefetch_budget.hpp"

#include <gtest/gtest.h>

namespace pillion::resolve {
namespace {

TEST(PrefetchBudget, NothingBeforeClientsAsked) {
  EXPECT_FALSE(PrefetchBudget().may_spend());
}

TEST(PrefetchBudget, EachQueryOfClientsPaysForOne) {
  PrefetchBudget budget;
  budget.earn();
  budget.earn();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(budget.may_spend());
    budget.spend();
  }
  EXPECT_FALSE(budget.may_spend());
}

TEST(PrefetchBudget, SavesNoMoreThanItsLimit) {
  PrefetchBudget budget;
  for (std::uint32_t i = 0; i < 3 * PrefetchBudget::most_saved; ++i) budget.earn();
  std::uint32_t spent = 0;
  for (; budget.may_spend(); ++spent) budget.spend();
  EXPECT_EQ(spent, PrefetchBudget::most_saved);
}

}  // namespace
}  // namespace pillion::resolve
