#include "server/bound_address.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

namespace pillion::server {
namespace {

namespace asio = boost::asio;

/// The sockets of `bound` like another process has them: the same sockets under other descriptors.
std::vector<int> duplicates(const BoundAddress& bound) {
  return {::dup(bound.udp.get()), ::dup(bound.tcp.get())};
}

bool is_open(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

bool shares_its_port(const runtime::UniqueDescriptor& socket) {
  int value = 0;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &value, &size), 0);
  return value != 0;
}

class Inherited : public ::testing::Test {
 protected:
  BoundAddress first = bind_address({"127.0.0.1", 0}, PortUse::first);
  config::Endpoint endpoint{"127.0.0.1", first.port};
};

TEST_F(Inherited, BothSocketsOfAnAddressAreTakenOnce) {
  const auto other = bind_address({"127.0.0.1", 0}, PortUse::alone);
  std::vector<int> descriptors = duplicates(other);
  for (const int descriptor : duplicates(first)) descriptors.push_back(descriptor);
  InheritedSockets inherited(descriptors);
  EXPECT_FALSE(inherited.take({"127.0.0.2", first.port}, PortUse::alone));
  EXPECT_FALSE(inherited.take({"::1", first.port}, PortUse::alone));
  const auto taken = inherited.take(endpoint, PortUse::alone);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->port, first.port);
  EXPECT_EQ(taken->udp.get(), descriptors[2]);
  EXPECT_EQ(taken->tcp.get(), descriptors[3]);
  EXPECT_FALSE(inherited.take(endpoint, PortUse::alone));
  const auto any_port = inherited.take({"127.0.0.1", 0}, PortUse::alone);
  ASSERT_TRUE(any_port);
  EXPECT_EQ(any_port->port, other.port);
  EXPECT_TRUE(inherited.close_rest().empty());
}

TEST_F(Inherited, WhoSharesAnAddressTakesItsSocketsInTheOrderOfTheirBinding) {
  const auto second = bind_address(endpoint, PortUse::joined);
  std::vector<int> descriptors = duplicates(first);
  for (const int descriptor : duplicates(second)) descriptors.push_back(descriptor);
  InheritedSockets inherited(descriptors);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto taken = inherited.take(endpoint, i == 0 ? PortUse::first : PortUse::joined);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->udp.get(), descriptors[2 * i]);
    EXPECT_EQ(taken->tcp.get(), descriptors[2 * i + 1]);
  }
}

TEST_F(Inherited, WhatNobodyTookIsClosedHereAndStaysWithTheOther) {
  const auto descriptors = duplicates(first);
  InheritedSockets inherited(descriptors);
  EXPECT_EQ(inherited.close_rest(), descriptors);
  for (const int descriptor : descriptors) EXPECT_FALSE(is_open(descriptor));
  EXPECT_TRUE(is_open(first.udp.get()));
  EXPECT_FALSE(inherited.take(endpoint, PortUse::alone));
}

TEST_F(Inherited, AnotherNumberOfThreadsMayUseThem) {
  const auto take = [&](PortUse use) { return InheritedSockets(duplicates(first)).take(endpoint, use).value(); };
  EXPECT_TRUE(shares_its_port(first.udp));
  const auto alone = take(PortUse::alone);
  EXPECT_FALSE(shares_its_port(alone.udp)) << "nobody else is to join";
  EXPECT_FALSE(shares_its_port(alone.tcp));
  EXPECT_THROW(static_cast<void>(bind_address(endpoint, PortUse::joined)), BindError);
  const auto of_two = take(PortUse::first);
  EXPECT_NO_THROW(static_cast<void>(bind_address(endpoint, PortUse::joined)));
}

TEST_F(Inherited, WhatIsNoSocketOfItsKindIsLeftAlone) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  const std::array descriptors = {pair[0], STDERR_FILENO, -1, 1 << 20};
  InheritedSockets inherited(descriptors);
  EXPECT_TRUE(inherited.close_rest().empty());
  EXPECT_TRUE(is_open(pair[0]));
  for (const int descriptor : pair) ::close(descriptor);
}

TEST_F(Inherited, WhatCameBeforeTheyWereTakenIsThere) {
  asio::io_context io;
  const auto address = asio::ip::make_address("127.0.0.1");
  asio::ip::udp::socket datagrams(io);
  datagrams.connect({address, first.port});
  datagrams.send(asio::buffer("?", 1));
  asio::ip::tcp::socket client(io);
  client.connect({address, first.port});
  InheritedSockets inherited(duplicates(first));
  first = {};
  const auto taken = inherited.take(endpoint, PortUse::alone);
  ASSERT_TRUE(taken);
  char byte = 0;
  EXPECT_EQ(::recv(taken->udp.get(), &byte, 1, 0), 1);
  const runtime::UniqueDescriptor accepted(::accept(taken->tcp.get(), nullptr, nullptr));
  EXPECT_GE(accepted.get(), 0);
}

TEST(BindAddress, SaysWhichAddressCannotBeHad) {
  const auto bound = bind_address({"127.0.0.1", 0}, PortUse::alone);
  const config::Endpoint taken{"127.0.0.1", bound.port};
  for (const auto use : {PortUse::alone, PortUse::first, PortUse::joined}) {
    try {
      static_cast<void>(bind_address(taken, use));
      FAIL() << "bound twice";
    } catch (const BindError& error) {
      EXPECT_EQ(error.what(), "cannot listen on " + config::to_string(taken) + ": Address already in use");
    }
  }
}

}  // namespace
}  // namespace pillion::server
