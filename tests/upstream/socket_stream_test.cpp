#include "upstream/socket_stream.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "dns/framing.hpp"
#include "upstream/fake_connection.hpp"
#include "upstream/stream_connection.hpp"
#include "upstream/test_query.hpp"

namespace pillion::upstream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using testing::TestQuery;

/// The events of a connection for its pool.
struct Told final : ConnectionEvents {
  void ready(Connection& /*connection*/, const Handshake& /*handshake*/) override { is_ready = true; }
  void received(Connection& /*connection*/, const Mux::Received& received) override {
    if (throws) throw std::bad_alloc();
    received.query->replied(*received.reply);
    ++replies;
  }
  void ignored(Connection& /*connection*/, Error /*error*/) override {}
  void answered_probe(Connection& /*connection*/) override {}
  void fell_silent(Connection& /*connection*/) override {}
  void unsendable(Connection& /*connection*/, Query& /*query*/) override {}
  void needs_single_records(Connection& /*connection*/) override {}
  void needs_replacement(Connection& /*connection*/) override {}
  void closed(Connection& /*connection*/, std::optional<Error> error, std::string /*detail*/,
              std::vector<Query*> lost) override {
    is_closed = true;
    failure = error;
    lost_queries = lost.size();
  }
  void gone(Connection& /*connection*/) override { is_gone = true; }

  bool throws = false;
  bool is_ready = false;
  std::size_t replies = 0;
  bool is_closed = false;
  std::optional<Error> failure;
  std::size_t lost_queries = 0;
  bool is_gone = false;
};

/// A connection over a plain TCP socket, to a server whose actions the test makes.
class SocketStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    connection.start();
    run_until([&] { return told.is_ready; });
    acceptor.accept(server);
    server.non_blocking(true);
    server.set_option(tcp::no_delay(true));
  }
  void TearDown() override {
    if (!told.is_gone) connection.close();
    run_until([&] { return told.is_gone; });
  }

  /// Handles one event after the other until `holds()` is true.
  void run_until(const std::function<bool()>& holds) {
    loop.io().restart();
    while (!holds()) ASSERT_EQ(loop.io().run_one_for(std::chrono::seconds(20)), 1U);
  }
  /// Handles the events that are ready, and ends the turn.
  void turn() {
    loop.io().restart();
    loop.io().poll();
  }
  /// The data that has arrived at the server.
  dns::Buffer take() {
    dns::Buffer bytes(std::size_t{64} * 1024);
    error_code error;
    bytes.resize(server.read_some(asio::buffer(bytes), error));
    return bytes;
  }
  TestQuery& submit(std::size_t size = 0) {
    auto& query = queries.emplace_back();
    query.opaque = size > 0;
    query.message.resize(std::max(size, query.message.size()));
    connection.submit(query, loop.clock().now());
    return query;
  }
  static dns::Buffer framed_reply(const Query& query) {
    const auto reply = testing::reply_to(query, query.id);
    dns::Buffer out;
    dns::append_u16(out, static_cast<std::uint16_t>(reply.size()));
    dns::append(out, reply);
    return out;
  }
  testing::SilentLog log;
  runtime::Loop loop{log};
  asio::io_context io;
  tcp::acceptor acceptor{io, {asio::ip::make_address("127.0.0.1"), 0}};
  tcp::socket server{io};
  ConnectionLimits limits;
  Told told;
  std::deque<TestQuery> queries;
  PlainSocketStream* stream = nullptr;
  ServerProfile profile{std::make_shared<EdnsSupport>()};
  StreamConnection connection{loop,
                              [this] { return loop.random().u16(); },
                              {},
                              limits,
                              profile,
                              told,
                              [this](StreamEvents& events) {
                                auto made =
                                    std::make_unique<PlainSocketStream>(loop, acceptor.local_endpoint(), events);
                                stream = made.get();
                                return made;
                              }};
};

TEST_F(SocketStreamTest, QueriesOfATurnLeaveTogetherAtItsEnd) {
  submit();
  submit();
  EXPECT_TRUE(take().empty());
  turn();
  const auto bytes = take();
  dns::Frames frames(bytes);
  EXPECT_TRUE(frames.next());
  EXPECT_TRUE(frames.next());
  EXPECT_TRUE(frames.rest().empty());
}

TEST_F(SocketStreamTest, WhatTheSocketDoesNotTakeFollowsAsSoonAsItDoes) {
  // Much more than the buffers of a connection hold.
  constexpr std::size_t count = 400;
  constexpr std::size_t size = 60'000;
  for (std::size_t i = 0; i < count; ++i) submit(size);
  turn();
  dns::Buffer bytes;
  // After the socket has first refused data, only its own event makes the connection write.
  while (bytes.size() < count * (size + 2)) {
    auto more = take();
    if (more.empty()) run_until([&] { return !(more = take()).empty(); });
    ASSERT_FALSE(told.is_closed || HasFatalFailure());
    dns::append(bytes, more);
  }
  dns::Frames frames(bytes);
  for (const auto& query : queries) {
    const auto message = frames.next();
    ASSERT_TRUE(message);
    ASSERT_EQ(dns::read_u16(*message, 0), query.id);
  }
}

TEST_F(SocketStreamTest, KnowsWhatTheServersKernelHas) {
  submit();
  EXPECT_FALSE(stream->delivery()->is_complete) << "it has not left yet";
  turn();
  while (!stream->delivery()->is_complete) std::this_thread::yield();
  EXPECT_EQ(stream->delivery()->retransmissions, 0U);
  // More than the kernel of a server accepts that does not read.
  for (int i = 0; i < 400; ++i) submit(60'000);
  turn();
  EXPECT_FALSE(stream->delivery()->is_complete);
}

TEST_F(SocketStreamTest, ReadsAReplyInPieces) {
  auto& query = submit();
  turn();
  for (const auto byte : framed_reply(query)) {
    EXPECT_TRUE(query.is_open());
    asio::write(server, asio::buffer(&byte, 1));
    turn();
  }
  EXPECT_EQ(query.replies, 1);
}

TEST_F(SocketStreamTest, AnExceptionEndsTheConnectionAndLeavesNothingOfIt) {
  const auto& first = submit();
  submit();
  turn();
  told.throws = true;
  asio::write(server, asio::buffer(framed_reply(first)));
  run_until([&] { return told.is_gone; });
  EXPECT_EQ(told.failure, Error::no_resources);
  EXPECT_EQ(told.lost_queries, 1U) << "that of which no reply had come";
  EXPECT_EQ(loop.internal_errors().count().value(), 1U);
}

TEST_F(SocketStreamTest, SeesAnEndThatComesWithTheLastReply) {
  auto& query = submit();
  auto& lost = submit();
  turn();
  EXPECT_FALSE(take().empty());
  asio::write(server, asio::buffer(framed_reply(query)));
  server.close();
  run_until([&] { return told.is_closed; });
  EXPECT_EQ(query.replies, 1);
  EXPECT_FALSE(told.failure) << "an orderly end, though queries were unanswered";
  EXPECT_EQ(told.lost_queries, 1U);
  EXPECT_TRUE(lost.is_open()) << "the pool decides";
}

TEST_F(SocketStreamTest, ReadsWhatCameWhileItHandledTheReplyBefore) {
  auto& first = submit();
  auto& second = submit();
  turn();
  asio::write(server, asio::buffer(framed_reply(first)));
  turn();
  asio::write(server, asio::buffer(framed_reply(second)));
  run_until([&] { return told.replies == 2; });
  EXPECT_EQ(second.replies, 1);
}

}  // namespace
}  // namespace pillion::upstream
