#include "app/settling.hpp"

#include <chrono>
#include <stdexcept>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/hand_turned.hpp"

namespace pillion::app {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SettlingTest : public ::testing::Test {
 protected:
  void stir_at(runtime::Duration at) {
    time.turn_to(at);
    settling.stir();
  }
  long elapsed() { return std::chrono::duration_cast<std::chrono::milliseconds>(time.elapsed()).count(); }

  pillion::testing::HandTurned time;
  FilesSeen files = FilesSeen::changed;
  std::vector<long> looks;    // in milliseconds since the start
  std::vector<long> reports;  // in milliseconds since the start
  Settling settling{time,
                    [this] {
                      looks.push_back(elapsed());
                      return files;
                    },
                    [this] {
                      reports.push_back(elapsed());
                      files = FilesSeen::same;
                    }};
};

TEST_F(SettlingTest, LooksWhenNothingHasHappenedForAWhile) {
  stir_at(0ms);
  stir_at(150ms);
  stir_at(300ms);
  time.turn_to(10s);
  EXPECT_THAT(looks, ElementsAre(500));
  EXPECT_THAT(reports, ElementsAre(500));
  EXPECT_EQ(time.deadline_count(), 0U);
}

TEST_F(SettlingTest, LooksInTheMidstOfWhatDoesNotEnd) {
  for (auto at = 0ms; at <= 2500ms; at += 100ms) {
    stir_at(at);
    if (at == 1500ms) files = FilesSeen::changed;
  }
  time.turn_to(10s);
  // The second burst begins with the first event after the look.
  EXPECT_THAT(looks, ElementsAre(1000, 2000, 2700));
  EXPECT_THAT(reports, ElementsAre(1000, 2000));
}

TEST_F(SettlingTest, ReportsNothingThatIsTheSame) {
  files = FilesSeen::same;
  stir_at(0ms);
  time.turn_to(10s);
  EXPECT_THAT(looks, ElementsAre(200));
  EXPECT_THAT(reports, IsEmpty());
}

TEST_F(SettlingTest, ReportsEachChange) {
  stir_at(0ms);
  time.turn_to(1s);
  files = FilesSeen::changed;
  stir_at(5s);
  time.turn_to(10s);
  EXPECT_THAT(reports, ElementsAre(200, 5200));
}

TEST_F(SettlingTest, WaitsForAFileThatIsAway) {
  files = FilesSeen::missing;
  stir_at(0ms);
  time.turn_to(1000ms);
  EXPECT_THAT(reports, IsEmpty());
  files = FilesSeen::changed;  // the file is back, with other content
  settling.stir();
  time.turn_to(10s);
  EXPECT_THAT(looks, ElementsAre(200, 1200));
  EXPECT_THAT(reports, ElementsAre(1200));
}

TEST_F(SettlingTest, ReportsNothingOfAFileThatIsBackAsItWas) {
  files = FilesSeen::missing;
  stir_at(0ms);
  time.turn_to(1s);
  files = FilesSeen::same;
  settling.stir();
  time.turn_to(10s);
  EXPECT_THAT(looks, ElementsAre(200, 1200));
  EXPECT_THAT(reports, IsEmpty());
}

TEST_F(SettlingTest, ReportsAFileThatStaysAway) {
  files = FilesSeen::missing;
  stir_at(0ms);
  time.turn_to(10s);
  EXPECT_THAT(looks, ElementsAre(200, 2200));
  EXPECT_THAT(reports, ElementsAre(2200));
}

TEST_F(SettlingTest, WhatElseHappensDoesNotProlongTheWait) {
  files = FilesSeen::missing;
  for (auto at = 0ms; at <= 2100ms; at += 50ms) stir_at(at);
  time.turn_to(10s);
  EXPECT_THAT(reports, ElementsAre(3000)) << "two seconds after the look that missed it, which was at 1 s";
}

TEST_F(SettlingTest, EachAbsenceHasItsOwnWait) {
  files = FilesSeen::missing;
  stir_at(0ms);
  time.turn_to(2s);
  files = FilesSeen::same;
  settling.stir();
  time.turn_to(3s);
  files = FilesSeen::missing;
  settling.stir();
  time.turn_to(10s);
  EXPECT_THAT(reports, ElementsAre(5200));
}

TEST_F(SettlingTest, LooksAgainWhereNothingCouldBeSaid) {
  files = FilesSeen::unknown;
  stir_at(0ms);
  time.turn_to(2500ms);
  EXPECT_THAT(looks, ElementsAre(200, 1200, 2200));
  files = FilesSeen::changed;
  time.turn_to(10s);
  EXPECT_THAT(reports, ElementsAre(3200));
}

TEST_F(SettlingTest, DoesNothingOnceItIsStopped) {
  stir_at(0ms);
  settling.stop();
  time.turn_to(10s);
  EXPECT_THAT(looks, IsEmpty());
}

TEST(Settling, LooksAgainAfterALookThatThrew) {
  pillion::testing::HandTurned time;
  int looks = 0;
  int reports = 0;
  Settling settling{time,
                    [&] {
                      if (++looks == 1) throw std::runtime_error("injected");
                      return FilesSeen::changed;
                    },
                    [&] { ++reports; }};
  settling.stir();
  EXPECT_THROW(time.turn_to(1s), std::runtime_error);
  time.turn_to(10s);
  EXPECT_EQ(looks, 2);
  EXPECT_EQ(reports, 1);
}

TEST(Settling, MayBeStirredByTheReport) {
  pillion::testing::HandTurned time;
  int reports = 0;
  std::function<void()> stir;
  Settling settling{time, [] { return FilesSeen::changed; },
                    [&] {
                      if (++reports == 1) stir();
                    }};
  stir = [&] { settling.stir(); };
  settling.stir();
  time.turn_to(10s);
  EXPECT_EQ(reports, 2);
}

}  // namespace
}  // namespace pillion::app
