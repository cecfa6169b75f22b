// Answers over real sockets on loopback. A client with UDP_GRO (udp(7)) gets joined datagrams before the kernel splits
// them.
#include "server/datagram_answers.hpp"

#include <netinet/udp.h>

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "server/packet_info.hpp"
#include "support/sockets.hpp"

namespace pillion::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

test::FileDescriptor bound(const std::string& address) {
  const auto local = test::SocketAddress::of(address, 0);
  test::FileDescriptor socket(::socket(local.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  test::check_call(::bind(socket.get(), local.get(), local.size), "bind");
  return socket;
}

class Client {
 public:
  explicit Client(const std::string& address) : socket_(bound(address)) {}

  /// From now on joined datagrams are received as one.
  Client& read_joined() {
    const int on = 1;
    test::check_call(::setsockopt(socket_.get(), SOL_UDP, UDP_GRO, &on, sizeof on), "UDP_GRO");
    return *this;
  }
  [[nodiscard]] DatagramPath path(const std::string& local = "0.0.0.0") const {
    const auto peer = test::local_address(socket_.get());
    DatagramPath path;
    std::memcpy(&path.peer, &peer.storage, peer.size);
    path.peer_size = peer.size;
    const auto from = test::SocketAddress::of(local, 0);
    if (from.storage.ss_family == AF_INET) {
      std::memcpy(&path.local, &reinterpret_cast<const sockaddr_in&>(from.storage).sin_addr, 4);
    } else {
      path.local = reinterpret_cast<const sockaddr_in6&>(from.storage).sin6_addr;
    }
    return path;
  }
  /// All datagrams that have come. Over loopback they have arrived when send() returns.
  std::vector<std::string> received() {
    std::vector<std::string> all;
    std::string one(65'536, '\0');
    test::SocketAddress from;
    for (;;) {
      const auto size = ::recvfrom(socket_.get(), one.data(), one.size(), MSG_DONTWAIT, from.get(), &from.size);
      if (size < 0) return all;
      all.push_back(one.substr(0, static_cast<std::size_t>(size)));
      last_sender_ = from.text();
    }
  }
  [[nodiscard]] std::string last_sender() const { return last_sender_.substr(0, last_sender_.rfind(':')); }

 private:
  test::FileDescriptor socket_;
  std::string last_sender_;
};

void add(DatagramAnswers& answers, const DatagramPath& path, std::string_view text) {
  auto& out = answers.begin(path);
  out.insert(out.end(), text.begin(), text.end());
  answers.end();
}

TEST(DatagramAnswers, EachClientGetsItsOwnAsSeparateDatagrams) {
  for (const std::string address : {"127.0.0.1", "::1"}) {
    const auto server = bound(address);
    Client one(address);
    Client other(address);
    DatagramAnswers answers(address == "::1" ? IpFamily::ipv6 : IpFamily::ipv4, false);
    add(answers, one.path(), "first");
    add(answers, other.path(), "third");
    add(answers, one.path(), "longer than that");
    add(answers, one.path(), "2nd..");
    add(answers, other.path(), "4th..");
    EXPECT_EQ(answers.send(server.get()), 0);
    EXPECT_THAT(one.received(), ::testing::UnorderedElementsAre("first", "2nd..", "longer than that")) << address;
    EXPECT_THAT(other.received(), ElementsAre("third", "4th..")) << address;
    EXPECT_EQ(answers.send(server.get()), 0);
    EXPECT_THAT(one.received(), IsEmpty()) << "what was sent is forgotten";
  }
}

TEST(DatagramAnswers, ThoseOfOneLengthToOneClientLeaveTogether) {
  const auto server = bound("127.0.0.1");
  Client one("127.0.0.1");
  Client other("127.0.0.1");
  DatagramAnswers answers(IpFamily::ipv4, false);
  for (const char* text : {"aa", "bb", "c", "dd"}) add(answers, one.read_joined().path(), text);
  add(answers, other.read_joined().path(), "ee");
  EXPECT_EQ(answers.send(server.get()), 0);
  EXPECT_THAT(one.received(), ::testing::UnorderedElementsAre("aabbdd", "c"));
  EXPECT_THAT(other.received(), ElementsAre("ee"));
}

TEST(DatagramAnswers, MoreThanOneMessageMayHoldAndOneCallMaySend) {
  const auto server = bound("127.0.0.1");
  Client large("127.0.0.1");
  Client many("127.0.0.1");
  Client others("127.0.0.1");
  DatagramAnswers answers(IpFamily::ipv4, false);
  large.read_joined();
  many.read_joined();
  // 65 x 1232 bytes are longer than a datagram. 200 answers are more than the kernel joins, 400 more than one call
  // takes.
  for (int i = 0; i < 65; ++i) add(answers, large.path(), std::string(1232, 'l'));
  std::string sent;
  for (std::size_t i = 0; i < 200; ++i) {
    add(answers, many.path(), std::to_string(100 + i));
    sent += std::to_string(100 + i);
    add(answers, others.path(), std::string(1 + i % 3, 'o'));
  }
  EXPECT_EQ(answers.send(server.get()), 0);
  EXPECT_THAT(large.received(), ElementsAre(::testing::SizeIs(52 * 1232), ::testing::SizeIs(13 * 1232)));
  const auto numbers = many.received();
  EXPECT_THAT(numbers, ElementsAre(::testing::SizeIs(180), ::testing::SizeIs(180), ::testing::SizeIs(180),
                                   ::testing::SizeIs(60)));
  EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), std::string()), sent);
  EXPECT_EQ(others.received().size(), 200);
}

