#include "server/dropped_datagrams.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

#include "server/packet_info.hpp"

namespace pillion::server {
namespace {

namespace asio = boost::asio;

class Dropped : public ::testing::Test {
 protected:
  Dropped() {
    server_.non_blocking(true);
    prepare_receive_buffer(server_.native_handle());
    client_.connect(server_.local_endpoint());
  }

  void send(std::size_t count) {
    const std::array<std::uint8_t, 40> data{};
    for (std::size_t i = 0; i < count; ++i) client_.send(asio::buffer(data));
  }

  /// Receives all that waits. Returns the number of datagrams, and adds the drops that `dropped` counts to `drops`.
  std::size_t receive(DroppedDatagrams& dropped, std::size_t& drops) {
    for (std::size_t count = 0;; ++count) {
      std::array<std::uint8_t, 64> data{};
      alignas(cmsghdr) std::array<std::uint8_t, packet_info_size + dropped_datagrams_size> control{};
      iovec vector{.iov_base = data.data(), .iov_len = data.size()};
      msghdr message{};
      message.msg_iov = &vector;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      if (::recvmsg(server_.native_handle(), &message, 0) < 0) {
        EXPECT_EQ(errno, EAGAIN);
        return count;
      }
      drops += dropped.before(message);
    }
  }

  asio::io_context io_;
  asio::ip::udp::socket server_{io_, {asio::ip::address_v4::loopback(), 0}};
  asio::ip::udp::socket client_{io_, {asio::ip::address_v4::loopback(), 0}};
};

constexpr std::size_t too_many = 3000;  // for the largest buffer that prepare_receive_buffer() asks for

TEST_F(Dropped, NoneWhileThereIsRoom) {
  DroppedDatagrams dropped(server_.native_handle());
  std::size_t drops = 0;
  send(100);
  EXPECT_EQ(receive(dropped, drops), 100);
  EXPECT_EQ(drops, 0);
}

TEST_F(Dropped, EachOneCountsOnceWhenTheNextDatagramCame) {
  DroppedDatagrams dropped(server_.native_handle());
  std::size_t drops = 0;
  send(too_many);
  const auto kept = receive(dropped, drops);
  EXPECT_LT(kept, too_many);
  EXPECT_EQ(drops, 0);
  send(2);
  EXPECT_EQ(receive(dropped, drops), 2);
  EXPECT_EQ(drops, too_many - kept);
}

TEST_F(Dropped, ThoseOfAnEarlierProcessDoNotCount) {
  DroppedDatagrams before(server_.native_handle());
  std::size_t drops = 0;
  send(too_many);
  receive(before, drops);
  DroppedDatagrams dropped(server_.native_handle());
  send(1);
  EXPECT_EQ(receive(dropped, drops), 1);
  EXPECT_EQ(drops, 0);
}

}  // namespace
}  // namespace pillion::server
