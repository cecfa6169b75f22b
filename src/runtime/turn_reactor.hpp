#pragma once
// Where a turn of the loop ends: Asio's reactor, taught to say so.

#include <functional>
#include <type_traits>
#include <utility>

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/io_context.hpp>

namespace pillion::runtime {

/// Calls a function each time all handlers that were ready have run, before Asio asks the kernel for more events.
///
/// A handler that is posted to the end of Asio's queue would run then too, but behind a poll of the reactor: one more
/// epoll_wait(2) a turn, two a query. Asio has no public name for this moment. The reactor is a service of the
/// io_context like any other, though, and whoever adds it first decides which it is; Asio's scheduler calls it through
/// a virtual function (Boost 1.74 to 1.90).
class TurnReactor final : public boost::asio::detail::epoll_reactor {
 public:
  /// Returns true where the kernel must not be waited for, since there is more to do at once.
  using EndOfTurn = std::function<bool()>;

  TurnReactor(boost::asio::io_context& io, EndOfTurn end_of_turn)
      : epoll_reactor(io), end_of_turn_(std::move(end_of_turn)) {}

 private:
  static_assert(std::is_same_v<boost::asio::detail::reactor, epoll_reactor>, "Asio waits with epoll");
  using Operations = boost::asio::detail::op_queue<boost::asio::detail::scheduler_operation>;

  void run(long microseconds, Operations& ready) override {
    const bool more = end_of_turn_();
    // What was posted meanwhile stands in `ready`, which the scheduler did not know when it chose to wait.
    epoll_reactor::run(more || !ready.empty() ? 0 : microseconds, ready);
  }

  EndOfTurn end_of_turn_;
};

/// An io_context for one thread that has turns.
class TurnContext final : public boost::asio::io_context {
 public:
  // The hint tells Asio that one thread runs the loop: no wake-ups of others, handlers queued without a lock.
  explicit TurnContext(TurnReactor::EndOfTurn end_of_turn) : io_context(1) {
    boost::asio::add_service<boost::asio::detail::epoll_reactor>(*this, new TurnReactor(*this, std::move(end_of_turn)));
  }
};

}  // namespace pillion::runtime
