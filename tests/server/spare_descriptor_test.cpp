#include "server/spare_descriptor.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

namespace pillion::server {
namespace {

using boost::asio::ip::tcp;

TEST(SpareDescriptor, TurnsAwayThoseThatWait) {
  boost::asio::io_context io;
  tcp::acceptor listener(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  listener.non_blocking(true);
  SpareDescriptor spare;
  std::vector<tcp::socket> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(io).connect(listener.local_endpoint());

  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  // The kernel gives the lowest free descriptor, so that the present number is the limit.
  const rlimit none_left{.rlim_cur = static_cast<rlim_t>(clients.back().native_handle()) + 1,
                         .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  EXPECT_LT(::accept(listener.native_handle(), nullptr, nullptr), 0);
  EXPECT_EQ(spare.turn_away(listener.native_handle(), 2), 2U);
  EXPECT_EQ(spare.turn_away(listener.native_handle(), 2), 1U) << "it has kept another one";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);

  for (auto& client : clients) {
    char byte = 0;
    boost::system::error_code error;
    client.read_some(boost::asio::buffer(&byte, 1), error);
    EXPECT_EQ(error, boost::asio::error::eof);
  }
}

}  // namespace
}  // namespace pillion::server
