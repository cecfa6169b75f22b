#include "app/replies.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace pillion::app {
namespace {

TEST(Replies, AreInTheirOrderWhicheverThreadIsTheFirst) {
  Replies<int> replies(3);
  const std::atomic<bool> cancelled{false};
  std::vector<std::jthread> threads;
  for (const int i : {2, 0, 1})
    threads.emplace_back([reply = replies.reply(static_cast<std::size_t>(i)), i] { reply(10 + i); });
  EXPECT_EQ(replies.wait(cancelled), (std::vector{10, 11, 12}));
}

TEST(Replies, WhoHasCancelledGetsNoneAndOneThatComesLaterHarmsNobody) {
  std::function<void(int)> late;
  {
    Replies<int> replies(2);
    replies.reply(0)(1);
    late = replies.reply(1);
    const std::atomic<bool> cancelled{true};
    EXPECT_EQ(replies.wait(cancelled), std::nullopt);
  }
  late(2);
}

TEST(Replies, ThatAreAllThereAreGivenEvenWhereItIsCancelled) {
  Replies<int> replies(1);
  replies.reply(0)(7);
  const std::atomic<bool> cancelled{true};
  EXPECT_EQ(replies.wait(cancelled), std::vector{7});
}

}  // namespace
}  // namespace pillion::app
