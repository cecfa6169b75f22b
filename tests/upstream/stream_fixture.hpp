#pragma once
// A StreamConnection over a FakeStream, with time turned by hand.

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/hand_turned.hpp"
#include "upstream/event_recorder.hpp"
#include "upstream/fake_stream.hpp"
#include "upstream/stream_connection.hpp"
#include "upstream/test_query.hpp"

namespace pillion::upstream::testing {

class StreamConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    connection.emplace(
        time, [this] { return ++last_id; }, Encoding{.keepalive = true}, limits, profile, events,
        [this](StreamEvents& stream_events) {
          auto made = std::make_unique<FakeStream>(stream_events);
          stream = made.get();
          return made;
        });
  }
  void TearDown() override { EXPECT_FALSE(stream->was_misused); }

  /// A connection that is ready.
  void open() {
    connection->start();
    stream->connect();
    stream->become_open();
    EXPECT_THAT(events.take(), ::testing::ElementsAre("ready"));
  }
  /// The server has been fast: a silence is noticed after profile.patience(), about 32 ms.
  void become_impatient() {
    for (int i = 0; i < 64; ++i) profile.replied(std::chrono::milliseconds(1));
    ASSERT_LT(profile.patience(), std::chrono::milliseconds(40));
  }
  void submit(std::size_t i) { connection->submit(queries[i], time.clock().now()); }
  void answer(std::size_t i) { stream->send(reply_to(queries[i], queries[i].id)); }
  [[nodiscard]] ConnectionState state() const { return connection->state(); }
  /// A reply with edns-tcp-keepalive, in units of 100 ms.
  static dns::Buffer reply_with_keepalive(const Query& query, std::uint16_t timeout) {
    auto reply = reply_to(query, query.id);
    dns::OptWriter opt(reply, 0, dns::Edns{});
    opt.add_keepalive(timeout);
    return reply;
  }
  /// The only message that was written since the last call, which is a probe.
  dns::Buffer take_probe() {
    auto messages = stream->take_messages();
    if (messages.size() != 1) {
      ADD_FAILURE() << messages.size() << " messages";
      return dns::Buffer(17, 0);
    }
    EXPECT_EQ(messages[0][dns::header_size], 0U) << "asks for the root";
    return messages[0];
  }

  pillion::testing::HandTurned time;
  ConnectionLimits limits;
  ServerProfile profile{std::make_shared<EdnsSupport>()};
  EventRecorder events;
  std::uint16_t last_id = 100;
  FakeStream* stream = nullptr;
  std::deque<TestQuery> queries{20};
  std::optional<StreamConnection> connection;
};

}  // namespace pillion::upstream::testing
