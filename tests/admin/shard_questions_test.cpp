#include "admin/shard_questions.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

namespace pillion::admin {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

/// An empty shard.
class EmptyShard final : public ShardView {
 public:
  runtime::Time now() override { return {}; }
  std::vector<ServerView> servers() override { return {}; }
  std::vector<server::ClientFacts> clients() override { return {}; }
  const server::RecentQueries& recent() override { return recent_; }
  cache::Store* cache() override { return nullptr; }
  void explain(const server::ExplainedQuestion& /*question*/,
               std::function<void(std::optional<server::Explanation>)> done) override {
    done(std::nullopt);
  }

 private:
  server::RecentQueries recent_;
};

/// A loop with a thread, like that of a shard.
class ShardThread {
 public:
  ~ShardThread() { io_.stop(); }
  PostToShard door() {
    return [this](std::function<void(ShardView&)> visit) {
      asio::post(io_, [this, visit = std::move(visit)] { visit(shard_); });
    };
  }
  void run() {
    thread_ = std::jthread([this] { io_.run(); });
  }

 private:
  EmptyShard shard_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::jthread thread_;
};

class ShardQuestionsTest : public testing::Test {
 protected:
  /// Asks three shards, of which two run and one is stuck. Returns their answers.
  template <typename Answer>
  std::vector<std::optional<Answer>> ask(std::function<std::optional<Answer>(ShardView&)> question,
                                         std::chrono::milliseconds wait) {
    auto answers = asio::co_spawn(io_, questions_.ask<Answer>(std::move(question), wait), asio::use_future);
    io_.restart();
    io_.run();
    return answers.get();
  }

  asio::io_context io_{1};
  ShardThread first_;
  ShardThread second_;
  ShardThread standing_;
  ShardQuestions questions_{io_, {first_.door(), standing_.door(), second_.door()}};
};

TEST_F(ShardQuestionsTest, WhoDoesNotAnswerInTimeIsLeftOut) {
  first_.run();
  second_.run();
  const auto answers = ask<int>([](ShardView&) { return std::optional(7); }, 300ms);
  EXPECT_THAT(answers, testing::ElementsAre(7, std::nullopt, 7));
}

TEST_F(ShardQuestionsTest, AllAreHeardWithoutWaitingForTheEnd) {
  first_.run();
  second_.run();
  standing_.run();
  const auto answers = ask<int>([](ShardView&) { return std::optional(7); }, 1h);
  EXPECT_THAT(answers, testing::ElementsAre(7, 7, 7));
}

TEST_F(ShardQuestionsTest, WhatTakesLongIsAskedAgainAndEachShardHasItsOwnState) {
  first_.run();
  second_.run();
  standing_.run();
  const auto answers =
      ask<int>([calls = 0](ShardView&) mutable { return ++calls < 100 ? std::nullopt : std::optional(calls); }, 1h);
  EXPECT_THAT(answers, testing::ElementsAre(100, 100, 100));
}

TEST_F(ShardQuestionsTest, StopEndsWaiting) {
  auto answers =
      asio::co_spawn(io_, questions_.ask<int>([](ShardView&) { return std::optional(7); }, 1h), asio::use_future);
  auto paused = asio::co_spawn(io_, questions_.pause(1h), asio::use_future);
  asio::post(io_, [&] { questions_.stop(); });
  io_.run();
  EXPECT_THAT(answers.get(), testing::ElementsAre(std::nullopt, std::nullopt, std::nullopt));
  EXPECT_FALSE(paused.get());
  auto late = asio::co_spawn(io_, questions_.pause(1h), asio::use_future);
  io_.restart();
  io_.run();
  EXPECT_FALSE(late.get());
}

}  // namespace
}  // namespace pillion::admin
