#include "server/client_address.hpp"

#include <string>

#include <gtest/gtest.h>

#include "server/address.hpp"

namespace pillion::server {
namespace {

ClientAddress parsed(const std::string& text) {
  return client_address(boost::asio::ip::make_address(text));
}

std::string identified(const std::string& address, unsigned ipv6_prefix) {
  return to_string(identity_of(parsed(address), ipv6_prefix), identifying_bits(parsed(address), ipv6_prefix));
}

TEST(ClientAddress, AnIpv6ClientIsItsAddressOrAPrefixOfIt) {
  EXPECT_EQ(identified("2001:db8:1:2:3:4:5:6", 128), "2001:db8:1:2:3:4:5:6");
  EXPECT_EQ(identified("2001:db8:1:2:ffff:ffff:ffff:ffff", 64), "2001:db8:1:2::/64");
  EXPECT_EQ(identified("2001:db8:1:2:ffff:ffff:ffff:ffff", 65), "2001:db8:1:2:8000::/65");
  EXPECT_EQ(identified("2001:db8:1:2:ffff:ffff:ffff:ffff", 79), "2001:db8:1:2:fffe::/79");
  EXPECT_EQ(identified("2001:db8:1:2:ffff:ffff:ffff:ffff", 80), "2001:db8:1:2:ffff::/80");
  EXPECT_EQ(identified("2001:db8:1:2:ffff:ffff:ffff:ffff", 127), "2001:db8:1:2:ffff:ffff:ffff:fffe/127");
  EXPECT_EQ(identified("fd00:9::1", 64), "fd00:9::/64");
  EXPECT_EQ(identified("::2", 64), "::/64");
}

TEST(ClientAddress, OthersAreClientsByThemselves) {
  for (const std::string address : {"10.1.2.3", "127.0.0.1", "::1", "fe80::1:2:3:4", "febf::1"})
    EXPECT_EQ(identified(address, 64), address);
  EXPECT_EQ(identified("::ffff:10.1.2.3", 64), "10.1.2.3");
  EXPECT_EQ(identified("fec0::1", 64), "fec0::/64") << "not link-local";
}

TEST(ClientAddress, TheIdentityOfAnIdentityIsTheSame) {
  for (const std::string address : {"10.1.2.3", "::1", "fe80::1", "2001:db8::1", "::2", "::ffff:0:1"}) {
    const auto identity = identity_of(parsed(address), 64);
    EXPECT_EQ(identity_of(identity, 64), identity) << address;
    EXPECT_EQ(identifying_bits(identity, 64), identifying_bits(parsed(address), 64)) << address;
  }
}

TEST(ClientAddress, ALoopbackAddressStaysOne) {
  EXPECT_TRUE(is_loopback(identity_of(parsed("::1"), 64)));
  EXPECT_TRUE(is_loopback(identity_of(parsed("127.9.9.9"), 64)));
  EXPECT_FALSE(is_loopback(identity_of(parsed("::2"), 64)));
}

}  // namespace
}  // namespace pillion::server
