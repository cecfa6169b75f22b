#pragma once
// Asks the shards something, each on its own thread, and waits for what they say: no lock, and no shard waits.

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

/// What a shard is asked. nullopt is to be asked again in another turn of its loop: for what takes long.
template <typename Answer>
using Question = std::function<std::optional<Answer>(ShardView&)>;

/// Belongs to the thread of the loop that asks. The shards' threads have ended before the loop goes.
class ShardQuestions {
 public:
  /// A shard that has not answered for so long is left out.
  static constexpr std::chrono::milliseconds patience{2000};

  ShardQuestions(boost::asio::io_context& io, std::vector<PostToShard> shards) : io_(io), shards_(std::move(shards)) {}
  ShardQuestions(const ShardQuestions&) = delete;
  ShardQuestions& operator=(const ShardQuestions&) = delete;

  [[nodiscard]] std::size_t shards() const { return shards_.size(); }

  /// What each shard answers, in their order; nullopt for those that do not in time. Each shard has a copy of the
  /// question. A temporary must not be given from within a coroutine: g++ 12 destroys it twice.
  template <typename Answer>
  [[nodiscard]] boost::asio::awaitable<std::vector<std::optional<Answer>>> ask(
      Question<Answer> question, std::chrono::milliseconds wait = patience) {
    const auto poll = std::make_shared<Poll<Answer>>(io_, shards_.size());
    for (std::size_t i = 0; i < shards_.size(); ++i) ask_one<Answer>(shards_[i], poll, i, question);
    co_await wait_for(*poll, wait);
    co_return std::move(poll->answers);
  }

  /// What the first shard answers to what it begins now and hands over later; nullopt where it does not in time. As for
  /// ask(), no temporary.
  template <typename Answer>
  using Errand = std::function<void(ShardView&, std::function<void(Answer)> done)>;
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

  /// Ends all waiting, now and from now on.
  void stop() {
    stopped_ = true;
    for (auto* const timer : waiting_) timer->cancel();
  }
  /// Waits; false where stop() has ended it.
  [[nodiscard]] boost::asio::awaitable<bool> pause(std::chrono::milliseconds time);

 private:
  struct PollState {
    explicit PollState(boost::asio::io_context& loop, std::size_t count) : io(loop), missing(count) {}
    boost::asio::io_context& io;
    std::size_t missing;
    boost::asio::steady_timer* timer = nullptr;  // while somebody waits; the asking thread's, like `missing`
  };
  template <typename Answer>
  struct Poll : PollState {
    Poll(boost::asio::io_context& loop, std::size_t count) : PollState(loop, count), answers(count) {}
    std::vector<std::optional<Answer>> answers;
  };

  template <typename Answer>
  static void ask_one(const PostToShard& post, const std::shared_ptr<Poll<Answer>>& poll, std::size_t shard,
                      Question<Answer> question) {
    post([post, poll, shard, question = std::move(question)](ShardView& view) mutable {
      auto answer = question(view);
      if (!answer) return ask_one<Answer>(post, poll, shard, std::move(question));
      hand_over(poll, shard, std::move(*answer));
    });
  }
  /// From the shard's thread to the one that asks.
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
