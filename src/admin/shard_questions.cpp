#include "admin/shard_questions.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

namespace pillion::admin {
namespace asio = boost::asio;

asio::awaitable<bool> ShardQuestions::pause(std::chrono::milliseconds time) {
  if (stopped_) co_return false;
  asio::steady_timer timer(io_, time);
  const auto place = waiting_.insert(waiting_.end(), &timer);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  waiting_.erase(place);
  co_return !stopped_;
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): its holders wait for this
asio::awaitable<void> ShardQuestions::wait_for(PollState& poll, std::chrono::milliseconds wait) {
  if (stopped_ || poll.missing == 0) co_return;
  asio::steady_timer timer(io_, wait);
  const auto place = waiting_.insert(waiting_.end(), &timer);
  poll.timer = &timer;
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  poll.timer = nullptr;
  waiting_.erase(place);
}

}  // namespace pillion::admin
