#pragma once
// Sockets of a subcommand: one operation at a time, and none that is waited for longer than it has time.

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

namespace pillion::cli {

/// All of its operations have one deadline.
class BoundedIo {
 public:
  using Clock = std::chrono::steady_clock;

  explicit BoundedIo(Clock::time_point deadline) : deadline_(deadline) {}

  /// For the sockets, which this outlives.
  [[nodiscard]] boost::asio::io_context& context() { return io_; }
  /// What the last operation has sent or received, in bytes.
  [[nodiscard]] std::size_t transferred() const { return transferred_; }

  /// Runs the operation of `socket` that `start` begins with the handler that it is given, until it is done. At the
  /// deadline the socket is closed, and the error is timed_out.
  template <typename Socket, typename Start>
  boost::system::error_code wait(Socket& socket, Start start) {
    std::optional<boost::system::error_code> result;
    start([&](const boost::system::error_code& error, std::size_t size = 0) {
      result = error;
      transferred_ = size;
    });
    io_.restart();
    io_.run_until(deadline_);
    if (result) return *result;
    boost::system::error_code ignored;
    socket.close(ignored);
    // The handler is called before what it refers to goes.
    io_.restart();
    io_.run();
    return boost::asio::error::timed_out;
  }

 private:
  boost::asio::io_context io_{1};
  Clock::time_point deadline_;
  std::size_t transferred_ = 0;
};

}  // namespace pillion::cli
