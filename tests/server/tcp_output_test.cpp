#include "server/tcp_output.hpp"

#include <poll.h>

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <gtest/gtest.h>

#include "runtime/socket_buffers.hpp"

namespace pillion::server {
namespace {
using boost::asio::ip::tcp;

constexpr std::size_t answer_size = 1000;
constexpr std::size_t frame_size = dns::frame_prefix + answer_size;

/// A connection over loopback with the buffers that a listener sets. `client` does not read by itself.
class TcpOutputTest : public ::testing::Test {
 protected:
  TcpOutputTest() {
    tcp::acceptor acceptor(io_, {boost::asio::ip::address_v4::loopback(), 0});
    runtime::set_buffers(acceptor.native_handle(), {.receive = 8192, .send = 16384, .unsent = TcpOutput::max_unsent});
    client_.open(tcp::v4());
    client_.set_option(boost::asio::socket_base::receive_buffer_size(4096));
    client_.connect(acceptor.local_endpoint());
    accepted_ = acceptor.accept();
  }

  /// Appends an answer of which each byte is `content`.
  void append(std::uint8_t content) {
    const auto start = output_.size() + dns::frame_prefix;
    auto& buffer = output_.begin_answer(0);
    buffer.resize(buffer.size() + answer_size, content);
    output_.end_answer(start);
  }
  [[nodiscard]] TcpOutput::Outcome write() { return output_.write(accepted_.native_handle()); }
  /// Appends answers until the client would have to read. Their number.
  std::uint8_t fill() {
    for (std::uint8_t count = 0; count < 250; ++count) {
      if (write() == TcpOutput::Outcome::waiting) return count;
      append(count);
    }
    ADD_FAILURE() << "the kernel takes everything";
    return 0;
  }
  /// Reads what has arrived until the kernel takes more output.
  void read_until_writable() {
    dns::Buffer some(65536);
    pollfd writable{.fd = accepted_.native_handle(), .events = POLLOUT, .revents = 0};
    while (::poll(&writable, 1, 0) == 0) client_.read_some(boost::asio::buffer(some));
  }
  /// Reads while the output is written, and expects the answers 0 to `count`, each whole.
  void exchange(std::uint8_t count) {
    dns::Buffer received(count * frame_size);
    boost::asio::async_read(client_, boost::asio::buffer(received), [](auto error, auto) { ASSERT_FALSE(error); });
    write_on();
    io_.run();
    dns::Frames frames(received);
    for (std::uint8_t i = 0; i < count; ++i) {
      const auto answer = frames.next();
      ASSERT_TRUE(answer);
      EXPECT_EQ(std::ranges::count(*answer, i), answer_size) << "answer " << unsigned{i};
    }
  }
  void write_on() {
    accepted_.async_wait(tcp::socket::wait_write, [this](auto error) {
      ASSERT_FALSE(error);
      output_.note_writable();
      if (write() == TcpOutput::Outcome::waiting) write_on();
    });
  }
  [[nodiscard]] bool has_taken_some() { return output_.has_taken_some(accepted_.native_handle()); }

