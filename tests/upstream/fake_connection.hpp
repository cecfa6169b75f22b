#pragma once
// A server and its connections without sockets: a pool sends queries, and the test chooses the replies.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/hand_turned.hpp"
#include "support/silent_log.hpp"
#include "upstream/connection.hpp"
#include "upstream/pool.hpp"
#include "upstream/test_query.hpp"

namespace pillion::upstream::testing {

using pillion::testing::SilentLog;

class FakeConnection;

/// Keeps the connections of a pool in the order of their creation until they are gone, and counts all connections.
struct FakeServer {
  explicit FakeServer(pillion::testing::HandTurned& shared_time) : time(shared_time) {}
  [[nodiscard]] Pool::MakeConnection maker();
  /// Removes the connections that have ended.
  void turn();

  pillion::testing::HandTurned& time;
  std::size_t max_in_flight = 512;
  std::size_t made = 0;
  std::uint16_t last_id = 0;
  std::vector<FakeConnection*> connections;
  std::vector<FakeConnection*> ended;
};

class FakeConnection final : public Connection {
 public:
  FakeConnection(FakeServer& server, ConnectionEvents& events, ServerProfile& profile)
      : server_(server),
        events_(events),
        profile_(profile),
        mux_(Mux::Path::stream, server.max_in_flight, [&server] { return ++server.last_id; }) {
    server_.connections.push_back(this);
    ++server_.made;
  }
  ~FakeConnection() override {
    std::erase(server_.connections, this);
    std::erase(server_.ended, this);
  }

  void start() override { started = true; }
  void write_singly() override { singly = true; }
  void prove(runtime::Time /*now*/) override {
    ++probes;
    state_ = ConnectionState::proving;
  }
  void submit(Query& query, runtime::Time now) override {
    query.holder = this;
    mux_.add(query, now);
    sent.push_back(&query);
  }
  void abandon(Query& query) override { mux_.abandon(query); }
  void retire() override {
    retired = true;
    if (has_ended(state_)) return;
    if (is_opening(state_)) return close();
    state_ = ConnectionState::draining;
    if (mux_.waited_for() == 0) close();
  }
  void close() override {
    ended_by_server_ = false;
    end_now({});
  }
  [[nodiscard]] bool was_ended_by_server() const override { return ended_by_server_; }
  [[nodiscard]] ConnectionState state() const override { return state_; }
  [[nodiscard]] std::size_t in_flight() const override { return mux_.in_flight(); }
  [[nodiscard]] std::size_t waited_for() const override { return mux_.waited_for(); }
  [[nodiscard]] bool has_room() const override { return mux_.has_room(); }
  [[nodiscard]] std::uint64_t answered() const override { return mux_.answered(); }

  // Actions of the server:
  void become_ready(const Handshake& handshake = {}) {
    state_ = ConnectionState::ready;
    events_.ready(*this, handshake);
  }
  void reply(dns::Bytes message) {
    const auto received = mux_.receive(message, server_.time.clock().now());
    if (received) {
      if (state_ == ConnectionState::proving || state_ == ConnectionState::silent) state_ = ConnectionState::ready;
      last_heard_ = server_.time.clock().now();
      events_.received(*this, *received);
    } else {
      end(received.error());
    }
    if (state_ == ConnectionState::draining && mux_.waited_for() == 0) close();
  }
  void answer(const Query& query) { reply(reply_to(query, query.id)); }
  /// The queries that were sent and still wait for a reply, in order.
  void answer_all() {
    for (auto* const query : std::exchange(sent, {})) {
      if (query->holder == this) answer(*query);
    }
  }
  void begin_retiring() {
    state_ = ConnectionState::retiring;
    events_.needs_replacement(*this);
  }
  void answer_probe() {
    state_ = ConnectionState::ready;
    events_.answered_probe(*this);
  }
  void fall_silent() {
    if (state_ == ConnectionState::ready) state_ = ConnectionState::silent;
    events_.fell_silent(*this);
    mux_.delay_all(nullptr);
  }
  /// The server asks by edns-tcp-keepalive to close the connection.
  void drain() { retire(); }
  /// The server closes orderly.
  void close_by_server() {
    profile_.closed_after(mux_.answered(), server_.time.clock().now() - last_heard_);
    end();
  }
  [[nodiscard]] ServerProfile& profile() { return profile_; }
  void leave_lying() { events_.needs_single_records(*this); }
  void ignore(Error error) { events_.ignored(*this, error); }
  void refuse_to_send(Query& query) {
    static_cast<void>(mux_.take_back(query.id));
    events_.unsendable(*this, query);
  }
  /// The server ends the connection; orderly if there is no error. gone() follows in the next turn.
  void end(std::optional<Error> error = std::nullopt) { end_now(error); }
  void be_gone() { events_.gone(*this); }

  bool started = false;
  bool retired = false;
  bool singly = false;
  int probes = 0;
  std::vector<Query*> sent;

 private:
  void end_now(std::optional<Error> error) {
    if (has_ended(state_)) return;
    state_ = ConnectionState::closed;
    server_.ended.push_back(this);
    events_.closed(*this, error, "as the test says", mux_.close());
  }

  FakeServer& server_;
  ConnectionEvents& events_;
  ServerProfile& profile_;
  runtime::Time last_heard_;
  Mux mux_;
  ConnectionState state_ = ConnectionState::connecting;
  bool ended_by_server_ = true;
};

inline Pool::MakeConnection FakeServer::maker() {
  return [this](ConnectionEvents& events, ServerProfile& profile) {
    return std::make_unique<FakeConnection>(*this, events, profile);
  };
}

inline void FakeServer::turn() {
  for (auto* const connection : std::exchange(ended, {})) connection->be_gone();
}

}  // namespace pillion::upstream::testing