TEST(DatagramAnswers, FromTheAddressThatWasAsked) {
  const auto server = bound("0.0.0.0");
  Client client("127.0.0.1");
  Client same_client_again("127.0.0.1");
  DatagramAnswers answers(IpFamily::ipv4, true);
  add(answers, client.path("127.0.0.5"), "one");
  add(answers, client.path("127.0.0.5"), "two");
  EXPECT_EQ(answers.send(server.get()), 0);
  EXPECT_THAT(client.received(), ElementsAre("one", "two"));
  EXPECT_EQ(client.last_sender(), "127.0.0.5");

  add(answers, same_client_again.read_joined().path("127.0.0.5"), "one");
  add(answers, same_client_again.path("127.0.0.6"), "two");
  EXPECT_EQ(answers.send(server.get()), 0);
  EXPECT_THAT(same_client_again.received(), ElementsAre("one", "two")) << "two addresses were asked";
}

TEST(DatagramAnswers, WhereAMessageIsNotCutEachLeavesAlone) {
  const auto server = bound("127.0.0.1");
  // Without checksums the kernel refuses joined datagrams (EINVAL), like on some paths: IPsec, a small MTU.
  const int on = 1;
  test::check_call(::setsockopt(server.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), "SO_NO_CHECK");
  Client client("127.0.0.1");
  DatagramAnswers answers(IpFamily::ipv4, false);
  for (int turn = 0; turn < 2; ++turn) {
    for (const char* text : {"1.", "2.", "three", "4."}) add(answers, client.path(), text);
    EXPECT_EQ(answers.send(server.get()), 0);
    EXPECT_THAT(client.received(), ::testing::UnorderedElementsAre("1.", "2.", "three", "4."));
  }
}

TEST(DatagramAnswers, WhatCannotBeSentIsCountedAndTheOthersLeave) {
  const auto server = bound("127.0.0.1");
  Client client("127.0.0.1");
  auto nowhere = client.path();
  reinterpret_cast<sockaddr_in&>(nowhere.peer).sin_port = 0;  // EINVAL
  DatagramAnswers answers(IpFamily::ipv4, false);
  add(answers, nowhere, "lost");
  add(answers, client.path(), "one");
  add(answers, nowhere, "lost");
  add(answers, client.path(), "other");
  EXPECT_EQ(answers.send(server.get()), 2);
  EXPECT_THAT(client.received(), ::testing::UnorderedElementsAre("one", "other"));

  for (const char* text : {"aa", "bb"}) add(answers, client.read_joined().path(), text);
  EXPECT_EQ(answers.send(server.get()), 0);
  EXPECT_THAT(client.received(), ElementsAre("aabb")) << "a client's odd address says nothing about the kernel";
}

}  // namespace
}  // namespace pillion::server
