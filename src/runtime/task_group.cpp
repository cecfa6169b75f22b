#include "runtime/task_group.hpp"

#include <memory>

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace pillion::runtime {
namespace asio = boost::asio;

void TaskGroup::spawn(asio::awaitable<void> task, std::string name) {
  ++running_;
  asio::co_spawn(executor_, std::move(task),
                 [this, name = std::move(name)](const std::exception_ptr& failure) { ended(name, failure); });
}

void TaskGroup::when_empty(std::function<void()> handler) {
  if (running_ == 0) {
    handler();
  } else {
    when_empty_ = std::move(handler);
  }
}

asio::awaitable<void> TaskGroup::join() {
  if (running_ == 0) co_return;
  co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
      [this](auto handler) {
        // std::function must be copyable, and a coroutine's handler can only be moved.
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        when_empty([this, shared] { asio::post(executor_, std::move(*shared)); });
      },
      asio::use_awaitable);
}

void TaskGroup::ended(std::string_view name, const std::exception_ptr& failure) {
  --running_;
  if (failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      on_failure_(name, error.what());
    } catch (...) {
      on_failure_(name, "an exception of unknown type");
    }
  }
  if (running_ == 0 && when_empty_) std::exchange(when_empty_, nullptr)();
}

}  // namespace pillion::runtime
