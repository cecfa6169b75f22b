#pragma once
// Sockets of a subcommand: one operation at a time, each with a deadline.

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

namespace pillion::cli {

/// All operations share one deadline.
class BoundedIo {
 public:
  using Clock = std::chrono::steady_clock;

  explicit BoundedIo(Clock::time_point deadline) : deadline_(deadline) {}

  /// The context of the sockets. This object must outlive them.
  [[nodiscard]] boost::asio::io_context& context() { return io_; }
  /// The bytes that the last operation sent or received.
  [[nodiscard]] std::size_t transferred() const { return transferred_; }

  /// Runs one operation on `socket` until it is done. `start` begins it with the handler that it is given. At the
  /// deadline, closes the socket and returns timed_out.
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
    // The handler must run before the variables that it refers to are destroyed.
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
