#include "resolve/hedge_budget.hpp"

#include <gtest/gtest.h>

namespace pillion::resolve {
namespace {

/// The number of hedges that the budget permits in a row.
int take_all(HedgeBudget& budget) {
  int taken = 0;
  while (budget.take()) ++taken;
  return taken;
}

TEST(HedgeBudget, TwentyQueriesPayForOne) {
  HedgeBudget budget;
  EXPECT_FALSE(budget.take());
  for (int i = 0; i < 21; ++i) budget.earn();
  EXPECT_EQ(take_all(budget), 1);
}

TEST(HedgeBudget, AtMostTenAreSaved) {
  HedgeBudget budget;
  for (int i = 0; i < 100'000; ++i) budget.earn();
  EXPECT_EQ(take_all(budget), 10);
}

TEST(HedgeBudget, WhatIsGivenBackIsThereAgainAndNoMore) {
  HedgeBudget budget;
  for (int i = 0; i < 100'000; ++i) budget.earn();
  budget.give_back();
  EXPECT_EQ(take_all(budget), 10);
  budget.give_back();
  EXPECT_EQ(take_all(budget), 1);
}

TEST(HedgeBudget, UnderLoadOneInTwenty) {
  HedgeBudget budget;
  int taken = 0;
  for (int i = 0; i < 10'000; ++i) {
    budget.earn();
    if (budget.take()) ++taken;
  }
  EXPECT_GE(taken, 490);
  EXPECT_LE(taken, 500);
}

}  // namespace
}  // namespace pillion::resolve
