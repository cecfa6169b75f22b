#pragma once
// Runs coroutines. The group counts them, reports those that throw, and is joined before its owner is destroyed.

#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace pillion::runtime {

class TaskGroup {
 public:
  /// Called for a task that ended with an exception. The program goes on.
  using OnFailure = std::function<void(std::string_view task, std::string_view what)>;

  TaskGroup(boost::asio::any_io_executor executor, OnFailure on_failure)
      : executor_(std::move(executor)), on_failure_(std::move(on_failure)) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts a task on the group's executor. `name` is for reports.
  void spawn(boost::asio::awaitable<void> task, std::string name);

  /// The number of tasks that have not ended.
  [[nodiscard]] std::size_t size() const { return running_; }

  /// Calls `handler` once, when no task runs; at once if none does. At most one handler may wait.
  void when_empty(std::function<void()> handler);

  /// Returns when no task runs. At most one caller may wait.
  [[nodiscard]] boost::asio::awaitable<void> join();

 private:
  void ended(std::string_view name, const std::exception_ptr& failure);

  boost::asio::any_io_executor executor_;
  OnFailure on_failure_;
  std::size_t running_ = 0;
  std::function<void()> when_empty_;
};

}  // namespace pillion::runtime
