#pragma once
// Runs a function on each shard's thread and waits for the results. No lock is needed, and no shard waits.

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "admin/shard_view.hpp"

namespace pillion::admin {

/// The function that a shard runs. If it returns nullopt, it runs again in another turn of the shard's loop, so that
/// long work is divided.
template <typename Answer>
using ShardQuestion = std::function<std::optional<Answer>(ShardView&)>;

/// Used only by the thread of the loop that asks. The shards' threads must end before that loop is destroyed.
class ShardQuestions {
 public:
  /// A shard that takes longer than this is left out.
  static constexpr std::chrono::milliseconds patience{2000};

  ShardQuestions(boost::asio::io_context& io, std::vector<PostToShard> shards) : io_(io), shards_(std::move(shards)) {}
  ShardQuestions(const ShardQuestions&) = delete;
  ShardQuestions& operator=(const ShardQuestions&) = delete;

  [[nodiscard]] std::size_t shards() const { return shards_.size(); }

  /// The result of each shard, in the shards' order; nullopt if one took longer than `wait`, or after stop(). Each
  /// shard has its own copy of `question`. A coroutine must not pass a temporary, which g++ 12 would destroy twice.
  template <typename Answer>
  [[nodiscard]] boost::asio::awaitable<std::vector<std::optional<Answer>>> ask(
      ShardQuestion<Answer> question, std::chrono::milliseconds wait = patience) {
    const auto poll = std::make_shared<Poll<Answer>>(io_, shards_.size());
    for (std::size_t i = 0; i < shards_.size(); ++i) ask_one<Answer>(shards_[i], poll, i, question);
    co_await wait_for(*poll, wait);
    co_return std::move(poll->answers);
  }

  /// A function that a shard runs, which calls `done` with the result, possibly later.
  template <typename Answer>
  using Errand = std::function<void(ShardView&, std::function<void(Answer)> done)>;
  /// The result that the first shard hands over; nullopt if it takes longer than `wait`, or after stop(). A coroutine
  /// must not pass a temporary, as for ask().
  template <typename Answer>
  [[nodiscard]] boost::asio::awaitable<std::optional<Answer>> send(Errand<Answer> errand,
                                                                   std::chrono::milliseconds wait) {
    const auto poll = std::make_shared<Poll<Answer>>(io_, 1);
    shards_.front()([poll, errand = std::move(errand)](ShardView& view) {
      errand(view, [poll](Answer answer) { hand_over(poll, 0, std::move(answer)); });
    });
    co_await wait_for(*poll, wait);
    co_return std::move(poll->answers.front());
  }

  /// Ends every wait, also those that begin later.
  void stop() {
    stopped_ = true;
    for (auto* const timer : waiting_) timer->cancel();
  }
  /// Waits for `time`. False if stop() ended the wait.
  [[nodiscard]] boost::asio::awaitable<bool> pause(std::chrono::milliseconds time);

 private:
  struct PollState {
    explicit PollState(boost::asio::io_context& loop, std::size_t count) : io(loop), missing(count) {}
    boost::asio::io_context& io;
    std::size_t missing;
    // Set while a caller waits; used by the asking thread only, like `missing`.
    boost::asio::steady_timer* timer = nullptr;
  };
  template <typename Answer>
  struct Poll : PollState {
    Poll(boost::asio::io_context& loop, std::size_t count) : PollState(loop, count), answers(count) {}
    std::vector<std::optional<Answer>> answers;
  };

  template <typename Answer>
  static void ask_one(const PostToShard& post, const std::shared_ptr<Poll<Answer>>& poll, std::size_t shard,
                      ShardQuestion<Answer> question) {
    post([post, poll, shard, question = std::move(question)](ShardView& view) mutable {
      auto answer = question(view);
      if (!answer) return ask_one<Answer>(post, poll, shard, std::move(question));
      hand_over(poll, shard, std::move(*answer));
    });
  }
  /// Hands the result over to the asking thread.
  template <typename Answer>
  static void hand_over(const std::shared_ptr<Poll<Answer>>& poll, std::size_t shard, Answer answer) {
    boost::asio::post(poll->io, [poll, shard, answer = std::move(answer)]() mutable {
      poll->answers[shard] = std::move(answer);
      if (--poll->missing == 0 && poll->timer != nullptr) poll->timer->cancel();
    });
  }
  [[nodiscard]] boost::asio::awaitable<void> wait_for(PollState& poll, std::chrono::milliseconds wait);

  boost::asio::io_context& io_;
  std::vector<PostToShard> shards_;
  std::list<boost::asio::steady_timer*> waiting_;
  bool stopped_ = false;
};

}  // namespace pillion::admin
