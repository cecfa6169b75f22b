// Entries that are removed to make room, and a comparison of the store with a plain map under random use.

#include <map>
#include <random>
#include <string>

#include <gmock/gmock.h>

#include "cache/messages.hpp"

namespace pillion::cache::testing {
namespace {

using std::chrono::seconds;

std::string numbered(int number) {
  return "n" + std::to_string(number) + ".example";
}

void insert_numbered(Harness& harness, int number, std::uint32_t ttl = 300) {
  const auto name = numbered(number);
  ASSERT_TRUE(harness.insert(Query(name), address_reply(name, ttl)));
}

TEST(Eviction, MemoryStaysWithinSizeWhateverTheSize) {
  for (const auto size :
       {std::size_t{1}, min_size, std::size_t{100'000}, std::size_t{4} << 20U, std::size_t{50} << 20U}) {
    Store store({.size = size}, 1);
    EXPECT_LE(store.memory(), std::max(size, min_size));
    EXPECT_GT(store.memory(), std::max(size, min_size) * 99 / 100);
  }
}

TEST(Eviction, NothingIsDroppedWhileThereIsRoom) {
  Harness harness({.size = min_size});
  int count = 0;
  while (harness.store.metrics().evictions.value() == 0) insert_numbered(harness, count++);
  // 96 bytes each, and about 5 % go to the index.
  EXPECT_GT(count * 96, static_cast<int>(min_size) * 9 / 10);
}

TEST(Eviction, NamesAskedOnceDoNotDisplaceThoseAskedAgain) {
  Harness harness({.size = min_size});
  for (int i = 0; i < 100; ++i) insert_numbered(harness, i);
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(harness.freshness(Query(numbered(i))), Freshness::fresh) << round;
    }
    for (int i = 0; i < 100; ++i) insert_numbered(harness, 1000 + round * 100 + i);
  }
  EXPECT_GT(harness.store.metrics().evictions.value(), 15'000U);
}

// A store full of names, each of which was asked for once.
class Full : public ::testing::Test {
 protected:
  void SetUp() override { flood(2000); }
  void flood(int names) {
    for (const int end = next_ + names; next_ < end; ++next_) insert_numbered(harness_, next_);
  }
  /// Enough names to remove everything from the probation queue, and fewer than the ghosts remember.
  void flood_probation() { flood(150); }
  [[nodiscard]] Freshness freshness(int number) { return harness_.freshness(Query(numbered(number))); }

  Harness harness_{{.size = min_size}};
  int next_ = 1000;
};

TEST_F(Full, ANameAskedTwiceOnProbationStaysForLong) {
  insert_numbered(harness_, 1);
  EXPECT_EQ(freshness(1), Freshness::fresh);
  EXPECT_EQ(freshness(1), Freshness::fresh);
  insert_numbered(harness_, 2);
  EXPECT_EQ(freshness(2), Freshness::fresh);
  flood(3000);
  EXPECT_EQ(freshness(1), Freshness::fresh);
  EXPECT_EQ(freshness(2), Freshness::miss);
}

TEST_F(Full, ANameThatComesBackSoonStaysForLong) {
  insert_numbered(harness_, 1);
  flood_probation();
  ASSERT_EQ(freshness(1), Freshness::miss);
  insert_numbered(harness_, 1);
  flood(3000);
  EXPECT_EQ(freshness(1), Freshness::fresh);
}

TEST(Eviction, OneLargeAnswerIsRefusedAndAnOldOneForItForgotten) {
  Harness harness({.size = min_size});
  const Query query("www.example", {.type = dns::type::txt});
  const auto reply = [](std::size_t size) {
    return reply_to("www.example", dns::type::txt).record(Section::answer, {0}, dns::type::txt, Buffer(size)).bytes();
  };
  ASSERT_TRUE(harness.insert(query, reply(2000)));
  EXPECT_EQ(harness.insert(query, reply(4000)).error(), NotStored::too_large);
  EXPECT_EQ(harness.freshness(query), Freshness::miss);
  EXPECT_EQ(harness.store.metrics().bytes.value(), 0);
}

TEST(Eviction, TheLargestMessageFitsTheDefaultSize) {
  Harness harness;
  auto reply = reply_to("www.example");
  while (reply.size() + 16 <= dns::max_message_size) {
    reply.record(Section::answer, pointer_to(to_question), dns::type::a, {1, 2, 3, 4}, 50);
  }
  ASSERT_TRUE(harness.insert(Query("www.example"), reply.bytes()));
  harness.at(20);
  const auto ttls = harness.ttls(Query("www.example"));
  EXPECT_GT(ttls.size(), 4000U);
  EXPECT_THAT(ttls, ::testing::Each(30));
}

TEST(Eviction, ExpiredEntriesAreCountedApart) {
  Harness harness({.size = min_size, .serve_stale = seconds(0)});
  for (int i = 0; i < 300; ++i) {
    insert_numbered(harness, i, 10);
    (void)harness.lookup(Query(numbered(i)));
  }
  harness.at(10);
  for (int i = 1000; i < 10'000; ++i) insert_numbered(harness, i);
  EXPECT_EQ(harness.store.metrics().expired.value(), 300U);
}

// Compares each answer of the store with the last insertion. `Model` has no eviction: a miss is allowed if the store is
// full, and never otherwise.
class Model {
 public:
  Model(const Settings& settings, int names, std::uint32_t seed)
      : harness_(settings), stale_(settings.serve_stale.count()), names_(names), random_(seed) {}

  void run(int steps, bool has_room) {
    for (int i = 0; i < steps; ++i) {
      if (random_() % 8 == 0) time_ += 0.25 * static_cast<double>(random_() % 9);
      harness_.at(time_);
      const auto number = static_cast<int>(std::min(random_() % names(), random_() % names()));
      if (random_() % 3 == 0) {
        store_something(number);
      } else {
        look_up(number, has_room);
      }
      ASSERT_LE(harness_.store.metrics().bytes.value(), static_cast<double>(harness_.store.memory()));
      if (::testing::Test::HasFatalFailure()) return;
    }
    count_entries();
  }
  [[nodiscard]] const CacheMetrics& metrics() const { return harness_.store.metrics(); }

 private:
  struct Known {
    std::size_t addresses = 0;  // the last byte of the address identifies the insertion too
    std::uint8_t mark = 0;
    double expires = -1000;
    bool failure = false;
  };

  [[nodiscard]] std::uint32_t names() const { return static_cast<std::uint32_t>(names_); }

  void store_something(int number) {
    const auto name = numbered(number);
    const Query query(name);
    auto& known = known_[number];
    if (random_() % 10 == 0) {
      harness_.insert_failure(query, {});
      const bool usable = !known.failure && time_ < known.expires + static_cast<double>(stale_);
      // An entry that was removed cannot be kept.
      if (usable && harness_.store.lookup_stale(query.key(), harness_.now).entry->kind() != Kind::failure) return;
      known = {.addresses = 0, .mark = 0, .expires = time_ + 5, .failure = true};
      return;
    }
    const auto ttl = static_cast<std::uint32_t>(1 + random_() % 60);
    known = {.addresses = 1 + random_() % 12, .mark = ++mark_, .expires = time_ + ttl, .failure = false};
    auto reply = reply_to(name);
    for (std::size_t i = 0; i < known.addresses; ++i) {
      reply.record(Section::answer, pointer_to(to_question), dns::type::a, {1, 2, 3, known.mark}, ttl);
    }
    ASSERT_TRUE(harness_.insert(query, reply.bytes()));
  }

  void look_up(int number, bool has_room) {
    const Query query(numbered(number));
    const auto& known = known_[number];
    const auto found = harness_.lookup(query);
    const auto until = known.expires + (known.failure ? 0.0 : static_cast<double>(stale_));
    const auto expected = time_ < known.expires ? Freshness::fresh : time_ < until ? Freshness::stale : Freshness::miss;
    if (found.freshness == Freshness::miss && !has_room) return;
    ASSERT_EQ(found.freshness, expected) << number;
    if (expected == Freshness::miss) return;
    ASSERT_EQ(found.entry->kind(), known.failure ? Kind::failure : Kind::positive);
    const auto answer = harness_.answer(query);
    ASSERT_EQ(dns::MessageView::parse(answer).value().header().answers(), known.addresses);
    if (!known.failure) {
      ASSERT_EQ(answer.back(), known.mark);
    }
  }

  // The gauges count entries that can be found: the lookups are at the start, when nothing has expired.
  void count_entries() {
    int found = 0;
    for (int i = 0; i < names_; ++i) {
      const Query query(numbered(i));
      if (harness_.store.lookup(query.key(), runtime::Time{}).entry != nullptr) ++found;
    }
    EXPECT_EQ(harness_.store.metrics().entries.value(), found);
  }

  Harness harness_;
  long stale_;
  int names_;
  std::mt19937 random_;
  std::map<int, Known> known_;
  double time_ = 0;
  std::uint8_t mark_ = 0;
};

TEST(Model, WithRoomTheStoreIsAMap) {
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    Model model({.serve_stale = seconds(30)}, 500, seed);
    model.run(30'000, true);
    EXPECT_EQ(model.metrics().evictions.value(), 0U);
  }
}

TEST(Model, WithoutRoomItForgetsButDoesNotErr) {
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    Model model({.size = min_size, .serve_stale = seconds(30)}, 2000, seed);
    model.run(60'000, false);
    EXPECT_GT(model.metrics().evictions.value() + model.metrics().expired.value(), 1000U);
    EXPECT_GT(model.metrics().hits.value(), 1000U);
  }
}

}  // namespace
}  // namespace pillion::cache::testing
