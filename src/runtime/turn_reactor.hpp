#pragma once
// Detects the end of a turn of the loop: Asio's own reactor, extended by a callback.

#include <functional>
#include <type_traits>
#include <utility>

#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/io_context.hpp>

namespace pillion::runtime {

/// Calls a function each time all ready handlers have run, before Asio asks the kernel for more events.
///
/// A handler that is posted to the end of Asio's queue would also run after the others, but only after one more poll
/// of the reactor: one more epoll_wait(2) a turn, two a query. Asio has no public interface for this moment. But the
/// reactor is a service of the io_context, and the first one to be added is the one that the scheduler uses. The
/// scheduler calls it through a virtual function (Boost 1.74 to 1.90).
class TurnReactor final : public boost::asio::detail::epoll_reactor {
 public:
  /// Called at the end of a turn. Returns true if there is more to do at once, so that the reactor must not wait for
  /// the kernel.
  using EndOfTurn = std::function<bool()>;

  TurnReactor(boost::asio::io_context& io, EndOfTurn end_of_turn)
      : epoll_reactor(io), end_of_turn_(std::move(end_of_turn)) {}

  /// True if the last look for events found any.
  [[nodiscard]] bool has_found_events() const { return has_found_events_; }

 private:
  static_assert(std::is_same_v<boost::asio::detail::reactor, epoll_reactor>, "Asio waits with epoll");
  using Operations = boost::asio::detail::op_queue<boost::asio::detail::scheduler_operation>;

  void run(long microseconds, Operations& ready) override {
    const bool more = end_of_turn_();
    // `ready` has the handlers that end_of_turn_() posted. The scheduler did not know of them when it chose how long
    // to wait.
    Operations found;
    epoll_reactor::run(more || !ready.empty() ? 0 : microseconds, found);
    has_found_events_ = !found.empty();
    ready.push(found);
  }

  EndOfTurn end_of_turn_;
  bool has_found_events_ = false;
};

/// An io_context for one thread that has turns.
class TurnContext final : public boost::asio::io_context {
 public:
  // The argument tells Asio that one thread runs the loop, so that it wakes no other threads and queues handlers
  // without a lock.
  explicit TurnContext(TurnReactor::EndOfTurn end_of_turn)
      : io_context(1), reactor_(new TurnReactor(*this, std::move(end_of_turn))) {
    boost::asio::add_service<boost::asio::detail::epoll_reactor>(*this, reactor_);
  }

  /// True if the last look for events found any.
  [[nodiscard]] bool has_found_events() const { return reactor_->has_found_events(); }

 private:
  TurnReactor* reactor_;  // the io_context owns it
};

}  // namespace pillion::runtime
