#include "telemetry/record_ring.hpp"

#include <deque>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace pillion::telemetry {
namespace {

bool put(RecordRing& ring, std::string_view text) {
  const auto space = ring.begin(text.size());
  if (space.empty()) return false;
  std::ranges::copy(text, space.begin());
  ring.commit();
  ring.publish();
  return true;
}

std::string take(RecordRing& ring) {
  const auto record = ring.front();
  std::string text(record.begin(), record.end());
  ring.pop();
  ring.release();
  return text;
}

TEST(RecordRing, GivesRecordsInTheirOrder) {
  RecordRing ring(256);
  EXPECT_EQ(ring.front().data(), nullptr);
  ASSERT_TRUE(put(ring, "first"));
  ASSERT_TRUE(put(ring, "second, which is longer"));
  EXPECT_EQ(take(ring), "first");
  EXPECT_EQ(take(ring), "second, which is longer");
  EXPECT_EQ(ring.front().data(), nullptr);
}

TEST(RecordRing, OfAFullOneTheNewestIsDroppedAndCounted) {
  RecordRing ring(64);
  ASSERT_TRUE(put(ring, std::string(24, 'a')));
  ASSERT_TRUE(put(ring, std::string(24, 'b')));
  EXPECT_FALSE(put(ring, "c"));
  EXPECT_EQ(ring.dropped(), 1U);
  EXPECT_EQ(take(ring), std::string(24, 'a'));
  EXPECT_TRUE(put(ring, "d"));
  EXPECT_EQ(take(ring), std::string(24, 'b'));
  EXPECT_EQ(take(ring), "d");
}

TEST(RecordRing, TheReaderSeesRecordsOnceTheyArePublished) {
  RecordRing ring(256);
  for (const std::string_view text : {"first", "second"}) {
    std::ranges::copy(text, ring.begin(text.size()).begin());
    ring.commit();
    EXPECT_EQ(ring.front().data(), nullptr);
  }
  ring.publish();
  EXPECT_EQ(take(ring), "first");
  EXPECT_EQ(take(ring), "second");
  EXPECT_EQ(ring.front().data(), nullptr);
}

TEST(RecordRing, TheWriterGetsTheRoomOnceTheReaderReleasesIt) {
  RecordRing ring(64);
  ASSERT_TRUE(put(ring, std::string(56, 'a')));
  ASSERT_NE(ring.front().data(), nullptr);
  ring.pop();
  EXPECT_FALSE(put(ring, "b"));
  ring.release();
  EXPECT_TRUE(put(ring, "c"));
  EXPECT_EQ(ring.dropped(), 1U);
}

TEST(RecordRing, SaysThatItIsFullAndCountsTheRecordThatIsNotMade) {
  RecordRing ring(64);
  EXPECT_TRUE(ring.admits(56));
  EXPECT_FALSE(ring.admits(64));
  ASSERT_TRUE(put(ring, std::string(24, 'a')));
  EXPECT_TRUE(ring.admits(24));
  EXPECT_FALSE(ring.admits(32));
  EXPECT_EQ(ring.dropped(), 2U);
  EXPECT_EQ(take(ring), std::string(24, 'a'));
  EXPECT_TRUE(ring.admits(32));
  EXPECT_EQ(ring.dropped(), 2U);
}

TEST(RecordRing, OneThatNeverFitsIsDropped) {
  RecordRing ring(64);
  EXPECT_FALSE(put(ring, std::string(64, 'x')));
  EXPECT_EQ(ring.dropped(), 1U);
  EXPECT_TRUE(put(ring, std::string(56, 'y')));
  EXPECT_EQ(take(ring), std::string(56, 'y'));
}

/// Compares the ring with a queue: records are taken in the order in which they were put, also over the end of the
/// ring.
TEST(RecordRing, HoldsWhatAQueueHolds) {
  std::mt19937 random(1);  // NOLINT: the same sequence each time, so that a failure can be repeated
  RecordRing ring(1024);
  std::deque<std::string> expected;
  std::uint64_t refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (random() % 2 == 0) {
      const std::string text(1 + random() % 300, static_cast<char>('a' + i % 26));
      if (put(ring, text)) {
        expected.push_back(text);
      } else {
        ++refused;
      }
    } else if (!expected.empty()) {
      ASSERT_EQ(take(ring), expected.front());
      expected.pop_front();
    } else {
      ASSERT_EQ(ring.front().data(), nullptr);
    }
  }
  EXPECT_EQ(ring.dropped(), refused);
  EXPECT_GT(refused, 0U);
}

TEST(RecordRing, OneThreadWritesAndAnotherReads) {
  constexpr std::uint64_t count = 200'000;
  RecordRing ring(4096);
  std::uint64_t read = 0;
  std::uint64_t sum = 0;
  std::jthread reader([&] {
    for (std::uint64_t last = 0; last != count;) {
      const auto record = ring.front();
      if (record.data() == nullptr) continue;
      last = std::stoull(std::string(record.begin(), record.end()));
      ring.pop();
      ring.release();
      ++read;
      sum += last;
    }
  });
  std::uint64_t written = 0;
  std::uint64_t written_sum = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    // The last record ends the reader.
    bool is_put = put(ring, std::to_string(i));
    while (i == count && !is_put) is_put = put(ring, std::to_string(i));
    if (!is_put) continue;
    ++written;
    written_sum += i;
  }
  reader.join();
  EXPECT_EQ(read, written);
  EXPECT_EQ(sum, written_sum);
}

}  // namespace
}  // namespace pillion::telemetry