  boost::asio::io_context io_;
  tcp::socket client_{io_};
  tcp::socket accepted_{io_};
  TcpOutput output_;
};

TEST_F(TcpOutputTest, LeavesNothingWhenTheClientReads) {
  append(0);
  append(1);
  EXPECT_EQ(output_.unwritten_answers(), 2U);
  EXPECT_EQ(write(), TcpOutput::Outcome::sent);
  EXPECT_TRUE(output_.empty());
  EXPECT_EQ(output_.held_by_kernel(), 0U);
  EXPECT_EQ(output_.last_size(), 2 * frame_size);
  exchange(2);
}

TEST_F(TcpOutputTest, TellsWhatTheKernelHoldsForAClientThatDoesNotRead) {
  fill();
  EXPECT_GE(output_.held_by_kernel(), std::size_t{TcpOutput::max_unsent} / 2);
}

TEST_F(TcpOutputTest, GoesOnInTheMiddleOfAnAnswer) {
  auto count = fill();
  // The kernel takes a part of these.
  for (int i = 0; i < 40; ++i) append(count++);
  ASSERT_EQ(write(), TcpOutput::Outcome::waiting);
  EXPECT_FALSE(output_.empty());
  exchange(count);
  EXPECT_TRUE(output_.empty());
  EXPECT_EQ(output_.held_by_kernel(), 0U);
}

TEST_F(TcpOutputTest, CountsAnswersWhoseEndWasNotWritten) {
  auto count = fill();
  for (int i = 0; i < 40; ++i) append(count++);
  ASSERT_EQ(write(), TcpOutput::Outcome::waiting);
  const auto unwritten = output_.unwritten_answers();
  EXPECT_GT(unwritten, 0U);
  accepted_.shutdown(tcp::socket::shutdown_send);
  dns::Buffer received(count * frame_size);
  boost::system::error_code error;
  received.resize(boost::asio::read(client_, boost::asio::buffer(received), error));
  EXPECT_EQ(error, boost::asio::error::eof);
  EXPECT_EQ(received.size() / frame_size, count - unwritten);
}

TEST_F(TcpOutputTest, NoticesThatTheClientReads) {
  fill();
  EXPECT_FALSE(has_taken_some());
  read_until_writable();
  EXPECT_TRUE(has_taken_some());
  EXPECT_FALSE(has_taken_some());
}

TEST_F(TcpOutputTest, CountsWhatTheClientDoesNotAcknowledgeUntilItDoes) {
  auto count = fill();
  for (int i = 0; i < 5; ++i) append(count++);
  ASSERT_EQ(write(), TcpOutput::Outcome::waiting);
  EXPECT_TRUE(output_.is_unacknowledged(accepted_.native_handle()));
  output_.note_writable();
  EXPECT_EQ(output_.held_by_kernel(), 0U);
  // The client's kernel has acknowledged what fits into its buffer, and nothing since then.
  EXPECT_TRUE(output_.count_unacknowledged(accepted_.native_handle()));
  EXPECT_FALSE(output_.count_unacknowledged(accepted_.native_handle()));
  EXPECT_GT(output_.held_by_kernel(), std::size_t{TcpOutput::max_unsent});
  exchange(count);
  EXPECT_FALSE(output_.is_unacknowledged(accepted_.native_handle()));
  EXPECT_TRUE(output_.count_unacknowledged(accepted_.native_handle()));
  EXPECT_EQ(output_.held_by_kernel(), 0U);
}

TEST_F(TcpOutputTest, AsksNothingWhereLittleWasWritten) {
  append(0);
  ASSERT_EQ(write(), TcpOutput::Outcome::sent);
  EXPECT_FALSE(output_.may_be_unacknowledged());
  EXPECT_FALSE(output_.is_unacknowledged(accepted_.native_handle()));
}

TEST_F(TcpOutputTest, FailsOnceTheConnectionWasReset) {
  client_.set_option(boost::asio::socket_base::linger(true, 0));
  client_.close();
  accepted_.wait(tcp::socket::wait_error);
  append(1);
  EXPECT_EQ(write(), TcpOutput::Outcome::failed);
}

TEST_F(TcpOutputTest, ReservesRoomForAsMuchAsTheLastOutput) {
  for (std::uint8_t i = 0; i < 3; ++i) append(i);
  ASSERT_EQ(write(), TcpOutput::Outcome::sent);
  EXPECT_EQ(output_.begin_answer(100'000).capacity(), 3 * frame_size);
  output_.discard();
  EXPECT_TRUE(output_.empty());
}

TEST_F(TcpOutputTest, ReservesNoMoreThanAllowed) {
  for (std::uint8_t i = 0; i < 3; ++i) append(i);
  ASSERT_EQ(write(), TcpOutput::Outcome::sent);
  EXPECT_EQ(output_.begin_answer(500).capacity(), 500U);
}

}  // namespace
}  // namespace pillion::server
