#include "server/shared_port.hpp"

#include <sys/socket.h>

#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <gtest/gtest.h>

namespace pillion::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

/// Sockets that are bound like those of shards, and clients that send to them.
template <typename Protocol>
class Group {
 public:
  using Endpoint = typename Protocol::endpoint;
  static constexpr bool is_tcp = std::is_same_v<Protocol, asio::ip::tcp>;
  using Socket = std::conditional_t<is_tcp, asio::ip::tcp::acceptor, asio::ip::udp::socket>;

  explicit Group(const std::string& address) : address_(asio::ip::make_address(address), 0) {}

  /// Binds the sockets. False if the address is not available, with the reason in `what`.
  [[nodiscard]] bool bind(PortUse use, error_code& what) {
    Socket socket(io_, address_.protocol());
    if constexpr (is_tcp) socket.set_option(asio::socket_base::reuse_address(true));
    if (address_.address().is_v6()) socket.set_option(asio::ip::v6_only(true));
    prepare_bind(socket.native_handle(), use);
    socket.bind(address_, what);
    if constexpr (is_tcp) {
      if (!what) socket.listen(1000, what);
    }
    if (what) return false;
    open_to_others(socket.native_handle(), use);
    address_.port(socket.local_endpoint().port());
    socket.non_blocking(true);
    sockets_.push_back(std::move(socket));
    return true;
  }
  void keep_to_all() {
    keep_to(sockets_.front().native_handle(), address_.address().is_v4() ? IpFamily::ipv4 : IpFamily::ipv6,
            sockets_.size());
  }
  /// The number of clients that each socket got.
  [[nodiscard]] std::vector<int> knock(int clients) {
    auto to = address_;
    if (to.address().is_unspecified())
      to.address(to.address().is_v4() ? asio::ip::address(asio::ip::address_v4::loopback())
                                      : asio::ip::address_v6::loopback());
    std::vector<typename Protocol::socket> open;
    for (int i = 0; i < clients; ++i) {
      auto& client = open.emplace_back(io_);
      client.connect(to);
      client.send(asio::buffer("?", 1));
    }
    std::vector<int> counts;
    for (auto& socket : sockets_) {
      auto& count = counts.emplace_back(0);
      while (take_one(socket)) ++count;
    }
    return counts;
  }

 private:
  bool take_one(Socket& socket) {
    error_code error;
    if constexpr (is_tcp) {
      const auto client = socket.accept(error);
    } else {
      char byte = 0;
      socket.receive(asio::buffer(&byte, 1), 0, error);
    }
    return !error;
  }

  asio::io_context io_;
  Endpoint address_;
  std::vector<Socket> sockets_;
};

class SharedPortTest : public ::testing::TestWithParam<const char*> {
 protected:
  template <typename Protocol>
  void spreads_among_its_own() {
    Group<Protocol> group(GetParam());
    error_code error;
    if (!group.bind(PortUse::first, error)) GTEST_SKIP() << error.message();
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(group.bind(PortUse::joined, error)) << error.message();
    group.keep_to_all();
    EXPECT_FALSE(group.bind(PortUse::alone, error));
    EXPECT_EQ(error, asio::error::address_in_use);
    EXPECT_FALSE(group.bind(PortUse::first, error));
    EXPECT_EQ(error, asio::error::address_in_use);
    // A socket that joins nevertheless gets nothing.
    ASSERT_TRUE(group.bind(PortUse::joined, error)) << error.message();
    const auto counts = group.knock(200);
    EXPECT_EQ(counts.back(), 0);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0), 200);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_GT(counts[i], 30) << i;
  }
};

TEST_P(SharedPortTest, TcpIsSpreadAmongItsOwn) {
  spreads_among_its_own<asio::ip::tcp>();
}

TEST_P(SharedPortTest, UdpIsSpreadAmongItsOwn) {
  spreads_among_its_own<asio::ip::udp>();
}

INSTANTIATE_TEST_SUITE_P(Addresses, SharedPortTest, ::testing::Values("127.0.0.1", "0.0.0.0", "::1", "::"));

}  // namespace
}  // namespace pillion::server
